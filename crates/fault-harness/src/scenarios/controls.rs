//! Negative controls: the storm against programs that break one rule each. An oracle that does not
//! notice them proves nothing.

use clap::Args;
use failpoints::shop::{FRESH_BODY, INLINE_SEND, MEMORY_SET, NO_UNIQUE_INDEX};

use super::storm::{Program, Storm, end};
use crate::{oracle::Invariant, testbed::RunOptions};

#[derive(Args)]
pub struct Controls {
    /// How many customers pay in each run.
    #[arg(long, default_value_t = 1000)]
    sessions: u64,
}

impl Controls {
    pub async fn run(&self, options: &RunOptions) -> anyhow::Result<bool> {
        let storm = Storm {
            sessions: self.sessions,
            instances: 2,
            program: Program::Failpoints,
            duplicates: 0.5,
            crashes: 1,
            within: 15,
            concurrency: 24,
            kills: 1,
            outside_faults: true,
        };
        let mut good = true;
        for (control, expected) in [
            (None, None),
            (Some(NO_UNIQUE_INDEX), Some(Invariant::OnePreorderForEachPaidSession)),
            (Some(INLINE_SEND), Some(Invariant::SentOnce)),
            (Some(FRESH_BODY), Some(Invariant::SentInTheSameBytes)),
            (Some(MEMORY_SET), Some(Invariant::SentOnce)),
        ] {
            let name = control.unwrap_or("the unchanged shop");
            let (verdict, testbed) = storm.play(options, control).await?;
            println!("{name}\n{verdict}");
            let right = match expected {
                None => verdict.good(),
                Some(invariant) => verdict.breaks(invariant),
            };
            println!(
                "{name}: {}",
                match (right, control) {
                    (true, None) => "nothing found, as it should be",
                    (true, Some(_)) => "noticed, as it should be",
                    (false, None) => "A RULE IS BROKEN",
                    (false, Some(_)) => "NOT NOTICED",
                }
            );
            good &= right;
            end(testbed, !right).await?;
        }
        Ok(good)
    }
}
