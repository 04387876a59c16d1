//! Klaviyo is away for six hours of accelerated time: orders are not affected, and every message is
//! sent once it is back.

use std::{
    num::NonZeroU32,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use clap::Args;
use serde_json::json;
use time::OffsetDateTime;
use tokio::time::{Instant, sleep};

use crate::{
    contract::PAID_METRIC,
    instance::FailpointUse,
    load::{self, Load},
    testbed::{RunOptions, Setup, Testbed},
};

#[derive(Args)]
pub struct Outage {
    /// How many customers pay while Klaviyo is away. With more of them, the six hours take longer.
    #[arg(long, default_value_t = 1000)]
    sessions: u64,
    /// Customers per second. In accelerated time a message is tried more often: with more than
    /// four, the outbox's throttle is the limit.
    #[arg(long, default_value_t = 4.0)]
    rate: f64,
}

/// How long Klaviyo is away.
const AWAY: Duration = Duration::from_hours(6);

/// How many customers come before anything is measured.
const WARM_UP: u64 = 100;

/// The outbox's longest retry delay with its jitter: within it after Klaviyo is back, every message
/// is due.
const LONGEST_DELAY: Duration = Duration::from_mins(18);

/// The least number of messages that are sent per second once all of them are due.
const SENDS: f64 = 50.0;

/// By which factor the slowest of a hundred webhook responses may be slower than before, and which
/// time is fast enough in any case.
const SLOWER: f64 = 1.5;
const FAST_ENOUGH: Duration = Duration::from_millis(100);

/// How long the events of the last customers may take to arrive.
const ARRIVING: Duration = Duration::from_mins(2);

impl Outage {
    pub async fn run(&self, options: &RunOptions) -> anyhow::Result<bool> {
        #[expect(clippy::cast_precision_loss, reason = "some thousand")]
        let sessions = self.sessions as f64;
        #[expect(clippy::cast_sign_loss, clippy::cast_possible_truncation, reason = "some hundred")]
        let speedup = NonZeroU32::new((AWAY.as_secs_f64() * self.rate / sessions) as u32).unwrap_or(NonZeroU32::MIN);
        let setup = Setup { instances: 2, failpoints: FailpointUse::Speedup(speedup), ..Setup::default() };
        let testbed = Testbed::start(options, setup).await?;
        println!("  the six hours take {:.0} s", AWAY.as_secs_f64() / f64::from(speedup.get()));

        self.sell(&testbed, options.seed, WARM_UP).await?;
        let began = OffsetDateTime::now_utc();
        self.sell(&testbed, options.seed + 1, self.sessions / 3).await?;
        let idle_before = testbed.oracle.wait_until_idle(&testbed.ledger, ARRIVING).await?;
        let sent_before = testbed.ledger.klaviyo_events(PAID_METRIC).await?.len();
        let usual = percentile(testbed.ledger.delivery_durations(began).await?);

        testbed.ledger.set_faults(&json!({ "klaviyo": { "error_rate": 1.0, "status": 500 } })).await?;
        let began = OffsetDateTime::now_utc();
        self.sell(&testbed, options.seed + 2, self.sessions).await?;
        let arrived = arrived(&testbed).await?;
        let slowest = percentile(testbed.ledger.delivery_durations(began).await?);
        // Retry delays are shorter, clocks are not: without this, no message would have been tried
        // for six hours.
        testbed.oracle.age(AWAY).await?;
        sleep(LONGEST_DELAY / speedup.get()).await;
        let waiting = testbed.oracle.count("waiting messages").await?;
        let sent = testbed.ledger.klaviyo_events(PAID_METRIC).await?.len() - sent_before;

        testbed.ledger.clear_faults().await?;
        let back = Instant::now();
        #[expect(clippy::cast_precision_loss, reason = "some thousand")]
        let budget = LONGEST_DELAY / speedup.get() + Duration::from_secs_f64(waiting as f64 / SENDS);
        while testbed.oracle.count("waiting messages").await? > 0 && back.elapsed() < budget {
            sleep(Duration::from_millis(100)).await;
        }
        let drained = back.elapsed();

        let idle = testbed.oracle.wait_until_idle(&testbed.ledger, ARRIVING).await?;
        let verdict = testbed.oracle.judge(&testbed.ledger, idle).await?;
        print!("{verdict}");
        println!("  {waiting:>8} messages waited for six hours or less, {sent} were sent meanwhile");
        println!(
            "  {:>8.1} s until all of them were sent, of {:.1} permitted",
            drained.as_secs_f64(),
            budget.as_secs_f64()
        );
        println!(
            "  {:>8} ms for 99 of 100 webhooks before the outage, {} during it",
            usual.as_millis(),
            slowest.as_millis()
        );
        let judged = [
            ("everything sold before the outage is sent before it", idle_before),
            ("orders arrive during the outage", arrived),
            ("every message waits, and none is sent or parked", waiting == self.sessions && sent == 0),
            ("every message is sent soon after the outage", drained < budget),
            ("webhooks are as fast as before", slowest <= usual.mul_f64(SLOWER).max(FAST_ENOUGH)),
        ];
        for (what, _) in judged.iter().filter(|(_, good)| !good) {
            println!("  BROKEN   {what}");
        }
        let good = verdict.good() && judged.iter().all(|(_, good)| *good);
        testbed.end(!good).await?;
        Ok(good)
    }

    async fn sell(&self, testbed: &Testbed, seed: u64, sessions: u64) -> anyhow::Result<()> {
        let load =
            Load { shop: testbed.shop(), seed, paying: sessions, others: 0.0, concurrency: 64, rate: Some(self.rate) };
        load::sell(load, testbed.ledger.clone(), testbed.http.clone(), Arc::new(AtomicU64::new(0))).await
    }
}

/// Waits for delayed payments. Returns whether all of them arrived in time.
async fn arrived(testbed: &Testbed) -> anyhow::Result<bool> {
    let began = Instant::now();
    while began.elapsed() < ARRIVING {
        if testbed.oracle.count("orders awaiting payment").await? == 0 && testbed.ledger.all_delivered().await? {
            return Ok(true);
        }
        sleep(Duration::from_millis(100)).await;
    }
    Ok(false)
}

/// Returns the time that 99 of a hundred do not exceed.
fn percentile(mut durations: Vec<Duration>) -> Duration {
    durations.sort_unstable();
    durations.get(durations.len() * 99 / 100).copied().unwrap_or_default()
}
