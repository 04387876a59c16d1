//! The store on PostgreSQL, and every line of SQL in the project.
//!
//! Exactly-once rests on unique constraints and row locks at READ COMMITTED, never on the isolation level.

mod archive;
mod backlog;
mod books;
mod cases;
pub mod embedded;
mod mirrors;
mod outbox;
mod payments;
mod preorders;
mod privacy;
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
    Applied, Backlog, Books, Delivery, Effect, LeasedEvent, LeasedMessage, Mark, MessageEnd, MessageKind,
    OpenDifference, PreorderFilter, Purchase, PurchaseKey, Step, Store, StoreError,
};
use crate::domain::{
    payment::{DisputeId, ProviderId, RefundId, SessionId},
    preorder::Preorder,
};

static MIGRATIONS: Migrator = sqlx::migrate!();

#[derive(Clone)]
pub struct PostgresStore {
    pool: PgPool,
    options: PgConnectOptions,
}

impl PostgresStore {
    /// A pool that connects when it is first needed: a database that is down must not keep the storefront from starting.
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
        let pool = PgPoolOptions::new()
            .max_connections(16)
            .acquire_timeout(Duration::from_secs(4))
            .idle_timeout(Duration::from_mins(5))
            .connect_lazy_with(bounds);
        Ok(Self { pool, options })
    }

    /// The pool, for those who read the database beside the store (tests).
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }
}

/// Whether this is a database's URL, with parameters that mean something.
pub fn reads(url: &str) -> bool {
    (url.starts_with("postgres://") || url.starts_with("postgresql://")) && url.parse::<PgConnectOptions>().is_ok()
}

#[async_trait]
impl Store for PostgresStore {
    async fn apply(&self, step: Step<'_>) -> Result<Applied, StoreError> {
        let json = step.delivery.and_then(|delivery| webhook_logs::json_text(&delivery.body));
        match bounded(Box::pin(self.apply_once(&step, json))).await {
            // Rust reads JSON that jsonb refuses. The bytes are what counts, and they are kept either way.
            Err(error) if json.is_some() && is_data_exception(&error) => {
                bounded(Box::pin(self.apply_once(&step, None))).await
            }
            other => other,
        }
    }

    async fn keep_event(&self, delivery: &Delivery, error: &str, next: Option<Duration>) -> Result<(), StoreError> {
        let json = webhook_logs::json_text(&delivery.body);
        match bounded(webhook_logs::keep(&self.pool, delivery, json, error, next)).await {
            Err(refused) if json.is_some() && is_data_exception(&refused) => {
                bounded(webhook_logs::keep(&self.pool, delivery, None, error, next)).await
            }
            other => other,
        }
    }

    async fn lease_event(&self, lease: Duration) -> Result<Option<LeasedEvent>, StoreError> {
        bounded(webhook_logs::lease(&self.pool, lease)).await
    }

    async fn preorder_of_session(&self, session: &SessionId) -> Result<Option<Preorder>, StoreError> {
        bounded(async {
            let mut connection = self.pool.acquire().await.map_err(refused_or_unavailable)?;
            preorders::find(&mut connection, PurchaseKey::Session(session)).await
        })
        .await
    }

    async fn purchase(&self, of: PurchaseKey<'_>) -> Result<Option<Purchase>, StoreError> {
        bounded(async {
            let mut connection = self.pool.acquire().await.map_err(refused_or_unavailable)?;
            cases::purchase(&mut connection, of).await
        })
        .await
    }

    async fn lease_message(&self, kind: MessageKind, lease: Duration) -> Result<Option<LeasedMessage>, StoreError> {
        bounded(outbox::lease(&self.pool, kind, lease)).await
    }

    async fn finish_message(&self, message: &LeasedMessage, end: MessageEnd<'_>) -> Result<bool, StoreError> {
        bounded(outbox::finish(&self.pool, message, end)).await
    }

    async fn backlog(&self) -> Result<Backlog, StoreError> {
        bounded(backlog::read(&self.pool)).await
    }

    async fn ready(&self) -> Result<(), StoreError> {
        bounded(self.schema_is_current()).await
    }

    /// Under a lock that other instances wait for.
    async fn migrate(&self) -> Result<(), StoreError> {
        // A connection of its own, closed whatever happens: the lock is the session's, and an index may take its time.
        let options = self.options.clone().options([("statement_timeout", "600000"), ("lock_timeout", "60000")]);
        let single =
            PgPoolOptions::new().max_connections(1).connect_with(options).await.map_err(refused_or_unavailable)?;
        let result = MIGRATIONS.run(&single).await;
        single.close().await;
        result.map_err(|error| match error {
            sqlx::migrate::MigrateError::Execute(error) => refused_or_unavailable(error),
            other => StoreError::Refused(other.to_string()),
        })
    }

    async fn close(&self) {
        let _ = tokio::time::timeout(STEP, self.pool.close()).await;
    }

    fn rest(&self) -> Duration {
        Duration::from_millis(500)
    }
}

#[async_trait]
impl Books for PostgresStore {
    async fn purchases(&self, filter: &PreorderFilter, limit: u32) -> Result<Vec<Purchase>, StoreError> {
        bounded(books::purchases(&self.pool, filter, limit)).await
    }

    async fn waiting_refunds(&self, provider: ProviderId, limit: u32) -> Result<Vec<RefundId>, StoreError> {
        bounded(books::waiting_refunds(&self.pool, provider, limit)).await
    }

    async fn open_disputes(&self, provider: ProviderId, limit: u32) -> Result<Vec<DisputeId>, StoreError> {
        bounded(books::open_disputes(&self.pool, provider, limit)).await
    }

    async fn mark(&self, provider: ProviderId, scope: &str) -> Result<Option<Mark>, StoreError> {
        bounded(books::mark(&self.pool, provider, scope)).await
    }

    async fn set_mark(&self, provider: ProviderId, scope: &str, mark: &Mark) -> Result<(), StoreError> {
        bounded(books::set_mark(&self.pool, provider, scope, mark)).await
    }

    async fn open_differences(&self, provider: ProviderId) -> Result<Vec<OpenDifference>, StoreError> {
        bounded(books::open_differences(&self.pool, provider)).await
    }

    async fn note_difference(&self, provider: ProviderId, open: &OpenDifference) -> Result<(), StoreError> {
        bounded(books::note_difference(&self.pool, provider, open)).await
    }

    async fn drop_difference(&self, provider: ProviderId, id: &str) -> Result<(), StoreError> {
        bounded(books::drop_difference(&self.pool, provider, id)).await
    }

    async fn take_lease(&self, name: &str, token: &str, lease: Duration) -> Result<bool, StoreError> {
        bounded(books::take_lease(&self.pool, name, token, lease)).await
    }

    async fn drop_lease(&self, name: &str, token: &str) -> Result<(), StoreError> {
        bounded(books::drop_lease(&self.pool, name, token)).await
    }
}

impl PostgresStore {
    async fn apply_once(&self, step: &Step<'_>, json: Option<&str>) -> Result<Applied, StoreError> {
        let mut tx = self.pool.begin().await.map_err(refused_or_unavailable)?;
        let log = match step.delivery {
            Some(delivery) => match webhook_logs::open(&mut tx, delivery, json).await? {
                Some(id) => Some(id),
                None => return Ok(Applied::Duplicate),
            },
            None => None,
        };
        let (applied, outcome) = match &step.effect {
            Effect::Ignore { reason, mentions } => {
                let erased = privacy::is_erased(&mut tx, mentions).await?;
                (Applied::Ignored((*reason).to_owned()), webhook_logs::Outcome::ignored(reason).erased(erased))
            }
            Effect::Case(effect) => cases::apply(&mut tx, effect).await?,
            Effect::Mirror { provider, mirror } => {
                let newer = mirrors::write(&mut tx, *provider, mirror).await?;
                let applied = if newer { Applied::Changed(None) } else { Applied::Unchanged(None) };
                (applied, webhook_logs::Outcome::done(None).erased(mirrors::is_erased(&mut tx, mirror).await?))
            }
        };
        if step.rehearsal {
            tx.rollback().await.map_err(refused_or_unavailable)?;
            return Ok(applied);
        }
        if let Some(id) = log {
            webhook_logs::close(&mut tx, id, &outcome).await?;
        }
        tx.commit().await.map_err(refused_or_unavailable)?;
        Ok(applied)
    }

    async fn schema_is_current(&self) -> Result<(), StoreError> {
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

/// A step that waits longer is given up here: the server's own timeout does not help when the server cannot be heard.
const STEP: Duration = Duration::from_secs(6);

async fn bounded<T>(step: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    within(STEP, step).await
}

async fn within<T>(longest: Duration, step: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    tokio::time::timeout(longest, step)
        .await
        .unwrap_or_else(|_| Err(StoreError::Unavailable("no answer in time".to_owned())))
}

/// SQLSTATE class 22: a value that its type does not take.
fn is_data_exception(error: &StoreError) -> bool {
    matches!(error, StoreError::Refused(told) if told.starts_with("SQLSTATE 22"))
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
            // 57014: the statement took too long; 55P03: a lock did.
            if code == "57014" || code == "55P03" {
                return StoreError::Busy(told);
            }
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
