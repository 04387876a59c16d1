//! Checkout sessions: creates, retrieves, lists and expires them.

use std::{collections::HashMap, str::FromStr};

use sha2::{Digest, Sha256};
use stripe_checkout::checkout_session::{
    CreateCheckoutSession, CreateCheckoutSessionAdaptivePricing, CreateCheckoutSessionAutomaticTax,
    CreateCheckoutSessionLineItems, CreateCheckoutSessionPaymentIntentData, CreateCheckoutSessionPhoneNumberCollection,
    CreateCheckoutSessionShippingAddressCollection, CreateCheckoutSessionShippingAddressCollectionAllowedCountries,
    ExpireCheckoutSession, ListCheckoutSession, RetrieveCheckoutSession,
};
use stripe_shared::{CheckoutSessionLocale, CheckoutSessionMode, CheckoutSessionStatus};
use stripe_types::RangeQueryTs;
use time::OffsetDateTime;
use tokio::time::Instant;

use super::{
    super::{Cursor, OpenSession, Page, PaymentError, SessionOrder},
    PAGE, Stripe,
    client::{Failure, StripeClient, Success, deadline},
    decode::{decode_response, page},
    session_update::Session,
};
use crate::domain::{
    customer::Locale,
    lifecycle::{SessionOutcome, SessionUpdate},
    payment::SessionId,
};

/// The most idempotency keys of one order. A key gives way to the next one if its session was paid
/// or expired, or if its response is a stored failure.
const LAST_GENERATION: u32 = 12;

/// The most keys that may fail in one call, so that an outage does not use up an order's keys.
const FRESH_FAILURES: u32 = 2;

/// Creates the session, or returns the open one that an equal order created before.
pub async fn create(client: &StripeClient, order: &SessionOrder) -> Result<OpenSession, PaymentError> {
    let deadline = deadline();
    let request = request(order);
    let base = idempotency_key(order);
    let mut fresh_failures = 0;
    for generation in 0..=LAST_GENERATION {
        let key = match generation {
            0 => base.clone(),
            // The last key changes every minute, so that no order is locked out for ever.
            LAST_GENERATION => format!("{base}-m{}", order.asked_at.unix_timestamp() / 60),
            _ => format!("{base}-{generation}"),
        };
        match client.send(&request, Some(&key), deadline).await {
            Ok(success) => {
                if let Some(open) = still_open(client, success, deadline).await? {
                    return Ok(open);
                }
            }
            // Stripe stored the failure under this key (https://docs.stripe.com/api/idempotent_requests): only another helps.
            Err(failure) if failure.replayed && failure.attempts == 1 => {}
            Err(failure) => {
                fresh_failures += 1;
                if !failure.replayed || fresh_failures == FRESH_FAILURES {
                    return Err(failure.error());
                }
            }
        }
    }
    Err(PaymentError::Unavailable(
        "all idempotency keys of this order are used; the customer can start a new checkout".to_owned(),
    ))
}

/// Returns the session of a response, unless it is a replay of one that is no longer open.
async fn still_open(
    client: &StripeClient,
    success: Success,
    deadline: Instant,
) -> Result<Option<OpenSession>, PaymentError> {
    let created: Session = decode_response(&success.body)?;
    let session = if success.replayed {
        // A replay shows the session as it was. Only a new request shows whether it is still open.
        let request = RetrieveCheckoutSession::new(created.id.as_str());
        let now = client.send(&request, None, deadline).await.map_err(Failure::error)?;
        decode_response(&now.body)?
    } else {
        created
    };
    if session.status.as_deref().is_some_and(|status| status != "open") {
        return Ok(None);
    }
    let url = session.url.ok_or_else(|| PaymentError::Unreadable("url: missing from an open session".to_owned()))?;
    Ok(Some(OpenSession { id: session.id, url }))
}

/// Sessions are requested with their payment: a session that is complete and unpaid does not show
/// whether its money is still on the way.
const PAYMENT: &str = "payment_intent";

/// Rejects ids that Stripe would not issue. They come from addresses that anyone can type.
fn known_shape(id: &SessionId) -> Result<&str, PaymentError> {
    if id.as_str().starts_with("cs_") { Ok(id.as_str()) } else { Err(PaymentError::NotFound) }
}

pub async fn retrieve(stripe: &Stripe, id: &SessionId) -> Result<SessionUpdate, PaymentError> {
    let request = RetrieveCheckoutSession::new(known_shape(id)?).expand([PAYMENT.to_owned()]);
    let session: Session = stripe.client.call(&request, None).await?;
    session.into_update(stripe.livemode, None).map_err(PaymentError::Unreadable)
}

pub async fn expire(stripe: &Stripe, id: &SessionId) -> Result<SessionUpdate, PaymentError> {
    let request = ExpireCheckoutSession::new(known_shape(id)?);
    match stripe.client.send(&request, None, deadline()).await {
        Ok(success) => {
            let session: Session = decode_response(&success.body)?;
            session.into_update(stripe.livemode, None).map_err(PaymentError::Unreadable)
        }
        Err(failure) => {
            let repeated = failure.repeated();
            match failure.response.about_state() {
                PaymentError::State(reason) if repeated => {
                    let facts = retrieve(stripe, id).await?;
                    let done = facts.outcome == SessionOutcome::Expired;
                    if done { Ok(facts) } else { Err(PaymentError::State(reason)) }
                }
                error => Err(error),
            }
        }
    }
}

/// Returns finished sessions of all origins. Leaves out unreadable sessions of other shops.
pub async fn list(
    stripe: &Stripe,
    since: OffsetDateTime,
    from: Option<&Cursor>,
) -> Result<Page<SessionUpdate>, PaymentError> {
    let mut request = ListCheckoutSession::new()
        .status(CheckoutSessionStatus::Complete)
        .created(RangeQueryTs::gte(since.unix_timestamp()))
        .expand([format!("data.{PAYMENT}")])
        .limit(PAGE);
    if let Some(from) = from {
        request = request.starting_after(from.as_str());
    }
    let success = stripe.client.send(&request, None, deadline()).await.map_err(Failure::error)?;
    page(&success.body, |session: Session| {
        let ours = session.is_ours();
        match session.into_update(stripe.livemode, None) {
            Err(_) if !ours => Ok(None),
            facts => facts.map(Some),
        }
    })
}

/// Returns a key that is equal for equal orders only. It reveals nothing personal.
fn idempotency_key(order: &SessionOrder) -> String {
    let mut hash = Sha256::new();
    let expected = order.expected;
    let countries = order.shipping_countries.join(",");
    for part in [
        order.attempt.as_str(),
        order.color.as_str(),
        order.email.as_str(),
        order.locale.as_str(),
        order.price.as_str(),
        &expected.minor().to_string(),
        expected.currency().code(),
        &order.expires_at.unix_timestamp().to_string(),
        &order.success_url,
        &order.cancel_url,
        &countries,
    ] {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    format!("checkout-{}", &hex::encode(hash.finalize())[..40])
}

fn request(order: &SessionOrder) -> CreateCheckoutSession {
    let metadata: HashMap<String, String> = [
        ("color", order.color.as_str().to_owned()),
        ("locale", order.locale.as_str().to_owned()),
        ("attempt", order.attempt.as_str().to_owned()),
        ("expected_amount_minor", order.expected.minor().to_string()),
        ("expected_currency", order.expected.currency().code().to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    let mut item = CreateCheckoutSessionLineItems::new();
    item.price = Some(order.price.as_str().to_owned());
    item.quantity = Some(1);
    let mut intent = CreateCheckoutSessionPaymentIntentData::new();
    intent.metadata = Some(metadata.clone());
    let countries: Vec<_> = order
        .shipping_countries
        .iter()
        .filter_map(|code| CreateCheckoutSessionShippingAddressCollectionAllowedCountries::from_str(code).ok())
        .collect();
    CreateCheckoutSession::new()
        .mode(CheckoutSessionMode::Payment)
        .line_items(vec![item])
        .customer_email(order.email.as_str())
        .client_reference_id(order.attempt.as_str())
        .metadata(metadata)
        .payment_intent_data(intent)
        .locale(stripe_locale(&order.locale))
        .shipping_address_collection(CreateCheckoutSessionShippingAddressCollection::new(countries))
        .phone_number_collection(CreateCheckoutSessionPhoneNumberCollection::new(true))
        .expires_at(order.expires_at.unix_timestamp())
        .success_url(order.success_url.as_str())
        .cancel_url(order.cancel_url.as_str())
        // Any of these would change the amount that the customer was shown.
        .adaptive_pricing({
            let mut adaptive = CreateCheckoutSessionAdaptivePricing::new();
            adaptive.enabled = Some(false);
            adaptive
        })
        .automatic_tax(CreateCheckoutSessionAutomaticTax::new(false))
        .allow_promotion_codes(false)
}

/// Returns the language of Stripe's page: the whole tag if Stripe knows it, else its language, else
/// the browser's.
fn stripe_locale(locale: &Locale) -> CheckoutSessionLocale {
    let known = |tag: &str| {
        CheckoutSessionLocale::from_str(tag).ok().filter(|found| !matches!(found, CheckoutSessionLocale::Unknown(_)))
    };
    let tag = locale.as_str();
    let traditional = ["zh-Hant", "zh-TW"].iter().any(|prefix| tag.starts_with(prefix));
    if traditional {
        return known("zh-TW").unwrap_or(CheckoutSessionLocale::Auto);
    }
    known(tag).or_else(|| known(tag.split('-').next().unwrap_or_default())).unwrap_or(CheckoutSessionLocale::Auto)
}

/// Returns whether checkout sessions ship to this country, by the list of the API version.
pub(crate) fn ships_to(code: &str) -> bool {
    use CreateCheckoutSessionShippingAddressCollectionAllowedCountries as Country;
    Country::from_str(code).is_ok_and(|country| !matches!(country, Country::Unknown(_)))
}
