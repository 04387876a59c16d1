//! A lost database: the shop continues from a backup, and one reconciliation rebuilds the orders
//! that the backup lacks.

use std::{
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use clap::Args;
use serde_json::Value;

use crate::{
    contract::PAID_METRIC,
    load::{self, Load},
    oracle::Invariant,
    testbed::{RunOptions, Setup, Testbed},
};

#[derive(Args)]
pub struct Restore {
    /// How many customers pay before the backup, and how many after it.
    #[arg(long, default_value_t = 300)]
    sessions: u64,
}

/// How long the queues may take to run empty.
const PATIENCE: Duration = Duration::from_mins(2);

/// The rules that do not apply here: a backup lacks the log of the later events, and Klaviyo gets
/// the events of rebuilt orders again, with a later time. It knows their ids, and retains the first
/// ones.
const EXCUSED: [Invariant; 2] = [Invariant::AcknowledgedIsStored, Invariant::SentInTheSameBytes];

impl Restore {
    pub async fn run(&self, options: &RunOptions) -> anyhow::Result<bool> {
        let testbed = Testbed::start(options, Setup::default()).await?;
        let mut idle_before = self.sell(&testbed, options.seed).await?;
        testbed.cluster.back_up().await?;
        testbed.revive_database().await?;
        testbed.ready().await?;
        idle_before &= self.sell(&testbed, options.seed + 1).await?;
        let before = testbed.oracle.numbers().await?;
        testbed.cluster.restore().await?;
        testbed.revive_database().await?;
        testbed.ready().await?;
        let lost = before.len() - testbed.oracle.numbers().await?.len();
        let report: Value = serde_json::from_str(&testbed.command(&["reconcile", "--since", "24h", "--json"]).await?)?;
        let again: Value = serde_json::from_str(&testbed.command(&["reconcile", "--since", "24h", "--json"]).await?)?;
        let idle = testbed.oracle.wait_until_idle(&testbed.ledger, PATIENCE).await?;
        let verdict = testbed.oracle.judge(&testbed.ledger, idle).await?;
        let after = testbed.oracle.numbers().await?;
        let other = before.iter().filter(|(session, number)| after.get(*session) != Some(*number)).count();
        let events = testbed.ledger.klaviyo_events(PAID_METRIC).await?;
        let strange = events
            .iter()
            .filter(|(session, events)| events.iter().any(|event| after.get(*session) != Some(&event.number)))
            .count();
        println!("restore");
        println!("  {lost:>8} orders were not in the backup");
        println!("  {:>8} differences repaired by reconciliation, {} left", count(&report), count(&again));
        println!("  {other:>8} orders have another number than before");
        println!("  {strange:>8} orders have another number at Klaviyo");
        print!("{verdict}");
        println!(
            "           (a backup lacks the later log, and a repeated event states a later time: these two rules do not apply)"
        );
        let good = idle_before
            && lost > 0
            && count(&again) == 0
            && again["unexplained"] == 0
            && (other, strange) == (0, 0)
            && verdict.good_except(&EXCUSED);
        if !idle_before {
            println!("  BROKEN   the queues are empty before the database is lost");
        }
        if !good {
            println!("  BROKEN");
        }
        testbed.end(!good).await?;
        Ok(good)
    }

    /// Sells, and returns whether the queues ran empty afterwards.
    async fn sell(&self, testbed: &Testbed, seed: u64) -> anyhow::Result<bool> {
        let load =
            Load { shop: testbed.shop(), seed, paying: self.sessions, others: 0.05, concurrency: 16, rate: None };
        load::sell(load, testbed.ledger.clone(), testbed.http.clone(), Arc::new(AtomicU64::new(0))).await?;
        testbed.oracle.wait_until_idle(&testbed.ledger, PATIENCE).await
    }
}

/// Returns how many differences a reconciliation found.
fn count(report: &Value) -> usize {
    report["differences"].as_array().map_or(usize::MAX, Vec::len)
}
