//! Decodes Stripe's events leniently: an envelope of four fields, and only the necessary fields of
//! the object. All others may be missing, new or malformed. A body is never decoded before its
//! signature was verified.

use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use super::{
    super::{DecodeError, Occurrence, ProviderEvent},
    customers::CustomerObject,
    decode::{Reference, read},
    disputes::DisputeObject,
    intents::IntentObject,
    refunds::{ChargeObject, RefundObject},
    session_update::{EventContext, Session},
    subscriptions::{InvoiceObject, SubscriptionObject},
};
use crate::domain::{
    lifecycle::PaymentUpdate,
    mirror::Mirror,
    payment::{CustomerId, EventId, IntentId, Mentions},
    sanitize::clean,
};

/// Every event type that is handled. An endpoint must receive these.
pub const EVENTS: [&str; 26] = [
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.expired",
    "payment_intent.succeeded",
    "payment_intent.payment_failed",
    "payment_intent.canceled",
    "payment_intent.processing",
    "charge.refunded",
    "charge.refund.updated",
    "refund.created",
    "refund.updated",
    "refund.failed",
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.closed",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
    "customer.created",
    "customer.updated",
    "customer.deleted",
    "customer.subscription.created",
    "customer.subscription.updated",
    "customer.subscription.deleted",
    "invoice.paid",
    "invoice.payment_failed",
];

#[derive(Deserialize)]
struct Envelope<'a> {
    id: String,
    #[serde(rename = "type")]
    event_type: String,
    #[serde(default)]
    livemode: Option<bool>,
    #[serde(default)]
    created: i64,
    #[serde(borrow)]
    data: Data<'a>,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow)]
    object: &'a RawValue,
}

/// Returns the event's id and type. A body without them is named by its hash.
pub fn name(body: &[u8]) -> Option<(EventId, String)> {
    #[derive(Deserialize)]
    struct Name {
        id: String,
        #[serde(rename = "type")]
        event_type: String,
    }
    serde_json::from_slice::<Name>(body)
        .ok()
        .and_then(|name| Some((EventId::parse(&name.id)?, clean(&name.event_type, 255))))
        .or_else(|| {
            let hash = hex::encode(Sha256::digest(body));
            Some((EventId::parse(&format!("sha256:{hash}"))?, "unreadable".to_owned()))
        })
}

/// Decodes an event. `livemode` is the mode of an event that does not state its own.
pub fn decode(body: &[u8], livemode: bool) -> Result<ProviderEvent, DecodeError> {
    let envelope: Envelope<'_> = read(body).map_err(DecodeError::NotAnEvent)?;
    if EventId::parse(&envelope.id).is_none() {
        return Err(DecodeError::NotAnEvent("id: not a valid event id".to_owned()));
    }
    let occurrence = if EVENTS.contains(&envelope.event_type.as_str()) {
        let object = envelope.data.object.get().as_bytes();
        let context = ObjectContext {
            event_type: &envelope.event_type,
            at: envelope.created,
            livemode: envelope.livemode.unwrap_or(livemode),
        };
        context.read_object(object).map_err(DecodeError::Object)?
    } else {
        Occurrence::Other
    };
    let mentions = match &occurrence {
        Occurrence::Other => mentions(envelope.data.object.get().as_bytes()),
        Occurrence::PaymentUpdate(_) | Occurrence::Mirror(_) => Mentions::default(),
    };
    let created = OffsetDateTime::from_unix_timestamp(envelope.created).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    Ok(ProviderEvent { livemode: envelope.livemode, created, occurrence, mentions })
}

/// Returns whose payment or customer an object concerns.
fn mentions(object: &[u8]) -> Mentions {
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Object {
        id: Option<String>,
        payment_intent: Option<Reference>,
        customer: Option<Reference>,
    }
    // A malformed reference names no known customer or payment.
    let object: Object = read(object).unwrap_or_default();
    let own = |prefix: &str| object.id.as_deref().filter(|id| id.starts_with(prefix));
    let of = |reference: &Option<Reference>| reference.as_ref().map(|reference| reference.id.clone());
    Mentions {
        intent: of(&object.payment_intent).as_deref().or_else(|| own("pi_")).and_then(IntentId::parse),
        customer: of(&object.customer).as_deref().or_else(|| own("cus_")).and_then(CustomerId::parse),
    }
}

/// What the envelope says of its object.
struct ObjectContext<'a> {
    event_type: &'a str,
    /// Unix seconds.
    at: i64,
    livemode: bool,
}

impl ObjectContext<'_> {
    /// Decodes the object by the prefix of the event's type. An object that cannot belong to a
    /// checkout or a subscription is `Other`.
    fn read_object(&self, object: &[u8]) -> Result<Occurrence, String> {
        let &Self { event_type, at, livemode } = self;
        let kind = |prefix: &str| event_type.starts_with(prefix);
        let fact = |fact: Option<PaymentUpdate>| {
            fact.map_or(Occurrence::Other, |fact| Occurrence::PaymentUpdate(Box::new(fact)))
        };
        let mirror =
            |mirror: Option<Mirror>| mirror.map_or(Occurrence::Other, |copy| Occurrence::Mirror(Box::new(copy)));
        Ok(if kind("checkout.session.") {
            let session: Session = read(object)?;
            let ours = session.is_ours();
            match session.into_update(livemode, Some(EventContext { event_type, at })) {
                Err(_) if !ours => Occurrence::Other,
                facts => fact(Some(PaymentUpdate::Session(Box::new(facts?)))),
            }
        } else if kind("payment_intent.") {
            fact(Some(PaymentUpdate::Intent(read::<IntentObject>(object)?.into_update(livemode, event_type, at)?)))
        } else if kind("charge.dispute.") {
            fact(read::<DisputeObject>(object)?.into_dispute(livemode, Some(event_type))?.map(PaymentUpdate::Dispute))
        } else if kind("refund.") || kind("charge.refund.") {
            fact(read::<RefundObject>(object)?.into_refund(livemode)?.map(PaymentUpdate::Refund))
        } else if kind("charge.") {
            fact(read::<ChargeObject>(object)?.into_update(livemode)?.map(PaymentUpdate::Charge))
        } else if kind("customer.subscription.") {
            mirror(Some(Mirror::Subscription(read::<SubscriptionObject>(object)?.into_copy(livemode, at)?)))
        } else if kind("customer.") {
            mirror(Some(Mirror::Customer(read::<CustomerObject>(object)?.into_copy(livemode, event_type, at))))
        } else {
            let paid = event_type == "invoice.paid";
            mirror(read::<InvoiceObject>(object)?.into_copy(livemode, paid, at)?.map(Mirror::Invoice))
        })
    }
}
