//! The store on PostgreSQL, and every line of SQL in the project.
//!
//! Exactly-once rests on unique constraints and row locks at READ COMMITTED, never on the isolation level.

mod apply;
mod archive;
mod backlog;
pub mod embedded;
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
use sqlx::{Connection as _, PgConnection, postgres::PgConnectOptions};

use self::pool::{Pool, step};
use super::{
    Applied, Backlog, Books, Delivery, Effect, LeaseToken, LeasedEvent, LeasedMessage, Mark, MessageEnd, MessageKind,
    OpenDifference, PreorderFilter, Purchase, PurchaseKey, Step, Store, StoreError,
};
use crate::{
    chaos::{self, Point},
    domain::{
        payment::{DisputeId, ProviderId, RefundId, SessionId},
        preorder::{AccessHash, Preorder},
    },
};

#[derive(Clone)]
pub struct PostgresStore {
    pool: Pool,
    options: PgConnectOptions,
}

impl PostgresStore {
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
    async fn apply(&self, step: Step<'_>) -> Result<Applied, StoreError> {
        let json = step.delivery.and_then(|delivery| webhook_logs::json_text(&delivery.body));
        match step!(self, STEP, |connection| apply_once(connection, &step, json)) {
            // Rust reads JSON that jsonb refuses. The bytes are what counts, and they are kept either way.
            Err(error) if json.is_some() && matches!(error, StoreError::InvalidData(_)) => {
                step!(self, STEP, |connection| apply_once(connection, &step, None))
            }
            other => other,
        }
    }

    async fn keep_event(&self, delivery: &Delivery, error: &str, next: Option<Duration>) -> Result<(), StoreError> {
        let json = webhook_logs::json_text(&delivery.body);
        match step!(self, STEP, |connection| webhook_logs::keep(connection, delivery, json, error, next)) {
            Err(refused) if json.is_some() && matches!(refused, StoreError::InvalidData(_)) => {
                step!(self, STEP, |connection| webhook_logs::keep(connection, delivery, None, error, next))
            }
            other => other,
        }
    }

    async fn lease_event(&self, lease: Duration) -> Result<Option<LeasedEvent>, StoreError> {
        step!(self, STEP, |connection| webhook_logs::lease(connection, lease))
    }

    async fn preorder_of_session(&self, session: &SessionId) -> Result<Option<Preorder>, StoreError> {
        step!(self, STEP, |connection| preorders::find(connection, PurchaseKey::Session(session)))
    }

    async fn preorder_of_link(&self, access: &AccessHash) -> Result<Option<Preorder>, StoreError> {
        step!(self, STEP, |connection| preorders::opened_by(connection, access))
    }

    async fn purchase(&self, of: PurchaseKey<'_>) -> Result<Option<Purchase>, StoreError> {
        step!(self, STEP, |connection| apply::purchase(connection, of))
    }

    async fn lease_message(&self, kind: MessageKind, lease: Duration) -> Result<Option<LeasedMessage>, StoreError> {
        step!(self, STEP, |connection| outbox::lease(connection, kind, lease))
    }

    async fn finish_message(&self, message: &LeasedMessage, end: MessageEnd<'_>) -> Result<bool, StoreError> {
        step!(self, STEP, |connection| outbox::finish(connection, message, end))
    }

    async fn backlog(&self) -> Result<Backlog, StoreError> {
        step!(self, STEP, |connection| backlog::read(connection))
    }

    async fn ready(&self) -> Result<(), StoreError> {
        step!(self, STEP, |connection| schema::is_current(connection))
    }

    async fn migrate(&self) -> Result<(), StoreError> {
        // Mostly there is nothing to do, which is found out within a step's time even where the network is deaf.
        match self.ready().await {
            Ok(()) => Ok(()),
            Err(StoreError::Unavailable(error)) => Err(StoreError::Unavailable(error)),
            Err(_) => schema::migrate(&self.options).await,
        }
    }

    async fn close(&self) {
        self.pool.close();
    }

    fn rest(&self) -> Duration {
        Duration::from_millis(500)
    }
}

#[async_trait]
impl Books for PostgresStore {
    async fn purchases(&self, filter: &PreorderFilter, limit: u32) -> Result<Vec<Purchase>, StoreError> {
        step!(self, STEP, |connection| reconciliation::purchases(connection, filter, limit))
    }

    async fn waiting_refunds(&self, provider: ProviderId, limit: u32) -> Result<Vec<RefundId>, StoreError> {
        step!(self, STEP, |connection| reconciliation::waiting_refunds(connection, provider, limit))
    }

    async fn open_disputes(&self, provider: ProviderId, limit: u32) -> Result<Vec<DisputeId>, StoreError> {
        step!(self, STEP, |connection| reconciliation::open_disputes(connection, provider, limit))
    }

    async fn mark(&self, provider: ProviderId, scope: &str) -> Result<Option<Mark>, StoreError> {
        step!(self, STEP, |connection| reconciliation::mark(connection, provider, scope))
    }

    async fn set_mark(&self, provider: ProviderId, scope: &str, mark: &Mark) -> Result<(), StoreError> {
        step!(self, STEP, |connection| reconciliation::set_mark(connection, provider, scope, mark))
    }

    async fn open_differences(&self, provider: ProviderId) -> Result<Vec<OpenDifference>, StoreError> {
        step!(self, STEP, |connection| reconciliation::open_differences(connection, provider))
    }

    async fn note_difference(&self, provider: ProviderId, open: &OpenDifference) -> Result<(), StoreError> {
        step!(self, STEP, |connection| reconciliation::note_difference(connection, provider, open))
    }

    async fn drop_difference(&self, provider: ProviderId, id: &str) -> Result<(), StoreError> {
        step!(self, STEP, |connection| reconciliation::drop_difference(connection, provider, id))
    }

    async fn take_lease(&self, name: &str, token: &LeaseToken, lease: Duration) -> Result<bool, StoreError> {
        step!(self, STEP, |connection| reconciliation::take_lease(connection, name, token, lease))
    }

    async fn drop_lease(&self, name: &str, token: &LeaseToken) -> Result<(), StoreError> {
        step!(self, STEP, |connection| reconciliation::drop_lease(connection, name, token))
    }
}

async fn apply_once(connection: &mut PgConnection, step: &Step<'_>, json: Option<&str>) -> Result<Applied, StoreError> {
    let mut tx = connection.begin().await.map_err(refused_or_unavailable)?;
    let log = match step.delivery {
        Some(delivery) => webhook_logs::open(&mut tx, delivery, json).await?,
        None => None,
    };
    if step.delivery.is_some() && log.is_none() {
        // Said at once: left to the next step, it would keep its locks until then.
        tx.rollback().await.map_err(refused_or_unavailable)?;
        return Ok(Applied::Duplicate);
    }
    let (applied, outcome) = match &step.effect {
        Effect::Ignore { reason, mentions } => {
            let erased = privacy::is_erased(&mut tx, mentions).await?;
            (Applied::Ignored((*reason).to_owned()), webhook_logs::Outcome::ignored(reason).erased(erased))
        }
        Effect::OrderState(effect) => apply::apply(&mut tx, effect).await?,
        Effect::Mirror { provider, mirror } => {
            let newer = mirrors::write(&mut tx, *provider, mirror).await?;
            let applied = if newer { Applied::Changed(None) } else { Applied::Unchanged(None) };
            (applied, webhook_logs::Outcome::done(None).erased(mirrors::is_erased(&mut tx, mirror).await?))
        }
    };
    if step.dry_run {
        tx.rollback().await.map_err(refused_or_unavailable)?;
        return Ok(applied);
    }
    if let Some(id) = log {
        webhook_logs::close(&mut tx, id, &outcome).await?;
    }
    chaos::pass(Point::BeforeCommit);
    tx.commit().await.map_err(refused_or_unavailable)?;
    chaos::pass(Point::AfterCommit);
    Ok(applied)
}

/// How long a step may take, in all.
const STEP: Duration = Duration::from_secs(6);

async fn within<T>(longest: Duration, step: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    tokio::time::timeout(longest, step)
        .await
        .unwrap_or_else(|_| Err(StoreError::Unavailable("no answer in time".to_owned())))
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
            // Class 22: a value that its type does not take.
            if code.starts_with("22") {
                return StoreError::InvalidData(told);
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
