//! The run's own PostgreSQL: the shop's own command starts it, a signal crashes it.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use tokio::{process::Command, time::sleep};

pub struct Cluster {
    rolitt: PathBuf,
    folder: PathBuf,
}

impl Cluster {
    /// Starts the server; its data is in `folder`.
    pub async fn start(rolitt: &Path, folder: &Path) -> anyhow::Result<Self> {
        let cluster = Self { rolitt: rolitt.to_owned(), folder: folder.to_owned() };
        cluster.start_again().await?;
        Ok(cluster)
    }

    /// Starts the server again, on another port. Retries, because a crashed server needs a moment
    /// to end.
    pub async fn start_again(&self) -> anyhow::Result<()> {
        let mut last = String::new();
        for _ in 0..20 {
            let output = self.command("start").output().await?;
            if output.status.success() {
                return Ok(());
            }
            last = String::from_utf8_lossy(&output.stderr).into_owned();
            sleep(Duration::from_millis(500)).await;
        }
        bail!("PostgreSQL does not start: {last}")
    }

    /// Ends the server as a crash does: without a checkpoint, and without a word to its clients.
    pub async fn crash(&self) -> anyhow::Result<()> {
        let pid = self.pid()?;
        kill_process(pid, Signal::QUIT)?;
        while test_kill_process(pid).is_ok() {
            sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Stops the server in an orderly way.
    pub async fn stop(&self) {
        let _ = self.command("stop").output().await;
    }

    /// Stops the server, and copies its files as a backup. [`Self::start_again`] starts it again.
    pub async fn back_up(&self) -> anyhow::Result<()> {
        self.stop().await;
        copy(&self.folder.join("postgres"), &self.backup()).await
    }

    /// Crashes the server, and replaces its files by the backup.
    pub async fn restore(&self) -> anyhow::Result<()> {
        self.crash().await?;
        fs::remove_dir_all(self.folder.join("postgres"))?;
        copy(&self.backup(), &self.folder.join("postgres")).await
    }

    fn backup(&self) -> PathBuf {
        self.folder.join("backup")
    }

    /// Returns the URL of the shop's database, without the proxy.
    pub fn url(&self) -> anyhow::Result<String> {
        Ok(fs::read_to_string(self.folder.join("database-url"))?.trim().to_owned())
    }

    /// Returns the address of the server, as `127.0.0.1:port`.
    pub fn address(&self) -> anyhow::Result<String> {
        let url = url::Url::parse(&self.url()?)?;
        Ok(format!("127.0.0.1:{}", url.port().context("no port")?))
    }

    fn pid(&self) -> anyhow::Result<Pid> {
        let file = self.folder.join("postgres/data/postmaster.pid");
        let text = fs::read_to_string(&file).with_context(|| format!("{}", file.display()))?;
        let pid = text.lines().next().and_then(|line| line.trim().parse().ok()).and_then(Pid::from_raw);
        pid.context("no process id")
    }

    fn command(&self, action: &str) -> Command {
        let mut command = Command::new(&self.rolitt);
        command
            .args(["postgres", action])
            .env_clear()
            .env("ROLITT_DATA_DIR", &self.folder)
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .current_dir(&self.folder);
        command
    }
}

/// Copies a folder with owners and permissions, which PostgreSQL checks.
async fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    let status = Command::new("cp").arg("-a").arg(from).arg(to).status().await?;
    anyhow::ensure!(status.success(), "cp {} {}: {status}", from.display(), to.display());
    Ok(())
}
