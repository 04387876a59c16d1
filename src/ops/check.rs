//! `rolitt check`: tests the configuration and the connections, and changes nothing.

use clap::Args;
use serde_json::json;

use super::context::{OpenStore, print_json, print_line};
use crate::server::{
    config::{Config, Database, StoreConfig},
    http::client::client,
    payments::{Prices, stripe::Stripe},
};

#[derive(Args)]
pub struct Check {
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// What was checked, and the detail to print for success or for failure.
type Finding = (&'static str, Result<String, String>);

impl Check {
    /// Fails if any check failed. The configuration was read before this runs, so it is correct.
    pub(super) async fn run(self, config: &Config) -> anyhow::Result<()> {
        let configuration = ("configuration", Ok("every variable is valid".to_owned()));
        let findings = [configuration, ("database", database(config).await), ("stripe", stripe(config).await)];
        let failed = findings.iter().filter(|(_, result)| result.is_err()).count();
        if self.json {
            print_findings_as_json(&findings, failed == 0)?;
        } else {
            for (name, result) in &findings {
                match result {
                    Ok(detail) => print_line(&format!("ok    {name}: {detail}"))?,
                    Err(error) => print_line(&format!("FAIL  {name}: {error}"))?,
                }
            }
        }
        anyhow::ensure!(failed == 0, "{failed} check(s) failed; each FAIL line above names its cause");
        Ok(())
    }
}

fn print_findings_as_json(findings: &[Finding], ok: bool) -> anyhow::Result<()> {
    let row = |(name, result): &Finding| {
        let detail = result.as_ref().unwrap_or_else(|error| error);
        json!({ "check": name, "ok": result.is_ok(), "detail": detail })
    };
    print_json(&json!({ "ok": ok, "checks": findings.iter().map(row).collect::<Vec<_>>() }))
}

async fn database(config: &Config) -> Result<String, String> {
    let chosen = &config.storage.chosen;
    if let StoreConfig::Postgres(Database::Embedded) = chosen {
        return Ok("`rolitt serve` will start an embedded PostgreSQL".to_owned());
    }
    let open = OpenStore::open(config, chosen).await.map_err(|error| format!("{error:#}"))?;
    let ready = open.store.ready().await;
    open.close().await;
    ready.map(|()| "reachable, and its schema is current".to_owned()).map_err(|error| error.to_string())
}

/// Checks that Stripe accepts the key and has a price for every color.
async fn stripe(config: &Config) -> Result<String, String> {
    if config.sandbox.as_ref().is_some_and(|need| need.stripe) {
        let will_start = crate::SERVE_SANDBOX.map(|_| "`rolitt serve` will start the sandbox".to_owned());
        return will_start.ok_or_else(|| "this build has no sandbox; set STRIPE_SECRET_KEY (a test key)".to_owned());
    }
    let http = client().map_err(|error| error.to_string())?;
    let stripe = Stripe::new(&config.stripe, http);
    let catalogue = &config.catalogue;
    let prices = Prices::prices(&stripe, &catalogue.product).await.map_err(|error| error.to_string())?;
    let without_price: Vec<_> = catalogue
        .colors
        .iter()
        .filter(|(_, id)| id.as_ref().is_none_or(|id| !prices.contains_key(id.as_str())))
        .map(|(color, _)| color.as_str())
        .collect();
    if without_price.is_empty() {
        Ok("reachable, and every color has a price".to_owned())
    } else {
        Err(format!(
            "the product has no active one-time price for: {}; create the price at Stripe, or correct COLOR_PRICE_MAP_JSON",
            without_price.join(", ")
        ))
    }
}
