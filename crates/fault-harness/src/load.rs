//! Customers: they choose, go to the payment page, pay, come back, and try again where the shop
//! does not respond.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::Context as _;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, sleep_until};

use super::{contract::COLORS, ledger::Ledger};

/// How long a customer keeps trying.
const PATIENCE: Duration = Duration::from_mins(3);

/// The customers of one run.
#[derive(Clone)]
pub struct Load {
    /// The origin of the shop.
    pub shop: String,
    pub seed: u64,
    /// How many customers pay.
    pub paying: u64,
    /// How many more do everything except pay, or pay by a method that fails in the end; as a share
    /// of the paying ones.
    pub others: f64,
    /// How many customers are in the shop at the same time.
    pub concurrency: u64,
    /// How many customers begin in a second at most; `None` for no limit.
    pub rate: Option<f64>,
}

/// What one customer does.
#[derive(Clone, Copy)]
enum Visit {
    /// Pays by card.
    Card,
    /// Pays by a delayed method that succeeds.
    Delayed,
    /// Pays by a delayed method that fails.
    DelayedFailure,
    /// Leaves the payment page.
    Leaves,
}

/// Sells to all customers of `load`. `done` counts the visits that have ended.
///
/// # Errors
/// If a customer got no payment page in time, or could not pay.
pub async fn sell(load: Load, ledger: Arc<Ledger>, http: reqwest::Client, done: Arc<AtomicU64>) -> anyhow::Result<()> {
    let next = Arc::new(AtomicU64::new(0));
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        clippy::cast_possible_truncation,
        reason = "a share of a small number"
    )]
    let all = load.paying + (load.paying as f64 * load.others) as u64;
    let began = Instant::now();
    let mut customers = tokio::task::JoinSet::new();
    for _ in 0..load.concurrency {
        let (load, ledger, http, next, done) = (load.clone(), ledger.clone(), http.clone(), next.clone(), done.clone());
        customers.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= all {
                    return anyhow::Ok(());
                }
                #[expect(clippy::cast_precision_loss, reason = "a rate need not be exact")]
                if let Some(rate) = load.rate {
                    sleep_until(began + Duration::from_secs_f64(number as f64 / rate)).await;
                }
                // Each customer has their own dice, so that the order in which they come does not
                // matter.
                let dice = StdRng::seed_from_u64(load.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(number));
                visit(&load, number, dice, &ledger, &http).await.with_context(|| format!("customer {number}"))?;
                done.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    while let Some(ended) = customers.join_next().await {
        ended??;
    }
    Ok(())
}

async fn visit(
    load: &Load,
    number: u64,
    mut dice: StdRng,
    ledger: &Ledger,
    http: &reqwest::Client,
) -> anyhow::Result<()> {
    let visit = if number < load.paying {
        if dice.random_bool(0.05) { Visit::Delayed } else { Visit::Card }
    } else if dice.random_bool(0.5) {
        Visit::DelayedFailure
    } else {
        Visit::Leaves
    };
    let color = COLORS[dice.random_range(0..COLORS.len())];
    let session = checkout(load, number, color, dice.random_bool(0.1), http).await?;
    let comes_back = dice.random_bool(0.1);
    let means = match visit {
        Visit::Leaves => return Ok(()),
        Visit::Card => Ledger::card(),
        Visit::Delayed => json!({ "method": "delayed", "outcome": "succeed" }),
        Visit::DelayedFailure => json!({ "method": "delayed", "outcome": "fail" }),
    };
    ledger.pay(&session, &means).await?;
    if comes_back {
        // The response does not matter: the order must neither depend on this request nor be
        // doubled by it.
        let _ = http.get(format!("{}/checkout/success?session_id={session}", load.shop)).send().await;
    }
    Ok(())
}

/// Posts the form until it leads to a payment page, as a customer does who presses the button
/// again. Returns the session's id.
async fn checkout(
    load: &Load,
    number: u64,
    color: &str,
    double_click: bool,
    http: &reqwest::Client,
) -> anyhow::Result<String> {
    let attempt = format!("faults-{}-{number}", load.seed);
    let email = format!("customer-{number}@example.com");
    let fields = [("color", color), ("email", &email), ("locale", "en"), ("attempt", &attempt)];
    let form = serde_urlencoded::to_string(fields)?;
    let post = || {
        http.post(format!("{}/api/create_checkout", load.shop))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("accept", "application/json")
            .body(form.clone())
            .send()
    };
    let began = Instant::now();
    loop {
        // Both clicks of a double click must lead to the same page.
        let response = if double_click { tokio::join!(post(), post()).0 } else { post().await };
        if let Ok(response) = response
            && response.status().is_success()
            && let Ok(body) = response.bytes().await
        {
            let body: Value = serde_json::from_slice(&body)?;
            let url = body["url"].as_str().context("no url")?;
            return Ok(url.rsplit('/').next().unwrap_or_default().to_owned());
        }
        anyhow::ensure!(began.elapsed() < PATIENCE, "no checkout session in {PATIENCE:?}");
        sleep(Duration::from_millis(300)).await;
    }
}
