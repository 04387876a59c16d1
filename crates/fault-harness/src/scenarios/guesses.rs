//! Guessing at orders: neither the response nor its time may show whether a number exists.

use std::{
    collections::BTreeSet,
    sync::{Arc, atomic::AtomicU64},
};

use clap::Args;
use futures::{StreamExt as _, stream};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use tokio::time::Instant;

use crate::{
    load::{self, Load},
    testbed::{RunOptions, Setup, Testbed},
};

#[derive(Args)]
pub struct Guesses {
    /// How many guesses are made.
    #[arg(long, default_value_t = 10_000)]
    guesses: u64,
    /// How many responses of each kind are timed, one after another.
    #[arg(long, default_value_t = 2000)]
    samples: usize,
}

/// The bound of Welch's t: above it the two kinds take different times, two-sided at p = 0.01 with
/// thousands of samples.
const T: f64 = 2.576;

/// The share of the slowest responses that is left out of each kind: pauses of the machine itself.
const OUTLIERS: f64 = 0.05;

/// How many requests come before the counted ones, to warm the machine up.
const WARM_UP: usize = 200;

impl Guesses {
    pub async fn run(&self, options: &RunOptions) -> anyhow::Result<bool> {
        let testbed = Testbed::start(options, Setup::default()).await?;
        let load =
            Load { shop: testbed.shop(), seed: options.seed, paying: 50, others: 0.0, concurrency: 8, rate: None };
        load::sell(load, testbed.ledger.clone(), testbed.http.clone(), Arc::new(AtomicU64::new(0))).await?;
        let idle = testbed.oracle.wait_until_idle(&testbed.ledger, std::time::Duration::from_mins(1)).await?;
        let numbers: Vec<String> = testbed.oracle.numbers().await?.into_values().collect();
        let mut dice = StdRng::seed_from_u64(options.seed);
        // Without the balancer, which would only blur the times.
        let shop = format!("http://{}", testbed.instances[0].public);
        let mut url = |known: bool| {
            let number = if known {
                numbers[dice.random_range(0..numbers.len())].clone()
            } else {
                format!("ROL-{:08}", dice.random_range(0..100_000_000))
            };
            let token: [u8; 32] = dice.random();
            format!("{shop}/orders/{number}?token={}", hex::encode(token))
        };
        let (mut responses, mut times) = (BTreeSet::new(), [Vec::new(), Vec::new()]);
        let mut order = StdRng::seed_from_u64(options.seed ^ 1);
        let mut sent = 0;
        while sent < WARM_UP || times.iter().any(|times| times.len() < self.samples) {
            let known = order.random_bool(0.5);
            let url = url(known);
            let began = Instant::now();
            let response = testbed.http.get(url).send().await?;
            let status = response.status();
            let length = response.bytes().await?.len();
            let took = began.elapsed().as_secs_f64();
            responses.insert((status, length));
            sent += 1;
            if sent > WARM_UP && times[usize::from(known)].len() < self.samples {
                times[usize::from(known)].push(took);
            }
        }
        let rest: Vec<String> = (sent as u64..self.guesses).map(|number| url(number % 2 == 0)).collect();
        let http = &testbed.http;
        let mut more = stream::iter(rest)
            .map(|url| async move {
                let response = http.get(url).send().await?;
                Ok::<_, reqwest::Error>((response.status(), response.bytes().await?.len()))
            })
            .buffer_unordered(16);
        while let Some(response) = more.next().await {
            responses.insert(response?);
            sent += 1;
        }
        drop(more);
        let [unknown, known] = times.map(without_outliers);
        let t = welch(&unknown, &known);
        println!("guesses");
        println!("  {sent:>8} guesses, with {} kinds of responses: {responses:?}", responses.len());
        println!(
            "  {:>8.0} µs for a number that does not exist, {:.0} µs for one that does; t = {t:.2}",
            mean(&unknown) * 1e6,
            mean(&known) * 1e6
        );
        let good = idle && responses.len() == 1 && t.abs() < T;
        if !good {
            println!("  BROKEN");
        }
        testbed.end(!good).await?;
        Ok(good)
    }
}

/// Leaves out the slowest responses.
fn without_outliers(mut times: Vec<f64>) -> Vec<f64> {
    times.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        clippy::cast_possible_truncation,
        reason = "a share of thousands"
    )]
    times.truncate((times.len() as f64 * (1.0 - OUTLIERS)) as usize);
    times
}

fn mean(times: &[f64]) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "thousands")]
    let number = times.len() as f64;
    times.iter().sum::<f64>() / number
}

/// Returns Welch's t statistic of two samples.
fn welch(one: &[f64], other: &[f64]) -> f64 {
    let spread = |times: &[f64]| {
        let middle = mean(times);
        #[expect(clippy::cast_precision_loss, reason = "thousands")]
        let number = times.len() as f64;
        times.iter().map(|time| (time - middle).powi(2)).sum::<f64>() / (number - 1.0) / number
    };
    (mean(one) - mean(other)) / (spread(one) + spread(other)).sqrt()
}
