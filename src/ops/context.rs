//! What commands work on: the shop without listeners and workers, and its store.
//!
//! A command runs the same use cases on the same store as the server. What it causes outside
//! (messages in the outbox) is sent by the running server.

use std::{io::Write as _, sync::Arc};

use anyhow::Context as _;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::server::{
    config::{Config, Database, DevelopmentConfig, StoreConfig},
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

/// The shop for the time of one command.
pub(super) struct ShopContext {
    pub(super) shop: Arc<Shop>,
    store: OpenStore,
}

impl ShopContext {
    /// Opens the configured store, and checks that its schema is the one of this program.
    pub(super) async fn open(config: &Config) -> anyhow::Result<Self> {
        let store = OpenStore::open(config, &config.storage.chosen).await?;
        let shop = Shop::new(config, store.store.clone(), client()?, CancellationToken::new());
        if shop.klaviyo.is_none() {
            tracing::warn!("KLAVIYO_API_KEY is not set here: customers get no message about what this command does");
        }
        let context = Self { shop: Arc::new(shop), store };
        if let Err(error) = context.shop.store.ready().await {
            context.close().await;
            return Err(error).context("the database is not ready");
        }
        Ok(context)
    }

    pub(super) async fn close(self) {
        self.store.close().await;
    }
}

/// An open store, with the embedded database that was started for it, if any.
pub struct OpenStore {
    pub store: Arc<dyn Store>,
    embedded: Option<Embedded>,
}

impl OpenStore {
    /// Opens `store`. An embedded database that already runs is adopted; otherwise it is started.
    ///
    /// # Errors
    /// If the store refuses the configuration. A store that is only unavailable is no error here:
    /// [`Store::ready`] reports it.
    pub async fn open(config: &Config, store: &StoreConfig) -> anyhow::Result<Self> {
        match store {
            StoreConfig::Postgres(Database::Url(url)) => {
                Ok(Self { store: Arc::new(PostgresStore::new(url)?), embedded: None })
            }
            StoreConfig::Postgres(Database::Embedded) => {
                let DevelopmentConfig { data_dir, search_path } = &config.development;
                let embedded = Embedded::start(data_dir, search_path.clone(), Purpose::Development).await?;
                Ok(Self { store: Arc::new(PostgresStore::new(embedded.url())?), embedded: Some(embedded) })
            }
            StoreConfig::Firestore(config) => {
                let store = FirestoreStore::new(config);
                // A wrong project or missing credentials stay wrong; an unavailable store may
                // return.
                if let Err(refused @ StoreError::Refused(_)) = store.reach().await {
                    return Err(refused).context("cannot open Firestore");
                }
                Ok(Self { store: Arc::new(store), embedded: None })
            }
        }
    }

    /// Closes the store, and stops the embedded database if no other process uses it.
    pub async fn close(self) {
        self.store.close().await;
        if let Some(embedded) = self.embedded {
            embedded.stop().await;
        }
    }
}

/// Prints one line to standard output, for a person.
pub(super) fn print_line(line: &str) -> anyhow::Result<()> {
    writeln!(std::io::stdout(), "{line}")?;
    Ok(())
}

/// Prints `value` to standard output as JSON, for a program.
pub(super) fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    print_line(&serde_json::to_string_pretty(value)?)
}
