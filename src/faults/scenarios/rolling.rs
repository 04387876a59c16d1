//! A deployment under load: every instance is ended by SIGTERM and started again, one after the other, again and again.

use std::{
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use clap::Args;
use tokio::time::sleep;

use crate::{
    buyers::{self, Crowd},
    stage::{Build, Ground, Stage},
};

#[derive(Args)]
pub struct Rolling {
    /// How often every instance is restarted.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Events a second.
    #[arg(long, default_value_t = 50.0)]
    pace: f64,
    /// How long the load goes on, in seconds.
    #[arg(long, default_value_t = 45.0)]
    seconds: f64,
}

/// How many of a thousand deliveries may fail at their first attempt.
const FAILURES_PER_THOUSAND: f64 = 1.0;

/// A paid session makes four events.
pub const EVENTS: f64 = 4.0;

impl Rolling {
    pub async fn run(&self, ground: &Ground) -> anyhow::Result<bool> {
        let stage = Stage::build(ground, Build { instances: 2, ..Build::default() }).await?;
        let pace = self.pace / EVENTS;
        #[expect(clippy::cast_sign_loss, clippy::cast_possible_truncation, reason = "a few thousand")]
        let crowd = Crowd {
            shop: stage.shop(),
            seed: ground.seed,
            paying: (pace * self.seconds) as u64,
            others: 0.0,
            together: 64,
            pace: Some(pace),
        };
        let done = Arc::new(AtomicU64::new(0));
        let selling = tokio::spawn(buyers::buy(crowd, stage.ledger.clone(), stage.http.clone(), done));
        sleep(Duration::from_secs(3)).await;
        for _ in 0..self.rounds {
            for instance in &stage.instances {
                let before = instance.process();
                instance.restart();
                while instance.process() == before {
                    sleep(Duration::from_millis(20)).await;
                }
                stage.ready().await?;
                sleep(Duration::from_secs(1)).await;
            }
        }
        selling.await??;
        let settled = stage.oracle.settled(&stage.ledger, Duration::from_mins(2)).await?;
        let verdict = stage.oracle.judge(&stage.ledger, settled).await?;
        let (attempts, failed) = stage.ledger.deliveries().await?;
        for (what, times) in stage.tally.all() {
            println!("  {times:>8} {what}");
        }
        print!("{verdict}");
        println!("  {attempts:>8} deliveries, {failed} not accepted at once");
        #[expect(clippy::cast_precision_loss, reason = "a share")]
        let few = (failed as f64) * 1000.0 < FAILURES_PER_THOUSAND * attempts as f64;
        if !few {
            println!("  BROKEN   fewer than one delivery of a thousand meets a restart");
        }
        let good = verdict.good() && few;
        stage.end(!good).await?;
        Ok(good)
    }
}
