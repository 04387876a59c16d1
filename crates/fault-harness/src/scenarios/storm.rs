//! The storm: the shop sells while it crashes, and while everything around it fails.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use tokio::time::{Instant, sleep};

use crate::{
    fault_schedule,
    instance::FailpointUse,
    load::{self, Load},
    oracle::Verdict,
    testbed::{RunOptions, Setup, Testbed},
};

#[derive(Args, Clone)]
pub struct Storm {
    /// How many customers pay.
    #[arg(long, default_value_t = 10_000)]
    pub sessions: u64,
    /// How many instances of the shop share the database.
    #[arg(long, default_value_t = 2)]
    pub instances: usize,
    /// The program under attack: one that crashes at its failpoints, or the released one, which is
    /// killed from outside.
    #[arg(long, value_enum, default_value_t = Program::Failpoints)]
    pub program: Program,
    /// The share of webhooks that are delivered twice.
    #[arg(long, default_value_t = 0.3)]
    pub duplicates: f64,
    /// How often the database crashes.
    #[arg(long, default_value_t = 3)]
    pub crashes: u64,
    /// A failpoint acts at its hit number 1 to this one.
    #[arg(long, default_value_t = 40)]
    pub within: u64,
    /// How many customers are in the shop at the same time.
    #[arg(long, default_value_t = 24)]
    pub concurrency: u64,
    /// The fewest SIGKILLs that count as a storm.
    #[arg(long, default_value_t = 50)]
    pub kills: u64,
    /// Whether the network to the database, Stripe and Klaviyo fail, too.
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set)]
    pub outside_faults: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Program {
    Failpoints,
    Released,
}

/// How long the queues may take to run empty once the faults are over: the sandbox's longest pause
/// between deliveries is a minute, and the outbox's third delay is half a minute.
const PATIENCE: Duration = Duration::from_mins(4);

impl Storm {
    pub async fn run(&self, options: &RunOptions) -> anyhow::Result<bool> {
        let began = Instant::now();
        let (verdict, testbed) = self.play(options, None).await?;
        let (lost_commits, resets) = testbed.proxy.counts();
        println!("{} sessions, {} instances, {:.0} s", self.sessions, self.instances, began.elapsed().as_secs_f64());
        for (what, times) in testbed.faults.all() {
            println!("  {times:>8} {what}");
        }
        println!("  {lost_commits:>8} responses to a COMMIT lost\n  {resets:>8} connections to the database reset");
        print!("{verdict}");
        let kills = testbed.faults.beginning_with("kill");
        println!("  {kills:>8} SIGKILLs in all");
        let enough = kills >= self.kills;
        if !enough {
            println!("  BROKEN   a storm has at least {} SIGKILLs", self.kills);
        }
        let good = verdict.good() && enough;
        end(testbed, !good).await?;
        Ok(good)
    }

    /// Sells under faults, waits until the queues are empty, and lets the oracle judge. `control`
    /// names the rule that the program breaks, if any.
    pub async fn play(
        &self,
        options: &RunOptions,
        control: Option<&'static str>,
    ) -> anyhow::Result<(Verdict, Arc<Testbed>)> {
        let failpoints = match self.program {
            Program::Failpoints => FailpointUse::Random { within: self.within, control },
            Program::Released => FailpointUse::None,
        };
        let setup = Setup { instances: self.instances, failpoints, ..Setup::default() };
        let testbed = Arc::new(Testbed::start(options, setup).await?);
        fault_schedule::disturb_deliveries(&testbed, self.duplicates).await?;
        let load = Load {
            shop: testbed.shop(),
            seed: options.seed,
            paying: self.sessions,
            others: 0.05,
            concurrency: self.concurrency,
            rate: None,
        };
        let done = Arc::new(AtomicU64::new(0));
        let selling = tokio::spawn(load::sell(load, testbed.ledger.clone(), testbed.http.clone(), done.clone()));
        let mut disturbing = tokio::task::JoinSet::new();
        if self.outside_faults {
            disturbing.spawn(fault_schedule::run(testbed.clone(), options.seed));
        }
        disturbing.spawn(crash(testbed.clone(), self.crashes, self.sessions, done.clone()));
        if self.program == Program::Released {
            disturbing.spawn(kill(testbed.clone(), options.seed));
        }
        let progress = tokio::spawn(print_progress(done, self.sessions));
        selling.await??;
        progress.abort();
        disturbing.abort_all();
        while let Some(ended) = disturbing.join_next().await {
            if let Ok(Err(error)) = ended {
                return Err(error);
            }
        }
        fault_schedule::clear(&testbed).await?;
        // A crash of the database may have been interrupted.
        testbed.revive_database().await?;
        let idle = testbed.oracle.wait_until_idle(&testbed.ledger, PATIENCE).await?;
        let verdict = testbed.oracle.judge(&testbed.ledger, idle).await?;
        Ok((verdict, testbed))
    }
}

/// Ends a testbed that no task uses any more.
pub async fn end(testbed: Arc<Testbed>, keep: bool) -> anyhow::Result<()> {
    Arc::into_inner(testbed).context("the testbed is still in use")?.end(keep).await
}

/// Crashes the database at even intervals of the run.
async fn crash(testbed: Arc<Testbed>, crashes: u64, sessions: u64, done: Arc<AtomicU64>) -> anyhow::Result<()> {
    for number in 1..=crashes {
        while done.load(Ordering::Relaxed) < sessions * number / (crashes + 1) {
            sleep(Duration::from_millis(50)).await;
        }
        fault_schedule::crash_database(&testbed, Duration::from_secs(2)).await?;
    }
    Ok(())
}

/// Kills an instance of the released program, every one to three seconds.
async fn kill(testbed: Arc<Testbed>, seed: u64) -> anyhow::Result<()> {
    let mut dice = StdRng::seed_from_u64(seed ^ 0xdead);
    loop {
        sleep(Duration::from_millis(dice.random_range(1000..3000))).await;
        testbed.instances[dice.random_range(0..testbed.instances.len())].kill();
    }
}

async fn print_progress(done: Arc<AtomicU64>, sessions: u64) {
    loop {
        sleep(Duration::from_secs(20)).await;
        println!("  … {} of {sessions} customers", done.load(Ordering::Relaxed));
    }
}
