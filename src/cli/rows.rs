//! Tables for terminals of any width. A word is never broken, so that ids, names and addresses can be copied:
//! where the columns do not fit, each row becomes a paragraph of its own. Cells come in clean.

use std::fmt;

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{ColumnConstraint, ContentArrangement, Table, Width};

/// Width of tables that go into a pipe or a file, characters. One whose words need more gets it.
const PIPED: usize = 140;

/// Rows under columns with names.
#[derive(Debug, Clone)]
pub struct Rows {
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
    /// Of the terminal; `None` where there is none.
    width: Option<usize>,
}

impl Rows {
    #[must_use]
    pub fn new(columns: &[&str]) -> Self {
        let columns = columns.iter().map(|&name| name.to_owned()).collect();
        Self { columns, rows: Vec::new(), width: Table::new().width().map(usize::from) }
    }

    #[cfg(test)]
    fn with_width(mut self, width: Option<usize>) -> Self {
        self.width = width;
        self
    }

    pub fn add_row<T: Into<String>>(&mut self, cells: impl IntoIterator<Item = T>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    /// Of each column what this says of its cells, the longest.
    fn longest(&self, of: impl Fn(&str) -> usize) -> Vec<usize> {
        let cells = |index: usize| self.rows.iter().filter_map(move |row| row.get(index));
        let columns = self.columns.iter().enumerate();
        columns.map(|(index, name)| cells(index).chain([name]).map(|cell| of(cell)).max().unwrap_or(0).max(1)).collect()
    }

    /// Widths of the columns: every word whole, then what is left to those that want it, the modest ones first.
    fn widths(&self, needs: &[usize], width: usize) -> Vec<usize> {
        let wishes = self.longest(|cell| cell.lines().map(|line| line.chars().count()).max().unwrap_or(0));
        let mut left = width.saturating_sub(frame(needs.len()) + needs.iter().sum::<usize>());
        let mut widths = needs.to_vec();
        let mut order: Vec<usize> = (0..needs.len()).collect();
        order.sort_by_key(|&index| wishes[index].saturating_sub(needs[index]));
        for (rank, &index) in order.iter().enumerate() {
            let share = left / (order.len() - rank);
            let more = wishes[index].saturating_sub(needs[index]).min(share);
            widths[index] += more;
            left -= more;
        }
        widths
    }

    fn table(&self, widths: &[usize]) -> Table {
        let mut table = Table::new();
        table.load_preset(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
        let whole = frame(widths.len()) + widths.iter().sum::<usize>();
        table.set_header(&self.columns).set_width(u16::try_from(whole).unwrap_or(u16::MAX));
        for row in &self.rows {
            table.add_row(row);
        }
        for (column, width) in table.column_iter_mut().zip(widths) {
            // With a space on either side.
            let width = u16::try_from(width + 2).unwrap_or(u16::MAX);
            column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(width)));
        }
        table
    }

    /// One row a paragraph: `name  cell`, one a line.
    fn paragraphs(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let label = self.columns.iter().map(|name| name.chars().count()).max().unwrap_or(0);
        for (index, row) in self.rows.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            for (name, cell) in self.columns.iter().zip(row).filter(|(_, cell)| !cell.trim().is_empty()) {
                writeln!(f, "{name:label$}  {cell}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let needs = self.longest(|text| text.split_whitespace().map(|word| word.chars().count()).max().unwrap_or(0));
        let least = frame(needs.len()) + needs.iter().sum::<usize>();
        match self.width {
            Some(width) if least > width => self.paragraphs(f),
            width => write!(f, "{}", self.table(&self.widths(&needs, width.unwrap_or(PIPED.max(least))))),
        }
    }
}

/// A line before each column, one at the end, and the spaces around each cell.
fn frame(columns: usize) -> usize {
    3 * columns + 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn runs(width: Option<usize>) -> String {
        let mut rows = Rows::new(&["line", "customer", "bill to", "what is the matter"]).with_width(width);
        rows.add_row([
            "1",
            "01939a7e-0000-7000-8000-000000000001",
            "Puu ja Pelti Oy",
            "nothing at all, and that is well",
        ]);
        rows.add_row(["2", "01939a7e-0000-7000-8000-000000000002", "Kahvila Ääni", "–"]);
        rows.to_string()
    }

    #[test]
    fn a_wide_terminal_a_narrow_one_and_a_pipe() {
        insta::assert_snapshot!("wide", runs(Some(100)));
        insta::assert_snapshot!("eighty", runs(Some(80)));
        insta::assert_snapshot!("narrow", runs(Some(60)));
        insta::assert_snapshot!("piped", runs(None));
    }

    proptest! {
        #[test]
        fn no_word_is_broken_and_no_line_is_longer_than_the_terminal(
            rows in prop::collection::vec(prop::collection::vec("[a-z0-9-]{1,20}( [a-z]{1,9}){0,4}", 3), 1..5),
            width in 60_usize..160,
        ) {
            let mut table = Rows::new(&["id", "name", "why"]).with_width(Some(width));
            for row in &rows {
                table.add_row(row.clone());
            }
            let text = table.to_string();
            for word in rows.iter().flatten().flat_map(|cell| cell.split(' ')) {
                prop_assert!(text.split(|c: char| c.is_whitespace() || c == '│' || c == '┆').any(|shown| shown == word), "{word} in\n{text}");
            }
            if text.contains('┌') {
                prop_assert!(text.lines().all(|line| line.chars().count() <= width), "{text}");
            }
        }
    }
}
