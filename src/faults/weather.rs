//! What goes wrong around the shop while it sells: the network before the database, the database, Stripe and Klaviyo. Every few
//! seconds the weather changes, as the seed says.

use std::{sync::Arc, time::Duration};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::json;
use tokio::time::sleep;

use super::{proxy::Toxics, stage::Stage};

/// How long one kind of weather lasts, in milliseconds.
const LASTS: std::ops::Range<u64> = 1500..4000;

/// How deliveries go during a whole storm.
pub async fn deliveries(stage: &Stage, duplicates: f64) -> anyhow::Result<()> {
    let delivery = json!({ "duplicate_rate": duplicates, "twin_rate": 0.05, "shuffle": true });
    stage.ledger.set_faults(&json!({ "delivery": delivery })).await
}

/// Changes the weather until it is aborted.
pub async fn change(stage: Arc<Stage>, seed: u64) -> anyhow::Result<()> {
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
            stage.tally.add("black hole before the database");
        }
        stage.proxy.set(toxics);
        // A fifth of all calls to Klaviyo fail, one way or the other.
        let klaviyo = match dice.random_range(0..6) {
            0 => json!({ "error_rate": 0.2, "status": 503, "hang_rate": 0.002 }),
            1 => json!({ "error_rate": 0.02, "status": 429, "record_then_error_rate": 0.18 }),
            2 => json!({ "record_then_error_rate": 0.2, "status": 500 }),
            _ => json!({ "error_rate": 0.1, "record_then_error_rate": 0.1, "status": 500 }),
        };
        let stripe = json!({ "error_rate": 0.02, "status": 503, "record_then_error_rate": 0.01 });
        // A machine that is short of time may be late here, too; the next weather is set in any case.
        let _ = stage.ledger.set_faults(&json!({ "klaviyo": klaviyo, "stripe": stripe })).await;
        // A black hole is bounded: what met it is lost, and everybody waits for it in vain.
        let lasts = if toxics.black_hole { 2000 } else { dice.random_range(LASTS) };
        sleep(Duration::from_millis(lasts)).await;
    }
}

/// Crashes the database, leaves it down for a moment, and starts it again on another port.
pub async fn crash_database(stage: &Stage, down: Duration) -> anyhow::Result<()> {
    stage.tally.add("database crash");
    stage.cluster.crash().await?;
    sleep(down).await;
    stage.revive_database().await
}

/// The end of all that goes wrong.
pub async fn clear(stage: &Stage) -> anyhow::Result<()> {
    stage.proxy.set(Toxics::default());
    stage.ledger.clear_faults().await?;
    // Started anew, because a process keeps the blow that it was started with.
    for instance in &stage.instances {
        instance.peace();
        instance.restart();
    }
    Ok(())
}
