//! A lost database: the shop goes on from a backup, and one comparison with the provider rebuilds what was sold since.

use std::{
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use clap::Args;
use serde_json::Value;

use crate::{
    buyers::{self, Crowd},
    oracle::Invariant,
    stage::{Build, Ground, Stage},
};

#[derive(Args)]
pub struct Restore {
    /// How many customers pay before the backup, and how many after it.
    #[arg(long, default_value_t = 300)]
    sessions: u64,
}

/// How long it may take until nothing waits any more.
const PATIENCE: Duration = Duration::from_mins(2);

/// What a backup cannot have: the log of the events that came after it. And Klaviyo is told again of the orders that are rebuilt, at a
/// later time: it knows the id, and keeps what it has.
const EXCUSED: [Invariant; 2] = [Invariant::AcknowledgedIsStored, Invariant::ToldInTheSameBytes];

impl Restore {
    pub async fn run(&self, ground: &Ground) -> anyhow::Result<bool> {
        let stage = Stage::build(ground, Build::default()).await?;
        let mut worked_off = self.sell(&stage, ground.seed).await?;
        stage.cluster.back_up().await?;
        stage.revive_database().await?;
        stage.ready().await?;
        worked_off &= self.sell(&stage, ground.seed + 1).await?;
        let before = stage.oracle.numbers().await?;
        stage.cluster.restore().await?;
        stage.revive_database().await?;
        stage.ready().await?;
        let lost = before.len() - stage.oracle.numbers().await?.len();
        let report: Value = serde_json::from_str(&stage.command(&["reconcile", "--since", "24h", "--json"]).await?)?;
        let again: Value = serde_json::from_str(&stage.command(&["reconcile", "--since", "24h", "--json"]).await?)?;
        let settled = stage.oracle.settled(&stage.ledger, PATIENCE).await?;
        let verdict = stage.oracle.judge(&stage.ledger, settled).await?;
        let after = stage.oracle.numbers().await?;
        let other = before.iter().filter(|(session, number)| after.get(*session) != Some(*number)).count();
        let told = stage.ledger.told("Preorder Success").await?;
        let strange = told
            .iter()
            .filter(|(session, events)| events.iter().any(|event| after.get(*session) != Some(&event.number)))
            .count();
        println!("restore");
        println!("  {lost:>8} orders were not in the backup");
        println!("  {:>8} differences repaired by the comparison, {} left", count(&report), count(&again));
        println!("  {other:>8} orders have another number than before");
        println!("  {strange:>8} orders have another number at Klaviyo");
        print!("{verdict}");
        println!(
            "           (a backup has no later log, and what is told again is told later: those two are not judged here)"
        );
        let good = worked_off
            && lost > 0
            && count(&again) == 0
            && again["unexplained"] == 0
            && (other, strange) == (0, 0)
            && verdict.good_but_for(&EXCUSED);
        if !worked_off {
            println!("  BROKEN   what is sold is worked off before the database is lost");
        }
        if !good {
            println!("  BROKEN");
        }
        stage.end(!good).await?;
        Ok(good)
    }

    /// Whether all of it was worked off.
    async fn sell(&self, stage: &Stage, seed: u64) -> anyhow::Result<bool> {
        let crowd = Crowd { shop: stage.shop(), seed, paying: self.sessions, others: 0.05, together: 16, pace: None };
        buyers::buy(crowd, stage.ledger.clone(), stage.http.clone(), Arc::new(AtomicU64::new(0))).await?;
        stage.oracle.settled(&stage.ledger, PATIENCE).await
    }
}

/// How many differences a comparison found.
fn count(report: &Value) -> usize {
    report["differences"].as_array().map_or(usize::MAX, Vec::len)
}
