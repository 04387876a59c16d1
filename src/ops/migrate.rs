//! `rolitt migrate`.

use anyhow::Context as _;

use super::context::{OpenStore, print_line};
use crate::server::config::Config;

/// Migrates the configured store's schema to this version. Does nothing if it is current.
pub(super) async fn run(config: &Config) -> anyhow::Result<()> {
    let open = OpenStore::open(config, &config.storage.chosen).await?;
    let migrated = open.store.migrate().await.context("cannot migrate the database");
    open.close().await;
    migrated?;
    print_line("the database schema is up to date")
}
