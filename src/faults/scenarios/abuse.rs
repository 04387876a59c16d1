//! Abuse: thousands of connections that go slowly on purpose, and a flood of forged webhooks beside genuine ones.

use std::{
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use clap::Args;
use tokio::time::{Instant, sleep};

use super::rolling::EVENTS;
use crate::{
    buyers::{self, Crowd},
    forger, slow,
    stage::{Build, Ground, Stage},
    watcher::Watcher,
};

#[derive(Args)]
pub struct Abuse {
    /// How many connections go slowly at the same time.
    #[arg(long, default_value_t = 2000)]
    slow: usize,
    /// How many webhooks are forged in a second.
    #[arg(long, default_value_t = 2000)]
    forged: u64,
    /// Genuine events a second beside them.
    #[arg(long, default_value_t = 20.0)]
    genuine: f64,
    /// How long the flood lasts, in seconds.
    #[arg(long, default_value_t = 30)]
    seconds: u64,
}

/// How long the health check may take while others go slowly.
const HEALTH: Duration = Duration::from_millis(200);

/// After how long a slow connection must be gone.
const GONE: Duration = Duration::from_secs(15);

impl Abuse {
    pub async fn run(&self, ground: &Ground) -> anyhow::Result<bool> {
        let slow = self.slow_connections(ground).await?;
        let flood = self.flood(ground).await?;
        Ok(slow && flood)
    }

    async fn slow_connections(&self, ground: &Ground) -> anyhow::Result<bool> {
        slow::make_room(self.slow)?;
        let stage = Stage::build(ground, Build::default()).await?;
        let instance = &stage.instances[0];
        let process = instance.process().unwrap_or_default();
        let before = slow::descriptors(process)?;
        // From before the first of them on: that all come at once is a part of it.
        let watcher = Watcher::start(instance.public);
        sleep(Duration::from_millis(500)).await;
        let crowd = slow::open(instance.public, self.slow).await;
        let began = Instant::now();
        let mut most = before;
        let mut gone = None;
        while began.elapsed() < GONE + Duration::from_secs(5) {
            let now = slow::descriptors(process)?;
            most = most.max(now);
            // The health check's own connection, and the workers', may come and go.
            if now <= before + 8 && most > before + 8 {
                gone.get_or_insert(began.elapsed());
            } else {
                gone = None;
            }
            sleep(Duration::from_millis(50)).await;
        }
        drop(crowd);
        let looks = watcher.end()?;
        let worst = looks.iter().map(|look| look.took).max().unwrap_or_default();
        let late: Vec<_> = looks.iter().filter(|look| look.took > HEALTH || !look.well).collect();
        println!("slow connections");
        println!("  {most:>8} descriptors at most, {before} before");
        println!(
            "  {:>8} health checks, the slowest {worst:.2?}, {} above {HEALTH:.0?} or failed",
            looks.len(),
            late.len()
        );
        for look in &late {
            println!("           one took {:.2?} after {:.2?}", look.took, look.after);
        }
        println!("  all of them gone after {gone:.1?}");
        let good = late.is_empty() && gone.is_some_and(|gone| gone <= GONE) && most >= before + self.slow as u64 / 2;
        if !good {
            println!("  BROKEN");
        }
        stage.end(!good).await?;
        Ok(good)
    }

    async fn flood(&self, ground: &Ground) -> anyhow::Result<bool> {
        const CALM: u64 = 10;
        let stage = Stage::build(ground, Build::default()).await?;
        let pace = self.genuine / EVENTS;
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_sign_loss,
            clippy::cast_possible_truncation,
            reason = "hundreds"
        )]
        let crowd = Crowd {
            shop: stage.shop(),
            seed: ground.seed,
            paying: (pace * (CALM + self.seconds + 4) as f64) as u64,
            others: 0.0,
            together: 32,
            pace: Some(pace),
        };
        let done = Arc::new(AtomicU64::new(0));
        let selling = tokio::spawn(buyers::buy(crowd, stage.ledger.clone(), stage.http.clone(), done));
        sleep(Duration::from_secs(2)).await;
        let calm = self.transactions(&stage, sleep(Duration::from_secs(CALM))).await?;
        let mut refused = 0;
        let flood = async { refused = forger::flood(stage.instances[0].public, self.forged, self.seconds).await };
        let stormy = self.transactions(&stage, flood).await?;
        selling.await??;
        let settled = stage.oracle.settled(&stage.ledger, Duration::from_mins(1)).await?;
        let verdict = stage.oracle.judge(&stage.ledger, settled).await?;
        let (attempts, failed) = stage.ledger.deliveries().await?;
        println!("flood");
        println!("  {refused:>8} forged webhooks refused with 400, of {} sent", self.forged * self.seconds);
        println!("  {attempts:>8} genuine deliveries, {failed} not accepted at once");
        println!("  {calm:>8.0} transactions a second in the database before the flood, {stormy:.0} in it");
        print!("{verdict}");
        // The workers look for work at their own pace, so the two never agree to the last transaction.
        let untouched = stormy < calm * 1.25 + 5.0;
        let good = verdict.good() && failed == 0 && untouched && refused >= self.forged * self.seconds * 9 / 10;
        if !good {
            println!("  BROKEN");
        }
        stage.end(!good).await?;
        Ok(good)
    }

    /// The database's transactions a second while `meanwhile` goes on.
    async fn transactions(&self, stage: &Stage, meanwhile: impl Future<Output = ()>) -> anyhow::Result<f64> {
        let (began, before) = (Instant::now(), stage.oracle.count("transactions").await?);
        meanwhile.await;
        // The server's statistics come a moment late.
        sleep(Duration::from_secs(1)).await;
        let after = stage.oracle.count("transactions").await?;
        #[expect(clippy::cast_precision_loss, reason = "a rate")]
        Ok((after - before) as f64 / began.elapsed().as_secs_f64())
    }
}
