//! The schema: brought up to this program, and asked whether it is. During a deployment, and after one that was taken back, a program
//! meets the schema of a newer one, which leaves it working (`migrations/README.md`).

use std::{collections::HashSet, sync::LazyLock, time::Duration};

use sqlx::{
    PgConnection,
    migrate::{MigrateError, Migrator},
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::time::{Instant, sleep};

use super::refused_or_unavailable;
use crate::server::store::StoreError;

static MIGRATIONS: LazyLock<Migrator> = LazyLock::new(|| {
    let mut migrations = sqlx::migrate!();
    migrations.set_ignore_missing(true);
    migrations
});

/// For how long, in all, locks that others hold are asked for.
const PATIENCE: Duration = Duration::from_mins(1);

/// How long one lock is waited for. Everybody who comes after a statement that waits for a table waits with it, customers too.
const LOCK: &str = "2000";

/// SQLSTATE `lock_not_available`: <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
const LOCK_NOT_AVAILABLE: &str = "55P03";

/// Applies what is missing, under a lock that other instances wait for.
pub async fn migrate(options: &PgConnectOptions) -> Result<(), StoreError> {
    let began = Instant::now();
    loop {
        match once(options).await {
            Err(error) if waits_for_a_lock(&error) && began.elapsed() < PATIENCE => sleep(Duration::from_secs(1)).await,
            Err(MigrateError::Execute(error)) => return Err(refused_or_unavailable(error)),
            Err(error) => return Err(StoreError::Refused(error.to_string())),
            Ok(()) => return Ok(()),
        }
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

fn waits_for_a_lock(error: &MigrateError) -> bool {
    match error {
        MigrateError::Execute(sqlx::Error::Database(error))
        | MigrateError::ExecuteMigration(sqlx::Error::Database(error), _) => {
            error.code().is_some_and(|code| code == LOCK_NOT_AVAILABLE)
        }
        _ => false,
    }
}

/// # Errors
/// Refused where a migration that this program needs was not applied.
pub async fn is_current(connection: &mut PgConnection) -> Result<(), StoreError> {
    let applied = sqlx::query_scalar!("select version from _sqlx_migrations where success")
        .fetch_all(&mut *connection)
        .await
        .map_err(refused_or_unavailable)?;
    let applied: HashSet<i64> = applied.into_iter().collect();
    let mut needed = MIGRATIONS.iter().filter(|migration| migration.migration_type.is_up_migration());
    if needed.all(|migration| applied.contains(&migration.version)) {
        Ok(())
    } else {
        Err(StoreError::Refused("the schema is older than this program; run `rolitt migrate`".to_owned()))
    }
}
