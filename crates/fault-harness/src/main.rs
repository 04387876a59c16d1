//! The program `faults`, which `script/faults` builds and runs.

use clap::Parser as _;

#[tokio::main]
async fn main() -> std::process::ExitCode {
    fault_harness::run(fault_harness::Cli::parse()).await
}
