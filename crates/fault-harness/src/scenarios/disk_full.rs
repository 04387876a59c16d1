//! The database's disk is full for a while. Events that cannot be stored are not acknowledged, and
//! Stripe sends them again.

use std::{
    fs,
    io::Write as _,
    path::Path,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use clap::Args;
use tokio::{process::Command, time::sleep};

use crate::{
    load::{self, Load},
    testbed::{RunOptions, Setup, Testbed},
};

#[derive(Args)]
pub struct DiskFull {
    /// How many customers pay.
    #[arg(long, default_value_t = 300)]
    sessions: u64,
}

/// The size of the disk in MiB: PostgreSQL's own files and a little more.
const DISK: u32 = 160;

impl DiskFull {
    pub async fn run(&self, options: &RunOptions) -> anyhow::Result<bool> {
        let disk = std::env::temp_dir().join(format!("rolitt-disk-{}", options.seed));
        fs::create_dir_all(&disk)?;
        if !mount(&disk).await? {
            println!("NOT RUN: only root can mount a small disk");
            return Ok(true);
        }
        let played = self.play(options, &disk).await;
        let _ = Command::new("umount").arg("--lazy").arg(&disk).status().await;
        let _ = fs::remove_dir(&disk);
        played
    }

    async fn play(&self, options: &RunOptions, disk: &Path) -> anyhow::Result<bool> {
        let setup = Setup { database: Some(disk.join("database")), ..Setup::default() };
        let testbed = Testbed::start(options, setup).await?;
        let load = Load {
            shop: testbed.shop(),
            seed: options.seed,
            paying: self.sessions,
            others: 0.0,
            concurrency: 16,
            rate: Some(20.0),
        };
        let done = Arc::new(AtomicU64::new(0));
        let selling = tokio::spawn(load::sell(load, testbed.ledger.clone(), testbed.http.clone(), done));
        sleep(Duration::from_secs(4)).await;
        let filler = disk.join("filler");
        let size = fill(&filler)?;
        sleep(Duration::from_secs(8)).await;
        let (_, refused) = testbed.ledger.deliveries().await?;
        fs::remove_file(&filler)?;
        // A server that cannot write its log ends.
        testbed.revive_database().await?;
        selling.await??;
        let idle = testbed.oracle.wait_until_idle(&testbed.ledger, Duration::from_mins(3)).await?;
        let verdict = testbed.oracle.judge(&testbed.ledger, idle).await?;
        println!("  {size:>8} MiB of filler, {refused} deliveries refused meanwhile");
        print!("{verdict}");
        let good = verdict.good() && refused > 0;
        testbed.end(!good).await?;
        Ok(good)
    }
}

/// Mounts the disk in memory. Returns whether that is permitted.
async fn mount(disk: &Path) -> anyhow::Result<bool> {
    let options = format!("size={DISK}m,mode=0755");
    let status = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(disk).status().await;
    Ok(status.is_ok_and(|status| status.success()))
}

/// Fills the disk to the last block. Returns the size of the file in MiB.
fn fill(path: &Path) -> anyhow::Result<u64> {
    let mut file = fs::File::create(path)?;
    for size in [1 << 20, 4096, 1] {
        let block = vec![0; size];
        while file.write_all(&block).is_ok() {}
    }
    Ok(fs::metadata(path)?.len() >> 20)
}
