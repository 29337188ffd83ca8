//! Tables that people send: CSV as RFC 4180 has it, and as spreadsheets really write it (a byte order
//! mark, CRLF, semicolons or tabs). Cells are text here; what they mean is said elsewhere.

use std::collections::BTreeMap;

use csv::{ByteRecord, ReaderBuilder, Trim};
use serde::{Deserialize, Serialize};

use super::field::{FieldError, shown};
use super::flat::Cells;

/// Longest cell, bytes. A longer one is a quotation mark that was never closed.
const MAX_CELL: usize = 4_096;
/// Columns of one table.
const MAX_COLUMNS: usize = 64;
/// Lines of one table, without its header.
pub const MAX_ROWS: usize = 10_000;
/// Bytes of one table.
pub const MAX_BYTES: usize = 8 << 20;

/// A table, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sheet {
    pub rows: Vec<Row>,
}

/// One line below the header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Where it begins in the file, from 1.
    pub line: u64,
    cells: BTreeMap<String, String>,
    /// What could not be read at all.
    pub unreadable: Vec<FieldError>,
}

/// Why a file is no table of the kind that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SheetError {
    #[error("the file has {0} bytes, at most {MAX_BYTES} are taken; divide it")]
    TooLong(usize),
    #[error("the file has more than {MAX_ROWS} lines; divide it")]
    TooManyRows,
    #[error("the file is empty; its first line names the columns: {0}")]
    Empty(String),
    #[error("line 1: {0}")]
    Header(String),
    #[error("line {line}: {what}")]
    Unreadable { line: u64, what: String },
}

impl Sheet {
    /// Reads a table with some of the columns `known`, all of `needed` among them.
    ///
    /// # Errors
    /// [`SheetError`] for what concerns the file as a whole; what is wrong with one line stays with it.
    pub fn read(bytes: &[u8], known: &[&str], needed: &[&str]) -> Result<Self, SheetError> {
        let mut records = records(bytes, MAX_ROWS + 1)?.into_iter();
        let Some(header) = records.next() else { return Err(SheetError::Empty(known.join(", "))) };
        let columns = columns(&header.cells, known, needed)?;
        let rows = records.map(|record| row(&record, &columns)).collect::<Vec<_>>();
        if rows.len() > MAX_ROWS {
            return Err(SheetError::TooManyRows);
        }
        Ok(Self { rows })
    }
}

impl Cells for Row {
    fn cell(&self, column: &str) -> Option<String> {
        self.cells.get(column).filter(|text| !text.is_empty()).cloned()
    }

    /// Divided by `|`.
    fn list(&self, column: &str) -> Vec<String> {
        let cell = self.cell(column).unwrap_or_default();
        cell.split('|').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
    }
}

/// A piece of a table that is a table itself: the header and some of its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    pub bytes: Vec<u8>,
    /// Add this to a line of the piece to have that of the file.
    pub line_offset: u64,
    pub rows: usize,
}

/// Divides a table into pieces of at most so many lines and about so many bytes, between its records.
///
/// # Errors
/// [`SheetError`] where it cannot be read as CSV.
pub fn pieces(bytes: &[u8], rows: usize, about: usize) -> Result<Vec<Piece>, SheetError> {
    let all = records(bytes, usize::MAX)?;
    let Some((header, body)) = all.split_first() else { return Err(SheetError::Empty("…".to_owned())) };

    let first = body.first().map_or(bytes.len(), |record| record.start);
    let head = bytes.get(header.start..first).unwrap_or_default();
    let below = body.first().map_or(1, |record| record.line);
    let mut pieces = Vec::new();
    let mut rest = body;
    while let Some(begin) = rest.first() {
        let mut count = 0;
        while count < rest.len().min(rows) && (count == 0 || rest[count].start - begin.start < about) {
            count += 1;
        }
        let (taken, left) = rest.split_at(count);
        let end = left.first().map_or(bytes.len(), |record| record.start);
        let mut piece = head.to_vec();
        piece.extend_from_slice(bytes.get(begin.start..end).unwrap_or_default());
        pieces.push(Piece { bytes: piece, line_offset: begin.line.saturating_sub(below), rows: taken.len() });
        rest = left;
    }
    if pieces.is_empty() {
        pieces.push(Piece { bytes: bytes.to_vec(), line_offset: 0, rows: 0 });
    }
    Ok(pieces)
}

struct Record {
    line: u64,
    /// Its first byte in the file.
    start: usize,
    cells: ByteRecord,
}

fn records(bytes: &[u8], most: usize) -> Result<Vec<Record>, SheetError> {
    if most != usize::MAX && bytes.len() > MAX_BYTES {
        return Err(SheetError::TooLong(bytes.len()));
    }
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(Trim::All)
        .delimiter(delimiter(bytes))
        .from_reader(bytes);
    let mut found = Vec::new();
    let (mut line, mut counted) = (1, 0);
    for record in reader.byte_records() {
        let cells = record.map_err(|error| {
            let line = error.position().map_or(1, csv::Position::line);
            SheetError::Unreadable { line, what: format!("this is no CSV (RFC 4180): {error}") }
        })?;
        // The reader's own place may lie before the end of the line above, and its lines with it.
        let told = cells.position().map_or(0, csv::Position::byte);
        let mut start = usize::try_from(told).unwrap_or(bytes.len()).min(bytes.len());
        start += bytes[start..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        line += line_ends(&bytes[counted..start]);
        counted = start;
        if cells.iter().all(<[u8]>::is_empty) {
            continue;
        }
        found.push(Record { line, start, cells });
        if found.len() > most {
            return Err(SheetError::TooManyRows);
        }
    }
    Ok(found)
}

/// Ends of lines, CRLF counted once.
fn line_ends(bytes: &[u8]) -> u64 {
    let ends = bytes.iter().enumerate().filter(|(at, byte)| match byte {
        b'\n' => true,
        b'\r' => bytes.get(at + 1) != Some(&b'\n'),
        _ => false,
    });
    ends.count() as u64
}

/// What divides the cells of the first line most often, outside of quotation marks.
fn delimiter(bytes: &[u8]) -> u8 {
    let (mut quoted, mut counts) = (false, [0_usize; 3]);
    for byte in bytes {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' | b'\r' if !quoted => break,
            b',' if !quoted => counts[0] += 1,
            b';' if !quoted => counts[1] += 1,
            b'\t' if !quoted => counts[2] += 1,
            _ => {}
        }
    }
    match counts {
        [commas, semicolons, tabs] if semicolons > commas && semicolons >= tabs => b';',
        [commas, _, tabs] if tabs > commas => b'\t',
        _ => b',',
    }
}

fn columns(header: &ByteRecord, known: &[&str], needed: &[&str]) -> Result<Vec<String>, SheetError> {
    let bad = |what: String| Err(SheetError::Header(what));
    if header.len() > MAX_COLUMNS {
        return bad(format!("there are {} columns, at most {MAX_COLUMNS} are taken", header.len()));
    }
    let mut columns: Vec<String> = Vec::new();
    for cell in header {
        let Ok(text) = std::str::from_utf8(cell) else {
            return bad("the header is not UTF-8; save the file as \"CSV UTF-8\"".to_owned());
        };
        let name = text.trim_start_matches('\u{feff}').trim().to_ascii_lowercase().replace([' ', '-'], "_");
        if !known.contains(&name.as_str()) {
            return bad(format!("`{}` is no column known here; the columns are {}", shown(text), known.join(", ")));
        }
        if columns.contains(&name) {
            return bad(format!("the column `{name}` is there twice"));
        }
        columns.push(name);
    }
    let missing: Vec<&str> = needed.iter().filter(|name| !columns.iter().any(|c| c == *name)).copied().collect();
    if missing.is_empty() { Ok(columns) } else { bad(format!("columns are missing: {}", missing.join(", "))) }
}

fn row(record: &Record, columns: &[String]) -> Row {
    let mut row = Row { line: record.line, cells: BTreeMap::new(), unreadable: Vec::new() };
    let mut wrong = |field: &str, message: String| {
        row.unreadable.push(FieldError { field: field.to_owned(), message });
    };
    let beyond = record.cells.iter().skip(columns.len()).any(|cell| !cell.is_empty());
    if record.cells.len() < columns.len() || beyond {
        let message = format!(
            "has {} fields, the header names {}; quote a field that holds the dividing sign",
            record.cells.len(),
            columns.len()
        );
        wrong("line", message);
    }
    for (name, cell) in columns.iter().zip(&record.cells) {
        if cell.len() > MAX_CELL {
            wrong(name, format!("has {} bytes; is a quotation mark not closed?", cell.len()));
            continue;
        }
        match std::str::from_utf8(cell) {
            Ok(text) => drop(row.cells.insert(name.clone(), text.to_owned())),
            Err(error) => {
                let byte = cell.get(error.valid_up_to()).copied().unwrap_or_default();
                let place = error.valid_up_to() + 1;
                wrong(name, format!("byte {place} (0x{byte:02X}) is not UTF-8; save the file as \"CSV UTF-8\""));
            }
        }
    }
    row
}

/// What became of one line of a table that was sent in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineReport {
    /// In the file, from 1.
    pub line: u64,
    pub customer: String,
    pub domains: Vec<String>,
    #[serde(flatten)]
    pub outcome: LineOutcome,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum LineOutcome {
    /// Stored, or (asked only to check) it would be. `notes` say what was made of it.
    Accepted {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        customer_id: Option<String>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        notes: Vec<String>,
    },
    /// The same line was taken in before; nothing was changed.
    AlreadyThere { customer_id: String },
    /// Nothing of it was stored, for these reasons.
    Refused { errors: Vec<FieldError> },
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[&str] = &["name", "domains", "note"];

    fn read(bytes: &[u8]) -> Result<Sheet, SheetError> {
        Sheet::read(bytes, KNOWN, &["name"])
    }

    fn cells(sheet: &Sheet) -> Vec<(u64, Option<String>, Vec<String>)> {
        sheet.rows.iter().map(|row| (row.line, row.cell("name"), row.list("domains"))).collect()
    }

    #[test]
    fn tables_of_spreadsheets_read_the_same() {
        let plain = b"name,domains\nOne,a.example|b.example\nTwo,\n";
        let with_mark = b"\xEF\xBB\xBFName;Domains\r\nOne;a.example | b.example\r\n\r\nTwo;\r\n";
        let quoted = b"\"name\"\t\"domains\"\r\n\"One\"\ta.example|b.example\r\n\"Two\"\t";
        let domains = vec!["a.example".to_owned(), "b.example".to_owned()];
        let rows = |two| vec![(2, Some("One".to_owned()), domains.clone()), (two, Some("Two".to_owned()), Vec::new())];
        assert_eq!(cells(&read(plain).unwrap()), rows(3));
        assert_eq!(cells(&read(with_mark).unwrap()), rows(4));
        assert_eq!(cells(&read(quoted).unwrap()), rows(3));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        let said = |bytes: &[u8]| read(bytes).unwrap_err().to_string();
        insta::assert_snapshot!(
            [
                said(b""),
                said(b"name,colour\n"),
                said(b"name,name\n"),
                said(b"domains\n"),
                said(b"\xFF\xFEn\0a\0m\0e\0"),
                said("x,".repeat(100).as_bytes()),
            ]
            .join("\n")
        );
        let sheet = read(b"name,domains\nB\xE4r,\nOne\nA,b,c\nA,b,\n\"open,x\n").unwrap();
        let wrong: Vec<String> = sheet
            .rows
            .iter()
            .map(|row| {
                format!("{}: {:?}", row.line, row.unreadable.iter().map(ToString::to_string).collect::<Vec<_>>())
            })
            .collect();
        insta::assert_snapshot!(wrong.join("\n"));
    }

    #[test]
    fn a_table_has_bounds() {
        let many = format!("name\n{}", "x\n".repeat(MAX_ROWS + 1));
        assert_eq!(read(many.as_bytes()), Err(SheetError::TooManyRows));
        let long = vec![b'x'; MAX_BYTES + 1];
        assert_eq!(read(&long), Err(SheetError::TooLong(MAX_BYTES + 1)));
        let cell = format!("name\n\"{}\"\n", "x".repeat(MAX_CELL + 1));
        assert!(read(cell.as_bytes()).unwrap().rows[0].unreadable[0].message.contains("quotation mark"));
    }

    proptest::proptest! {
        #[test]
        fn pieces_hold_every_line_once(
            values in proptest::collection::vec("[a-z ,;\"\n|]{0,12}", 0..40),
            most in 1..9_usize,
            mark: bool,
        ) {
            let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
            writer.write_record(["name", "domains"]).unwrap();
            for value in &values {
                writer.write_record(["x", value]).unwrap();
            }
            let mut bytes = if mark { b"\xEF\xBB\xBF".to_vec() } else { Vec::new() };
            bytes.extend(writer.into_inner().unwrap());
            let whole = Sheet::read(&bytes, KNOWN, &["name"]).unwrap();
            let mut rows = Vec::new();
            for piece in pieces(&bytes, most, 64).unwrap() {
                proptest::prop_assert!(piece.rows <= most);
                let sheet = Sheet::read(&piece.bytes, KNOWN, &["name"]).unwrap();
                proptest::prop_assert_eq!(sheet.rows.len(), piece.rows);
                rows.extend(sheet.rows.into_iter().map(|row| Row { line: row.line + piece.line_offset, ..row }));
            }
            proptest::prop_assert_eq!(rows, whole.rows);
        }
    }
}
