//! What a copy says in the end: figures for each table, and rows that need a look, by their keys and never by what is in them.

use serde::Serialize;

use crate::server::store::Table;

#[derive(Debug, Serialize)]
pub struct CopyReport {
    pub dry_run: bool,
    /// Whether every row of the source is at the target as it is at the source.
    pub agrees: bool,
    pub tables: Vec<TableReport>,
    /// Those that are kept here; `differences_total` counts all.
    pub differences: Vec<RowDifference>,
    pub differences_total: u64,
}

#[derive(Debug, Default, Serialize)]
pub struct TableReport {
    pub table: &'static str,
    /// Whether an earlier run had come some way.
    pub resumed: bool,
    pub read: u64,
    /// Of a dry run: would be written.
    pub written: u64,
    pub same: u64,
    /// The target's row was newer, and was left alone.
    pub kept: u64,
    /// The target did not take it.
    pub refused: u64,
    /// From here on: what the comparison in the end found. Rows of the source that do not read.
    pub unreadable: u64,
    pub missing: u64,
    pub differing: u64,
    pub only_at_target: u64,
    /// Rows that came or went while they were compared, as far as they were not seen.
    pub unseen: u64,
    pub source: u64,
    pub target: u64,
}

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

    /// What only the target has is told, and stands in nobody's way: nothing is ever deleted.
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

    /// Whether nothing is left to do: every row reads, was taken, and is equal on both sides. A dry run agrees when a run would
    /// write everything that differs.
    pub const fn agrees(&self) -> bool {
        self.agrees
    }

    /// How many rows a person should look at.
    pub fn rows_to_check(&self) -> u64 {
        self.tables.iter().map(|table| table.rows_to_check(self.dry_run)).sum()
    }

    pub fn sum(&self, figure: impl Fn(&TableReport) -> u64) -> u64 {
        self.tables.iter().map(figure).sum()
    }
}

/// Differences, as many as a report holds.
#[derive(Default)]
pub struct DifferenceLog {
    kept: Vec<RowDifference>,
    total: u64,
}

impl DifferenceLog {
    pub const MAX_LISTED: usize = 1000;

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
    fn whatever_is_not_as_at_the_source_needs_a_look_but_not_what_only_the_target_has() {
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
    fn a_report_holds_a_thousand_differences_and_counts_all() {
        let mut notes = DifferenceLog::default();
        for number in 0..1500 {
            notes.add(Table::Outbox, &number.to_string(), String::new());
        }
        let report = CopyReport::new(false, Vec::new(), notes);
        assert_eq!((report.differences.len(), report.differences_total), (1000, 1500));
    }
}
