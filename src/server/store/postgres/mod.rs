//! The store on PostgreSQL, and every line of SQL in the project.
//!
//! Exactly-once rests on unique constraints and row locks at READ COMMITTED, never on the isolation level.

mod backlog;
pub mod embedded;
mod outbox;
mod preorders;
mod webhook_logs;

use std::time::Duration;

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};
use sqlx::{
    PgPool,
    migrate::Migrator,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use super::{
    Applied, Backlog, Delivery, Effect, LeasedEvent, LeasedMessage, MessageEnd, MessageKind, Step, Store, StoreError,
};
use crate::domain::{payment::SessionId, preorder::Preorder};

static MIGRATIONS: Migrator = sqlx::migrate!();

#[derive(Clone)]
pub struct PostgresStore {
    pool: PgPool,
}

impl PostgresStore {
    /// A pool that connects when it is first needed: a database that is down must not keep the storefront from starting.
    pub fn new(url: &SecretString) -> Result<Self, StoreError> {
        let options: PgConnectOptions = url
            .expose_secret()
            .parse()
            .map_err(|_| StoreError::Refused("the database URL does not read".to_owned()))?;
        let options = options.application_name("rolitt").options([
            ("statement_timeout", "5000"),
            ("lock_timeout", "4000"),
            ("idle_in_transaction_session_timeout", "10000"),
        ]);
        let pool = PgPoolOptions::new()
            .max_connections(16)
            .acquire_timeout(Duration::from_millis(2500))
            .idle_timeout(Duration::from_mins(5))
            .connect_lazy_with(options);
        Ok(Self { pool })
    }

    /// Applies what is missing of the schema, under a lock that other instances wait for.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        MIGRATIONS.run(&self.pool).await.map_err(|error| match error {
            sqlx::migrate::MigrateError::Execute(error) => refused_or_unavailable(error),
            other => StoreError::Refused(other.to_string()),
        })
    }

    /// Ends every connection; waits for those in use.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// The pool, for those who read the database beside the store (tests).
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn apply(&self, step: Step<'_>) -> Result<Applied, StoreError> {
        let mut tx = self.pool.begin().await.map_err(refused_or_unavailable)?;
        let log = match step.delivery {
            Some(delivery) => match webhook_logs::open(&mut tx, delivery).await? {
                Some(id) => Some(id),
                None => return Ok(Applied::Duplicate),
            },
            None => None,
        };
        let (applied, outcome) = match step.effect {
            Effect::Ignore(reason) => (Applied::Ignored, webhook_logs::Outcome::ignored(reason)),
            Effect::Preorder(effect) => preorders::apply(&mut tx, &effect).await?,
        };
        if let Some(id) = log {
            webhook_logs::close(&mut tx, id, &outcome).await?;
        }
        tx.commit().await.map_err(refused_or_unavailable)?;
        Ok(applied)
    }

    async fn keep_event(&self, delivery: &Delivery, error: &str, next: Option<Duration>) -> Result<(), StoreError> {
        webhook_logs::keep(&self.pool, delivery, error, next).await
    }

    async fn lease_event(&self, lease: Duration) -> Result<Option<LeasedEvent>, StoreError> {
        webhook_logs::lease(&self.pool, lease).await
    }

    async fn preorder_of_session(&self, session: &SessionId) -> Result<Option<Preorder>, StoreError> {
        let mut connection = self.pool.acquire().await.map_err(refused_or_unavailable)?;
        preorders::of_session(&mut connection, session).await
    }

    async fn lease_message(&self, kind: MessageKind, lease: Duration) -> Result<Option<LeasedMessage>, StoreError> {
        outbox::lease(&self.pool, kind, lease).await
    }

    async fn finish_message(&self, message: &LeasedMessage, end: MessageEnd<'_>) -> Result<bool, StoreError> {
        outbox::finish(&self.pool, message, end).await
    }

    async fn backlog(&self) -> Result<Backlog, StoreError> {
        backlog::read(&self.pool).await
    }

    async fn ready(&self) -> Result<(), StoreError> {
        let applied = sqlx::query_scalar!(r#"select count(*) as "count!" from _sqlx_migrations where success"#)
            .fetch_one(&self.pool)
            .await
            .map_err(refused_or_unavailable)?;
        let known = MIGRATIONS.iter().filter(|migration| migration.migration_type.is_up_migration()).count();
        if usize::try_from(applied).is_ok_and(|applied| applied >= known) {
            Ok(())
        } else {
            Err(StoreError::Refused("the schema is older than this program; run `rolitt migrate`".to_owned()))
        }
    }
}

/// Sorts an error by whether the same step may succeed later. SQLSTATE classes:
/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
fn refused_or_unavailable(error: sqlx::Error) -> StoreError {
    match &error {
        sqlx::Error::Database(database) => {
            let code = database.code().unwrap_or_default();
            let passing = ["08", "40", "53", "57", "58"].iter().any(|class| code.starts_with(class))
                || code == "55P03"
                || code == "25006";
            // The message may quote values (a duplicate key's); the code and the constraint say what an operator needs.
            let told = format!("SQLSTATE {code} {}", database.constraint().unwrap_or_default());
            if code == "40001" || code == "40P01" {
                return StoreError::Conflict(told);
            }
            if passing { StoreError::Unavailable(told) } else { StoreError::Refused(told) }
        }
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::ColumnNotFound(_) => {
            StoreError::Unreadable(error.to_string())
        }
        sqlx::Error::PoolTimedOut => StoreError::Unavailable("no free connection in time".to_owned()),
        sqlx::Error::PoolClosed => StoreError::Unavailable("shutting down".to_owned()),
        sqlx::Error::Io(io) => StoreError::Unavailable(format!("connection: {}", io.kind())),
        _ => StoreError::Unavailable("connection".to_owned()),
    }
}

/// For intervals: PostgreSQL takes them as seconds.
fn seconds(duration: Duration) -> f64 {
    duration.as_secs_f64()
}
