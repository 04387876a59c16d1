//! Builds the Klaviyo event of each notification: its metric, deduplication key and properties.
//! Names are Klaviyo's customary ones where they exist, so that its own flows and reports find
//! them.

use serde::Serialize;
use serde_json::{Value, json, value::RawValue};
use sha2::{Digest, Sha256};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::super::MarketingEvent;
use crate::domain::{
    lifecycle::{Notification, OrderState, Refund},
    money::Money,
    preorder::Preorder,
    product::ProductColor,
};

/// Builds the event of a notification; `None` if the order has no email address.
pub(crate) fn build_event(
    notification: &Notification,
    preorder: &Preorder,
    case: &OrderState,
    at: OffsetDateTime,
) -> Option<MarketingEvent> {
    let details = &preorder.details;
    if details.email.is_empty() {
        return None;
    }
    let refund = match notification {
        Notification::Refunded(id) => Some(case.refunds.iter().find(|refund| refund.id == *id)?),
        _ => None,
    };
    let (metric, key) = match notification {
        Notification::AwaitingPayment => ("Preorder Awaiting Payment", "preorder_awaiting_payment"),
        Notification::PaymentFailed => ("Preorder Payment Failed", "preorder_payment_failed"),
        Notification::Cancelled => ("Cancelled Order", "cancelled_order"),
        Notification::Paid => ("Preorder Success", "preorder_success"),
        Notification::Shipped => ("Fulfilled Order", "fulfilled_order"),
        Notification::Refunded(_) => ("Refunded Order", "refunded_order"),
    };
    // A preorder may have several refunds, but only one of every other notification.
    let about = refund.map_or(details.session.as_str(), |refund| refund.id.as_str());
    let unique_id = format!("{key}:{}:{about}", email_hash(&details.email));
    let amount = refund.map_or(details.amount, |refund| Some(refund.amount));
    let (decimal, currency) = (amount.and_then(number), amount.map(|money| money.currency().code().to_uppercase()));
    let attributes = Attributes {
        properties: Properties {
            color: details.color.map(ProductColor::as_str),
            preorder_id: preorder.id.as_str(),
            preorder_number: preorder.number.as_str(),
            locale: details.locale.as_str(),
            amount: decimal.as_deref(),
            currency: currency.as_deref(),
            session_id: details.session.as_str(),
            tracking_number: details.tracking.as_deref().filter(|_| *notification == Notification::Shipped),
            refund: refund.map(RefundProperties::new),
        },
        time: at.replace_nanosecond(0).ok()?.format(&Rfc3339).ok()?,
        value: decimal.as_deref(),
        value_currency: currency.as_deref(),
        unique_id: &unique_id,
        metric: resource("metric", json!({ "name": metric })),
        profile: resource("profile", json!({ "email": details.email, "locale": details.locale.as_str() })),
    };
    let body = serde_json::to_vec(&Envelope { data: Resource { kind: "event", attributes } }).ok()?;
    Some(MarketingEvent { unique_id, body })
}

/// Returns a JSON number made of decimal text: money never passes through a float.
fn number(amount: Money) -> Option<Box<RawValue>> {
    RawValue::from_string(amount.decimal()).ok()
}

#[derive(Serialize)]
struct Envelope<'a> {
    data: Resource<Attributes<'a>>,
}

/// A JSON:API resource: `{type, attributes}`.
#[derive(Serialize)]
struct Resource<T> {
    #[serde(rename = "type")]
    kind: &'static str,
    attributes: T,
}

fn resource(kind: &'static str, attributes: Value) -> Value {
    json!({ "data": { "type": kind, "attributes": attributes } })
}

#[derive(Serialize)]
struct Attributes<'a> {
    properties: Properties<'a>,
    time: String,
    value: Option<&'a RawValue>,
    value_currency: Option<&'a str>,
    unique_id: &'a str,
    metric: Value,
    profile: Value,
}

#[derive(Serialize)]
struct Properties<'a> {
    color: Option<&'a str>,
    preorder_id: &'a str,
    preorder_number: &'a str,
    locale: &'a str,
    amount: Option<&'a RawValue>,
    currency: Option<&'a str>,
    session_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tracking_number: Option<&'a str>,
    #[serde(flatten)]
    refund: Option<RefundProperties<'a>>,
}

#[derive(Serialize)]
struct RefundProperties<'a> {
    refund_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    refund_reason: Option<&'a str>,
}

impl<'a> RefundProperties<'a> {
    fn new(refund: &'a Refund) -> Self {
        Self { refund_id: refund.id.as_str(), refund_reason: refund.reason.as_deref() }
    }
}

/// Returns a hash that replaces an address in keys. It is equal for all spellings of its case.
fn email_hash(email: &str) -> String {
    hex::encode(&Sha256::digest(email.trim().to_lowercase())[..16])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        customer::Locale,
        lifecycle::RefundStatus,
        money::Currency,
        payment::{IntentId, ProviderId, RefundId, SessionId},
        preorder::{PreorderDetails, PreorderId, PreorderStatus, Review},
    };

    fn preorder(email: &str, session: &str) -> Preorder {
        Preorder {
            id: PreorderId::new("row"),
            number: "ROL-7K3M9QXZ".parse().unwrap(),
            details: PreorderDetails {
                provider: ProviderId::Stripe,
                session: SessionId::parse(session).unwrap(),
                intent: None,
                attempt: None,
                status: PreorderStatus::Paid,
                email: email.into(),
                color: Some(ProductColor::SakuraPink),
                amount: Some(Money::new(29_900, Currency::USD).unwrap()),
                refunded_minor: 0,
                locale: Locale::default(),
                shipping: None,
                livemode: false,
                completed_at: None,
                access: None,
                tracking: None,
                second_payment: false,
                review: Review::default(),
                erased_at: None,
            },
        }
    }

    fn success(email: &str, session: &str) -> Option<MarketingEvent> {
        build_event(&Notification::Paid, &preorder(email, session), &OrderState::default(), OffsetDateTime::UNIX_EPOCH)
    }

    #[test]
    fn the_event_has_what_klaviyo_and_the_contract_require() {
        let event = success("Jo@example.com", "cs_1").unwrap();
        let body: Value = serde_json::from_slice(&event.body).unwrap();
        let attributes = &body["data"]["attributes"];
        assert_eq!(attributes["metric"]["data"]["attributes"]["name"], "Preorder Success");
        assert_eq!(attributes["profile"]["data"]["attributes"]["email"], "Jo@example.com");
        assert_eq!(attributes["properties"]["color"], "Sakura Pink");
        assert_eq!(attributes["properties"].get("refund_id"), None);
        assert_eq!(attributes["time"], "1970-01-01T00:00:00Z");
        assert_eq!(attributes["unique_id"], event.unique_id);
        assert!(String::from_utf8(event.body).unwrap().contains(r#""value":299.00,"value_currency":"USD""#));
    }

    #[test]
    fn the_deduplication_key_depends_on_person_and_session_and_hides_the_address() {
        let id = |email, session| success(email, session).unwrap().unique_id;
        assert_eq!(id("jo@example.com", "cs_1"), id("JO@example.com", "cs_1"));
        assert_ne!(id("jo@example.com", "cs_1"), id("jo@example.com", "cs_2"));
        assert_ne!(id("jo@example.com", "cs_1"), id("al@example.com", "cs_1"));
        assert!(!id("jo@example.com", "cs_1").contains("jo@"));
    }

    #[test]
    fn each_refund_is_its_own_event_with_the_refunded_amount_as_value() {
        let refund = |id: &str, minor| {
            let amount = Money::new(minor, Currency::USD).unwrap();
            let (id, intent) = (RefundId::parse(id).unwrap(), IntentId::parse("pi_1").unwrap());
            Refund::new(id, intent, amount, RefundStatus::Succeeded, false)
        };
        let case = OrderState { refunds: vec![refund("re_1", 1_000), refund("re_2", 500)], ..OrderState::default() };
        let of = |id: &str| {
            let notification = Notification::Refunded(RefundId::parse(id).unwrap());
            build_event(&notification, &preorder("jo@example.com", "cs_1"), &case, OffsetDateTime::UNIX_EPOCH).unwrap()
        };
        assert_ne!(of("re_1").unique_id, of("re_2").unique_id);
        let body = String::from_utf8(of("re_2").body).unwrap();
        assert!(body.contains(r#""value":5.00"#) && body.contains(r#""refund_id":"re_2""#), "{body}");
    }

    #[test]
    fn without_an_email_address_there_is_no_event() {
        assert!(success("", "cs_1").is_none());
    }
}
