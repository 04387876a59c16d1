//! The operator's and the merchant's side: the operations listener, and one file for each command.

mod check;
mod context;
mod doctor;
pub mod listener;
pub mod metrics;
mod migrate;
mod postgres;
mod preorders;
mod reconcile;
mod store_copy;

use clap::Subcommand;
use thiserror::Error;

pub use self::context::OpenStore;
use crate::server::config::Config;

/// The commands that do one thing and end.
#[derive(Subcommand)]
pub enum Task {
    /// Migrate the database schema to this version of the program.
    Migrate,
    /// Check the configuration, the database and the prices at Stripe; change nothing.
    Check(check::Check),
    /// Check that Stripe is set up to send this shop its webhook events.
    Doctor(doctor::Doctor),
    /// Compare the shop's records with the payment provider's, and repair the differences.
    Reconcile(reconcile::Reconcile),
    /// List orders, and act on them.
    #[command(subcommand)]
    Preorders(preorders::Preorders),
    /// Move the shop's data from one store to the other.
    #[command(subcommand)]
    Store(store_copy::Store),
    /// Start or stop the embedded PostgreSQL of development.
    Postgres(postgres::Postgres),
}

impl Task {
    /// Runs the command to its end.
    ///
    /// # Errors
    /// [`UsageError`] if the arguments contradict each other (exit status 2); any other error means
    /// that the command failed (exit status 1).
    pub async fn run(self, config: &Config) -> anyhow::Result<()> {
        match self {
            Self::Migrate => migrate::run(config).await,
            Self::Check(command) => command.run(config).await,
            Self::Doctor(command) => command.run(config).await,
            Self::Reconcile(command) => command.run(config).await,
            Self::Preorders(command) => command.run(config).await,
            Self::Store(command) => command.run(config).await,
            Self::Postgres(command) => command.run(config).await,
        }
    }
}

/// Arguments that each parse and that contradict each other, or that lack a confirmation. The text
/// is for the operator.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct UsageError(&'static str);
