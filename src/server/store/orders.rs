//! The part of the store's contract that changes and finds orders.

use async_trait::async_trait;
use time::OffsetDateTime;

use super::{LeaseToken, Message, StoreError, WebhookEvent};
use crate::domain::{
    lifecycle::{Change, Notification, OrderState, PaymentUpdate, SessionUpdate},
    mirror::Mirror,
    payment::{IntentId, Mentions, ProviderId, SessionId},
    preorder::{AccessHash, Preorder, PreorderId, PreorderNumber},
};

/// Orders: changed one atomic step at a time, and found by what names them.
#[async_trait]
pub trait Orders: Send + Sync {
    /// Applies one update with everything that follows from it. Safe to repeat, and safe at the
    /// same time as others that apply the same update.
    async fn apply(&self, step: Step<'_>) -> Result<Applied, StoreError>;

    /// Returns the preorder of this session.
    async fn preorder_of_session(&self, session: &SessionId) -> Result<Option<Preorder>, StoreError>;

    /// Returns the preorder that this link opens. The search is by the hash alone, so that its time
    /// does not reveal whether an order number exists.
    async fn preorder_of_link(&self, access: &AccessHash) -> Result<Option<Preorder>, StoreError>;

    /// Returns the order of this key, with everything known of its payment.
    async fn order(&self, key: OrderKey<'_>) -> Result<Option<StoredOrder>, StoreError>;
}

/// One atomic step.
pub struct Step<'a> {
    pub source: Source<'a>,
    pub effect: Effect<'a>,
}

/// Where a change comes from.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    pub provider: ProviderId,
    /// The event that reported it; `None` when the shop asked for it (the return page,
    /// reconciliation, a command).
    pub event: Option<&'a WebhookEvent>,
    /// When it happened, for the messages about it.
    pub at: OffsetDateTime,
    /// Whether everything is undone at the end: the step returns what would happen.
    pub dry_run: bool,
}

/// What a step does.
pub enum Effect<'a> {
    /// Nothing; the log says why. The log stores no body where it is about an erased customer.
    Ignore { reason: &'a str, mentions: &'a Mentions },
    /// Changes one order.
    Order(OrderEffect<'a>),
    /// Brings a copy up to date, unless the stored one is newer.
    Mirror(&'a Mirror),
}

/// Makes the messages of notifications that have just become due.
pub type Messages<'a> = dyn Fn(&Preorder, &OrderState, &[Notification]) -> Vec<Message> + Send + Sync + 'a;

/// A change of one order. A store may call the functions several times for one step.
pub struct OrderEffect<'a> {
    pub key: OrderKey<'a>,
    /// Computes the new state from the stored one.
    pub decide: &'a (dyn Fn(&OrderState) -> Change + Send + Sync),
    pub messages: &'a Messages<'a>,
    pub ids: &'a dyn Ids,
}

/// What names an order.
#[derive(Clone, Copy, Debug)]
pub enum OrderKey<'a> {
    Id(&'a PreorderId),
    Number(&'a PreorderNumber),
    Session(&'a SessionId),
    /// A session with the intent and the attempt that an update reports, which saves a search for
    /// them. A change creates the session's preorder when there is none.
    SessionUpdate(&'a SessionUpdate),
    /// The preorder may not be stored yet: a change stores what is known of the payment for it.
    Intent(&'a IntentId),
}

impl<'a> OrderKey<'a> {
    /// Returns the key of the order that an update is about.
    pub const fn of(update: &'a PaymentUpdate) -> Self {
        match update {
            PaymentUpdate::Session(session) => Self::SessionUpdate(session),
            PaymentUpdate::Intent(intent) => Self::Intent(&intent.intent),
            PaymentUpdate::Charge(charge) => Self::Intent(&charge.intent),
            PaymentUpdate::Refund(refund) => Self::Intent(&refund.intent),
            PaymentUpdate::Dispute(dispute) => Self::Intent(&dispute.intent),
        }
    }
}

/// A preorder with everything known of its payment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredOrder {
    pub preorder: Preorder,
    /// Holds the same preorder's details.
    pub state: OrderState,
}

/// Names for new rows.
pub trait Ids: Send + Sync {
    /// Returns a token that no other lease has.
    fn lease_token(&self) -> LeaseToken;

    /// Returns the names of this session's order, the same ones each time: an order that a restored
    /// backup has lost is created again as it was. `draw` counts from 0; each draw gives another
    /// number, for when one is taken.
    fn preorder_names(&self, session: &SessionId, draw: u32) -> PreorderNames;
}

/// The names of an order: one for the shop's rows, one for people.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PreorderNames {
    pub id: PreorderId,
    pub number: PreorderNumber,
}

/// What a step came to.
#[derive(Debug, PartialEq, Eq)]
pub enum Applied {
    /// The event was applied before.
    Duplicate,
    /// There was nothing to do; says why.
    Ignored(String),
    /// Everything was already as the update says. `None` while only a payment is known, without its
    /// preorder.
    Unchanged(Option<Preorder>),
    /// Something changed. `None` while only a payment is known, without its preorder.
    Changed(Option<Preorder>),
}
