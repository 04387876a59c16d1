//! The part of the store's contract that gives work to one instance at a time.

use std::time::Duration;

use async_trait::async_trait;

use super::StoreError;

/// Named leases: work that only one instance does at a time.
#[async_trait]
pub trait Leases: Send + Sync {
    /// Acquires or renews the lease of this name, which then expires after `lease`. Returns `false`
    /// while another token holds it.
    async fn acquire_lease(&self, name: &str, token: &LeaseToken, lease: Duration) -> Result<bool, StoreError>;

    /// Releases the lease of this name. Does nothing when the token does not hold it.
    async fn release_lease(&self, name: &str, token: &LeaseToken) -> Result<(), StoreError>;
}

/// A fencing token: the proof that a lease is still held. A worker that slept past its lease has a
/// token that is no longer stored, and changes nothing.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct LeaseToken(String);

impl LeaseToken {
    /// Makes a token of any text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Makes a token of the operating system's randomness.
    pub fn random() -> Self {
        Self(nanoid::nanoid!())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}
