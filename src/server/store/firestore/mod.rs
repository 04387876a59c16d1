//! The store on Firestore.
//!
//! Exactly-once rests on documents' ids and on preconditions: whatever must be unique is a document's id, made in the same
//! commit, and every commit names the versions that it was decided on. No transaction is opened, so nothing waits for a lock.

mod apply;
mod archive;
mod backlog;
mod client;
mod connection;
mod logs;
mod mirrors;
mod outbox;
mod privacy;
mod query;
mod reconciliation;
mod reservations;
mod value;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;

pub use self::connection::FirestoreConfig;
use self::{
    client::{Client, Committed, Only, Tries, Write},
    logs::Outcome,
    value::{Fields, place},
};
use super::{
    Applied, Archive, Backlog, Books, CaseEffect, Delivery, Effect, Entry, LeaseToken, LeasedEvent, LeasedMessage,
    Mark, MessageEnd, MessageKind, OpenDifference, Page, PreorderFilter, Purchase, PurchaseKey, Row, Step, Store,
    StoreError, Table, Unread, Value, mapping,
};
use crate::domain::{
    payment::{DisputeId, ProviderId, RefundId, SessionId},
    preorder::{AccessHash, Preorder},
};

/// The shape of the documents that this program writes; kept in `rolitt/schema`.
const SCHEMA: i64 = 1;

/// A step that waits longer is given up here.
const STEP: Duration = Duration::from_secs(12);

/// A page of a copy may be megabytes.
const PAGE: Duration = Duration::from_secs(90);

#[derive(Clone)]
pub struct FirestoreStore {
    client: Client,
    /// Whether every index was seen to be there.
    indexed: Arc<AtomicBool>,
}

impl FirestoreStore {
    /// A store that connects when it is first needed: a database that is away must not keep the storefront from starting.
    pub fn new(config: &FirestoreConfig) -> Self {
        Self { client: Client::new(config.clone()), indexed: Arc::default() }
    }

    /// Whether there is such a database and these credentials may use it; `Refused` is no matter of time.
    pub async fn reach(&self) -> Result<(), StoreError> {
        bounded(STEP, self.schema()).await.map(drop)
    }

    async fn apply(&self, step: &Step<'_>) -> Result<Applied, StoreError> {
        let mut tries = Tries::new();
        loop {
            if let Some(applied) = self.apply_once(step, tries.lost() > 1).await? {
                return Ok(applied);
            }
            tries.again().await?;
        }
    }

    /// `None` when something that the step stands on changed meanwhile.
    async fn apply_once(&self, step: &Step<'_>, thorough: bool) -> Result<Option<Applied>, StoreError> {
        let log = step.delivery.map(logs::path_of);
        let (applied, outcome, mut writes, snapshot) = match &step.effect {
            Effect::OrderState(effect) => return self.apply_case(step, effect, log, thorough).await,
            Effect::Ignore { reason, mentions } => {
                let snapshot = self.client.read(&log.iter().cloned().collect::<Vec<_>>()).await?;
                let outcome = Outcome::ignored(reason).erased(privacy::is_erased(&self.client, mentions).await?);
                (Applied::Ignored((*reason).to_owned()), outcome, Vec::new(), snapshot)
            }
            Effect::Mirror { provider, mirror } => {
                let paths: Vec<String> = log.iter().cloned().chain([mirrors::path_of(mirror)]).collect();
                let snapshot = self.client.read(&paths).await?;
                let write = mirrors::write(&snapshot, *provider, mirror);
                let applied = if write.is_some() { Applied::Changed(None) } else { Applied::Unchanged(None) };
                let erased = mirrors::is_erased(&self.client, &snapshot, mirror).await?;
                (applied, Outcome::done(None, false).erased(erased), write.into_iter().collect(), snapshot)
            }
        };
        if log.is_some_and(|log| logs::is_closed(snapshot.get(&log))) {
            return Ok(Some(Applied::Duplicate));
        }
        writes.extend(step.delivery.into_iter().flat_map(|delivery| logs::close(delivery, &snapshot, &outcome)));
        self.write(step, applied, &writes).await
    }

    async fn apply_case(
        &self,
        step: &Step<'_>,
        effect: &CaseEffect<'_>,
        log: Option<String>,
        thorough: bool,
    ) -> Result<Option<Applied>, StoreError> {
        let (read, snapshot) = apply::read(&self.client, effect.key, log.clone(), thorough).await?;
        if log.is_some_and(|log| logs::is_closed(snapshot.get(&log))) {
            return Ok(Some(Applied::Duplicate));
        }
        let decided = apply::decide(&self.client, effect, &read, step.delivery.is_some()).await?;
        let mut writes = decided.writes;
        match step.delivery {
            Some(delivery) => writes.extend(logs::close(delivery, &snapshot, &decided.outcome)),
            // Nobody is told of what did not change.
            None if !matches!(decided.applied, Applied::Changed(_)) => writes.clear(),
            None => {}
        }
        self.write(step, decided.applied, &writes).await
    }

    async fn write(&self, step: &Step<'_>, applied: Applied, writes: &[Write]) -> Result<Option<Applied>, StoreError> {
        if step.dry_run || writes.is_empty() {
            return Ok(Some(applied));
        }
        let committed = self.client.commit(writes).await?;
        Ok((committed == Committed::Done).then_some(applied))
    }

    /// Asks each query that needs an index once: without them orders would be taken, and nobody told of them.
    async fn indexes(&self) -> Result<(), StoreError> {
        if !self.indexed.load(Ordering::Relaxed) {
            let queries = query::that_need_indexes();
            let all = queries.iter().map(|query| self.client.query(query));
            bounded(STEP, futures::future::try_join_all(all)).await?;
            self.indexed.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    async fn schema(&self) -> Result<Option<i64>, StoreError> {
        let place = schema_place();
        let found = self.client.read(std::slice::from_ref(&place)).await?;
        Ok(found.get(&place).and_then(|found| found.int("version")))
    }
}

fn schema_place() -> String {
    place("rolitt", "schema")
}

async fn bounded<T>(within: Duration, step: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    tokio::time::timeout(within, step)
        .await
        .unwrap_or_else(|_| Err(StoreError::Unavailable("no answer in time".to_owned())))
}

#[async_trait]
impl Store for FirestoreStore {
    async fn apply(&self, step: Step<'_>) -> Result<Applied, StoreError> {
        bounded(STEP, self.apply(&step)).await
    }

    async fn keep_event(&self, delivery: &Delivery, error: &str, next: Option<Duration>) -> Result<(), StoreError> {
        bounded(STEP, logs::keep(&self.client, delivery, error, next)).await
    }

    async fn lease_event(&self, lease: Duration) -> Result<Option<LeasedEvent>, StoreError> {
        bounded(STEP, logs::lease(&self.client, lease)).await
    }

    async fn preorder_of_session(&self, session: &SessionId) -> Result<Option<Preorder>, StoreError> {
        let place = value::path(Table::Preorders, session.as_str());
        let found = bounded(STEP, self.client.read(std::slice::from_ref(&place))).await?;
        found.get(&place).map(|found| mapping::preorder_of(&found.row(Table::Preorders))).transpose()
    }

    async fn preorder_of_link(&self, access: &AccessHash) -> Result<Option<Preorder>, StoreError> {
        let query = query::preorder_of_link(access);
        let (found, _) = bounded(STEP, self.client.query(&query)).await?;
        found.first().map(|found| mapping::preorder_of(&found.row(Table::Preorders))).transpose()
    }

    async fn purchase(&self, of: PurchaseKey<'_>) -> Result<Option<Purchase>, StoreError> {
        bounded(STEP, apply::purchase(&self.client, of)).await
    }

    async fn lease_message(&self, kind: MessageKind, lease: Duration) -> Result<Option<LeasedMessage>, StoreError> {
        bounded(STEP, outbox::lease(&self.client, kind, lease)).await
    }

    async fn finish_message(&self, message: &LeasedMessage, end: MessageEnd<'_>) -> Result<bool, StoreError> {
        bounded(STEP, outbox::finish(&self.client, message, &end)).await
    }

    async fn backlog(&self) -> Result<Backlog, StoreError> {
        bounded(STEP, Box::pin(backlog::read(&self.client))).await
    }

    async fn ready(&self) -> Result<(), StoreError> {
        match bounded(STEP, self.schema()).await? {
            Some(version) if version >= SCHEMA => self.indexes().await,
            _ => Err(StoreError::Refused("the schema is older than this program; run `rolitt migrate`".to_owned())),
        }
    }

    async fn migrate(&self) -> Result<(), StoreError> {
        if bounded(STEP, self.schema()).await?.is_some_and(|version| version >= SCHEMA) {
            return self.indexes().await;
        }
        let fields = Fields::from([("version".to_owned(), Value::Int(SCHEMA))]);
        bounded(STEP, self.client.settle(Write::put(schema_place(), fields, Only::Always))).await?;
        self.indexes().await
    }

    /// Connections end with the store.
    async fn close(&self) {}

    /// Every look is billed as a read, found or not.
    fn rest(&self) -> Duration {
        Duration::from_secs(2)
    }
}

#[async_trait]
impl Books for FirestoreStore {
    async fn purchases(&self, filter: &PreorderFilter, limit: u32) -> Result<Vec<Purchase>, StoreError> {
        bounded(PAGE, reconciliation::purchases(&self.client, filter, limit)).await
    }

    async fn waiting_refunds(&self, provider: ProviderId, limit: u32) -> Result<Vec<RefundId>, StoreError> {
        bounded(STEP, reconciliation::waiting_refunds(&self.client, provider, limit)).await
    }

    async fn open_disputes(&self, provider: ProviderId, limit: u32) -> Result<Vec<DisputeId>, StoreError> {
        bounded(STEP, reconciliation::open_disputes(&self.client, provider, limit)).await
    }

    async fn mark(&self, provider: ProviderId, scope: &str) -> Result<Option<Mark>, StoreError> {
        bounded(STEP, reconciliation::mark(&self.client, provider, scope)).await
    }

    async fn set_mark(&self, provider: ProviderId, scope: &str, mark: &Mark) -> Result<(), StoreError> {
        bounded(STEP, reconciliation::set_mark(&self.client, provider, scope, mark)).await
    }

    async fn open_differences(&self, provider: ProviderId) -> Result<Vec<OpenDifference>, StoreError> {
        bounded(STEP, reconciliation::open_differences(&self.client, provider)).await
    }

    async fn note_difference(&self, provider: ProviderId, open: &OpenDifference) -> Result<(), StoreError> {
        bounded(STEP, reconciliation::note_difference(&self.client, provider, open)).await
    }

    async fn drop_difference(&self, provider: ProviderId, id: &str) -> Result<(), StoreError> {
        bounded(STEP, reconciliation::drop_difference(&self.client, provider, id)).await
    }

    async fn take_lease(&self, name: &str, token: &LeaseToken, lease: Duration) -> Result<bool, StoreError> {
        bounded(STEP, reconciliation::take_lease(&self.client, name, token, lease)).await
    }

    async fn drop_lease(&self, name: &str, token: &LeaseToken) -> Result<(), StoreError> {
        bounded(STEP, reconciliation::drop_lease(&self.client, name, token)).await
    }
}

#[async_trait]
impl Archive for FirestoreStore {
    async fn export(&self, table: Table, after: Option<&str>, limit: u32) -> Result<Page, StoreError> {
        bounded(PAGE, archive::export(&self.client.patient(), table, after, limit)).await
    }

    async fn rows(&self, table: Table, keys: &[String]) -> Result<Vec<Entry>, StoreError> {
        bounded(PAGE, archive::rows(&self.client.patient(), table, keys)).await
    }

    async fn import(&self, table: Table, rows: &[Row]) -> Result<Vec<Unread>, StoreError> {
        bounded(PAGE, archive::import(&self.client.patient(), table, rows)).await
    }

    async fn count(&self, table: Table) -> Result<u64, StoreError> {
        bounded(PAGE, archive::count(&self.client.patient(), table)).await
    }

    async fn place(&self, origin: &str, table: Table) -> Result<Option<String>, StoreError> {
        bounded(STEP, reconciliation::place_in_copy(&self.client, origin, table)).await
    }

    async fn set_place(&self, origin: &str, table: Table, place: Option<&str>) -> Result<(), StoreError> {
        bounded(STEP, reconciliation::set_place_in_copy(&self.client, origin, table, place)).await
    }
}
