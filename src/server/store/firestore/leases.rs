//! Documents of `leases`: work that one instance does at a time.

use std::time::Duration;

use async_trait::async_trait;

use super::{
    super::{LeaseToken, Leases, StoreError},
    FirestoreStore, STEP, bounded,
    client::{Client, Committed, Precondition, Write},
    value::{Fields, document_path},
};
use crate::server::store::mapping::set;

const LEASES: &str = "leases";

#[async_trait]
impl Leases for FirestoreStore {
    async fn acquire_lease(&self, name: &str, token: &LeaseToken, lease: Duration) -> Result<bool, StoreError> {
        bounded(STEP, take(&self.client, name, token, lease)).await
    }

    async fn release_lease(&self, name: &str, token: &LeaseToken) -> Result<(), StoreError> {
        bounded(STEP, release(&self.client, name, token)).await
    }
}

async fn take(client: &Client, name: &str, token: &LeaseToken, lease: Duration) -> Result<bool, StoreError> {
    let path = document_path(LEASES, name);
    let snapshot = client.read(std::slice::from_ref(&path)).await?;
    let held = snapshot.get(&path);
    let free = held.is_none_or(|held| {
        held.text("token") == Some(token.as_str()) || held.time("until").is_none_or(|until| until < snapshot.at)
    });
    if !free {
        return Ok(false);
    }
    let mut fields = Fields::new();
    set!(fields, { "name" => name, "token" => token.as_str(), "until" => snapshot.at + lease });
    // On a conflict, another instance was faster.
    Ok(client.commit(&[Write::set(path, fields, Precondition::as_read(held))]).await? == Committed::Done)
}

async fn release(client: &Client, name: &str, token: &LeaseToken) -> Result<(), StoreError> {
    let path = document_path(LEASES, name);
    let snapshot = client.read(std::slice::from_ref(&path)).await?;
    if let Some(held) = snapshot.get(&path).filter(|held| held.text("token") == Some(token.as_str())) {
        client.commit(&[Write::delete(path, Precondition::UpdatedAt(held.updated))]).await?;
    }
    Ok(())
}
