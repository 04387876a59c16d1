//! The connections to the database. Every wait in here ends, and a connection over which a step did not end well is cut, never
//! used again: it may still hold a transaction, or hear nothing any more.

use std::time::Duration;

use deadpool::{
    Runtime,
    managed::{self, Metrics, Object, PoolConfig, PoolError, RecycleError, RecycleResult, TimeoutType, Timeouts},
};
use sqlx::{Connection, PgConnection, postgres::PgConnectOptions};

use super::{super::StoreError, refused_or_unavailable};

/// How many connections an instance has at most.
const CONNECTIONS: usize = 16;

/// How long a step waits for a connection, be it a free one or a new one.
const WAIT: Duration = Duration::from_secs(4);

/// How long a connection that was at rest may take to show that it still answers.
const TEST: Duration = Duration::from_millis(500);

/// A connection that was used this lately is not tested.
const FRESH: Duration = Duration::from_secs(1);

/// After this long a connection is replaced, so that whatever a server or a proxy gathers for it is let go.
const LIFETIME: Duration = Duration::from_mins(30);

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
    /// Connects when it is first needed: a database that is down must not keep the storefront from starting.
    pub fn new(options: PgConnectOptions) -> Result<Self, StoreError> {
        let timeouts = Timeouts { wait: Some(WAIT), create: Some(WAIT), recycle: Some(TEST) };
        let config = PoolConfig { timeouts, ..PoolConfig::new(CONNECTIONS) };
        let pool = managed::Pool::builder(Connector(options)).config(config).runtime(Runtime::Tokio1).build();
        pool.map(Self).map_err(|error| StoreError::Refused(error.to_string()))
    }

    /// A connection for one step.
    pub async fn hold(&self) -> Result<Held, StoreError> {
        let held = self.0.get().await.map_err(|error| match error {
            PoolError::Timeout(TimeoutType::Wait) => StoreError::Unavailable("no free connection in time".to_owned()),
            PoolError::Timeout(_) => StoreError::Unavailable("no connection in time".to_owned()),
            PoolError::Backend(error) => refused_or_unavailable(error),
            PoolError::Closed => StoreError::Unavailable("shutting down".to_owned()),
            other => StoreError::Unavailable(other.to_string()),
        })?;
        Ok(Held(Some(held)))
    }

    /// Connections at rest are closed now, others when their step ends.
    pub fn close(&self) {
        self.0.close();
    }
}

/// A connection in use. Unless its step ended well, it is cut: also when the step is dropped, because nobody waits for it any more.
pub struct Held(Option<Object<Connector>>);

impl Held {
    pub fn connection(&mut self) -> Result<&mut PgConnection, StoreError> {
        self.0.as_deref_mut().ok_or_else(|| StoreError::Unavailable("no connection".to_owned()))
    }

    /// The end of a step: what ended well leaves the connection to the next.
    pub fn end<T>(mut self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        if result.is_ok() {
            drop(self.0.take());
        }
        result
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(held) = self.0.take() {
            drop(Object::take(held));
        }
    }
}

/// One step over a connection of its own, given up after `$longest`: the server's own timeouts do not help when the server cannot
/// be heard.
macro_rules! step {
    ($store:expr, $longest:expr, |$connection:ident| $work:expr) => {
        $crate::server::store::postgres::within($longest, async {
            let mut held = $store.pool.hold().await?;
            let result = {
                let $connection = held.connection()?;
                $work.await
            };
            held.end(result)
        })
        .await
    };
}
pub(super) use step;
