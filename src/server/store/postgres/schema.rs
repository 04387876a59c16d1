//! The schema: migrated to this program's version, and checked. During a deployment, and after a
//! rollback of one, a program meets the schema of a newer program, with which it works
//! (`migrations/README.md`).

use std::{collections::HashMap, sync::LazyLock, time::Duration};

use sqlx::{
    Connection as _, PgConnection,
    migrate::{MigrateError, Migrator},
    postgres::PgConnectOptions,
};
use tokio::time::{Instant, sleep, timeout};

use crate::server::store::StoreError;

static MIGRATIONS: LazyLock<Migrator> = LazyLock::new(|| {
    let mut migrations = sqlx::migrate!();
    migrations.set_ignore_missing(true);
    migrations
});

/// The time after the start within which locks that others hold are requested again.
const PATIENCE: Duration = Duration::from_mins(1);

/// The longest wait for one lock, in milliseconds. Every statement behind one that waits for a
/// table waits with it, those of customers too.
const LOCK: &str = "2000";

/// The longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(30);

/// The longest that all migrations may take together. The bound of a statement is the server's, and
/// the network may lose its response.
const LONGEST: Duration = Duration::from_mins(11);

/// Applies the migrations that are missing, under a lock that other instances wait for.
pub async fn migrate(options: &PgConnectOptions) -> Result<(), StoreError> {
    let began = Instant::now();
    loop {
        let error = match timeout(LONGEST, once(options)).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => error,
            Err(_) => return Err(StoreError::Unavailable("the migrations did not end in time".to_owned())),
        };
        // A lock was not free in time, or a deadlock was found, which is sooner.
        let locked = matches!(error, StoreError::Busy(_) | StoreError::Conflict(_));
        if !locked || began.elapsed() >= PATIENCE {
            return Err(error);
        }
        tracing::info!(%error, "a migration waits for a lock");
        sleep(Duration::from_secs(1)).await;
    }
}

async fn once(options: &PgConnectOptions) -> Result<(), StoreError> {
    // A connection of its own, which ends in any case: the lock belongs to the session, and the
    // building of an index may take minutes.
    let options = options.clone().options([("statement_timeout", "600000"), ("lock_timeout", LOCK)]);
    let mut connection = timeout(CONNECT, PgConnection::connect_with(&options))
        .await
        .map_err(|_| StoreError::Unavailable("no connection in time".to_owned()))??;
    // What `run` does, without the pool that it takes a connection from.
    let result = MIGRATIONS.run_direct(None, &mut connection, false).await;
    let _ = connection.close().await;
    result.map_err(sorted)
}

fn sorted(error: MigrateError) -> StoreError {
    match error {
        MigrateError::Execute(error) => error.into(),
        MigrateError::ExecuteMigration(error, version) => match StoreError::from(error) {
            StoreError::Refused(error) => StoreError::Refused(format!("migration {version}: {error}")),
            StoreError::InvalidData(error) => StoreError::InvalidData(format!("migration {version}: {error}")),
            other => other,
        },
        other => StoreError::Refused(other.to_string()),
    }
}

/// Checks that the schema has every migration that this program needs.
///
/// # Errors
/// [`StoreError::Refused`] where one was not applied, or was applied with another content.
pub async fn is_current(connection: &mut PgConnection) -> Result<(), StoreError> {
    let applied = sqlx::query!("select version, checksum from _sqlx_migrations where success")
        .fetch_all(&mut *connection)
        .await?;
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
