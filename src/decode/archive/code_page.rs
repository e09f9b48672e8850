//! Names in zip files: UTF-8, or else in code page 437, as the format has it.

/// What the bytes above ASCII are in a name that is not UTF-8: the letters of the first PC, as the format has it.
const CODE_PAGE: &str = "\
    ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐\
    └┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";

/// Returns the name that these bytes are; different bytes are different names.
pub(super) fn name_of(bytes: &[u8]) -> String {
    // Many writers have names in UTF-8 without the mark for it.
    if let Ok(name) = std::str::from_utf8(bytes) {
        return name.to_owned();
    }
    let upper: Vec<char> = CODE_PAGE.chars().collect();
    let letter = |byte: &u8| match byte.checked_sub(0x80) {
        None => Some(char::from(*byte)),
        Some(at) => upper.get(usize::from(at)).copied(),
    };
    bytes.iter().filter_map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_above_ascii_is_a_letter_of_its_own() {
        let letters: std::collections::BTreeSet<char> = CODE_PAGE.chars().collect();
        assert_eq!((letters.len(), CODE_PAGE.chars().count()), (128, 128));
        assert_eq!(name_of(b"\x80\x9b\xe1\xff"), "Ç¢ß\u{a0}");
        assert_eq!(name_of("é".as_bytes()), "é");
    }
}
