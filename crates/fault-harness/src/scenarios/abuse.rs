//! Abuse: thousands of connections that are slow on purpose, and a flood of forged webhooks among
//! genuine ones.

use std::{
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use clap::Args;
use tokio::time::{Instant, sleep};

use super::rolling::EVENTS;
use crate::{
    forged_webhooks,
    health_probe::HealthProbe,
    load::{self, Load},
    slow_clients,
    testbed::{RunOptions, Setup, Testbed},
};

#[derive(Args)]
pub struct Abuse {
    /// How many slow connections there are at the same time.
    #[arg(long, default_value_t = 2000)]
    slow: usize,
    /// How many forged webhooks are sent per second.
    #[arg(long, default_value_t = 2000)]
    forged: u64,
    /// How many genuine events there are per second at the same time.
    #[arg(long, default_value_t = 20.0)]
    genuine: f64,
    /// How long the flood lasts, in seconds.
    #[arg(long, default_value_t = 30)]
    seconds: u64,
}

/// How long a health check may take while the slow connections are open.
const HEALTH: Duration = Duration::from_millis(200);

/// The time after which every slow connection must be closed.
const GONE: Duration = Duration::from_secs(15);

impl Abuse {
    pub async fn run(&self, options: &RunOptions) -> anyhow::Result<bool> {
        let slow = self.slow_connections(options).await?;
        let flood = self.flood(options).await?;
        Ok(slow && flood)
    }

    async fn slow_connections(&self, options: &RunOptions) -> anyhow::Result<bool> {
        slow_clients::raise_descriptor_limit(self.slow)?;
        let testbed = Testbed::start(options, Setup::default()).await?;
        let instance = &testbed.instances[0];
        let process = instance.process().unwrap_or_default();
        let before = slow_clients::descriptors(process)?;
        // Starts before the first of them: that all come at once is a part of the attack.
        let probe = HealthProbe::start(instance.public);
        sleep(Duration::from_millis(500)).await;
        let clients = slow_clients::open(instance.public, self.slow).await;
        let began = Instant::now();
        let mut most = before;
        let mut gone = None;
        while began.elapsed() < GONE + Duration::from_secs(5) {
            let now = slow_clients::descriptors(process)?;
            most = most.max(now);
            // The connections of the health check and of the workers may come and go.
            if now <= before + 8 && most > before + 8 {
                gone.get_or_insert(began.elapsed());
            } else {
                gone = None;
            }
            sleep(Duration::from_millis(50)).await;
        }
        drop(clients);
        let probes = probe.end()?;
        let worst = probes.iter().map(|probe| probe.took).max().unwrap_or_default();
        let late: Vec<_> = probes.iter().filter(|probe| probe.took > HEALTH || !probe.healthy).collect();
        println!("slow connections");
        println!("  {most:>8} descriptors at most, {before} before the attack");
        println!(
            "  {:>8} health checks, the slowest {worst:.2?}, {} above {HEALTH:.0?} or failed",
            probes.len(),
            late.len()
        );
        for probe in &late {
            println!("           one took {:.2?} after {:.2?}", probe.took, probe.after);
        }
        println!("  all slow connections closed after {gone:.1?}");
        let good = late.is_empty() && gone.is_some_and(|gone| gone <= GONE) && most >= before + self.slow as u64 / 2;
        if !good {
            println!("  BROKEN");
        }
        testbed.end(!good).await?;
        Ok(good)
    }

    async fn flood(&self, options: &RunOptions) -> anyhow::Result<bool> {
        const CALM: u64 = 10;
        let testbed = Testbed::start(options, Setup::default()).await?;
        let rate = self.genuine / EVENTS;
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_sign_loss,
            clippy::cast_possible_truncation,
            reason = "hundreds at most"
        )]
        let load = Load {
            shop: testbed.shop(),
            seed: options.seed,
            paying: (rate * (CALM + self.seconds + 4) as f64) as u64,
            others: 0.0,
            concurrency: 32,
            rate: Some(rate),
        };
        let done = Arc::new(AtomicU64::new(0));
        let selling = tokio::spawn(load::sell(load, testbed.ledger.clone(), testbed.http.clone(), done));
        sleep(Duration::from_secs(2)).await;
        let calm = self.transactions(&testbed, sleep(Duration::from_secs(CALM))).await?;
        let mut rejected = 0;
        let flood =
            async { rejected = forged_webhooks::flood(testbed.instances[0].public, self.forged, self.seconds).await };
        let flooded = self.transactions(&testbed, flood).await?;
        selling.await??;
        let idle = testbed.oracle.wait_until_idle(&testbed.ledger, Duration::from_mins(1)).await?;
        let verdict = testbed.oracle.judge(&testbed.ledger, idle).await?;
        let (attempts, failed) = testbed.ledger.deliveries().await?;
        println!("flood");
        println!("  {rejected:>8} forged webhooks rejected with 400, of {} sent", self.forged * self.seconds);
        println!("  {attempts:>8} genuine deliveries, {failed} not accepted at the first attempt");
        println!("  {calm:>8.0} database transactions per second before the flood, {flooded:.0} during it");
        print!("{verdict}");
        // The workers poll at their own pace, so the two numbers are never exactly equal.
        let untouched = flooded < calm * 1.25 + 5.0;
        let good = verdict.good() && failed == 0 && untouched && rejected >= self.forged * self.seconds * 9 / 10;
        if !good {
            println!("  BROKEN");
        }
        testbed.end(!good).await?;
        Ok(good)
    }

    /// Returns the database's transactions per second while `meanwhile` runs.
    async fn transactions(&self, testbed: &Testbed, meanwhile: impl Future<Output = ()>) -> anyhow::Result<f64> {
        let (began, before) = (Instant::now(), testbed.oracle.count("transactions").await?);
        meanwhile.await;
        // The server updates its statistics with a delay.
        sleep(Duration::from_secs(1)).await;
        let after = testbed.oracle.count("transactions").await?;
        #[expect(clippy::cast_precision_loss, reason = "a rate")]
        Ok((after - before) as f64 / began.elapsed().as_secs_f64())
    }
}
