//! Excel workbooks (`.xlsx`, `.xlsm`): the cells of one sheet -> typed columns.
//!
//! The first row that holds anything names the columns; rows and columns around them may be empty. A cell has the
//! type that Excel says it has:
//!
//! | cell | value |
//! |---|---|
//! | number | `Int64` where it is whole and within 2^53, else `Float64` |
//! | date, date and time | `Date32`, `Timestamp(µs)`; a time alone, and a duration, is text |
//! | boolean | `Boolean` |
//! | text | `Utf8`, whatever it looks like; what is null in a dialect is null here |
//! | error, such as `#REF!` | null |
//! | formula | what Excel last made of it |
//!
//! A workbook is read in memory, within a limit that also holds for what its parts expand to; cells come one by one.
//! The reader holds shared texts and styles as a whole, where few bytes can take many: those parts are looked at before.
//! Older formats are laid out as a whole by their readers, in rooms that a few bytes can make endless, and are not read.

mod parts;

use std::io::Cursor;
use std::ops::ControlFlow;
use std::sync::Arc;

use calamine::{Data, DataRef, ExcelDateTime, Reader as _, SheetType, Xlsx};

use super::csv::{Table, column_names};
use super::typed::caught;
use super::{
    Ceiling, DecodeError, Decoded, Emit, Kind, MAX_COLUMNS, MEMORY_BYTES, Malformed, RECORD_BYTES,
    archive,
};
use crate::config::{Definition, Dialect};
use crate::model::{ByteSize, ReadAt, Shape};

use parts::HeldParts;

/// Rows that are looked at for a guess.
const SNIFFED_ROWS: u64 = 1000;
/// Whole numbers that a float holds digit for digit.
const MOST_WHOLE: f64 = 9_007_199_254_740_992.0;
/// The days that Excel has: from 1900 to 9999.
const DAYS: std::ops::Range<f64> = 1.0..2_958_466.0;

/// Guesses the columns from the first rows.
pub(super) fn sniff(
    file: Vec<u8>,
    definition: &Definition,
    ceiling: &Ceiling,
) -> Result<Shape, DecodeError> {
    let dialect = dialect(definition);
    let mut sheet = Sheet::new(&dialect, ceiling, None, SNIFFED_ROWS);
    sheet.read(file, definition, &mut |_| ControlFlow::Continue(()))?;
    Ok(sheet.table.observed())
}

/// Decodes all rows under `shape`.
pub(super) fn decode(
    file: Vec<u8>,
    definition: &Definition,
    ceiling: &Ceiling,
    shape: &Shape,
    emit: &mut Emit<'_>,
) -> Result<Decoded, DecodeError> {
    let dialect = dialect(definition);
    let mut sheet = Sheet::new(&dialect, ceiling, Some(shape), u64::MAX);
    sheet.read(file, definition, emit)?;
    sheet.table.finish(emit)
}

/// Of a dialect, only its nulls mean something here.
fn dialect(definition: &Definition) -> Dialect {
    Dialect {
        null: definition.csv.null.clone(),
        ..Dialect::default()
    }
}

/// A value, as a CSV file would have it.
#[derive(Clone)]
enum Field {
    Nothing,
    /// Typed by what it looks like.
    Bare(String),
    /// Text, whatever it looks like.
    Text(String),
}

struct Sheet<'d> {
    table: Table,
    shape: Option<&'d Shape>,
    most_rows: u64,
    rows: u64,
    /// The first column, once a header has told it.
    first: Option<u32>,
    at: u32,
    fields: Vec<(u32, Field)>,
    /// Bytes of their texts.
    row_bytes: usize,
    ceiling: &'d Ceiling,
}

impl<'d> Sheet<'d> {
    fn new(
        dialect: &'d Dialect,
        ceiling: &'d Ceiling,
        shape: Option<&'d Shape>,
        most_rows: u64,
    ) -> Self {
        Self {
            table: Table::new(dialect),
            shape,
            most_rows,
            rows: 0,
            first: None,
            at: 0,
            fields: Vec::new(),
            row_bytes: 0,
            ceiling,
        }
    }

    fn read(
        &mut self,
        file: Vec<u8>,
        definition: &Definition,
        emit: &mut Emit<'_>,
    ) -> Result<(), DecodeError> {
        let file: Arc<dyn ReadAt> = Arc::new(file);
        archive::look_into(&file, self.ceiling, MEMORY_BYTES, &mut HeldParts)?;
        let bytes = whole(&*file)?;
        let mut book = caught(|| Xlsx::new(Cursor::new(bytes))).map_err(corrupt)?;
        let name = sheet_name(&book, definition.sheet.as_deref())?;
        let mut cells = caught(|| book.worksheet_cells_reader(&name)).map_err(corrupt)?;
        while let Some(cell) = caught(|| cells.next_cell()).map_err(corrupt)? {
            let (row, column) = cell.get_position();
            if row != self.at {
                if row < self.at {
                    return Err(corrupt(format!("row {} comes again", row + 1)).into());
                }
                self.end_row(emit)?;
                self.at = row;
                if self.rows >= self.most_rows {
                    return Ok(());
                }
            }
            let field = field(cell.get_value());
            if !matches!(field, Field::Nothing) {
                self.take(column, field)?;
            }
        }
        self.end_row(emit)
    }

    fn take(&mut self, column: u32, field: Field) -> Result<(), Malformed> {
        let row = u64::from(self.at) + 1;
        if self.fields.last().is_some_and(|(last, _)| *last >= column) {
            return Err(corrupt(format!("row {row} has a column again")));
        }
        if column as usize >= MAX_COLUMNS {
            let limit = MAX_COLUMNS;
            return Err(Malformed::TooManyColumns { line: row, limit });
        }
        if let Field::Bare(text) | Field::Text(text) = &field {
            // One text may stand in any number of cells.
            self.ceiling.give(text.len() as u64)?;
            self.row_bytes += text.len();
        }
        if self.row_bytes > RECORD_BYTES {
            let limit = ByteSize(RECORD_BYTES as u64);
            return Err(Malformed::RecordTooLarge { line: row, limit });
        }
        self.fields.push((column, field));
        Ok(())
    }

    fn end_row(&mut self, emit: &mut Emit<'_>) -> Result<(), DecodeError> {
        self.row_bytes = 0;
        let Some((leftmost, _)) = self.fields.first() else {
            return Ok(());
        };
        let Some(first) = self.first else {
            self.first = Some(*leftmost);
            let names = self.names(*leftmost);
            self.fields.clear();
            self.table.set_columns(names, self.shape);
            return Ok(());
        };
        let width = self.table.width();
        let mut row = vec![Field::Nothing; width];
        let mut bytes = 0;
        for (column, field) in self.fields.drain(..) {
            let place = column.checked_sub(first).map(|at| at as usize);
            let Some(place) = place.and_then(|at| row.get_mut(at)) else {
                let row = u64::from(self.at) + 1;
                let detail = format!("row {row} has a value where the header has no column");
                return Err(corrupt(detail).into());
            };
            *place = field;
        }
        for (at, field) in row.iter().enumerate() {
            match field {
                Field::Nothing => self.table.take_text(at, ""),
                Field::Bare(text) => self.table.take_text(at, text),
                Field::Text(text) => self.table.take_string(at, text),
            }
            if let Field::Bare(text) | Field::Text(text) = field {
                bytes += text.len();
            }
        }
        self.rows += 1;
        self.table.end_row(bytes, emit)
    }

    fn names(&self, first: u32) -> Vec<String> {
        let last = self.fields.last().map_or(first, |(column, _)| *column);
        let mut names = vec![""; (last - first) as usize + 1];
        for (column, field) in &self.fields {
            if let Field::Bare(text) | Field::Text(text) = field {
                names[(column - first) as usize] = text;
            }
        }
        column_names(&names)
    }
}

fn sheet_name(book: &Xlsx<Cursor<Vec<u8>>>, wanted: Option<&str>) -> Result<String, Malformed> {
    let mut sheets = book.sheets_metadata().iter();
    let found = sheets.find(|sheet| match wanted {
        Some(wanted) => sheet.name == wanted,
        None => sheet.typ == SheetType::WorkSheet,
    });
    found.map(|sheet| sheet.name.clone()).ok_or_else(|| {
        corrupt(match wanted {
            Some(wanted) => format!("it has no sheet {wanted:?}"),
            None => "it has no sheet".to_owned(),
        })
    })
}

fn field(value: &DataRef<'_>) -> Field {
    match Data::from(value.clone()) {
        Data::Int(number) => Field::Bare(number.to_string()),
        Data::Float(number) => Field::Bare(plain_number(number)),
        Data::String(text) if !text.is_empty() => Field::Text(text),
        Data::DateTimeIso(text) => Field::Bare(text),
        Data::DurationIso(text) => Field::Text(text),
        Data::Bool(is_true) => Field::Bare(is_true.to_string()),
        Data::DateTime(instant) => moment(&instant),
        Data::Error(_) | Data::Empty | Data::String(_) => Field::Nothing,
    }
}

fn plain_number(number: f64) -> String {
    if number.fract() == 0.0 && number.abs() <= MOST_WHOLE {
        // Without a point, and a zero without a sign.
        return format!("{:.0}", number + 0.0);
    }
    format!("{number:?}")
}

fn moment(instant: &ExcelDateTime) -> Field {
    let days = instant.as_f64();
    if instant.is_duration() || !DAYS.contains(&days) {
        return if (0.0..DAYS.end).contains(&days) {
            Field::Text(clock(days))
        } else {
            Field::Bare(plain_number(days))
        };
    }
    let (year, month, day, hour, minute, second, milli) = instant.to_ymd_hms_milli();
    let date = format!("{year:04}-{month:02}-{day:02}");
    Field::Bare(match (hour, minute, second, milli) {
        (0, 0, 0, 0) => date,
        (_, _, _, 0) => format!("{date}T{hour:02}:{minute:02}:{second:02}"),
        _ => format!("{date}T{hour:02}:{minute:02}:{second:02}.{milli:03}"),
    })
}

/// Returns a part of a day, or several, as hours, minutes and seconds.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the days that Excel has are far fewer than milliseconds that 64 bits hold"
)]
fn clock(days: f64) -> String {
    let millis = (days * 86_400_000.0).round() as u64;
    let (seconds, millis) = (millis / 1000, millis % 1000);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match millis {
        0 => format!("{hours:02}:{minutes:02}:{seconds:02}"),
        _ => format!("{hours:02}:{minutes:02}:{seconds:02}.{millis:03}"),
    }
}

fn whole(file: &dyn ReadAt) -> Result<Vec<u8>, DecodeError> {
    let length = usize::try_from(file.len());
    let length = length.map_err(|error| DecodeError::Read(std::io::Error::other(error)))?;
    let mut bytes = vec![0; length];
    file.read_exact_at(0, &mut bytes)
        .map_err(DecodeError::Read)?;
    Ok(bytes)
}

fn corrupt(detail: String) -> Malformed {
    let kind = Kind::Excel;
    Malformed::Content { kind, detail }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::archive::tests::{archive_of, bomb};
    use crate::decode::testing::{grid, plain, run_by};

    /// Returns a workbook with one sheet of these rows, in the words of the format.
    fn book(rows: &str) -> Vec<u8> {
        let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
        let office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
        let sheet =
            format!(r#"<worksheet xmlns="{main}"><sheetData>{rows}</sheetData></worksheet>"#);
        let workbook = format!(
            r#"<workbook xmlns="{main}" xmlns:r="{office}"><sheets><sheet name="one" sheetId="1" r:id="rId1"/></sheets></workbook>"#
        );
        let links = format!(
            r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="{office}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>"#
        );
        let root = format!(
            r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>"#
        );
        let parts = [
            ("_rels/.rels", root.as_bytes()),
            ("xl/workbook.xml", workbook.as_bytes()),
            ("xl/_rels/workbook.xml.rels", links.as_bytes()),
            ("xl/worksheets/sheet1.xml", sheet.as_bytes()),
        ];
        archive_of(Kind::Zip, &parts)
    }

    fn outcome(bytes: &[u8]) -> Result<Vec<Vec<String>>, String> {
        let definition = Definition::default();
        let how = plain(Kind::Excel);
        let shape = match run_by(bytes, how, &definition, &Shape::default()).0 {
            Err(DecodeError::Misfit { observed }) => observed,
            Err(DecodeError::Malformed(malformed)) => return Err(malformed.to_string()),
            other => panic!("{other:?}"),
        };
        Ok(grid(&run_by(bytes, how, &definition, &shape).1))
    }

    const HEAD: &str =
        r#"<row r="2"><c r="B2" t="str"><v>a</v></c><c r="C2" t="str"><v>b</v></c></row>"#;

    #[test]
    fn cells_far_away_make_no_room() {
        let rows = outcome(&book(&format!(
            r#"{HEAD}<row r="1048576"><c r="C1048576"><v>7</v></c></row>"#
        )));
        assert_eq!(rows.unwrap(), [["-", "7"]]);
        let wide = outcome(&book(
            r#"<row r="1"><c r="A1" t="str"><v>a</v></c><c r="XFD1" t="str"><v>z</v></c></row>"#,
        ));
        assert_eq!(wide.unwrap().len(), 0);
    }

    #[test]
    fn what_is_no_table_is_refused_with_its_row() {
        for (rows, expected) in [
            (
                r#"<row r="3"><c r="A3"><v>1</v></c></row>"#,
                "row 3 has a value where the header has no column",
            ),
            (
                r#"<row r="3"><c r="D3"><v>1</v></c></row>"#,
                "row 3 has a value where the header has no column",
            ),
            (
                r#"<row r="3"><c r="C3"><v>1</v></c><c r="B3"><v>1</v></c></row>"#,
                "row 3 has a column again",
            ),
            (
                r#"<row r="3"><c r="B3"><v>1</v></c></row><row r="2"><c r="B2"><v>1</v></c></row>"#,
                "row 2 comes again",
            ),
        ] {
            let told = outcome(&book(&format!("{HEAD}{rows}"))).unwrap_err();
            assert!(told.contains(expected), "{told}");
        }
        let told = outcome(&archive_of(Kind::Zip, &[("a.csv", b"a")])).unwrap_err();
        assert!(told.contains("the Excel data is corrupt"), "{told}");
        let told = outcome(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1").unwrap_err();
        assert!(told.contains("no directory at its end"), "{told}");
    }

    #[test]
    fn a_workbook_that_expands_without_measure_is_refused() {
        let large = vec![b' '; 80 << 20];
        let told = outcome(&bomb("xl/x.xml", &large)).unwrap_err();
        assert!(told.contains("expands to more than 1000 times"), "{told}");
    }
}
