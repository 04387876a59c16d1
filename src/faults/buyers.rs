//! Customers: they choose, are sent to pay, pay, and come back, and try again where the shop does not answer.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::Context as _;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use rolitt::domain::product::ProductColor;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, sleep_until};

use super::ledger::Ledger;

/// How long a customer goes on trying.
const PATIENCE: Duration = Duration::from_mins(3);

/// Who buys, how many of them, and how fast.
#[derive(Clone)]
pub struct Crowd {
    /// Where the shop is reached.
    pub shop: String,
    pub seed: u64,
    /// How many pay.
    pub paying: u64,
    /// How many more do everything but pay, or pay by a method that fails in the end; a share of those who pay.
    pub others: f64,
    /// How many are in the shop at the same time.
    pub together: u64,
    /// How many begin in a second at most; `None` for as many as there is room for.
    pub pace: Option<f64>,
}

/// How one customer's visit goes.
#[derive(Clone, Copy)]
enum Visit {
    Card,
    /// Pays by a method that takes its time, and succeeds.
    Delayed,
    DelayedFailure,
    /// Leaves the payment page.
    Leaves,
}

/// Sells to all of them. `done` counts those who are through.
pub async fn buy(crowd: Crowd, ledger: Arc<Ledger>, http: reqwest::Client, done: Arc<AtomicU64>) -> anyhow::Result<()> {
    let next = Arc::new(AtomicU64::new(0));
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        clippy::cast_possible_truncation,
        reason = "a share of few"
    )]
    let all = crowd.paying + (crowd.paying as f64 * crowd.others) as u64;
    let began = Instant::now();
    let mut buyers = tokio::task::JoinSet::new();
    for _ in 0..crowd.together {
        let (crowd, ledger, http, next, done) =
            (crowd.clone(), ledger.clone(), http.clone(), next.clone(), done.clone());
        buyers.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= all {
                    return anyhow::Ok(());
                }
                #[expect(clippy::cast_precision_loss, reason = "a pace is no exact thing")]
                if let Some(pace) = crowd.pace {
                    sleep_until(began + Duration::from_secs_f64(number as f64 / pace)).await;
                }
                // Each customer's own dice, so that the order in which they come does not matter.
                let dice = StdRng::seed_from_u64(crowd.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(number));
                visit(&crowd, number, dice, &ledger, &http).await.with_context(|| format!("customer {number}"))?;
                done.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    while let Some(ended) = buyers.join_next().await {
        ended??;
    }
    Ok(())
}

async fn visit(
    crowd: &Crowd,
    number: u64,
    mut dice: StdRng,
    ledger: &Ledger,
    http: &reqwest::Client,
) -> anyhow::Result<()> {
    let visit = if number < crowd.paying {
        if dice.random_bool(0.05) { Visit::Delayed } else { Visit::Card }
    } else if dice.random_bool(0.5) {
        Visit::DelayedFailure
    } else {
        Visit::Leaves
    };
    let color = ProductColor::ALL[dice.random_range(0..ProductColor::ALL.len())];
    let session = checkout(crowd, number, color, dice.random_bool(0.1), http).await?;
    let comes_back = dice.random_bool(0.1);
    let means = match visit {
        Visit::Leaves => return Ok(()),
        Visit::Card => Ledger::card(),
        Visit::Delayed => json!({ "method": "delayed", "outcome": "succeed" }),
        Visit::DelayedFailure => json!({ "method": "delayed", "outcome": "fail" }),
    };
    ledger.pay(&session, &means).await?;
    if comes_back {
        // Whatever it answers: the order must not depend on it, nor be doubled by it.
        let _ = http.get(format!("{}/checkout/success?session_id={session}", crowd.shop)).send().await;
    }
    Ok(())
}

/// Posts the form until it leads to a payment page, as a customer does who presses the button again.
async fn checkout(
    crowd: &Crowd,
    number: u64,
    color: ProductColor,
    impatient: bool,
    http: &reqwest::Client,
) -> anyhow::Result<String> {
    let attempt = format!("faults-{}-{number}", crowd.seed);
    let email = format!("customer-{number}@example.com");
    let fields = [("color", color.as_str()), ("email", &email), ("locale", "en"), ("attempt", &attempt)];
    let form = serde_urlencoded::to_string(fields)?;
    let post = || {
        http.post(format!("{}/api/create_checkout", crowd.shop))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("accept", "application/json")
            .body(form.clone())
            .send()
    };
    let began = Instant::now();
    loop {
        // A double click: both must lead to the same page.
        let answer = if impatient { tokio::join!(post(), post()).0 } else { post().await };
        if let Ok(answer) = answer
            && answer.status().is_success()
            && let Ok(body) = answer.bytes().await
        {
            let body: Value = serde_json::from_slice(&body)?;
            let url = body["url"].as_str().context("no url")?;
            return Ok(url.rsplit('/').next().unwrap_or_default().to_owned());
        }
        anyhow::ensure!(began.elapsed() < PATIENCE, "no checkout session in {PATIENCE:?}");
        sleep(Duration::from_millis(300)).await;
    }
}
