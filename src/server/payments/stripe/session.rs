//! Checkout sessions: begun by an order, looked up, listed, ended.

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
    client::{Answer, Failure, StripeClient, deadline},
    decode::{answer as read_answer, page},
    session_update::Session,
};
use crate::domain::{
    customer::Locale,
    lifecycle::{SessionOutcome, SessionUpdate},
    payment::SessionId,
};

/// How many keys one order may use up: a key whose session was paid or expired, or whose answer is a stored failure, gives
/// way to the next.
const LAST_GENERATION: u32 = 12;

/// How many keys one call may see fail afresh, so that an outage does not use up an order's keys.
const FRESH_FAILURES: u32 = 2;

/// Creates the session, or returns the open one that an equal order made before.
pub async fn create(client: &StripeClient, order: &SessionOrder) -> Result<OpenSession, PaymentError> {
    let deadline = deadline();
    let request = request(order);
    let base = idempotency_key(order);
    let mut fresh_failures = 0;
    for generation in 0..=LAST_GENERATION {
        let key = match generation {
            0 => base.clone(),
            // The last one changes by the minute, so that no order is ever locked out.
            LAST_GENERATION => format!("{base}-m{}", order.asked_at.unix_timestamp() / 60),
            _ => format!("{base}-{generation}"),
        };
        match client.send(&request, Some(&key), deadline).await {
            Ok(answer) => {
                if let Some(open) = still_open(client, answer, deadline).await? {
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

/// The session of this answer, unless the answer repeats one that is no longer open.
async fn still_open(
    client: &StripeClient,
    answer: Answer,
    deadline: Instant,
) -> Result<Option<OpenSession>, PaymentError> {
    let created: Session = read_answer(&answer.body)?;
    let session = if answer.replayed {
        // A replay is the answer of then; whether the session is open, Stripe says only when asked now.
        let request = RetrieveCheckoutSession::new(created.id.as_str());
        let now = client.send(&request, None, deadline).await.map_err(Failure::error)?;
        read_answer(&now.body)?
    } else {
        created
    };
    if session.status.as_deref().is_some_and(|status| status != "open") {
        return Ok(None);
    }
    let url = session.url.ok_or_else(|| PaymentError::Unreadable("url: missing from an open session".to_owned()))?;
    Ok(Some(OpenSession { id: session.id, url }))
}

/// A session is asked for with its payment, because a session that is complete and unpaid does not say whether its money is
/// still on the way.
const PAYMENT: &str = "payment_intent";

/// Ids come out of addresses that anybody can type: one that Stripe would not give is not asked for.
fn known_shape(id: &SessionId) -> Result<&str, PaymentError> {
    if id.as_str().starts_with("cs_") { Ok(id.as_str()) } else { Err(PaymentError::NotFound) }
}

pub async fn retrieve(stripe: &Stripe, id: &SessionId) -> Result<SessionUpdate, PaymentError> {
    let request = RetrieveCheckoutSession::new(known_shape(id)?).expand([PAYMENT.to_owned()]);
    let session: Session = stripe.client.ask(&request, None).await?;
    session.into_update(stripe.livemode, None).map_err(PaymentError::Unreadable)
}

pub async fn expire(stripe: &Stripe, id: &SessionId) -> Result<SessionUpdate, PaymentError> {
    let request = ExpireCheckoutSession::new(known_shape(id)?);
    match stripe.client.send(&request, None, deadline()).await {
        Ok(answer) => {
            let session: Session = read_answer(&answer.body)?;
            session.into_update(stripe.livemode, None).map_err(PaymentError::Unreadable)
        }
        Err(failure) => {
            let repeated = failure.repeated();
            match failure.refusal.about_state() {
                PaymentError::State(told) if repeated => {
                    let facts = retrieve(stripe, id).await?;
                    let done = facts.outcome == SessionOutcome::Expired;
                    if done { Ok(facts) } else { Err(PaymentError::State(told)) }
                }
                error => Err(error),
            }
        }
    }
}

/// Finished sessions, whoever began them; one that is not this shop's and does not read is left out.
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
    let answer = stripe.client.send(&request, None, deadline()).await.map_err(Failure::error)?;
    page(&answer.body, |session: Session| {
        let ours = session.is_ours();
        match session.into_update(stripe.livemode, None) {
            Err(_) if !ours => Ok(None),
            facts => facts.map(Some),
        }
    })
}

/// The same for equal orders, different for any difference; nothing personal can be read from it.
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
        // Any of these would make the amount differ from the one that the customer was shown.
        .adaptive_pricing({
            let mut adaptive = CreateCheckoutSessionAdaptivePricing::new();
            adaptive.enabled = Some(false);
            adaptive
        })
        .automatic_tax(CreateCheckoutSessionAutomaticTax::new(false))
        .allow_promotion_codes(false)
}

/// Stripe's page in the customer's language where it has it: the whole tag, else its language, else what the browser says.
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

/// Whether checkout sessions take this country, by the list of the API version.
pub fn ships_to(code: &str) -> bool {
    use CreateCheckoutSessionShippingAddressCollectionAllowedCountries as Country;
    Country::from_str(code).is_ok_and(|country| !matches!(country, Country::Unknown(_)))
}
