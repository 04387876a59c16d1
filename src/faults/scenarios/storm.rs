//! The storm: the shop sells while everything around it, and itself, fails.

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
use rolitt::chaos::Control;
use tokio::time::{Instant, sleep};

use crate::{
    buyers::{self, Crowd},
    instance::Strikes,
    oracle::Verdict,
    stage::{Build, Ground, Stage},
    weather,
};

#[derive(Args, Clone)]
pub struct Storm {
    /// How many customers pay.
    #[arg(long, default_value_t = 10_000)]
    pub sessions: u64,
    /// How many instances of the shop share the database.
    #[arg(long, default_value_t = 2)]
    pub instances: usize,
    /// What is struck: a build that strikes itself at named points, or the released one, from outside.
    #[arg(long, value_enum, default_value_t = Program::Chaos)]
    pub program: Program,
    /// The share of webhooks that are delivered twice.
    #[arg(long, default_value_t = 0.3)]
    pub duplicates: f64,
    /// How often the database crashes.
    #[arg(long, default_value_t = 3)]
    pub crashes: u64,
    /// An instance is killed at one of its points after at most this many passes.
    #[arg(long, default_value_t = 40)]
    pub within: u64,
    /// How many customers are in the shop at the same time.
    #[arg(long, default_value_t = 24)]
    pub together: u64,
    /// The fewest SIGKILLs that count as a storm.
    #[arg(long, default_value_t = 50)]
    pub kills: u64,
    /// Whether there is weather: faults of the network, of Stripe and of Klaviyo.
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set)]
    pub weather: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Program {
    Chaos,
    Released,
}

/// How long the queues may take to run empty once the faults are over: Stripe's longest pause in the sandbox is a minute, the
/// outbox's first patient one half a minute.
const CALM: Duration = Duration::from_mins(4);

impl Storm {
    pub async fn run(&self, ground: &Ground) -> anyhow::Result<bool> {
        let began = Instant::now();
        let (verdict, stage) = self.play(ground, None).await?;
        let (lost_commits, resets) = stage.proxy.dealt();
        println!("{} sessions, {} instances, {:.0} s", self.sessions, self.instances, began.elapsed().as_secs_f64());
        for (what, times) in stage.tally.all() {
            println!("  {times:>8} {what}");
        }
        println!("  {lost_commits:>8} answers to a COMMIT lost\n  {resets:>8} connections to the database reset");
        print!("{verdict}");
        let kills = stage.tally.of("kill");
        println!("  {kills:>8} SIGKILLs in all");
        let enough = kills >= self.kills;
        if !enough {
            println!("  BROKEN   a storm has {} SIGKILLs", self.kills);
        }
        let good = verdict.good() && enough;
        end(stage, !good).await?;
        Ok(good)
    }

    /// Sells under fire, waits for calm, and has the oracle judge.
    pub async fn play(&self, ground: &Ground, control: Option<Control>) -> anyhow::Result<(Verdict, Arc<Stage>)> {
        let strikes = match self.program {
            Program::Chaos => Strikes::Points { within: self.within, control },
            Program::Released => Strikes::None,
        };
        let build = Build { instances: self.instances, strikes, ..Build::default() };
        let stage = Arc::new(Stage::build(ground, build).await?);
        if control == Some(Control::NoUniqueIndex) {
            stage.oracle.drop_unique_index().await?;
        }
        weather::deliveries(&stage, self.duplicates).await?;
        let crowd = Crowd {
            shop: stage.shop(),
            seed: ground.seed,
            paying: self.sessions,
            others: 0.05,
            together: self.together,
            pace: None,
        };
        let done = Arc::new(AtomicU64::new(0));
        let selling = tokio::spawn(buyers::buy(crowd, stage.ledger.clone(), stage.http.clone(), done.clone()));
        let mut around = tokio::task::JoinSet::new();
        if self.weather {
            around.spawn(weather::change(stage.clone(), ground.seed));
        }
        around.spawn(crash(stage.clone(), self.crashes, self.sessions, done.clone()));
        if self.program == Program::Released {
            around.spawn(kill(stage.clone(), ground.seed));
        }
        let telling = tokio::spawn(tell(done, self.sessions));
        selling.await??;
        telling.abort();
        around.abort_all();
        while let Some(ended) = around.join_next().await {
            if let Ok(Err(error)) = ended {
                return Err(error);
            }
        }
        weather::clear(&stage).await?;
        // The database may have been down just now.
        stage.revive_database().await?;
        let settled = stage.oracle.settled(&stage.ledger, CALM).await?;
        let verdict = stage.oracle.judge(&stage.ledger, settled).await?;
        Ok((verdict, stage))
    }
}

/// Ends a stage that nobody uses any more.
pub async fn end(stage: Arc<Stage>, keep: bool) -> anyhow::Result<()> {
    Arc::into_inner(stage).context("the stage is still in use")?.end(keep).await
}

/// Crashes the database at even parts of the run.
async fn crash(stage: Arc<Stage>, crashes: u64, sessions: u64, done: Arc<AtomicU64>) -> anyhow::Result<()> {
    for number in 1..=crashes {
        while done.load(Ordering::Relaxed) < sessions * number / (crashes + 1) {
            sleep(Duration::from_millis(50)).await;
        }
        weather::crash_database(&stage, Duration::from_secs(2)).await?;
    }
    Ok(())
}

/// Kills a released program from outside, every one to three seconds.
async fn kill(stage: Arc<Stage>, seed: u64) -> anyhow::Result<()> {
    let mut dice = StdRng::seed_from_u64(seed ^ 0xdead);
    loop {
        sleep(Duration::from_millis(dice.random_range(1000..3000))).await;
        stage.instances[dice.random_range(0..stage.instances.len())].kill();
    }
}

async fn tell(done: Arc<AtomicU64>, sessions: u64) {
    loop {
        sleep(Duration::from_secs(20)).await;
        println!("  … {} of {sessions} customers", done.load(Ordering::Relaxed));
    }
}
