//! The command line: what can be typed. `rolitt::ops` has one file for each command that ends by
//! itself.

use clap::{Parser, Subcommand};
use rolitt::ops::Task;

/// A pre-order shop and its payments.
#[derive(Parser)]
#[command(name = "rolitt", version, about)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

impl Cli {
    /// Returns the command; `rolitt` alone is `rolitt serve`.
    pub fn command_or_serve(self) -> Command {
        self.command.unwrap_or(Command::Run(Run::Serve))
    }
}

#[derive(Subcommand)]
pub enum Command {
    #[command(flatten)]
    Run(Run),
    #[command(flatten)]
    Task(Task),
}

/// The commands that run until a signal ends them.
#[derive(Clone, Copy, Subcommand)]
pub enum Run {
    /// Serve the shop (the default).
    Serve,
    /// Serve only the sandbox, the stand-in for Stripe and Klaviyo in development.
    Sandbox,
}
