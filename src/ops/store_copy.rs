//! `rolitt store copy`: copies the shop's data from one store to the other, and compares the two.

use std::io::{IsTerminal as _, Write as _};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};

use super::{
    UsageError,
    context::{OpenStore, print_json, print_line},
};
use crate::server::{
    config::{Config, StoreConfig, StoreName},
    store::Table,
    store_copy::{self, CopyError, CopyOptions, CopyReport, CopyStep},
};

/// How many differences the text output lists: a screenful. `--json` lists more.
const SHOWN: usize = 20;

#[derive(Subcommand)]
pub enum Store {
    /// Copy the rows that the target lacks, then compare all rows. Safe to repeat; an interrupted
    /// copy is resumed.
    Copy(CopyArgs),
}

impl Store {
    pub(super) async fn run(self, config: &Config) -> anyhow::Result<()> {
        let Self::Copy(command) = self;
        command.run(config).await
    }
}

#[derive(Args)]
pub struct CopyArgs {
    /// The store to read from.
    #[arg(long, value_name = "STORE")]
    from: StoreName,
    /// The store to write to.
    #[arg(long, value_name = "STORE")]
    to: StoreName,
    /// Report what would be written; change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl CopyArgs {
    /// Fails if a row needs a person.
    async fn run(self, config: &Config) -> anyhow::Result<()> {
        if self.from == self.to {
            return Err(UsageError("--from and --to name the same store").into());
        }
        let (source, target) = (configured(config, self.from)?, configured(config, self.to)?);
        let source = OpenStore::open(config, source).await?;
        let target = match OpenStore::open(config, target).await {
            Ok(target) => target,
            Err(error) => {
                source.close().await;
                return Err(error);
            }
        };
        let options = CopyOptions { dry_run: self.dry_run, ..CopyOptions::default() };
        let copied = copy(&source, &target, self.from, options).await;
        source.close().await;
        target.close().await;
        let report = copied?;
        // The comparison decides the exit status, even if the output could not be written.
        let printed =
            if self.json { print_json(&report) } else { lines(&report).iter().try_for_each(|line| print_line(line)) };
        anyhow::ensure!(
            report.agrees(),
            "{} row(s) need a person; the report names the first of them",
            report.rows_to_check()
        );
        printed
    }
}

fn configured(config: &Config, name: StoreName) -> anyhow::Result<&StoreConfig> {
    config.storage.named(name).context(match name {
        StoreName::Postgres => "postgres is not configured here: set DATABASE_URL",
        StoreName::Firestore => {
            "firestore is not configured here: set FIRESTORE_PROJECT_ID (and GOOGLE_APPLICATION_CREDENTIALS, or \
             FIRESTORE_EMULATOR_HOST)"
        }
    })
}

async fn copy(
    source: &OpenStore,
    target: &OpenStore,
    from: StoreName,
    options: CopyOptions,
) -> Result<CopyReport, CopyError> {
    let mut display = ProgressDisplay::new();
    let mut progress = |step: CopyStep<'_>| display.show(&step);
    let report = store_copy::copy(&*source.store, &*target.store, from.as_str(), options, &mut progress).await;
    display.bar.finish_and_clear();
    report
}

/// Shows progress on standard error: a bar in a terminal, otherwise a line for each table.
struct ProgressDisplay {
    bar: ProgressBar,
    terminal: bool,
    current: Option<(&'static str, Table)>,
}

impl ProgressDisplay {
    fn new() -> Self {
        let terminal = std::io::stderr().is_terminal();
        let bar = if terminal { ProgressBar::new(0) } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("{msg:32} [{bar:30}] {pos}/{len}") {
            bar.set_style(style.progress_chars("=> "));
        }
        Self { bar, terminal, current: None }
    }

    fn show(&mut self, step: &CopyStep<'_>) {
        let (phase, table, done, of) = match *step {
            CopyStep::Copying { table, done, of } => ("copying", table, done, of),
            CopyStep::Verifying { table, done, of } => ("comparing", table, done, of),
            CopyStep::Waiting(error) => return self.print_line(&format!("waiting: {error}")),
        };
        if self.current != Some((phase, table)) {
            self.current = Some((phase, table));
            let line = format!("{phase} {}", table.as_str());
            if self.terminal {
                self.bar.reset();
                self.bar.set_message(line);
            } else {
                self.print_line(&format!("{line}: {of} row(s)"));
            }
        }
        self.bar.set_length(of.max(done));
        self.bar.set_position(done);
    }

    /// Ignores a closed standard error: the copy goes on.
    fn print_line(&self, line: &str) {
        self.bar.suspend(|| drop(writeln!(std::io::stderr(), "{line}")));
    }
}

fn lines(report: &CopyReport) -> Vec<String> {
    let written = if report.dry_run { "to write" } else { "written" };
    let mut lines = vec![format!(
        "{:<22} {:>8} {:>8} {:>8} {:>8} {:>8} {:>10} {:>8} {:>9} {:>8} {:>8}",
        "", "read", written, "same", "newer", "refused", "unreadable", "missing", "differing", "source", "target"
    )];
    for table in &report.tables {
        let resumed = if table.resumed { " (resumed)" } else { "" };
        lines.push(format!(
            "{:<22} {:>8} {:>8} {:>8} {:>8} {:>8} {:>10} {:>8} {:>9} {:>8} {:>8}{resumed}",
            table.table,
            table.read,
            table.written,
            table.same,
            table.kept,
            table.refused,
            table.unreadable,
            table.missing,
            table.differing,
            table.source,
            table.target
        ));
    }
    for difference in report.differences.iter().take(SHOWN) {
        lines.push(format!("{}  {}  {}", difference.table, difference.key, difference.what));
    }
    let more = report.differences_total.saturating_sub(SHOWN as u64);
    if more > 0 {
        lines.push(format!("… and {more} more: --json lists up to 1000"));
    }
    let only = report.sum(|table| table.only_at_target);
    if only > 0 {
        lines.push(format!("{only} row(s) are only at the target: nothing was deleted"));
    }
    let unseen = report.sum(|table| table.unseen);
    if unseen > 0 {
        lines.push(format!("{unseen} row(s) appeared or disappeared during the run: copy again"));
    }
    if report.agrees() && !report.dry_run {
        lines.push("everything agrees".to_owned());
    } else if report.agrees() {
        lines.push(format!("{} row(s) would be written", report.sum(|table| table.written)));
    } else if !report.dry_run && report.tables.iter().any(|table| table.resumed) {
        lines.push(
            "this run resumed an interrupted one; copy again to compare the rows that the first one copied".to_owned(),
        );
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::store_copy::{RowDifference, TableReport};

    fn report(agrees: bool, dry_run: bool, differences: u32) -> CopyReport {
        let of =
            |number| RowDifference { table: "outbox", key: format!("k{number}"), what: "differs: body".to_owned() };
        let written = TableReport { written: 7, resumed: true, ..TableReport::new(Table::Outbox) };
        CopyReport {
            dry_run,
            agrees,
            tables: vec![written],
            differences: (0..differences).map(of).collect(),
            differences_total: u64::from(differences),
        }
    }

    #[test]
    fn the_report_ends_with_the_result_and_lists_a_screenful_of_differences() {
        let last = |report: &CopyReport| lines(report).pop().unwrap();
        assert_eq!(last(&report(true, false, 0)), "everything agrees");
        assert_eq!(last(&report(true, true, 0)), "7 row(s) would be written");
        let printed = lines(&report(false, false, 25));
        assert_eq!(printed.iter().filter(|line| line.ends_with("differs: body")).count(), SHOWN);
        assert!(printed.iter().any(|line| line.starts_with("… and 5 more")), "{printed:?}");
        assert!(printed.last().unwrap().contains("copy again"), "{printed:?}");
    }
}
