//! Numbers whose fraction stands behind a comma.

use crate::schema::{TextType, parse_float};

/// What a value is where the comma separates the fraction.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Number {
    /// A number with a fraction; here is what it is with a point.
    Fraction(String),
    /// What would be a number with the point that it has.
    Pointed,
    /// Anything that means the same in both notations.
    Same,
}

/// Reads a value.
pub(super) fn read(text: &str) -> Number {
    if text.contains(',') {
        let pointed = text.replacen(',', ".", 1);
        if !text.contains('.') && parse_float(&pointed).is_some() {
            return Number::Fraction(pointed);
        }
    } else if text.contains('.') && TextType::of_number(text).is_some() {
        return Number::Pointed;
    }
    Number::Same
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_comma_makes_the_fraction_and_separators_of_thousands_make_text() {
        for (text, number) in [
            ("1,5", Number::Fraction("1.5".to_owned())),
            ("-0,25e3", Number::Fraction("-0.25e3".to_owned())),
            ("1.5", Number::Pointed),
            ("1.500", Number::Pointed),
            ("15", Number::Same),
            ("1e5", Number::Same),
            ("1.234,5", Number::Same),
            ("1,234,5", Number::Same),
            ("1,", Number::Same),
            (",5", Number::Same),
            ("a,b", Number::Same),
            ("2024-01-01T10:00:00.5", Number::Same),
        ] {
            assert_eq!(read(text), number, "{text}");
        }
    }
}
