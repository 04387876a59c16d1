//! The faults around the shop while it sells: the network to the database, the database, Stripe and
//! Klaviyo. Every few seconds the seed draws new ones.

use std::{sync::Arc, time::Duration};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::json;
use tokio::time::sleep;

use super::{proxy::Toxics, testbed::Testbed};

/// How long one set of faults lasts, in milliseconds.
const LASTS: std::ops::Range<u64> = 1500..4000;

/// Sets how webhooks are delivered during the whole storm: a share of `duplicates` twice, and
/// shuffled.
pub async fn disturb_deliveries(testbed: &Testbed, duplicates: f64) -> anyhow::Result<()> {
    let delivery = json!({ "duplicate_rate": duplicates, "twin_rate": 0.05, "shuffle": true });
    testbed.ledger.set_faults(&json!({ "delivery": delivery })).await
}

/// Draws faults again and again, until the task is aborted.
pub async fn run(testbed: Arc<Testbed>, seed: u64) -> anyhow::Result<()> {
    let mut dice = StdRng::seed_from_u64(seed);
    loop {
        let toxics = match dice.random_range(0..8) {
            0 | 1 => Toxics { latency: Duration::from_millis(dice.random_range(1..15)), ..Toxics::default() },
            2 => Toxics { reset_rate: 0.01, ..Toxics::default() },
            3 | 4 => Toxics { lost_commit_rate: 0.05, ..Toxics::default() },
            5 => Toxics { black_hole: true, ..Toxics::default() },
            _ => Toxics::default(),
        };
        if toxics.black_hole {
            testbed.faults.add("black hole between shop and database");
        }
        testbed.proxy.set(toxics);
        // A fifth of all calls to Klaviyo fail, in one way or another.
        let klaviyo = match dice.random_range(0..6) {
            0 => json!({ "error_rate": 0.2, "status": 503, "hang_rate": 0.002 }),
            1 => json!({ "error_rate": 0.02, "status": 429, "record_then_error_rate": 0.18 }),
            2 => json!({ "record_then_error_rate": 0.2, "status": 500 }),
            _ => json!({ "error_rate": 0.1, "record_then_error_rate": 0.1, "status": 500 }),
        };
        let stripe = json!({ "error_rate": 0.02, "status": 503, "record_then_error_rate": 0.01 });
        // On a slow machine this call may time out; the next set of faults comes in any case.
        let _ = testbed.ledger.set_faults(&json!({ "klaviyo": klaviyo, "stripe": stripe })).await;
        // A black hole is short: what meets it is lost, and its sender waits in vain.
        let lasts = if toxics.black_hole { 2000 } else { dice.random_range(LASTS) };
        sleep(Duration::from_millis(lasts)).await;
    }
}

/// Crashes the database, leaves it down for this long, and starts it again on another port.
pub async fn crash_database(testbed: &Testbed, down: Duration) -> anyhow::Result<()> {
    testbed.faults.add("database crash");
    testbed.cluster.crash().await?;
    sleep(down).await;
    testbed.revive_database().await
}

/// Ends all faults.
pub async fn clear(testbed: &Testbed) -> anyhow::Result<()> {
    testbed.proxy.set(Toxics::default());
    testbed.ledger.clear_faults().await?;
    // A process keeps the failpoints that it was started with, so each is restarted.
    for instance in &testbed.instances {
        instance.disarm();
        instance.restart();
    }
    Ok(())
}
