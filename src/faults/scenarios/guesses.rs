//! Guessing at orders: neither what is answered nor how long it takes tells whether a number exists.

use std::{
    collections::BTreeSet,
    sync::{Arc, atomic::AtomicU64},
};

use clap::Args;
use futures::{StreamExt as _, stream};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use tokio::time::Instant;

use crate::{
    buyers::{self, Crowd},
    stage::{Build, Ground, Stage},
};

#[derive(Args)]
pub struct Guesses {
    /// How many guesses are made.
    #[arg(long, default_value_t = 10_000)]
    guesses: u64,
    /// How many answers are timed of each kind, one after another.
    #[arg(long, default_value_t = 2000)]
    samples: usize,
}

/// Welch's t above which the two kinds would take different times: two-sided, at p = 0.01 and thousands of samples.
const T: f64 = 2.576;

/// The share of the slowest that is left out of each kind: a machine's own hiccups.
const HICCUPS: f64 = 0.05;

/// Not among what is counted: the first requests warm the machine up.
const WARM_UP: usize = 200;

impl Guesses {
    pub async fn run(&self, ground: &Ground) -> anyhow::Result<bool> {
        let stage = Stage::build(ground, Build::default()).await?;
        let crowd = Crowd { shop: stage.shop(), seed: ground.seed, paying: 50, others: 0.0, together: 8, pace: None };
        buyers::buy(crowd, stage.ledger.clone(), stage.http.clone(), Arc::new(AtomicU64::new(0))).await?;
        let settled = stage.oracle.settled(&stage.ledger, std::time::Duration::from_mins(1)).await?;
        let numbers: Vec<String> = stage.oracle.numbers().await?.into_values().collect();
        let mut dice = StdRng::seed_from_u64(ground.seed);
        // Directly: a proxy between would only blur the times.
        let shop = format!("http://{}", stage.instances[0].public);
        let mut url = |known: bool| {
            let number = if known {
                numbers[dice.random_range(0..numbers.len())].clone()
            } else {
                format!("ROL-{:08}", dice.random_range(0..100_000_000))
            };
            let token: [u8; 32] = dice.random();
            format!("{shop}/orders/{number}?token={}", hex::encode(token))
        };
        let (mut answers, mut times) = (BTreeSet::new(), [Vec::new(), Vec::new()]);
        let mut order = StdRng::seed_from_u64(ground.seed ^ 1);
        let mut asked = 0;
        while asked < WARM_UP || times.iter().any(|times| times.len() < self.samples) {
            let known = order.random_bool(0.5);
            let url = url(known);
            let began = Instant::now();
            let answer = stage.http.get(url).send().await?;
            let status = answer.status();
            let length = answer.bytes().await?.len();
            let took = began.elapsed().as_secs_f64();
            answers.insert((status, length));
            asked += 1;
            if asked > WARM_UP && times[usize::from(known)].len() < self.samples {
                times[usize::from(known)].push(took);
            }
        }
        let rest: Vec<String> = (asked as u64..self.guesses).map(|number| url(number % 2 == 0)).collect();
        let http = &stage.http;
        let mut more = stream::iter(rest)
            .map(|url| async move {
                let answer = http.get(url).send().await?;
                Ok::<_, reqwest::Error>((answer.status(), answer.bytes().await?.len()))
            })
            .buffer_unordered(16);
        while let Some(answer) = more.next().await {
            answers.insert(answer?);
            asked += 1;
        }
        drop(more);
        let [unknown, known] = times.map(steady);
        let t = welch(&unknown, &known);
        println!("guesses");
        println!("  {asked:>8} guesses, with {} kinds of answers: {answers:?}", answers.len());
        println!(
            "  {:>8.0} µs for a number that does not exist, {:.0} µs for one that does; t = {t:.2}",
            mean(&unknown) * 1e6,
            mean(&known) * 1e6
        );
        let good = settled && answers.len() == 1 && t.abs() < T;
        if !good {
            println!("  BROKEN");
        }
        stage.end(!good).await?;
        Ok(good)
    }
}

/// Without the slowest.
fn steady(mut times: Vec<f64>) -> Vec<f64> {
    times.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        clippy::cast_possible_truncation,
        reason = "a share of thousands"
    )]
    times.truncate((times.len() as f64 * (1.0 - HICCUPS)) as usize);
    times
}

fn mean(times: &[f64]) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "thousands")]
    let number = times.len() as f64;
    times.iter().sum::<f64>() / number
}

/// Welch's t statistic of two samples.
fn welch(one: &[f64], other: &[f64]) -> f64 {
    let spread = |times: &[f64]| {
        let middle = mean(times);
        #[expect(clippy::cast_precision_loss, reason = "thousands")]
        let number = times.len() as f64;
        times.iter().map(|time| (time - middle).powi(2)).sum::<f64>() / (number - 1.0) / number
    };
    (mean(one) - mean(other)) / (spread(one) + spread(other)).sqrt()
}
