//! Negative controls: the storm against programs that break one rule each. An oracle that does not notice is no oracle.

use clap::Args;
use rolitt::chaos::Control;

use super::storm::{Program, Storm, end};
use crate::{oracle::Invariant, stage::Ground};

#[derive(Args)]
pub struct Controls {
    /// How many customers pay in each run.
    #[arg(long, default_value_t = 1000)]
    sessions: u64,
}

impl Controls {
    pub async fn run(&self, ground: &Ground) -> anyhow::Result<bool> {
        let storm = Storm {
            sessions: self.sessions,
            instances: 2,
            program: Program::Chaos,
            duplicates: 0.5,
            crashes: 1,
            within: 15,
            together: 24,
            kills: 1,
            weather: true,
        };
        let mut good = true;
        for (control, expected) in [
            (None, None),
            (Some(Control::NoUniqueIndex), Some(Invariant::OnePreorderForEachPaidSession)),
            (Some(Control::InlineSend), Some(Invariant::ToldOnce)),
            (Some(Control::FreshBody), Some(Invariant::ToldInTheSameBytes)),
            (Some(Control::MemorySet), Some(Invariant::ToldOnce)),
        ] {
            let name = control.map_or("the shop as it is", Control::as_str);
            let (verdict, stage) = storm.play(ground, control).await?;
            println!("{name}\n{verdict}");
            let right = match expected {
                None => verdict.good(),
                Some(invariant) => verdict.breaks(invariant),
            };
            println!(
                "{name}: {}",
                match (right, control) {
                    (true, None) => "nothing found, as it should be",
                    (true, Some(_)) => "found out, as it should be",
                    (false, None) => "SOMETHING FOUND",
                    (false, Some(_)) => "NOT FOUND OUT",
                }
            );
            good &= right;
            end(stage, !right).await?;
        }
        Ok(good)
    }
}
