//! The store on PostgreSQL, and every line of SQL in the project.
//!
//! Exactly-once rests on unique constraints and row locks at READ COMMITTED, never on the isolation
//! level.

mod apply;
mod archive;
pub mod embedded;
mod error;
mod leases;
mod listings;
mod mirrors;
mod outbox;
mod payments;
mod pool;
mod preorders;
mod privacy;
mod reconciliation;
mod schema;
mod webhook_logs;

use std::time::Duration;

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::PgConnectOptions;

use self::pool::{Pool, step};
use super::{Store, StoreError};

/// The store on one PostgreSQL database. Clones share one pool of connections.
#[derive(Clone)]
pub struct PostgresStore {
    pool: Pool,
    options: PgConnectOptions,
}

impl PostgresStore {
    /// Makes a store that connects when it is first used.
    ///
    /// # Errors
    /// [`StoreError::Refused`] where the URL does not parse.
    pub fn new(url: &SecretString) -> Result<Self, StoreError> {
        let options: PgConnectOptions = url
            .expose_secret()
            .parse()
            .map_err(|_| StoreError::Refused("the database URL does not read".to_owned()))?;
        let options = options.application_name("rolitt");
        let bounds = options.clone().options([
            ("statement_timeout", "5000"),
            ("lock_timeout", "4000"),
            ("idle_in_transaction_session_timeout", "10000"),
        ]);
        Ok(Self { pool: Pool::new(bounds)?, options })
    }
}

/// Whether this is a database's URL, with parameters that mean something.
pub fn reads(url: &str) -> bool {
    (url.starts_with("postgres://") || url.starts_with("postgresql://")) && url.parse::<PgConnectOptions>().is_ok()
}

#[async_trait]
impl Store for PostgresStore {
    async fn ready(&self) -> Result<(), StoreError> {
        step!(self, STEP, |connection| schema::is_current(connection))
    }

    async fn migrate(&self) -> Result<(), StoreError> {
        // Mostly there is nothing to do, which shows within a step's time even where the network
        // loses packets.
        match self.ready().await {
            Ok(()) => Ok(()),
            Err(StoreError::Unavailable(error)) => Err(StoreError::Unavailable(error)),
            Err(_) => schema::migrate(&self.options).await,
        }
    }

    async fn close(&self) {
        self.pool.close();
    }

    fn poll_interval(&self) -> Duration {
        Duration::from_millis(500)
    }
}

/// The longest that a step may take, in all.
const STEP: Duration = Duration::from_secs(6);

/// Ends a step after `longest`.
async fn within<T>(longest: Duration, step: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    tokio::time::timeout(longest, step)
        .await
        .unwrap_or_else(|_| Err(StoreError::Unavailable("no answer in time".to_owned())))
}

/// For intervals: PostgreSQL takes them as seconds.
const fn seconds(duration: Duration) -> f64 {
    duration.as_secs_f64()
}
