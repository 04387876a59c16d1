//! `rolitt store copy`: opens both stores, shows how far the copy is, and says how it ended.

use std::{
    ffi::OsString,
    io::{IsTerminal as _, Write as _},
};

use indicatif::{ProgressBar, ProgressStyle};

use super::context::{OpenStore, print_json, print_line};
use crate::server::{
    config::{Config, StoreConfig},
    store::Table,
    store_copy::{self, CopyError, CopyOptions, CopyReport, CopyStep},
};

/// Of the differences, a person reads a screenful; `--json` has more.
const SHOWN: usize = 20;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Name {
    Postgres,
    Firestore,
}

impl Name {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Firestore => "firestore",
        }
    }

    /// The configuration of the store of this name, be it the shop's own or the other one.
    fn of(self, config: &Config) -> anyhow::Result<&StoreConfig> {
        let mut known = std::iter::once(&config.storage.chosen).chain(&config.storage.other);
        let found = known.find(|store| match store {
            StoreConfig::Postgres(_) => self == Self::Postgres,
            StoreConfig::Firestore(_) => self == Self::Firestore,
        });
        let missing = match self {
            Self::Postgres => "postgres is not configured here: set DATABASE_URL",
            Self::Firestore => {
                "firestore is not configured here: set FIRESTORE_PROJECT_ID (and GOOGLE_APPLICATION_CREDENTIALS, or \
                 FIRESTORE_EMULATOR_HOST)"
            }
        };
        found.ok_or_else(|| anyhow::anyhow!(missing))
    }
}

/// `rolitt store copy`: fails when something needs a look.
pub async fn copy(
    config: &Config,
    path: Option<OsString>,
    from: Name,
    to: Name,
    options: CopyOptions,
    as_json: bool,
) -> anyhow::Result<()> {
    let (source, target) = (from.of(config)?, to.of(config)?);
    let source = OpenStore::open(config, source, path.clone()).await?;
    let target = match OpenStore::open(config, target, path).await {
        Ok(target) => target,
        Err(error) => {
            source.close().await;
            return Err(error);
        }
    };
    let copied = watched(&source, &target, from, options).await;
    source.close().await;
    target.close().await;
    let report = copied?;
    // Whether anybody reads on or not, the exit status says how it stands.
    let printed =
        if as_json { print_json(&report) } else { lines(&report).iter().try_for_each(|line| print_line(line)) };
    anyhow::ensure!(report.agrees(), "{} row(s) need a look", report.rows_to_check());
    printed
}

async fn watched(
    source: &OpenStore,
    target: &OpenStore,
    from: Name,
    options: CopyOptions,
) -> Result<CopyReport, CopyError> {
    let mut watch = Watch::new();
    let mut progress = |step: CopyStep<'_>| watch.see(&step);
    let report = store_copy::copy(&*source.store, &*target.store, from.as_str(), options, &mut progress).await;
    watch.bar.finish_and_clear();
    report
}

/// How far it is, on standard error: a bar for a person, a line for each table for a log.
struct Watch {
    bar: ProgressBar,
    terminal: bool,
    at: Option<(&'static str, Table)>,
}

impl Watch {
    fn new() -> Self {
        let terminal = std::io::stderr().is_terminal();
        let bar = if terminal { ProgressBar::new(0) } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("{msg:32} [{bar:30}] {pos}/{len}") {
            bar.set_style(style.progress_chars("=> "));
        }
        Self { bar, terminal, at: None }
    }

    fn see(&mut self, step: &CopyStep<'_>) {
        let (what, table, done, of) = match *step {
            CopyStep::Copying { table, done, of } => ("copying", table, done, of),
            CopyStep::Verifying { table, done, of } => ("comparing", table, done, of),
            CopyStep::Waiting(error) => return self.tell(&format!("waiting: {error}")),
        };
        if self.at != Some((what, table)) {
            self.at = Some((what, table));
            let line = format!("{what} {}", table.as_str());
            if self.terminal {
                self.bar.reset();
                self.bar.set_message(line);
            } else {
                self.tell(&format!("{line}: {of} row(s)"));
            }
        }
        self.bar.set_length(of.max(done));
        self.bar.set_position(done);
    }

    /// Nobody may be listening: that is no reason to stop.
    fn tell(&self, line: &str) {
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
        let resumed = if table.resumed { " (went on)" } else { "" };
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
        lines.push(format!("… and {more} more: --json has up to a thousand"));
    }
    let only = report.sum(|table| table.only_at_target);
    if only > 0 {
        lines.push(format!("{only} row(s) are only at the target: nothing was deleted"));
    }
    let unseen = report.sum(|table| table.unseen);
    if unseen > 0 {
        lines.push(format!("{unseen} row(s) came or went meanwhile: copy again"));
    }
    if report.agrees() && !report.dry_run {
        lines.push("everything agrees".to_owned());
    } else if report.agrees() {
        lines.push(format!("{} row(s) would be written", report.sum(|table| table.written)));
    } else if !report.dry_run && report.tables.iter().any(|table| table.resumed) {
        lines.push("this run went on where another had stopped; copy again to look at what came before".to_owned());
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
    fn a_person_reads_how_it_ended_and_a_screenful_of_what_differs() {
        let last = |report: &CopyReport| lines(report).pop().unwrap();
        assert_eq!(last(&report(true, false, 0)), "everything agrees");
        assert_eq!(last(&report(true, true, 0)), "7 row(s) would be written");
        let told = lines(&report(false, false, 25));
        assert_eq!(told.iter().filter(|line| line.ends_with("differs: body")).count(), SHOWN);
        assert!(told.iter().any(|line| line.starts_with("… and 5 more")), "{told:?}");
        assert!(told.last().unwrap().contains("copy again"), "{told:?}");
    }
}
