//! Checkout sessions: made of an order, read into facts. The same reading serves webhooks and API answers.

use std::{collections::HashMap, str::FromStr};

use serde::{Deserialize, Deserializer};
use sha2::{Digest, Sha256};
use stripe_checkout::checkout_session::{
    CreateCheckoutSession, CreateCheckoutSessionAdaptivePricing, CreateCheckoutSessionAutomaticTax,
    CreateCheckoutSessionLineItems, CreateCheckoutSessionPaymentIntentData, CreateCheckoutSessionPhoneNumberCollection,
    CreateCheckoutSessionShippingAddressCollection, CreateCheckoutSessionShippingAddressCollectionAllowedCountries,
    RetrieveCheckoutSession,
};
use stripe_shared::{CheckoutSessionLocale, CheckoutSessionMode};
use tokio::time::Instant;

use super::{
    super::{OpenSession, PaymentError, SessionOrder, Started},
    client::{Answer, DEADLINE, StripeClient},
    read::read,
};
use crate::domain::{
    checkout::Attempt,
    customer::{Locale, ShippingAddress},
    life::{Asked, SessionFacts, SessionOutcome},
    money::Money,
    payment::{CustomerId, IntentId, ProviderId, SessionId},
    text::clean,
};

/// How many keys one order may use up: a key whose session was paid or expired, or whose answer is a stored failure, gives
/// way to the next.
const LAST_GENERATION: u32 = 12;

/// How many keys one call may see fail afresh, so that an outage does not use up an order's keys.
const FRESH_FAILURES: u32 = 2;

/// Creates the session, or returns the open one that an equal order made before.
pub async fn create(client: &StripeClient, order: &SessionOrder) -> Result<Started, PaymentError> {
    let deadline = Instant::now() + DEADLINE;
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
                    return Ok(Started::Redirect(open));
                }
            }
            // Stripe stored the failure under this key (https://docs.stripe.com/api/idempotent_requests): only another helps.
            Err(failure) if failure.replayed && failure.attempts == 1 => {}
            Err(failure) => {
                fresh_failures += 1;
                if !failure.replayed || fresh_failures == FRESH_FAILURES {
                    return Err(failure.error);
                }
            }
        }
    }
    Err(PaymentError::Unreachable("every idempotency key of this order is used up".to_owned()))
}

/// The session of this answer, unless the answer repeats one that is no longer open.
async fn still_open(
    client: &StripeClient,
    answer: Answer,
    deadline: Instant,
) -> Result<Option<OpenSession>, PaymentError> {
    let created: Session = read(&answer.body).map_err(PaymentError::Unreadable)?;
    let session = if answer.replayed {
        // A replay is the answer of then; whether the session is open, Stripe says only when asked now.
        let request = RetrieveCheckoutSession::new(created.id.as_str());
        let now = client.send(&request, None, deadline).await.map_err(|failure| failure.error)?;
        read(&now.body).map_err(PaymentError::Unreadable)?
    } else {
        created
    };
    if session.status.as_deref().is_some_and(|status| status != "open") {
        return Ok(None);
    }
    let url = session.url.ok_or_else(|| PaymentError::Unreadable("url: missing from an open session".to_owned()))?;
    Ok(Some(OpenSession { id: session.id, url }))
}

pub async fn retrieve(client: &StripeClient, id: &SessionId) -> Result<SessionFacts, PaymentError> {
    let request = RetrieveCheckoutSession::new(id.as_str());
    let answer = client.send(&request, None, Instant::now() + DEADLINE).await.map_err(|failure| failure.error)?;
    let session: Session = read(&answer.body).map_err(PaymentError::Unreadable)?;
    session.into_facts(None).map_err(PaymentError::Unreadable)
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

/// What is read of a checkout session. Everything but its id may be missing.
#[derive(Deserialize)]
pub struct Session {
    pub id: SessionId,
    #[serde(default)]
    pub url: Option<String>,
    #[serde(default)]
    pub status: Option<String>,
    #[serde(default)]
    payment_status: Option<String>,
    #[serde(default)]
    amount_total: Option<i64>,
    #[serde(default)]
    currency: Option<String>,
    #[serde(default, deserialize_with = "id_or_object")]
    payment_intent: Option<String>,
    #[serde(default, deserialize_with = "id_or_object")]
    customer: Option<String>,
    #[serde(default)]
    customer_email: Option<String>,
    #[serde(default)]
    customer_details: Option<CustomerDetails>,
    #[serde(default)]
    collected_information: Option<CollectedInformation>,
    #[serde(default)]
    metadata: Option<HashMap<String, String>>,
    #[serde(default)]
    livemode: bool,
}

#[derive(Deserialize)]
struct CustomerDetails {
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    phone: Option<String>,
    #[serde(default)]
    address: Option<ShippingAddress>,
}

#[derive(Deserialize)]
struct CollectedInformation {
    #[serde(default)]
    shipping_details: Option<ShippingDetails>,
}

#[derive(Deserialize)]
struct ShippingDetails {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    address: Option<ShippingAddress>,
}

/// Stripe gives an id, or the whole object where it was asked to expand it.
fn id_or_object<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Reference {
        Id(String),
        Object { id: String },
    }
    Ok(Option::<Reference>::deserialize(deserializer)?.map(|reference| match reference {
        Reference::Id(id) | Reference::Object { id } => id,
    }))
}

impl Session {
    /// The facts, with the event that told them where there is one: the session inside an event is of that moment.
    pub fn into_facts(self, event_type: Option<&str>) -> Result<SessionFacts, String> {
        let outcome = self.outcome(event_type)?;
        let metadata = self.metadata.unwrap_or_default();
        let amount = match (self.amount_total, &self.currency) {
            (Some(minor), Some(currency)) => Some(
                currency
                    .parse()
                    .and_then(|currency| Money::new(minor, currency))
                    .map_err(|error| format!("amount_total: {error}"))?,
            ),
            _ => None,
        };
        let expected = asked(metadata.get("expected_amount_minor"), metadata.get("expected_currency"));
        let details = self.customer_details;
        let phone = details.as_ref().and_then(|details| details.phone.clone());
        let email = details
            .as_ref()
            .and_then(|details| details.email.clone())
            .or(self.customer_email)
            .map(|email| clean(&email, 320))
            .filter(|email| !email.is_empty());
        let shipping = self
            .collected_information
            .and_then(|collected| collected.shipping_details)
            .map(|shipping| ShippingAddress {
                name: shipping.name,
                phone: phone.clone(),
                ..shipping.address.unwrap_or_default()
            })
            .or_else(|| {
                let details = details?;
                Some(ShippingAddress { name: details.name, phone, ..details.address? })
            })
            .map(ShippingAddress::cleaned);
        Ok(SessionFacts {
            provider: ProviderId::Stripe,
            session: self.id,
            outcome,
            intent: self.payment_intent.as_deref().and_then(IntentId::parse),
            customer: self.customer.as_deref().and_then(CustomerId::parse),
            attempt: metadata.get("attempt").and_then(|attempt| Attempt::parse(attempt)),
            email,
            color: metadata.get("color").map(|color| clean(color, 100)),
            amount,
            expected,
            locale: metadata.get("locale").and_then(|locale| Locale::parse(locale)),
            shipping,
            livemode: self.livemode,
            completed_at: None,
            access: None,
        })
    }

    fn outcome(&self, event_type: Option<&str>) -> Result<SessionOutcome, String> {
        match event_type {
            Some("checkout.session.async_payment_failed") => return Ok(SessionOutcome::Failed),
            Some("checkout.session.expired") => return Ok(SessionOutcome::Expired),
            _ => {}
        }
        let completed = event_type.is_some() || self.status.as_deref() == Some("complete");
        match (self.payment_status.as_deref(), self.status.as_deref()) {
            (Some("paid" | "no_payment_required"), _) => Ok(SessionOutcome::Paid),
            (Some("unpaid"), _) if completed => Ok(SessionOutcome::Pending),
            (_, Some("expired")) => Ok(SessionOutcome::Expired),
            (_, Some("open")) if !completed => Ok(SessionOutcome::Open),
            _ => Err("payment_status: not one that is known".to_owned()),
        }
    }
}

/// What the metadata say was asked. Half of it, or text that is no amount, is not the same as nothing.
fn asked(minor: Option<&String>, currency: Option<&String>) -> Asked {
    match (minor, currency) {
        (None, None) => Asked::Unsaid,
        (Some(minor), Some(currency)) => minor
            .parse()
            .ok()
            .and_then(|minor| Money::new(minor, currency.parse().ok()?).ok())
            .map_or(Asked::Unreadable, Asked::Amount),
        _ => Asked::Unreadable,
    }
}

/// Whether checkout sessions take this country, by the list of the API version.
pub fn ships_to(code: &str) -> bool {
    use CreateCheckoutSessionShippingAddressCollectionAllowedCountries as Country;
    Country::from_str(code).is_ok_and(|country| !matches!(country, Country::Unknown(_)))
}
