//! Partition values in a path: Hive's way, made harmless.

use super::PartitionValues;

/// How null is written in a path.
const NULL: &str = "__HIVE_DEFAULT_PARTITION__";

/// Returns the directory of `values`: `col=value/…/`, percent-encoded, empty for no columns.
///
/// Every value has exactly one form and every form that this returns reads back as the same value. `/`, `\`,
/// control characters and whatever else a file system or a shell may take amiss is encoded; a value that would
/// read as null is encoded so that it does not; the empty text is `col=`.
#[must_use]
pub fn partition_dir(values: &PartitionValues) -> String {
    let mut dir = String::new();
    for (column, value) in values {
        escape(column, &mut dir);
        dir.push('=');
        match value.as_deref() {
            None => dir.push_str(NULL),
            Some(NULL) => {
                dir.push_str("%5F");
                dir.push_str(&NULL[1..]);
            }
            Some(value) => escape(value, &mut dir),
        }
        dir.push('/');
    }
    dir
}

/// Returns the partition values that the directory part of `path` stands for: one for each `col=value` segment.
#[must_use]
pub fn partition_values(path: &str) -> PartitionValues {
    let Some((dir, _)) = path.rsplit_once('/') else {
        return Vec::new();
    };
    dir.split('/')
        .filter_map(|segment| segment.split_once('='))
        .filter(|(column, _)| !column.is_empty())
        .map(|(column, value)| {
            let value = (value != NULL).then(|| unescape(value));
            (unescape(column), value)
        })
        .collect()
}

fn escape(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'+' | b',' | b'@') {
            out.push(char::from(byte));
        } else {
            const HEX: &[u8; 16] = b"0123456789ABCDEF";
            out.push('%');
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
}

/// Decodes `%XX`; what is not a valid sequence, or does not give UTF-8, stands for itself.
pub(crate) fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let decoded = match (first, tail) {
            (b'%', [high, low, after @ ..]) => {
                hex(*high).zip(hex(*low)).map(|(h, l)| (h * 16 + l, after))
            }
            _ => None,
        };
        let (byte, after) = decoded.unwrap_or((first, tail));
        bytes.push(byte);
        rest = after;
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(value: Option<&str>) -> PartitionValues {
        vec![("c".to_owned(), value.map(str::to_owned))]
    }

    #[test]
    fn every_value_has_one_harmless_form() {
        for (value, dir) in [
            (Some("2026-01-01"), "c=2026-01-01/"),
            (None, "c=__HIVE_DEFAULT_PARTITION__/"),
            (
                Some("__HIVE_DEFAULT_PARTITION__"),
                "c=%5F_HIVE_DEFAULT_PARTITION__/",
            ),
            (Some(""), "c=/"),
            (Some("a/b\\c"), "c=a%2Fb%5Cc/"),
            (Some("a b\n%=é"), "c=a%20b%0A%25%3D%C3%A9/"),
            (Some(".."), "c=../"),
        ] {
            assert_eq!(partition_dir(&of(value)), dir);
            assert_eq!(partition_values(&format!("{dir}x.parquet")), of(value));
        }
    }

    #[test]
    fn only_segments_with_a_name_and_a_value_are_partitions() {
        assert_eq!(
            partition_values("plain/=x/a=1/b=/f=2.csv"),
            vec![
                ("a".to_owned(), Some("1".to_owned())),
                ("b".to_owned(), Some(String::new())),
            ]
        );
    }

    proptest::proptest! {
        #[test]
        fn any_value_survives_the_way_through_a_path(column in ".{1,8}", value in proptest::option::of(".{0,12}")) {
            let values = vec![(column, value)];
            let dir = partition_dir(&values);
            proptest::prop_assert_eq!(dir.matches('/').count(), 1);
            proptest::prop_assert!(!dir.chars().any(char::is_control));
            proptest::prop_assert_eq!(partition_values(&format!("{dir}x")), values);
        }
    }
}
