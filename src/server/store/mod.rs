//! The contract of a store: each method is one atomic step of a use case, all or nothing.
//!
//! No transaction handle leaves this folder, and no rule about preorders enters it: what a step
//! changes is decided by the function that the step brings along. The contract is a trait for each
//! task; each store implements a trait in the file that has the code for it.

mod archive;
mod columns;
mod error;
pub mod firestore;
mod leases;
mod listings;
mod mapping;
mod orders;
pub mod postgres;
mod privacy;
mod queues;
mod reconciliation;
mod record;
mod status;
mod validate;

use std::time::Duration;

use async_trait::async_trait;

use self::record::KEY_SEPARATOR;
pub use self::{
    archive::{Archive, Entry, Page, RowProblem},
    error::StoreError,
    leases::{LeaseToken, Leases},
    listings::{Backlog, Listings, PreorderFilter},
    orders::{Applied, Effect, Ids, OrderEffect, OrderKey, Orders, PreorderNames, Source, Step, StoredOrder},
    privacy::{Erased, Erasure, FinishedOrder, Privacy},
    queues::{Inbox, LeasedEvent, LeasedMessage, Message, MessageEnd, MessageId, MessageKind, Outbox, WebhookEvent},
    reconciliation::{OpenDifference, ReconcileCursor, Reconciliation},
    record::{Row, Table, Value},
    status::{EventStatus, MessageStatus},
};

/// Where preorders, the webhook log and the outbox are stored: everything that the use cases need,
/// and what the process itself asks of its store.
#[async_trait]
pub trait Store: Orders + Inbox + Outbox + Listings + Reconciliation + Leases + Archive + Privacy {
    /// Checks that the store responds and has the schema that this program needs.
    ///
    /// # Errors
    /// [`StoreError::Refused`] where the schema is older than this program.
    async fn ready(&self) -> Result<(), StoreError>;

    /// Brings the schema up to date. Several instances may do so at once.
    async fn migrate(&self) -> Result<(), StoreError>;

    /// Closes every connection, and waits a moment for those in use.
    async fn close(&self);

    /// Returns the least time between two polls of a worker that was not notified: a poll may be
    /// billed.
    fn poll_interval(&self) -> Duration;
}
