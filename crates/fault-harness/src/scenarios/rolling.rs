//! A deployment under load: SIGTERM ends every instance and it is started again, one after the
//! other, several times.

use std::{
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use clap::Args;
use tokio::time::sleep;

use crate::{
    load::{self, Load},
    testbed::{RunOptions, Setup, Testbed},
};

#[derive(Args)]
pub struct Rolling {
    /// How often every instance is restarted.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Events per second.
    #[arg(long, default_value_t = 50.0)]
    rate: f64,
    /// How long the load lasts, in seconds.
    #[arg(long, default_value_t = 45.0)]
    seconds: f64,
}

/// How many of a thousand deliveries may fail at the first attempt.
const FAILURES_PER_THOUSAND: f64 = 1.0;

/// How many events a paid session has.
pub const EVENTS: f64 = 4.0;

impl Rolling {
    pub async fn run(&self, options: &RunOptions) -> anyhow::Result<bool> {
        let testbed = Testbed::start(options, Setup { instances: 2, ..Setup::default() }).await?;
        let rate = self.rate / EVENTS;
        #[expect(clippy::cast_sign_loss, clippy::cast_possible_truncation, reason = "a few thousand")]
        let load = Load {
            shop: testbed.shop(),
            seed: options.seed,
            paying: (rate * self.seconds) as u64,
            others: 0.0,
            concurrency: 64,
            rate: Some(rate),
        };
        let done = Arc::new(AtomicU64::new(0));
        let selling = tokio::spawn(load::sell(load, testbed.ledger.clone(), testbed.http.clone(), done));
        sleep(Duration::from_secs(3)).await;
        for _ in 0..self.rounds {
            for instance in &testbed.instances {
                let before = instance.process();
                instance.restart();
                while instance.process() == before {
                    sleep(Duration::from_millis(20)).await;
                }
                testbed.ready().await?;
                sleep(Duration::from_secs(1)).await;
            }
        }
        selling.await??;
        let idle = testbed.oracle.wait_until_idle(&testbed.ledger, Duration::from_mins(2)).await?;
        let verdict = testbed.oracle.judge(&testbed.ledger, idle).await?;
        let (attempts, failed) = testbed.ledger.deliveries().await?;
        for (what, times) in testbed.faults.all() {
            println!("  {times:>8} {what}");
        }
        print!("{verdict}");
        println!("  {attempts:>8} deliveries, {failed} not accepted at the first attempt");
        #[expect(clippy::cast_precision_loss, reason = "a share")]
        let few = (failed as f64) * 1000.0 < FAILURES_PER_THOUSAND * attempts as f64;
        if !few {
            println!("  BROKEN   fewer than one delivery of a thousand fails because of a restart");
        }
        let good = verdict.good() && few;
        testbed.end(!good).await?;
        Ok(good)
    }
}
