//! The shop as the merchant's commands use it: the same use cases on the same store, without listeners and without workers. What
//! a command causes outside is sent by the running server.

use std::{ffi::OsString, io::Write, sync::Arc};

use anyhow::Context;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::server::{
    config::{Config, Database},
    http,
    state::Shop,
    store::{
        Store,
        postgres::{
            PostgresStore,
            embedded::{Embedded, Purpose},
        },
    },
};

pub struct Desk {
    pub shop: Arc<Shop>,
    store: PostgresStore,
    embedded: Option<Embedded>,
}

impl Desk {
    /// Opens the store, and makes sure that its schema is this program's.
    pub async fn open(config: &Config, path: Option<OsString>) -> anyhow::Result<Self> {
        let (store, embedded) = open_store(config, path).await?;
        let shop = Shop::new(config, Arc::new(store.clone()), http::client()?, CancellationToken::new());
        if shop.klaviyo.is_none() {
            tracing::warn!("KLAVIYO_API_KEY is not set here: customers are told nothing of what this command does");
        }
        let desk = Self { shop: Arc::new(shop), store, embedded };
        if let Err(error) = desk.store.ready().await {
            desk.close().await;
            return Err(error).context("the database is not ready");
        }
        Ok(desk)
    }

    pub async fn close(self) {
        self.store.close().await;
        if let Some(embedded) = self.embedded {
            embedded.stop().await;
        }
    }
}

/// The store of this configuration; the embedded database is adopted where it runs already.
pub async fn open_store(config: &Config, path: Option<OsString>) -> anyhow::Result<(PostgresStore, Option<Embedded>)> {
    match &config.database {
        Database::Url(url) => Ok((PostgresStore::new(url)?, None)),
        Database::Embedded => {
            let embedded = Embedded::start(&config.data_dir, path, Purpose::Development).await?;
            Ok((PostgresStore::new(embedded.url())?, Some(embedded)))
        }
    }
}

/// One line for a person.
pub fn say(line: &str) -> anyhow::Result<()> {
    writeln!(std::io::stdout(), "{line}")?;
    Ok(())
}

/// One value for a program.
pub fn say_json(value: &impl Serialize) -> anyhow::Result<()> {
    say(&serde_json::to_string_pretty(value)?)
}
