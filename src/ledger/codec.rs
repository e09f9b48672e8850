//! How single values become bytes: variable-length integers, texts, and the seal that tells damage from data.
//!
//! # Invariants
//! - Whatever bytes a [`Reader`] is given, it answers with a value or with [`Malformed`]; it never panics and
//!   never allocates more than the bytes could hold.
//! - A sealed value opens only under the key that it was sealed with.
//!
//! # Format
//! - *varint*: seven bits to the byte, low bits first, the top bit set on all but the last; at most ten bytes.
//! - *zigzag*: a signed number as `2n` or `-2n - 1`, then as a varint, so that small differences stay short.
//! - *text*: its length as a varint, then UTF-8.
//! - *sealed*: the first eight bytes of BLAKE3 over body, key and the key's length (eight bytes, low first), then
//!   the body. The storage below checks its
//!   pages only when it repairs, so without the seal a flipped bit would be believed.

/// Bytes that no version of the ledger writes; says what was being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed {0}")]
pub(super) struct Malformed(pub(super) &'static str);

const SEAL_BYTES: usize = 8;

/// Returns `body` with the seal that binds it to `key`.
pub(super) fn seal(key: &[u8], body: &[u8]) -> Vec<u8> {
    let mut sealed = Vec::with_capacity(SEAL_BYTES + body.len());
    sealed.extend_from_slice(&checksum(key, body));
    sealed.extend_from_slice(body);
    sealed
}

/// Returns the body of what [`seal`] made.
pub(super) fn unseal<'a>(key: &[u8], sealed: &'a [u8]) -> Result<&'a [u8], Malformed> {
    let (sum, body) = sealed
        .split_first_chunk::<SEAL_BYTES>()
        .ok_or(Malformed("value: it is too short for its checksum"))?;
    if *sum == checksum(key, body) {
        Ok(body)
    } else {
        Err(Malformed("value: its checksum does not match"))
    }
}

fn checksum(key: &[u8], body: &[u8]) -> [u8; SEAL_BYTES] {
    let mut hasher = blake3::Hasher::new();
    // The body first: so its long stretches are hashed aligned, several chunks at a time.
    hasher.update(body);
    hasher.update(key);
    hasher.update(&(key.len() as u64).to_le_bytes());
    let hash = hasher.finalize();
    let mut sum = [0; SEAL_BYTES];
    sum.copy_from_slice(&hash.as_bytes()[..SEAL_BYTES]);
    sum
}

/// Appends `value` as a varint.
pub(super) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(low_byte(value) | 0x80);
        value >>= 7;
    }
    out.push(low_byte(value));
}

fn low_byte(value: u64) -> u8 {
    value.to_le_bytes()[0]
}

/// Appends `value` as a zigzag varint.
pub(super) fn put_zigzag(out: &mut Vec<u8>, value: i64) {
    put_varint(
        out,
        (value.cast_unsigned() << 1) ^ (value >> 63).cast_unsigned(),
    );
}

/// Appends a length and the bytes.
pub(super) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Appends `shared`, the number of bytes that `text` has in common with `last`, and the rest of it.
pub(super) fn put_front_coded(out: &mut Vec<u8>, last: &mut Vec<u8>, text: &str) {
    let text = text.as_bytes();
    let shared = last.iter().zip(text).take_while(|(a, b)| a == b).count();
    put_varint(out, shared as u64);
    put_bytes(out, &text[shared..]);
    last.truncate(shared);
    last.extend_from_slice(&text[shared..]);
}

/// Takes values from the front of a slice.
#[derive(Debug, Clone)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Returns the number of bytes left: no list can have more entries than that.
    pub(super) fn remaining(&self) -> usize {
        self.rest.len()
    }

    #[inline]
    pub(super) fn varint(&mut self) -> Result<u64, Malformed> {
        match self.rest {
            // As most are.
            [byte @ ..0x80, rest @ ..] => {
                self.rest = rest;
                Ok(u64::from(*byte))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.rest.split_first().ok_or(Malformed("number"))?;
            self.rest = rest;
            let bits = u64::from(byte & 0x7F);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Malformed("number"))
    }

    #[inline]
    pub(super) fn zigzag(&mut self) -> Result<i64, Malformed> {
        let value = self.varint()?;
        Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    /// Returns a count of things that take at least one byte each.
    pub(super) fn count(&mut self) -> Result<usize, Malformed> {
        usize::try_from(self.varint()?)
            .ok()
            .filter(|count| *count <= self.rest.len())
            .ok_or(Malformed("count"))
    }

    pub(super) fn byte(&mut self) -> Result<u8, Malformed> {
        let (&byte, rest) = self.rest.split_first().ok_or(Malformed("byte"))?;
        self.rest = rest;
        Ok(byte)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<&'a [u8; N], Malformed> {
        let (array, rest) = self.rest.split_first_chunk().ok_or(Malformed("hash"))?;
        self.rest = rest;
        Ok(array)
    }

    pub(super) fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.count()?;
        let (bytes, rest) = self.rest.split_at(length);
        self.rest = rest;
        Ok(bytes)
    }

    pub(super) fn text(&mut self) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Malformed("text"))
    }

    /// Turns `last` into the text that [`put_front_coded`] wrote after it.
    pub(super) fn front_coded<'b>(&mut self, last: &'b mut Vec<u8>) -> Result<&'b str, Malformed> {
        let shared = usize::try_from(self.varint()?)
            .ok()
            .filter(|shared| *shared <= last.len())
            .ok_or(Malformed("shared prefix"))?;
        last.truncate(shared);
        last.extend_from_slice(self.bytes()?);
        std::str::from_utf8(last).map_err(|_| Malformed("text"))
    }

    /// Refuses bytes behind the last value.
    pub(super) fn finish(self) -> Result<(), Malformed> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(Malformed("value: bytes are left over"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_value_opens_only_whole_and_under_its_own_key() {
        let sealed = seal(b"key", b"body");
        assert_eq!(unseal(b"key", &sealed), Ok(b"body".as_slice()));
        assert!(unseal(b"kez", &sealed).is_err());
        assert!(unseal(b"ke", &seal(b"key", b"")).is_err());
        for at in 0..sealed.len() {
            let mut bent = sealed.clone();
            bent[at] ^= 1;
            assert!(unseal(b"key", &bent).is_err());
            assert!(unseal(b"key", &sealed[..at]).is_err());
        }
    }

    #[test]
    fn an_overlong_number_is_refused() {
        assert!(Reader::new(&[0xFF; 11]).varint().is_err());
        let mut most = Vec::new();
        put_varint(&mut most, u64::MAX);
        assert_eq!(most.len(), 10);
        assert_eq!(Reader::new(&most).varint(), Ok(u64::MAX));
    }

    proptest! {
        #[test]
        fn numbers_and_texts_read_back(number: u64, signed: i64, a in ".{0,20}", b in ".{0,20}") {
            let mut out = Vec::new();
            put_varint(&mut out, number);
            put_zigzag(&mut out, signed);
            let mut last = Vec::new();
            put_front_coded(&mut out, &mut last, &a);
            put_front_coded(&mut out, &mut last, &b);
            let mut reader = Reader::new(&out);
            prop_assert_eq!(reader.varint(), Ok(number));
            prop_assert_eq!(reader.zigzag(), Ok(signed));
            let mut last = Vec::new();
            prop_assert_eq!(reader.front_coded(&mut last), Ok(a.as_str()));
            prop_assert_eq!(reader.front_coded(&mut last), Ok(b.as_str()));
            prop_assert_eq!(reader.finish(), Ok(()));
        }
    }
}
