//! Rows of `leases`: work that one instance does at a time.

use std::time::Duration;

use async_trait::async_trait;

use super::{
    super::{LeaseToken, Leases, StoreError},
    PostgresStore, STEP,
    pool::step,
    seconds,
};

#[async_trait]
impl Leases for PostgresStore {
    async fn acquire_lease(&self, name: &str, token: &LeaseToken, lease: Duration) -> Result<bool, StoreError> {
        let acquired = sqlx::query!(
            "insert into leases (name, token, until) values ($1, $2, now() + make_interval(secs => $3))
             on conflict (name) do update set token = excluded.token, until = excluded.until
             where leases.token = excluded.token or leases.until < now()",
            name,
            token.as_str(),
            seconds(lease)
        );
        let done = step!(self, STEP, |connection| acquired.execute(connection))?;
        Ok(done.rows_affected() == 1)
    }

    async fn release_lease(&self, name: &str, token: &LeaseToken) -> Result<(), StoreError> {
        let released = sqlx::query!("delete from leases where name = $1 and token = $2", name, token.as_str());
        step!(self, STEP, |connection| released.execute(connection)).map(drop)
    }
}
