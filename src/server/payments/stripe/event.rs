//! Stripe's events, read leniently: an envelope of four fields, then only what is needed of the object. What is not needed
//! may be missing, new or strange. A body is never read before its signature was found good.

use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use super::{
    super::{DecodeError, Occurrence, ProviderEvent},
    read::read,
    session::Session,
};
use crate::domain::{life::Fact, payment::EventId, text::clean};

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

/// The event's id and type, whatever the body is: a body without them is named by its hash.
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

pub fn decode(body: &[u8]) -> Result<ProviderEvent, DecodeError> {
    let envelope: Envelope<'_> = read(body).map_err(DecodeError::NotAnEvent)?;
    if EventId::parse(&envelope.id).is_none() {
        return Err(DecodeError::NotAnEvent("id: not an event's id".to_owned()));
    }
    let occurrence = match envelope.event_type.as_str() {
        "checkout.session.completed"
        | "checkout.session.async_payment_succeeded"
        | "checkout.session.async_payment_failed"
        | "checkout.session.expired" => {
            let session: Session = read(envelope.data.object.get().as_bytes()).map_err(DecodeError::Object)?;
            let mut facts = session.into_facts(Some(&envelope.event_type)).map_err(DecodeError::Object)?;
            if envelope.event_type == "checkout.session.completed" {
                facts.completed_at = Some(envelope.created);
            }
            Occurrence::Fact(Box::new(Fact::Session(Box::new(facts))))
        }
        _ => Occurrence::Other,
    };
    let created = OffsetDateTime::from_unix_timestamp(envelope.created).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    Ok(ProviderEvent { livemode: envelope.livemode, created, occurrence })
}
