//! The report of a copy: counts for each table, and the rows that a person must check, by key and
//! never by content.

use serde::Serialize;

use crate::server::store::Table;

/// The result of a copy.
#[derive(Debug, Serialize)]
pub struct CopyReport {
    pub dry_run: bool,
    /// Whether every row of the source is at the target in the same version.
    pub agrees: bool,
    pub tables: Vec<TableReport>,
    /// The listed differences; `differences_total` counts all.
    pub differences: Vec<RowDifference>,
    pub differences_total: u64,
}

/// The counts of one table.
#[derive(Debug, Default, Serialize)]
pub struct TableReport {
    pub table: &'static str,
    /// Whether the run continued an earlier one.
    pub resumed: bool,
    pub read: u64,
    /// In a dry run: rows that would be written.
    pub written: u64,
    pub same: u64,
    /// The target's row was newer and was left alone.
    pub kept: u64,
    /// The target refused the row.
    pub refused: u64,
    /// From here on: what the comparison at the end found. Rows of the source that could not be
    /// parsed.
    pub unreadable: u64,
    pub missing: u64,
    pub differing: u64,
    pub only_at_target: u64,
    /// Rows that were added or removed during the comparison and not seen by it.
    pub unseen: u64,
    pub source: u64,
    pub target: u64,
}

/// One row that differs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct RowDifference {
    pub table: &'static str,
    pub key: String,
    pub what: String,
}

impl TableReport {
    pub fn new(table: Table) -> Self {
        Self { table: table.as_str(), ..Self::default() }
    }

    /// Rows that only the target has are reported and need no check: nothing is ever deleted.
    fn rows_to_check(&self, dry_run: bool) -> u64 {
        let kept = if dry_run { self.kept } else { 0 };
        self.unreadable + self.unseen + kept + self.refused.max(self.missing + self.differing)
    }
}

impl CopyReport {
    pub fn new(dry_run: bool, tables: Vec<TableReport>, notes: DifferenceLog) -> Self {
        let mut report =
            Self { dry_run, agrees: false, tables, differences: notes.kept, differences_total: notes.total };
        report.agrees = report.rows_to_check() == 0;
        report
    }

    /// Returns whether nothing is left to do: every row was parsed, taken and is equal on both
    /// sides. A dry run agrees if a run would write everything that differs.
    pub const fn agrees(&self) -> bool {
        self.agrees
    }

    /// Returns how many rows a person should check.
    pub fn rows_to_check(&self) -> u64 {
        self.tables.iter().map(|table| table.rows_to_check(self.dry_run)).sum()
    }

    /// Returns the sum of one count over all tables.
    pub fn sum(&self, figure: impl Fn(&TableReport) -> u64) -> u64 {
        self.tables.iter().map(figure).sum()
    }
}

/// Collects differences, up to the number that a report lists.
#[derive(Default)]
pub struct DifferenceLog {
    kept: Vec<RowDifference>,
    total: u64,
}

impl DifferenceLog {
    pub(crate) const MAX_LISTED: usize = 1000;

    pub fn add(&mut self, table: Table, key: &str, what: String) {
        self.total += 1;
        if self.kept.len() < Self::MAX_LISTED {
            self.kept.push(RowDifference { table: table.as_str(), key: key.to_owned(), what });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_that_differs_needs_a_check_except_rows_that_only_the_target_has() {
        let report = |dry_run, change: fn(&mut TableReport)| {
            let mut table = TableReport::new(Table::Outbox);
            change(&mut table);
            CopyReport::new(dry_run, vec![table], DifferenceLog::default())
        };
        for change in [
            |table: &mut TableReport| table.unreadable = 1,
            |table: &mut TableReport| table.refused = 1,
            |table: &mut TableReport| table.missing = 1,
            |table: &mut TableReport| table.differing = 1,
            |table: &mut TableReport| table.unseen = 1,
        ] {
            let report = report(false, change);
            assert_eq!((report.agrees(), report.rows_to_check()), (false, 1), "{report:?}");
        }
        assert!(report(false, |table| table.only_at_target = 1).agrees());
        assert!(report(true, |table| table.written = 1).agrees());
        assert!(!report(true, |table| table.kept = 1).agrees());
    }

    #[test]
    fn a_report_lists_a_thousand_differences_and_counts_all() {
        let mut notes = DifferenceLog::default();
        for number in 0..1500 {
            notes.add(Table::Outbox, &number.to_string(), String::new());
        }
        let report = CopyReport::new(false, Vec::new(), notes);
        assert_eq!((report.differences.len(), report.differences_total), (1000, 1500));
    }
}
