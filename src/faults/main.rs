//! The fault harness: real processes of the shop, its sandbox and its PostgreSQL, struck by one seed, judged by an oracle that reads
//! the sandbox's ledger and the database and nothing else.
//!
//! A program of its own, which `script/faults` builds and runs. Nothing of it is in the shop.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "its lines are its answer")]

mod balancer;
mod buyers;
mod cluster;
mod forger;
mod instance;
mod ledger;
mod oracle;
mod proxy;
mod scenarios;
mod slow;
mod stage;
mod watcher;
mod weather;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Strikes the shop, and says whether an order was lost, doubled or wrong.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    scenario: Scenario,
    /// Drives everything that is drawn: what is bought, what is struck, and when.
    #[arg(long, global = true)]
    seed: Option<u64>,
    /// The folder with the shop's programs: `rolitt` as released, and `rolitt-chaos`.
    #[arg(long, global = true, default_value = "target/faults")]
    programs: std::path::PathBuf,
}

#[derive(Subcommand)]
enum Scenario {
    /// Sells under crashes, lost replies, duplicates and failing neighbours, then asks the oracle.
    Storm(scenarios::storm::Storm),
    /// The same, against programs that break one rule each: every one of them must be found out.
    Controls(scenarios::controls::Controls),
    /// Restarts every instance again and again behind a proxy, under load.
    Rolling(scenarios::rolling::Rolling),
    /// Fills the database's disk under load, and frees it.
    DiskFull(scenarios::disk::DiskFull),
    /// Loses the database, and goes on from a backup that is older than the last orders.
    Restore(scenarios::restore::Restore),
    /// Takes Klaviyo away for six hours, played faster, while customers buy.
    Outage(scenarios::outage::Outage),
    /// Slow connections of every kind, and a flood of forged webhooks beside genuine ones.
    Abuse(scenarios::abuse::Abuse),
    /// Guesses at orders: neither answers nor times tell which exist.
    Guesses(scenarios::guesses::Guesses),
    /// Load for half an hour; memory, descriptors and connections must not grow.
    Soak(scenarios::soak::Soak),
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    // The one draw that no seed decides; it is printed, so that a run can be repeated.
    let seed = cli.seed.unwrap_or_else(|| rand::random_range(1..1_000_000));
    let _ = rustls::crypto::ring::default_provider().install_default();
    println!("seed {seed}");
    let ground = stage::Ground { seed, programs: cli.programs };
    let result = match cli.scenario {
        Scenario::Storm(storm) => storm.run(&ground).await,
        Scenario::Controls(controls) => controls.run(&ground).await,
        Scenario::Rolling(rolling) => rolling.run(&ground).await,
        Scenario::DiskFull(disk) => disk.run(&ground).await,
        Scenario::Restore(restore) => restore.run(&ground).await,
        Scenario::Outage(outage) => outage.run(&ground).await,
        Scenario::Abuse(abuse) => abuse.run(&ground).await,
        Scenario::Guesses(guesses) => guesses.run(&ground).await,
        Scenario::Soak(soak) => soak.run(&ground).await,
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            println!("FAILED (repeat it with --seed {seed})");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("faults: {error:#} (seed {seed})");
            ExitCode::FAILURE
        }
    }
}
