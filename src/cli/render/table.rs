//! Recorded files, line by line.

use std::fmt::Write as _;

use crate::model::{ByteSize, Standing};

use super::super::answer::{File, Quarantined, RowsAside};
use super::{count, number, safe};

/// Returns the heading above [`file_line`]s.
pub(in crate::cli) fn file_heading() -> String {
    format!(
        "{:<11} {:>9} {:>12} {:<8} {}\n",
        "standing", "size", "rows", "unit", "path"
    )
}

/// Returns one file's line; the path comes last, since nobody knows how long it is.
pub(in crate::cli) fn file_line(file: &File) -> String {
    let rows = file.rows.map_or_else(|| "-".to_owned(), number);
    let unit = file
        .unit
        .map_or_else(|| "-".to_owned(), |unit| unit.to_string());
    format!(
        "{:<11} {:>9} {rows:>12} {unit:<8} {}\n",
        standing(file.standing),
        ByteSize(file.size).to_string(),
        safe(&file.path)
    )
}

/// Returns the word for a standing.
pub(super) fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Pending => "pending",
        Standing::Loaded => "loaded",
        Standing::Quarantined => "quarantined",
        Standing::Outlived => "outlived",
        Standing::Retained => "retained",
        Standing::Frozen => "frozen",
        Standing::Duplicate => "duplicate",
    }
}

/// Returns the files that were set aside, with their reasons, and where single rows of files are.
pub(in crate::cli) fn quarantine(files: &[Quarantined], rows: &[RowsAside]) -> String {
    if files.is_empty() && rows.is_empty() {
        return "nothing is quarantined\n".to_owned();
    }
    let mut text = String::new();
    for file in files {
        let record = &file.record;
        let again = if record.retry {
            "; the next run tries it again"
        } else {
            ""
        };
        let _ = writeln!(
            text,
            "{} ({}, set aside by {} at {}{again})\n  {}",
            safe(&file.path),
            ByteSize(record.size),
            record.run,
            record.at,
            safe(&record.reason)
        );
    }
    for aside in rows {
        let (rows, place) = (count(aside.rows, "row"), safe(&aside.output));
        let _ = writeln!(text, "{} ({rows} set aside)\n  {place}", safe(&aside.path));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{RunId, Timestamp, UnitId};

    #[test]
    fn files_stand_in_columns() {
        let file = File {
            path: "a/b.csv".to_owned(),
            standing: Standing::Loaded,
            size: 2048,
            modified_at: Timestamp(0),
            rows: Some(1234),
            unit: Some(UnitId(7)),
            hash: None,
            run: RunId(1),
        };
        let other = File {
            standing: Standing::Quarantined,
            rows: None,
            unit: None,
            ..file.clone()
        };
        let text = file_heading() + &file_line(&file) + &file_line(&other);
        insta::assert_snapshot!(text, @r#"
        standing         size         rows unit     path
        loaded           2KiB        1,234 u000007  a/b.csv
        quarantined      2KiB            - -        a/b.csv
        "#);
    }
}
