//! The shop as the merchant's commands use it: the same use cases on the same store, without listeners and without workers. What
//! a command causes outside is sent by the running server.

use std::{ffi::OsString, io::Write, sync::Arc};

use anyhow::Context;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::server::{
    config::{Config, Database, StoreConfig},
    http::client::client,
    state::Shop,
    store::{
        Store, StoreError,
        firestore::FirestoreStore,
        postgres::{
            PostgresStore,
            embedded::{Embedded, Purpose},
        },
    },
};

pub struct ShopContext {
    pub shop: Arc<Shop>,
    store: OpenStore,
}

impl ShopContext {
    /// Opens the store, and makes sure that its schema is this program's.
    pub async fn open(config: &Config, path: Option<OsString>) -> anyhow::Result<Self> {
        let store = OpenStore::open(config, &config.storage.chosen, path).await?;
        let shop = Shop::new(config, store.store.clone(), client()?, CancellationToken::new());
        if shop.klaviyo.is_none() {
            tracing::warn!("KLAVIYO_API_KEY is not set here: customers are told nothing of what this command does");
        }
        let context = Self { shop: Arc::new(shop), store };
        if let Err(error) = context.shop.store.ready().await {
            context.close().await;
            return Err(error).context("the database is not ready");
        }
        Ok(context)
    }

    pub async fn close(self) {
        self.store.close().await;
    }
}

/// A store, with the database server that was started for it.
pub struct OpenStore {
    pub store: Arc<dyn Store>,
    embedded: Option<Embedded>,
}

impl OpenStore {
    /// The store of this configuration; an embedded database is adopted where it runs already.
    pub async fn open(config: &Config, store: &StoreConfig, path: Option<OsString>) -> anyhow::Result<Self> {
        match store {
            StoreConfig::Postgres(Database::Url(url)) => {
                Ok(Self { store: Arc::new(PostgresStore::new(url)?), embedded: None })
            }
            StoreConfig::Postgres(Database::Embedded) => {
                let embedded = Embedded::start(&config.data_dir, path, Purpose::Development).await?;
                Ok(Self { store: Arc::new(PostgresStore::new(embedded.url())?), embedded: Some(embedded) })
            }
            StoreConfig::Firestore(config) => {
                let store = FirestoreStore::new(config);
                // A wrong project or a missing credential mends nothing by waiting; a store that is away may come back.
                if let Err(refused @ StoreError::Refused(_)) = store.reach().await {
                    return Err(refused).context("firestore");
                }
                Ok(Self { store: Arc::new(store), embedded: None })
            }
        }
    }

    pub async fn close(self) {
        self.store.close().await;
        if let Some(embedded) = self.embedded {
            embedded.stop().await;
        }
    }
}

/// One line for a person.
pub fn print_line(line: &str) -> anyhow::Result<()> {
    writeln!(std::io::stdout(), "{line}")?;
    Ok(())
}

/// One value for a program.
pub fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    print_line(&serde_json::to_string_pretty(value)?)
}
