//! The pool of connections to the database. Every wait in here has a bound. A connection over which
//! a step failed is closed and never used again: it may still hold a transaction, or be deaf.

use std::time::Duration;

use deadpool::{
    Runtime,
    managed::{self, Metrics, Object, PoolConfig, PoolError, RecycleError, RecycleResult, TimeoutType, Timeouts},
};
use sqlx::{Connection, PgConnection, postgres::PgConnectOptions};

use super::super::StoreError;

/// The most connections of an instance.
const CONNECTIONS: usize = 16;

/// The longest that a step waits for a connection, be it a free one or a new one.
const WAIT: Duration = Duration::from_secs(4);

/// The longest that an idle connection may take to respond to a ping.
const TEST: Duration = Duration::from_millis(500);

/// A connection that was used within this time is not tested.
const FRESH: Duration = Duration::from_secs(1);

/// The age at which a connection is replaced, so that a server or a proxy can free what it gathered
/// for it.
const LIFETIME: Duration = Duration::from_mins(30);

/// The connections of one instance.
#[derive(Clone)]
pub struct Pool(managed::Pool<Connector>);

struct Connector(PgConnectOptions);

impl managed::Manager for Connector {
    type Type = PgConnection;
    type Error = sqlx::Error;

    async fn create(&self) -> Result<PgConnection, sqlx::Error> {
        PgConnection::connect_with(&self.0).await
    }

    async fn recycle(&self, connection: &mut PgConnection, metrics: &Metrics) -> RecycleResult<sqlx::Error> {
        if metrics.age() > LIFETIME {
            return Err(RecycleError::message("old"));
        }
        if metrics.last_used() > FRESH {
            connection.ping().await?;
        }
        Ok(())
    }
}

impl Pool {
    /// Makes a pool that connects when it is first used: a database that is down must not keep the
    /// storefront from starting.
    pub fn new(options: PgConnectOptions) -> Result<Self, StoreError> {
        let timeouts = Timeouts { wait: Some(WAIT), create: Some(WAIT), recycle: Some(TEST) };
        let config = PoolConfig { timeouts, ..PoolConfig::new(CONNECTIONS) };
        let pool = managed::Pool::builder(Connector(options)).config(config).runtime(Runtime::Tokio1).build();
        pool.map(Self).map_err(|error| StoreError::Refused(error.to_string()))
    }

    /// Takes a connection for one step.
    pub async fn acquire(&self) -> Result<PooledConnection, StoreError> {
        let connection = self.0.get().await.map_err(|error| match error {
            PoolError::Timeout(TimeoutType::Wait) => StoreError::Unavailable("no free connection in time".to_owned()),
            PoolError::Timeout(_) => StoreError::Unavailable("no connection in time".to_owned()),
            PoolError::Backend(error) => error.into(),
            PoolError::Closed => StoreError::Unavailable("shutting down".to_owned()),
            other => StoreError::Unavailable(other.to_string()),
        })?;
        Ok(PooledConnection(Some(connection)))
    }

    /// Closes idle connections now, and the others when their step ends.
    pub fn close(&self) {
        self.0.close();
    }
}

/// A connection in use. It is closed unless its step succeeded; also when the step is dropped,
/// because its caller went away.
pub struct PooledConnection(Option<Object<Connector>>);

impl PooledConnection {
    /// Returns the connection itself.
    pub fn connection(&mut self) -> Result<&mut PgConnection, StoreError> {
        self.0.as_deref_mut().ok_or_else(|| StoreError::Unavailable("no connection".to_owned()))
    }

    /// Ends a step: one that succeeded returns the connection to the pool.
    pub fn end<T, E: Into<StoreError>>(mut self, result: Result<T, E>) -> Result<T, StoreError> {
        if result.is_ok() {
            drop(self.0.take());
        }
        result.map_err(Into::into)
    }
}

impl Drop for PooledConnection {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            drop(Object::take(connection));
        }
    }
}

/// Runs one step over a connection of its own and gives it up after `$longest`: the server's own
/// timeouts do not help while its responses do not arrive. The step's error is a [`StoreError`] or
/// becomes one.
macro_rules! step {
    ($store:expr, $longest:expr, |$connection:ident| $work:expr) => {
        $crate::server::store::postgres::within($longest, async {
            let mut pooled = $store.pool.acquire().await?;
            let result = {
                let $connection = pooled.connection()?;
                $work.await
            };
            pooled.end(result)
        })
        .await
    };
}
pub(super) use step;
