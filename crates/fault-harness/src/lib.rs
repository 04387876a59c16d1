//! The fault harness: it runs real processes of the shop, its sandbox and its PostgreSQL, injects
//! faults into all of them by one seed, and lets an oracle judge. The oracle reads the sandbox's
//! ledger and the database, and nothing that the shop reports about itself.
//!
//! The harness speaks to the shop by HTTP, PostgreSQL, processes and signals. It does not link the
//! shop; it knows the names that the outside depends on ([`contract`]) and those of the failpoints.

#![warn(missing_docs)]
#![expect(clippy::print_stdout, reason = "the report is the output of the program")]

mod balancer;
mod cluster;
pub mod contract;
mod fault_schedule;
mod forged_webhooks;
mod health_probe;
mod instance;
mod ledger;
mod load;
mod oracle;
pub mod proxy;
mod scenarios;
mod slow_clients;
mod testbed;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Attacks the shop, and reports whether an order was lost, doubled or wrong.
#[derive(Parser)]
#[command(name = "faults")]
pub struct Cli {
    #[command(subcommand)]
    scenario: Scenario,
    /// The seed of everything that is drawn: what customers buy, which fault happens, and when.
    #[arg(long, global = true)]
    seed: Option<u64>,
    /// The folder with the shop's programs: `rolitt` as released, and `rolitt-failpoints`.
    #[arg(long, global = true, default_value = "target/faults")]
    programs: std::path::PathBuf,
}

#[derive(Subcommand)]
enum Scenario {
    /// Sells under crashes, lost replies, duplicates and failing services; then the oracle judges.
    Storm(scenarios::storm::Storm),
    /// Runs the storm against programs that break one rule each. The oracle must notice every one.
    Controls(scenarios::controls::Controls),
    /// Restarts every instance again and again behind a balancer, under load.
    Rolling(scenarios::rolling::Rolling),
    /// Fills the database's disk under load, and frees it.
    DiskFull(scenarios::disk_full::DiskFull),
    /// Loses the database, and continues from a backup that lacks the last orders.
    Restore(scenarios::restore::Restore),
    /// Takes Klaviyo away for six hours of accelerated time while customers buy.
    Outage(scenarios::outage::Outage),
    /// Opens slow connections of every kind, and sends a flood of forged webhooks among genuine
    /// ones.
    Abuse(scenarios::abuse::Abuse),
    /// Guesses at orders. Neither responses nor times may show which orders exist.
    Guesses(scenarios::guesses::Guesses),
    /// Sells for half an hour. Memory, descriptors and connections must not grow.
    Soak(scenarios::soak::Soak),
}

/// Runs one scenario. The exit status is 0 if every rule held, and 1 if one was broken or the
/// scenario could not run.
pub async fn run(cli: Cli) -> ExitCode {
    // The one draw that no seed decides. It is printed, so that the run can be repeated.
    let seed = cli.seed.unwrap_or_else(|| rand::random_range(1..1_000_000));
    let _ = rustls::crypto::ring::default_provider().install_default();
    println!("seed {seed}");
    let options = testbed::RunOptions { seed, programs: cli.programs };
    let result = match cli.scenario {
        Scenario::Storm(storm) => storm.run(&options).await,
        Scenario::Controls(controls) => controls.run(&options).await,
        Scenario::Rolling(rolling) => rolling.run(&options).await,
        Scenario::DiskFull(disk) => disk.run(&options).await,
        Scenario::Restore(restore) => restore.run(&options).await,
        Scenario::Outage(outage) => outage.run(&options).await,
        Scenario::Abuse(abuse) => abuse.run(&options).await,
        Scenario::Guesses(guesses) => guesses.run(&options).await,
        Scenario::Soak(soak) => soak.run(&options).await,
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
