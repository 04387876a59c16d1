//! The database's disk is full for a while. What cannot be stored is not acknowledged, and comes again.

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
    buyers::{self, Crowd},
    stage::{Build, Ground, Stage},
};

#[derive(Args)]
pub struct DiskFull {
    #[arg(long, default_value_t = 300)]
    sessions: u64,
}

/// Room for PostgreSQL's own files and a little more, in MiB.
const DISK: u32 = 160;

impl DiskFull {
    pub async fn run(&self, ground: &Ground) -> anyhow::Result<bool> {
        let disk = std::env::temp_dir().join(format!("rolitt-disk-{}", ground.seed));
        fs::create_dir_all(&disk)?;
        if !mount(&disk).await? {
            println!("NOT RUN: a small disk can only be mounted by root");
            return Ok(true);
        }
        let played = self.play(ground, &disk).await;
        let _ = Command::new("umount").arg("--lazy").arg(&disk).status().await;
        let _ = fs::remove_dir(&disk);
        played
    }

    async fn play(&self, ground: &Ground, disk: &Path) -> anyhow::Result<bool> {
        let build = Build { database: Some(disk.join("database")), ..Build::default() };
        let stage = Stage::build(ground, build).await?;
        let crowd = Crowd {
            shop: stage.shop(),
            seed: ground.seed,
            paying: self.sessions,
            others: 0.0,
            together: 16,
            pace: Some(20.0),
        };
        let done = Arc::new(AtomicU64::new(0));
        let selling = tokio::spawn(buyers::buy(crowd, stage.ledger.clone(), stage.http.clone(), done));
        sleep(Duration::from_secs(4)).await;
        let stuffing = disk.join("stuffing");
        let stuffed = stuff(&stuffing)?;
        sleep(Duration::from_secs(8)).await;
        let (_, refused) = stage.ledger.deliveries().await?;
        fs::remove_file(&stuffing)?;
        // A server whose log could not be written ends itself.
        stage.revive_database().await?;
        selling.await??;
        let settled = stage.oracle.settled(&stage.ledger, Duration::from_mins(3)).await?;
        let verdict = stage.oracle.judge(&stage.ledger, settled).await?;
        println!("  {stuffed:>8} MiB of stuffing, {refused} deliveries refused meanwhile");
        print!("{verdict}");
        let good = verdict.good() && refused > 0;
        stage.end(!good).await?;
        Ok(good)
    }
}

async fn mount(disk: &Path) -> anyhow::Result<bool> {
    let options = format!("size={DISK}m,mode=0755");
    let status = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(disk).status().await;
    Ok(status.is_ok_and(|status| status.success()))
}

/// Fills the disk to the last block; how much it took, in MiB.
fn stuff(path: &Path) -> anyhow::Result<u64> {
    let mut file = fs::File::create(path)?;
    for size in [1 << 20, 4096, 1] {
        let block = vec![0; size];
        while file.write_all(&block).is_ok() {}
    }
    Ok(fs::metadata(path)?.len() >> 20)
}
