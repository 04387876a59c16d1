//! The schema: brought up to this program, and asked whether it is. During a deployment, and after one that was taken back, a program
//! meets the schema of a newer one, which leaves it working (`migrations/README.md`).

use std::{collections::HashMap, sync::LazyLock, time::Duration};

use sqlx::{
    PgConnection,
    migrate::{MigrateError, Migrator},
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::time::{Instant, sleep, timeout};

use super::refused_or_unavailable;
use crate::server::store::StoreError;

static MIGRATIONS: LazyLock<Migrator> = LazyLock::new(|| {
    let mut migrations = sqlx::migrate!();
    migrations.set_ignore_missing(true);
    migrations
});

/// For how long after the start locks that others hold are asked for.
const PATIENCE: Duration = Duration::from_mins(1);

/// How long one lock is waited for. Everybody who comes after a statement that waits for a table waits with it, customers too.
const LOCK: &str = "2000";

/// How long all migrations together may take. A statement's own bound is the server's, which a network may keep from us.
const LONGEST: Duration = Duration::from_mins(11);

/// Applies what is missing, under a lock that other instances wait for.
pub async fn migrate(options: &PgConnectOptions) -> Result<(), StoreError> {
    let began = Instant::now();
    loop {
        let error = match timeout(LONGEST, once(options)).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => told(error),
            Err(_) => return Err(StoreError::Unavailable("the migrations did not end in time".to_owned())),
        };
        // A lock was not had in time, or a circle of locks was found, which is sooner.
        let locked = matches!(error, StoreError::Busy(_) | StoreError::Conflict(_));
        if !locked || began.elapsed() >= PATIENCE {
            return Err(error);
        }
        tracing::info!(%error, "a migration waits for a lock");
        sleep(Duration::from_secs(1)).await;
    }
}

async fn once(options: &PgConnectOptions) -> Result<(), MigrateError> {
    // A connection of its own, closed whatever happens: the lock is the session's, and an index may take its time.
    let options = options.clone().options([("statement_timeout", "600000"), ("lock_timeout", LOCK)]);
    let single = PgPoolOptions::new().max_connections(1).connect_with(options).await?;
    let result = MIGRATIONS.run(&single).await;
    single.close().await;
    result
}

fn told(error: MigrateError) -> StoreError {
    match error {
        MigrateError::Execute(error) => refused_or_unavailable(error),
        MigrateError::ExecuteMigration(error, version) => match refused_or_unavailable(error) {
            StoreError::Refused(error) => StoreError::Refused(format!("migration {version}: {error}")),
            StoreError::InvalidData(error) => StoreError::InvalidData(format!("migration {version}: {error}")),
            other => other,
        },
        other => StoreError::Refused(other.to_string()),
    }
}

/// # Errors
/// Refused where a migration that this program needs was not applied, or is not the one that was.
pub async fn is_current(connection: &mut PgConnection) -> Result<(), StoreError> {
    let applied = sqlx::query!("select version, checksum from _sqlx_migrations where success")
        .fetch_all(&mut *connection)
        .await
        .map_err(refused_or_unavailable)?;
    let applied: HashMap<i64, Vec<u8>> = applied.into_iter().map(|row| (row.version, row.checksum)).collect();
    for needed in MIGRATIONS.iter().filter(|migration| migration.migration_type.is_up_migration()) {
        match applied.get(&needed.version) {
            Some(checksum) if **checksum == *needed.checksum => {}
            Some(_) => {
                let what = format!("migration {} is not the one that was applied", needed.version);
                return Err(StoreError::Refused(what));
            }
            None => {
                let what = "the schema is older than this program; run `rolitt migrate`";
                return Err(StoreError::Refused(what.to_owned()));
            }
        }
    }
    Ok(())
}
