//! `rolitt postgres`: the embedded PostgreSQL, for scripts that need a database before the shop
//! runs.

use clap::{Args, ValueEnum};

use super::context::print_line;
use crate::server::{
    config::Config,
    store::postgres::embedded::{Embedded, Purpose},
};

#[derive(Args)]
pub struct Postgres {
    action: Action,
}

#[derive(Clone, Copy, ValueEnum)]
enum Action {
    /// Start it and leave it running. Its URL is written to ROLITT_DATA_DIR/database-url.
    Start,
    /// Stop it, even if other processes use it.
    Stop,
}

impl Postgres {
    pub(super) async fn run(self, config: &Config) -> anyhow::Result<()> {
        let development = &config.development;
        let (data_dir, search_path) = (&development.data_dir, development.search_path.clone());
        match self.action {
            Action::Start => {
                Embedded::start(data_dir, search_path, Purpose::Development).await?.leave_running()?;
                let url = data_dir.join("database-url");
                print_line(&format!("PostgreSQL is running; its URL is in {}", url.display()))
            }
            Action::Stop => {
                Embedded::stop_any(data_dir, search_path)?;
                print_line("PostgreSQL is stopped")
            }
        }
    }
}
