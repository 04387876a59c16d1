//! Use case: copies a shop from one store into another. Reads pages, writes rows that the target
//! lacks or has in an older version, and compares everything at the end. It deletes nothing on
//! either side, and a run that was killed continues at its checkpoint.

mod compare;
mod report;
mod verify;

use std::{collections::HashMap, time::Duration};

use backon::{ExponentialBuilder, Retryable as _};
use thiserror::Error;

pub use self::report::{CopyReport, RowDifference, TableReport};
use self::{
    compare::{differing, target_is_newer, without_erased_data, without_lease},
    report::DifferenceLog,
};
use super::store::{Entry, Page, Row, RowProblem, Store, StoreError, Table};

/// The pause before a call is retried for the first time. It doubles with each retry.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// How often a call is retried: half a minute in all.
const MAX_RETRIES: usize = 6;

/// How to copy.
#[derive(Clone, Copy, Debug)]
pub struct CopyOptions {
    /// Report what would be written, and change nothing.
    pub dry_run: bool,
    /// Rows of a page. Pages of the webhook log are smaller.
    pub batch: u32,
}

impl Default for CopyOptions {
    fn default() -> Self {
        Self { dry_run: false, batch: 200 }
    }
}

impl CopyOptions {
    /// Returns the page size of a table. A row of the webhook log holds up to a megabyte.
    const fn page(self, table: Table) -> u32 {
        let rows = if matches!(table, Table::WebhookLogs) { self.batch / 8 } else { self.batch };
        if rows == 0 { 1 } else { rows }
    }
}

/// The progress of a run.
#[derive(Debug)]
pub enum CopyStep<'a> {
    Copying {
        table: Table,
        done: u64,
        of: u64,
    },
    Verifying {
        table: Table,
        done: u64,
        of: u64,
    },
    /// A store does not respond, and the call will be retried.
    Waiting(&'a StoreError),
}

/// Called after every page and before every retry.
pub type OnProgress<'a> = dyn FnMut(CopyStep<'_>) + Send + 'a;

/// Why a run ended early. The rows that were copied stay, and the next run continues there.
#[derive(Debug, Error)]
pub enum CopyError {
    #[error("the source store failed: {0}; run the copy again to continue")]
    Source(StoreError),
    #[error("the target store failed: {0}; run the copy again to continue")]
    Target(StoreError),
    #[error("the source store is not ready: {0}")]
    SourceNotReady(StoreError),
    #[error("the target store is not ready, and a dry run does not migrate it: {0}")]
    TargetNotReady(StoreError),
}

/// Copies everything, then compares everything. `origin` names the source store; checkpoints are
/// stored under it.
pub async fn copy(
    from: &dyn Store,
    to: &dyn Store,
    origin: &str,
    options: CopyOptions,
    progress: &mut OnProgress<'_>,
) -> Result<CopyReport, CopyError> {
    with_retry(progress, || from.ready()).await.map_err(CopyError::SourceNotReady)?;
    if !options.dry_run {
        with_retry(progress, || to.migrate()).await.map_err(CopyError::Target)?;
    }
    with_retry(progress, || to.ready()).await.map_err(CopyError::TargetNotReady)?;
    let mut run =
        CopyRun { from, to, origin, options, progress, notes: DifferenceLog::default(), refused: HashMap::new() };
    let mut tables = Vec::with_capacity(Table::ALL.len());
    for table in Table::ALL {
        tables.push(run.copy_table(table).await?);
    }
    if !options.dry_run {
        // From here on there is no checkpoint: a run that is killed during the comparison starts
        // from the beginning, and finds little to do.
        for table in Table::ALL {
            run.set_checkpoint(table, None).await?;
        }
        for (table, report) in Table::ALL.into_iter().zip(&mut tables) {
            run.verify(table, report).await?;
        }
    }
    Ok(CopyReport::new(options.dry_run, tables, run.notes))
}

struct CopyRun<'a, 'p> {
    from: &'a dyn Store,
    to: &'a dyn Store,
    origin: &'a str,
    options: CopyOptions,
    progress: &'a mut OnProgress<'p>,
    notes: DifferenceLog,
    /// Why the target refused rows, for those that the report will list.
    refused: HashMap<(Table, String), String>,
}

impl CopyRun<'_, '_> {
    async fn copy_table(&mut self, table: Table) -> Result<TableReport, CopyError> {
        let mut report = TableReport::new(table);
        report.source = self.count_source(table).await?;
        // A dry run reads everything: it reports what differs, not what is left to do.
        let mut after = if self.options.dry_run { None } else { self.checkpoint(table).await? };
        report.resumed = after.is_some();
        (self.progress)(CopyStep::Copying { table, done: 0, of: report.source });
        loop {
            let page = self.export(table, after.as_deref()).await?;
            after = page.next();
            let mut rows = Vec::with_capacity(page.entries.len());
            for entry in page.entries {
                match entry {
                    Entry::Row(row) => rows.push(without_lease(row)),
                    // Unreadable rows are reported by the comparison, which sees every row.
                    Entry::Unreadable(problem) if self.options.dry_run => {
                        report.unreadable += 1;
                        self.notes.add(table, &problem.key, problem.reason);
                    }
                    Entry::Unreadable(_) => {}
                }
            }
            report.read += count(rows.len());
            self.write_rows(table, rows, &mut report).await?;
            (self.progress)(CopyStep::Copying { table, done: report.read, of: report.source });
            if page.last.is_some() && !self.options.dry_run {
                self.set_checkpoint(table, page.last.as_deref()).await?;
            }
            if after.is_none() {
                break;
            }
        }
        if self.options.dry_run {
            report.target = self.count_target(table).await?;
        }
        Ok(report)
    }

    /// Writes the rows of a page that the target lacks or has in an older version.
    async fn write_rows(&mut self, table: Table, rows: Vec<Row>, report: &mut TableReport) -> Result<(), CopyError> {
        let mut existing = self.target_rows(table, rows.iter().map(Row::key).collect()).await?;
        let mut writing = Vec::new();
        for mut row in rows {
            let key = row.key();
            let why = match existing.remove(&key) {
                None => "is not there".to_owned(),
                Some(Entry::Unreadable(_)) => "is unreadable there".to_owned(),
                Some(Entry::Row(target)) => {
                    let target = without_lease(target);
                    row = without_erased_data(row, &target);
                    if target.content_hash() == row.content_hash() {
                        report.same += 1;
                        continue;
                    }
                    if target_is_newer(&row, &target) {
                        report.kept += 1;
                        if self.options.dry_run {
                            self.notes.add(table, &key, "newer at the target, would be kept".to_owned());
                        }
                        continue;
                    }
                    format!("differs there: {}", differing(&row, &target))
                }
            };
            if self.options.dry_run {
                self.notes.add(table, &key, format!("would be written: {why}"));
            }
            writing.push(row);
        }
        let refused =
            if self.options.dry_run || writing.is_empty() { Vec::new() } else { self.import(table, &writing).await? };
        report.refused += count(refused.len());
        report.written += count(writing.len() - refused.len());
        for RowProblem { key, reason } in refused {
            if self.refused.len() < DifferenceLog::MAX_LISTED {
                self.refused.insert((table, key), reason);
            }
        }
        Ok(())
    }

    async fn export(&mut self, table: Table, after: Option<&str>) -> Result<Page, CopyError> {
        let page = self.options.page(table);
        with_retry(self.progress, || self.from.export(table, after, page)).await.map_err(CopyError::Source)
    }

    async fn export_target(&mut self, table: Table, after: Option<&str>) -> Result<Page, CopyError> {
        let page = self.options.page(table);
        with_retry(self.progress, || self.to.export(table, after, page)).await.map_err(CopyError::Target)
    }

    async fn source_rows(&mut self, table: Table, keys: Vec<String>) -> Result<HashMap<String, Entry>, CopyError> {
        by_key(with_retry(self.progress, || self.from.rows(table, &keys)).await).map_err(CopyError::Source)
    }

    async fn target_rows(&mut self, table: Table, keys: Vec<String>) -> Result<HashMap<String, Entry>, CopyError> {
        if keys.is_empty() {
            return Ok(HashMap::new());
        }
        by_key(with_retry(self.progress, || self.to.rows(table, &keys)).await).map_err(CopyError::Target)
    }

    async fn import(&mut self, table: Table, rows: &[Row]) -> Result<Vec<RowProblem>, CopyError> {
        with_retry(self.progress, || self.to.import(table, rows)).await.map_err(CopyError::Target)
    }

    async fn count_source(&mut self, table: Table) -> Result<u64, CopyError> {
        with_retry(self.progress, || self.from.count(table)).await.map_err(CopyError::Source)
    }

    async fn count_target(&mut self, table: Table) -> Result<u64, CopyError> {
        with_retry(self.progress, || self.to.count(table)).await.map_err(CopyError::Target)
    }

    async fn checkpoint(&mut self, table: Table) -> Result<Option<String>, CopyError> {
        with_retry(self.progress, || self.to.copy_cursor(self.origin, table)).await.map_err(CopyError::Target)
    }

    async fn set_checkpoint(&mut self, table: Table, key: Option<&str>) -> Result<(), CopyError> {
        with_retry(self.progress, || self.to.set_copy_cursor(self.origin, table, key)).await.map_err(CopyError::Target)
    }
}

fn by_key(found: Result<Vec<Entry>, StoreError>) -> Result<HashMap<String, Entry>, StoreError> {
    Ok(found?.into_iter().map(|entry| (entry.key(), entry)).collect())
}

fn count(rows: usize) -> u64 {
    u64::try_from(rows).unwrap_or(u64::MAX)
}

/// Calls a store, and retries for about half a minute while the error may pass. The store has its
/// own shorter retries in addition.
async fn with_retry<T, F>(progress: &mut OnProgress<'_>, call: impl FnMut() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let pauses = ExponentialBuilder::new().with_min_delay(FIRST_PAUSE).with_factor(2.0).with_max_times(MAX_RETRIES);
    call.retry(pauses).when(StoreError::retryable).notify(|error, _| progress(CopyStep::Waiting(error))).await
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    async fn asked(failures: u32, error: fn() -> StoreError) -> (Result<(), StoreError>, u32, u32) {
        let calls = AtomicU32::new(0);
        let mut waits = 0;
        let result = with_retry(&mut |_| waits += 1, || async {
            if calls.fetch_add(1, Ordering::SeqCst) < failures { Err(error()) } else { Ok(()) }
        })
        .await;
        (result, calls.into_inner(), waits)
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_error_that_may_pass_is_retried_with_backoff_but_not_for_ever() {
        let busy = || StoreError::Busy(String::new());
        let (result, calls, waits) = asked(3, busy).await;
        assert!((result.is_ok(), calls, waits) == (true, 4, 3));
        let (result, calls, waits) = asked(u32::MAX, busy).await;
        assert!((result.is_err(), calls, waits) == (true, 7, 6));
        let (result, calls, waits) = asked(1, || StoreError::Refused(String::new())).await;
        assert!((result.is_err(), calls, waits) == (true, 1, 0));
    }
}
