//! Half an hour of load: the memory, descriptors and connections of a process must not grow.

use std::{
    fmt::Write as _,
    fs,
    path::PathBuf,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use anyhow::Context as _;
use clap::Args;
use tokio::time::{Instant, sleep};

use super::rolling::EVENTS;
use crate::{
    load::{self, Load},
    slow_clients::descriptors,
    testbed::{RunOptions, Setup, Testbed},
};

#[derive(Args)]
pub struct Soak {
    /// How long the load lasts.
    #[arg(long, default_value_t = 30.0)]
    minutes: f64,
    /// Events per second.
    #[arg(long, default_value_t = 100.0)]
    rate: f64,
    /// Pages per second at the same time.
    #[arg(long, default_value_t = 5.0)]
    pages: f64,
    /// The file for the plot, as SVG.
    #[arg(long)]
    plot: Option<PathBuf>,
}

/// How fast memory may grow, in MiB per minute.
const SLOPE: f64 = 1.0;

/// The time between two samples.
const EVERY: Duration = Duration::from_secs(10);

struct Sample {
    minute: f64,
    memory: f64,
    descriptors: u64,
    connections: u64,
}

impl Soak {
    pub async fn run(&self, options: &RunOptions) -> anyhow::Result<bool> {
        let testbed = Testbed::start(options, Setup::default()).await?;
        let rate = self.rate / EVENTS;
        #[expect(clippy::cast_sign_loss, clippy::cast_possible_truncation, reason = "some ten thousand")]
        let load = Load {
            shop: testbed.shop(),
            seed: options.seed,
            paying: (rate * self.minutes * 60.0) as u64,
            others: 0.0,
            concurrency: 128,
            rate: Some(rate),
        };
        let done = Arc::new(AtomicU64::new(0));
        let selling = tokio::spawn(load::sell(load, testbed.ledger.clone(), testbed.http.clone(), done));
        let browsing = tokio::spawn(browse(testbed.shop(), testbed.http.clone(), self.pages));
        let process = testbed.instances[0].process().context("no process")?;
        let (began, mut samples) = (Instant::now(), Vec::new());
        while !selling.is_finished() {
            samples.push(Sample {
                minute: began.elapsed().as_secs_f64() / 60.0,
                memory: memory(process)?,
                descriptors: descriptors(process)?,
                connections: testbed.oracle.count("connections").await?,
            });
            sleep(EVERY).await;
        }
        selling.await??;
        browsing.abort();
        let idle = testbed.oracle.wait_until_idle(&testbed.ledger, Duration::from_mins(3)).await?;
        let verdict = testbed.oracle.judge(&testbed.ledger, idle).await?;
        print!("{verdict}");
        let good = self.judge(&samples)? && verdict.good();
        testbed.end(!good).await?;
        Ok(good)
    }

    /// Judges the samples from the second third on: what a process allocates once is no leak.
    fn judge(&self, samples: &[Sample]) -> anyhow::Result<bool> {
        let steady = &samples[samples.len() / 3..];
        let (first, last) = (steady.first().context("too short")?, steady.last().context("too short")?);
        let slope = slope(steady);
        let most = |part: &[Sample], of: fn(&Sample) -> u64| part.iter().map(of).max().unwrap_or_default();
        let half = steady.len() / 2;
        let held = most(&steady[half..], |sample| sample.descriptors);
        let held_before = most(&steady[..half], |sample| sample.descriptors);
        let connections = most(steady, |sample| sample.connections);
        println!("  {slope:>8.3} MiB per minute, from {:.1} to {:.1} MiB", first.memory, last.memory);
        println!("  {held:>8} descriptors at most in the last part, {held_before} in the part before");
        println!("  {connections:>8} connections to the database at most");
        if let Some(path) = &self.plot {
            fs::write(path, plot(samples))?;
        }
        // The pool has sixteen connections; migrations have one for a moment.
        Ok(slope < SLOPE && held <= held_before + held_before / 4 + 8 && connections <= 17)
    }
}

/// Requests pages until the task is aborted.
async fn browse(shop: String, http: reqwest::Client, rate: f64) {
    for path in ["/", "/?color=red", "/checkout/cancel", "/nowhere", "/api/offers"].iter().cycle() {
        let (http, url) = (http.clone(), format!("{shop}{path}"));
        tokio::spawn(async move {
            let _ = async { http.get(url).send().await?.bytes().await }.await;
        });
        sleep(Duration::from_secs_f64(1.0 / rate)).await;
    }
}

/// Returns the resident memory of a process in MiB.
fn memory(process: u32) -> anyhow::Result<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kib: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib / 1024.0)
}

/// Returns the slope of the line that fits memory over time best (least squares).
fn slope(samples: &[Sample]) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "hundreds")]
    let number = samples.len() as f64;
    let mean = |of: fn(&Sample) -> f64| samples.iter().map(of).sum::<f64>() / number;
    let (minute, memory) = (mean(|sample| sample.minute), mean(|sample| sample.memory));
    let concurrency: f64 = samples.iter().map(|sample| (sample.minute - minute) * (sample.memory - memory)).sum();
    let alone: f64 = samples.iter().map(|sample| (sample.minute - minute).powi(2)).sum();
    if alone > 0.0 { concurrency / alone } else { 0.0 }
}

/// The title of a panel, and the value of a sample that it shows.
type Panel = (&'static str, fn(&Sample) -> f64);

/// Draws memory, descriptors and connections over time.
fn plot(samples: &[Sample]) -> String {
    const WIDTH: f64 = 640.0;
    const HEIGHT: f64 = 120.0;
    let last = samples.last().map_or(1.0, |sample| sample.minute.max(0.1));
    let mut svg = String::from(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 720 480\" font-family=\"system-ui, sans-serif\" font-size=\"12\">\n<rect width=\"720\" height=\"480\" fill=\"#fbfaf7\"/>\n",
    );
    #[expect(clippy::cast_precision_loss, reason = "a picture")]
    let panels: [Panel; 3] = [
        ("resident memory, MiB", |sample| sample.memory),
        ("descriptors", |sample| sample.descriptors as f64),
        ("connections to the database", |sample| sample.connections as f64),
    ];
    for (panel, (name, of)) in panels.iter().enumerate() {
        #[expect(clippy::cast_precision_loss, reason = "three")]
        let top = 30.0 + panel as f64 * 150.0;
        let most = samples.iter().map(of).fold(1.0, f64::max) * 1.1;
        let points: Vec<String> = samples
            .iter()
            .map(|sample| {
                let (x, y) = (60.0 + sample.minute / last * WIDTH, top + HEIGHT - of(sample) / most * HEIGHT);
                format!("{x:.1},{y:.1}")
            })
            .collect();
        let bottom = top + HEIGHT;
        let _ = writeln!(
            svg,
            "<text x=\"60\" y=\"{:.0}\">{name}</text>\n<text x=\"54\" y=\"{:.0}\" text-anchor=\"end\">{most:.0}</text>\n<text x=\"54\" y=\"{bottom:.0}\" text-anchor=\"end\">0</text>\n<path d=\"M60 {top:.0}V{bottom:.0}H700\" fill=\"none\" stroke=\"#999\"/>\n<polyline points=\"{}\" fill=\"none\" stroke=\"#4a6b2a\" stroke-width=\"1.5\"/>",
            top - 6.0,
            top + 10.0,
            points.join(" "),
        );
    }
    let _ = writeln!(svg, "<text x=\"700\" y=\"470\" text-anchor=\"end\">{last:.0} minutes</text>\n</svg>");
    svg
}
