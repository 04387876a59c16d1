//! The store on Firestore.
//!
//! Exactly-once rests on documents' ids and on preconditions: whatever must be unique is a
//! document's id, made in the same commit, and every commit names the versions that it was decided
//! on. No transaction is opened, so nothing waits for a lock.

mod apply;
mod archive;
mod client;
mod connection;
mod leases;
mod listings;
mod logs;
mod mirrors;
mod orders;
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
    client::{Client, Precondition, Write},
    value::{Fields, document_path},
};
use super::{Store, StoreError, Value};

/// The version of the documents that this program writes; stored in `rolitt/schema`.
const SCHEMA: i64 = 1;

/// The longest that a step may take.
const STEP: Duration = Duration::from_secs(12);

/// The longest that a page of a store copy may take: it may have megabytes.
const PAGE: Duration = Duration::from_secs(90);

/// The store on one Firestore database. Clones share the connection.
#[derive(Clone)]
pub struct FirestoreStore {
    client: Client,
    /// Whether every index was found.
    indexed: Arc<AtomicBool>,
}

impl FirestoreStore {
    /// Makes a store that connects when it is first used: a database that is down must not keep the
    /// storefront from starting.
    pub fn new(config: &FirestoreConfig) -> Self {
        Self { client: Client::new(config.clone()), indexed: Arc::default() }
    }

    /// Checks that the database exists and that these credentials may use it.
    ///
    /// # Errors
    /// [`StoreError::Refused`] where waiting will not help.
    pub async fn reach(&self) -> Result<(), StoreError> {
        bounded(STEP, self.schema()).await.map(drop)
    }

    /// Runs each query that needs an index once: without the indexes orders would be taken, and no
    /// message sent.
    async fn check_indexes(&self) -> Result<(), StoreError> {
        if !self.indexed.load(Ordering::Relaxed) {
            let queries = query::that_need_indexes();
            let all = queries.iter().map(|query| self.client.query(query));
            bounded(STEP, futures::future::try_join_all(all)).await?;
            self.indexed.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    async fn schema(&self) -> Result<Option<i64>, StoreError> {
        let path = schema_path();
        let found = self.client.read(std::slice::from_ref(&path)).await?;
        Ok(found.get(&path).and_then(|found| found.int("version")))
    }
}

fn schema_path() -> String {
    document_path("rolitt", "schema")
}

/// Ends a step after `within`.
async fn bounded<T>(within: Duration, step: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    tokio::time::timeout(within, step)
        .await
        .unwrap_or_else(|_| Err(StoreError::Unavailable("no answer in time".to_owned())))
}

#[async_trait]
impl Store for FirestoreStore {
    async fn ready(&self) -> Result<(), StoreError> {
        match bounded(STEP, self.schema()).await? {
            Some(version) if version >= SCHEMA => self.check_indexes().await,
            _ => Err(StoreError::Refused("the schema is older than this program; run `rolitt migrate`".to_owned())),
        }
    }

    async fn migrate(&self) -> Result<(), StoreError> {
        if bounded(STEP, self.schema()).await?.is_some_and(|version| version >= SCHEMA) {
            return self.check_indexes().await;
        }
        let fields = Fields::from([("version".to_owned(), Value::Int(SCHEMA))]);
        let write = Write::set(schema_path(), fields, Precondition::None);
        bounded(STEP, self.client.commit_until_done(write)).await?;
        self.check_indexes().await
    }

    /// Connections end with the store.
    async fn close(&self) {}

    /// Every poll is billed as a read, whether it finds something or not.
    fn poll_interval(&self) -> Duration {
        Duration::from_secs(2)
    }
}
