//! The bodies of the subcommands. Each prints what it found and fails with one line that says what to mend.

use std::ffi::OsString;

use anyhow::Context;
use serde_json::json;

use super::context::{OpenStore, print_line};
use crate::server::{
    config::{Config, Database, StoreConfig},
    http::client::client,
    payments::{Prices, stripe::Stripe},
    store::postgres::embedded::{Embedded, Purpose},
};

/// `rolitt migrate`.
pub async fn migrate(config: &Config, path: Option<OsString>) -> anyhow::Result<()> {
    let store = OpenStore::open(config, &config.storage.chosen, path).await?;
    let result = store.store.migrate().await.context("migrating the database");
    store.close().await;
    result?;
    print_line("the database's schema is up to date")
}

/// `rolitt check`: the configuration has been read when this runs.
pub async fn check(config: &Config, as_json: bool) -> anyhow::Result<()> {
    let mut findings: Vec<(&str, Result<String, String>)> = vec![("configuration", Ok("reads".to_owned()))];
    let database = match &config.storage.chosen {
        StoreConfig::Postgres(Database::Embedded) => Ok("an embedded PostgreSQL will be started".to_owned()),
        chosen => match OpenStore::open(config, chosen, None).await {
            Ok(open) => {
                let ready = open.store.ready().await;
                open.close().await;
                ready.map(|()| "answers, and its schema is current".to_owned()).map_err(|error| error.to_string())
            }
            Err(error) => Err(format!("{error:#}")),
        },
    };
    findings.push(("database", database));
    if config.sandbox.as_ref().is_some_and(|need| need.stripe) {
        let started = crate::SERVE_SANDBOX.map(|_| "the sandbox will be started".to_owned());
        let missing = "this build has no sandbox; set STRIPE_SECRET_KEY (a test key)";
        findings.push(("stripe", started.ok_or_else(|| missing.to_owned())));
    } else {
        findings.push(("stripe", prices(config).await));
    }
    let failures = findings.iter().filter(|(_, result)| result.is_err()).count();
    if as_json {
        let rows: Vec<_> = findings
            .iter()
            .map(|(name, result)| json!({ "check": name, "ok": result.is_ok(), "detail": result.as_ref().unwrap_or_else(|error| error) }))
            .collect();
        print_line(&serde_json::to_string_pretty(&json!({ "ok": failures == 0, "checks": rows }))?)?;
    } else {
        for (name, result) in &findings {
            match result {
                Ok(detail) => print_line(&format!("ok    {name}: {detail}"))?,
                Err(error) => print_line(&format!("FAIL  {name}: {error}"))?,
            }
        }
    }
    anyhow::ensure!(failures == 0, "{failures} check(s) failed");
    Ok(())
}

/// Whether the key is accepted, and every color has its price.
async fn prices(config: &Config) -> Result<String, String> {
    let http = client().map_err(|error| error.to_string())?;
    let stripe = Stripe::new(&config.stripe, http);
    let prices = Prices::prices(&stripe, &config.catalogue.product).await.map_err(|error| error.to_string())?;
    let missing: Vec<_> = config
        .catalogue
        .colors
        .iter()
        .filter(|(_, id)| id.as_ref().is_none_or(|id| !prices.contains_key(id.as_str())))
        .map(|(color, _)| color.as_str())
        .collect();
    if missing.is_empty() {
        Ok("answers, and every color has a price".to_owned())
    } else {
        Err(format!("no active one-time price of the product for: {}", missing.join(", ")))
    }
}

/// `rolitt postgres start`: for scripts that need a database before the shop runs.
pub async fn start_postgres(config: &Config, path: Option<OsString>) -> anyhow::Result<()> {
    let embedded = Embedded::start(&config.data_dir, path, Purpose::Development).await?;
    embedded.leave_running()?;
    print_line(&format!("PostgreSQL runs; its URL is in {}", config.data_dir.join("database-url").display()))
}

/// `rolitt postgres stop`.
pub fn stop_postgres(config: &Config, path: Option<OsString>) -> anyhow::Result<()> {
    Embedded::stop_any(&config.data_dir, path)?;
    print_line("PostgreSQL is stopped")
}
