//! Klaviyo is away for six hours, played faster: orders do not notice, and all of them are told once it is back.

use std::{
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use clap::Args;
use serde_json::json;
use time::OffsetDateTime;
use tokio::time::{Instant, sleep};

use crate::{
    buyers::{self, Crowd},
    instance::Strikes,
    stage::{Build, Ground, Stage},
};

#[derive(Args)]
pub struct Outage {
    /// How many customers pay while Klaviyo is away. The more, the slower the six hours pass.
    #[arg(long, default_value_t = 1000)]
    sessions: u64,
    /// Customers a second. Played faster, a message is tried that much more often: more than four of them are more than the
    /// outbox's pace lets through.
    #[arg(long, default_value_t = 4.0)]
    pace: f64,
}

const AWAY: Duration = Duration::from_hours(6);

/// Customers before anything is measured.
const WARM: u64 = 100;

/// The outbox's longest pause with its jitter: when Klaviyo is back, every message is due within it.
const LONGEST_PAUSE: Duration = Duration::from_mins(18);

/// Messages a second that go out at least once all of them are due.
const SENDS: f64 = 50.0;

/// How much slower than before the slowest webhook of a hundred may be answered, and what is quick enough in any case.
const SLOWER: f64 = 1.5;
const QUICK: Duration = Duration::from_millis(100);

/// How long what customers left behind may take to arrive.
const ARRIVING: Duration = Duration::from_mins(2);

impl Outage {
    pub async fn run(&self, ground: &Ground) -> anyhow::Result<bool> {
        #[expect(clippy::cast_precision_loss, reason = "some thousand")]
        let sessions = self.sessions as f64;
        #[expect(clippy::cast_sign_loss, clippy::cast_possible_truncation, reason = "some hundred")]
        let hurry = ((AWAY.as_secs_f64() * self.pace / sessions) as u32).max(1);
        let build = Build { instances: 2, strikes: Strikes::Hurry(hurry), ..Build::default() };
        let stage = Stage::build(ground, build).await?;
        println!("  six hours pass in {:.0} s", AWAY.as_secs_f64() / f64::from(hurry));

        self.sell(&stage, ground.seed, WARM).await?;
        let began = OffsetDateTime::now_utc();
        self.sell(&stage, ground.seed + 1, self.sessions / 3).await?;
        let calm = stage.oracle.settled(&stage.ledger, ARRIVING).await?;
        let told_before = stage.ledger.told("Preorder Success").await?.len();
        let usual = percentile(stage.ledger.took(began).await?);

        stage.ledger.set_faults(&json!({ "klaviyo": { "error_rate": 1.0, "status": 500 } })).await?;
        let began = OffsetDateTime::now_utc();
        self.sell(&stage, ground.seed + 2, self.sessions).await?;
        let arrived = arrived(&stage).await?;
        let slowest = percentile(stage.ledger.took(began).await?);
        // Pauses are shorter, clocks are not: only so has the oldest message been tried for six hours when it is tried again.
        stage.oracle.age(AWAY).await?;
        sleep(LONGEST_PAUSE / hurry).await;
        let waiting = stage.oracle.count("messages that wait").await?;
        let told = stage.ledger.told("Preorder Success").await?.len() - told_before;

        stage.ledger.clear_faults().await?;
        let back = Instant::now();
        #[expect(clippy::cast_precision_loss, reason = "some thousand")]
        let budget = LONGEST_PAUSE / hurry + Duration::from_secs_f64(waiting as f64 / SENDS);
        while stage.oracle.count("messages that wait").await? > 0 && back.elapsed() < budget {
            sleep(Duration::from_millis(100)).await;
        }
        let drained = back.elapsed();

        let settled = stage.oracle.settled(&stage.ledger, ARRIVING).await?;
        let verdict = stage.oracle.judge(&stage.ledger, settled).await?;
        print!("{verdict}");
        println!("  {waiting:>8} messages waited for six hours or less, {told} were told meanwhile");
        println!("  {:>8.1} s until all of them were told, of {:.1}", drained.as_secs_f64(), budget.as_secs_f64());
        println!("  {:>8} ms for 99 of 100 webhooks before, {} meanwhile", usual.as_millis(), slowest.as_millis());
        let judged = [
            ("what was sold before was worked off before", calm),
            ("orders arrive while Klaviyo is away", arrived),
            ("all of them wait, and nothing is told or given up", waiting == self.sessions && told == 0),
            ("all of it is told soon after", drained < budget),
            ("webhooks do not notice", slowest <= usual.mul_f64(SLOWER).max(QUICK)),
        ];
        for (what, _) in judged.iter().filter(|(_, good)| !good) {
            println!("  BROKEN   {what}");
        }
        let good = verdict.good() && judged.iter().all(|(_, good)| *good);
        stage.end(!good).await?;
        Ok(good)
    }

    async fn sell(&self, stage: &Stage, seed: u64, sessions: u64) -> anyhow::Result<()> {
        let crowd =
            Crowd { shop: stage.shop(), seed, paying: sessions, others: 0.0, together: 64, pace: Some(self.pace) };
        buyers::buy(crowd, stage.ledger.clone(), stage.http.clone(), Arc::new(AtomicU64::new(0))).await
    }
}

/// Waits for those who pay by a method that takes its time.
async fn arrived(stage: &Stage) -> anyhow::Result<bool> {
    let began = Instant::now();
    while began.elapsed() < ARRIVING {
        if stage.oracle.count("orders that wait for a payment").await? == 0 && stage.ledger.all_delivered().await? {
            return Ok(true);
        }
        sleep(Duration::from_millis(100)).await;
    }
    Ok(false)
}

/// What 99 of a hundred do not exceed.
fn percentile(mut took: Vec<Duration>) -> Duration {
    took.sort_unstable();
    took.get(took.len() * 99 / 100).copied().unwrap_or_default()
}
