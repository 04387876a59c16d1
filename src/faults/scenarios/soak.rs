//! Half an hour of load: what a process holds must not grow.

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
    buyers::{self, Crowd},
    slow::descriptors,
    stage::{Build, Ground, Stage},
};

#[derive(Args)]
pub struct Soak {
    #[arg(long, default_value_t = 30.0)]
    minutes: f64,
    /// Events a second.
    #[arg(long, default_value_t = 100.0)]
    pace: f64,
    /// Pages a second beside them.
    #[arg(long, default_value_t = 5.0)]
    pages: f64,
    /// Where the plot goes.
    #[arg(long)]
    plot: Option<PathBuf>,
}

/// How fast memory may grow, in MiB a minute.
const SLOPE: f64 = 1.0;

/// How often a look is taken.
const EVERY: Duration = Duration::from_secs(10);

struct Sample {
    minute: f64,
    memory: f64,
    descriptors: u64,
    connections: u64,
}

impl Soak {
    pub async fn run(&self, ground: &Ground) -> anyhow::Result<bool> {
        let stage = Stage::build(ground, Build::default()).await?;
        let pace = self.pace / EVENTS;
        #[expect(clippy::cast_sign_loss, clippy::cast_possible_truncation, reason = "some ten thousand")]
        let crowd = Crowd {
            shop: stage.shop(),
            seed: ground.seed,
            paying: (pace * self.minutes * 60.0) as u64,
            others: 0.0,
            together: 128,
            pace: Some(pace),
        };
        let done = Arc::new(AtomicU64::new(0));
        let selling = tokio::spawn(buyers::buy(crowd, stage.ledger.clone(), stage.http.clone(), done));
        let browsing = tokio::spawn(browse(stage.shop(), stage.http.clone(), self.pages));
        let process = stage.instances[0].process().context("no process")?;
        let (began, mut samples) = (Instant::now(), Vec::new());
        while !selling.is_finished() {
            samples.push(Sample {
                minute: began.elapsed().as_secs_f64() / 60.0,
                memory: memory(process)?,
                descriptors: descriptors(process)?,
                connections: stage.oracle.count("connections").await?,
            });
            sleep(EVERY).await;
        }
        selling.await??;
        browsing.abort();
        let settled = stage.oracle.settled(&stage.ledger, Duration::from_mins(3)).await?;
        let verdict = stage.oracle.judge(&stage.ledger, settled).await?;
        print!("{verdict}");
        let good = self.judge(&samples)? && verdict.good();
        stage.end(!good).await?;
        Ok(good)
    }

    /// From the second third on: what is warmed up once is no leak.
    fn judge(&self, samples: &[Sample]) -> anyhow::Result<bool> {
        let settled = &samples[samples.len() / 3..];
        let (first, last) = (settled.first().context("too short")?, settled.last().context("too short")?);
        let slope = slope(settled);
        let most = |part: &[Sample], of: fn(&Sample) -> u64| part.iter().map(of).max().unwrap_or_default();
        let half = settled.len() / 2;
        let held = most(&settled[half..], |sample| sample.descriptors);
        let held_before = most(&settled[..half], |sample| sample.descriptors);
        let connections = most(settled, |sample| sample.connections);
        println!("  {slope:>8.3} MiB a minute, from {:.1} to {:.1} MiB", first.memory, last.memory);
        println!("  {held:>8} descriptors at most in the last part, {held_before} in the one before");
        println!("  {connections:>8} connections to the database at most");
        if let Some(path) = &self.plot {
            fs::write(path, plot(samples))?;
        }
        // The pool has sixteen, and migrations one for a moment.
        Ok(slope < SLOPE && held <= held_before + held_before / 4 + 8 && connections <= 17)
    }
}

async fn browse(shop: String, http: reqwest::Client, pace: f64) {
    for path in ["/", "/?color=red", "/checkout/cancel", "/nowhere", "/api/offers"].iter().cycle() {
        let (http, url) = (http.clone(), format!("{shop}{path}"));
        tokio::spawn(async move {
            let _ = async { http.get(url).send().await?.bytes().await }.await;
        });
        sleep(Duration::from_secs_f64(1.0 / pace)).await;
    }
}

/// Resident memory in MiB.
fn memory(process: u32) -> anyhow::Result<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kib: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib / 1024.0)
}

/// The line through the samples that is nearest to all of them.
fn slope(samples: &[Sample]) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "hundreds")]
    let number = samples.len() as f64;
    let mean = |of: fn(&Sample) -> f64| samples.iter().map(of).sum::<f64>() / number;
    let (minute, memory) = (mean(|sample| sample.minute), mean(|sample| sample.memory));
    let together: f64 = samples.iter().map(|sample| (sample.minute - minute) * (sample.memory - memory)).sum();
    let alone: f64 = samples.iter().map(|sample| (sample.minute - minute).powi(2)).sum();
    if alone > 0.0 { together / alone } else { 0.0 }
}

/// What a panel shows, and where that is in a sample.
type Panel = (&'static str, fn(&Sample) -> f64);

/// Memory, descriptors and connections over the minutes, as a picture.
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
