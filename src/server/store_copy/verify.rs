//! The comparison at the end of a copy: every row of the source with the target's, then the rows
//! that only the target has. It holds one page of each in memory.

use super::{
    CopyError, CopyRun, CopyStep,
    compare::{differing, target_is_newer, without_erased_data, without_lease},
    count,
    report::TableReport,
};
use crate::server::store::{Entry, Table};

impl CopyRun<'_, '_> {
    pub(super) async fn verify(&mut self, table: Table, report: &mut TableReport) -> Result<(), CopyError> {
        let (mut after, mut seen, mut found) = (None::<String>, 0, 0);
        loop {
            (self.progress)(CopyStep::Verifying { table, done: seen, of: report.source });
            let page = self.export(table, after.as_deref()).await?;
            after = page.next();
            seen += count(page.entries.len());
            let mut existing = self.target_rows(table, page.entries.iter().map(Entry::key).collect()).await?;
            found += count(existing.len());
            for entry in page.entries {
                let key = entry.key();
                let target = existing.remove(&key);
                if let Some(what) = compare_entry(entry, target, report) {
                    let refused = self.refused.get(&(table, key.clone())).map(|why| format!("{what}; {why}"));
                    self.notes.add(table, &key, refused.unwrap_or(what));
                }
            }
            if after.is_none() {
                break;
            }
        }
        report.source = self.count_source(table).await?;
        report.target = self.count_target(table).await?;
        report.unseen = report.source.abs_diff(seen);
        (self.progress)(CopyStep::Verifying { table, done: seen, of: report.source });
        // If every row of the target was found from the source's side, no other rows exist.
        if report.target == found { Ok(()) } else { self.only_at_target(table, report).await }
    }

    async fn only_at_target(&mut self, table: Table, report: &mut TableReport) -> Result<(), CopyError> {
        let mut after = None::<String>;
        loop {
            let page = self.export_target(table, after.as_deref()).await?;
            let keys: Vec<String> = page.entries.iter().map(Entry::key).collect();
            let existing = self.source_rows(table, keys.clone()).await?;
            for key in keys.iter().filter(|key| !existing.contains_key(*key)) {
                report.only_at_target += 1;
                self.notes.add(table, key, "only at the target".to_owned());
            }
            after = page.next();
            if after.is_none() {
                return Ok(());
            }
        }
    }
}

/// Compares a row of the source with the target's row of the same key. Returns what is wrong, or
/// `None` when they are equal.
fn compare_entry(source: Entry, target: Option<Entry>, report: &mut TableReport) -> Option<String> {
    let source = match source {
        Entry::Row(row) => without_lease(row),
        Entry::Unreadable(problem) => {
            report.unreadable += 1;
            return Some(format!("unreadable at the source, skipped: {}", problem.reason));
        }
    };
    let what = match target {
        None => {
            report.missing += 1;
            return Some("missing at the target".to_owned());
        }
        Some(Entry::Unreadable(problem)) => format!("unreadable at the target: {}", problem.reason),
        Some(Entry::Row(target)) => {
            let target = without_lease(target);
            let source = without_erased_data(source, &target);
            if target.content_hash() == source.content_hash() {
                return None;
            }
            let newer = if target_is_newer(&source, &target) { "newer at the target, kept" } else { "differs" };
            format!("{newer}: {}", differing(&source, &target))
        }
    };
    report.differing += 1;
    Some(what)
}
