//! Use case: a customer submits the checkout form and is redirected to the provider's page.
//! Nothing is stored here, so the store cannot fail it; the exception is an order for which no
//! event will arrive.

use failpoints::{fail_point, shop::SESSION_CREATED};
use rand::{RngExt as _, distr::Alphanumeric};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use time::{Duration, OffsetDateTime};

use super::fulfilment::apply_session;
use crate::server::{
    payments::{SessionOrder, Started},
    state::Shop,
    store::Applied,
    storefront::catalogue::NotSellable,
};
use crate::{
    domain::{
        checkout::{Attempt, CheckoutError, CheckoutRequest, Field, METHOD_NOT_OFFERED},
        lifecycle::SessionUpdate,
    },
    wire::names::{CHECKOUT_CANCEL, CHECKOUT_SUCCESS},
};

/// How long a customer waits at most, whatever is slow.
const DEADLINE: std::time::Duration = std::time::Duration::from_secs(8);

/// Creates the session of this request, or finds the one that an equal request created. Returns
/// the URL of the provider's page.
pub(crate) async fn start(shop: &Shop, request: CheckoutRequest) -> Result<String, CheckoutError> {
    tokio::time::timeout(DEADLINE, start_unbounded(shop, request)).await.unwrap_or_else(|_| {
        tracing::warn!("checkout aborted: the deadline has passed");
        Err(CheckoutError::Network)
    })
}

async fn start_unbounded(shop: &Shop, request: CheckoutRequest) -> Result<String, CheckoutError> {
    let provider = match request.method {
        None => shop.payments.default_provider(),
        Some(method) => {
            shop.payments.by_id(method).ok_or_else(|| CheckoutError::invalid(Field::Method, METHOD_NOT_OFFERED))?
        }
    };
    let sellable = shop.catalogue.sellable(request.color).await.map_err(|why| match why {
        NotSellable::NoPrice => {
            CheckoutError::invalid(Field::Color, "This color cannot be ordered right now. Choose another one, please.")
        }
        NotSellable::Unknown(error) => {
            tracing::error!(%error, "checkout failed: no price is known");
            error.for_customer()
        }
    })?;
    let now = shop.clock.now();
    let attempt = request.attempt.unwrap_or_else(|| fresh_attempt(now));
    let order = SessionOrder {
        color: request.color,
        email: request.email,
        asked_at: now,
        expires_at: expiry(&attempt, now),
        attempt,
        success_url: shop.url(&[CHECKOUT_SUCCESS, "?session_id={CHECKOUT_SESSION_ID}"].concat()),
        cancel_url: shop.url(&[CHECKOUT_CANCEL, "?color=", request.color.slug()].concat()),
        locale: request.locale,
        price: sellable.id,
        expected: sellable.price,
        shipping_countries: shop.shipping_countries.clone(),
    };
    match provider.create_session(&order).await {
        Ok(started) => {
            fail_point!(SESSION_CREATED);
            metrics::counter!("checkout_sessions_total", "result" => "created").increment(1);
            tracing::info!(
                color = %order.color, amount = %order.expected, provider = provider.id().as_str(),
                "checkout session created"
            );
            match started {
                Started::Redirect(session) => Ok(session.url),
                Started::Placed { facts, token } => place(shop, &facts, &token).await,
            }
        }
        Err(error) => {
            let reply = error.for_customer();
            metrics::counter!("checkout_sessions_total", "result" => reply.kind()).increment(1);
            if error.retryable() {
                tracing::warn!(%error, "checkout session not created");
            } else {
                tracing::error!(%error, "checkout session rejected by the provider");
            }
            Err(reply)
        }
    }
}

/// Stores an order by bank transfer, for which no webhook will arrive, and returns the URL of its
/// order page. Idempotent: the same order finds the same row again.
async fn place(shop: &Shop, facts: &SessionUpdate, token: &SecretString) -> Result<String, CheckoutError> {
    let preorder = match apply_session(shop, facts).await {
        Ok(Applied::Changed(Some(preorder)) | Applied::Unchanged(Some(preorder))) => preorder,
        Ok(other) => {
            tracing::error!(?other, "an order by bank transfer was not stored");
            return Err(CheckoutError::Configuration);
        }
        Err(error) => {
            tracing::error!(%error, "an order by bank transfer could not be stored");
            return Err(CheckoutError::Network);
        }
    };
    Ok(shop.url(&format!("/orders/{}?token={}", preorder.number, token.expose_secret())))
}

/// Creates an attempt for a page. Payment by bank transfer derives the order link from it, so it
/// has 256 bits from a cryptographic random number generator.
pub(crate) fn fresh_attempt(now: OffsetDateTime) -> Attempt {
    let random: String = rand::rng().sample_iter(Alphanumeric).take(Attempt::RANDOM).map(char::from).collect();
    Attempt::issued(now.unix_timestamp(), &random)
}

/// The longest life of a session. Stripe allows 24 hours from its creation.
const LONGEST: Duration = Duration::hours(23);
/// The shortest life of a session. Stripe requires 30 minutes.
const SHORTEST: Duration = Duration::hours(1);

/// Returns when the session of this attempt ends: between one and 23 hours from now, and the same
/// moment for every repeat, because a repeat under the same idempotency key must have the same
/// parameters. Windows of 22 hours follow each other from the attempt's own time. An attempt
/// without a time gets a start from the hash of its text.
fn expiry(attempt: &Attempt, now: OffsetDateTime) -> OffsetDateTime {
    let window = (LONGEST - SHORTEST).whole_seconds();
    let now = now.unix_timestamp();
    let start = attempt.issued_at().unwrap_or_else(|| {
        let hash = Sha256::digest(attempt.as_str());
        i64::from(u32::from_le_bytes([hash[0], hash[1], hash[2], hash[3]])) % window
    });
    let end = now - (now - start).rem_euclid(window) + LONGEST.whole_seconds();
    OffsetDateTime::from_unix_timestamp(end).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_attempt_has_256_random_bits() {
        let now = OffsetDateTime::from_unix_timestamp(1_750_000_000).unwrap();
        let all: Vec<Attempt> = (0..4000).map(|_| fresh_attempt(now)).collect();
        assert!(all.iter().all(Attempt::is_unguessable));
        assert_eq!(all.iter().map(Attempt::as_str).collect::<HashSet<_>>().len(), all.len());
        // After 4000 draws, every position has had each of the 62 symbols (all but once in 10^24
        // runs), so no position is fixed or derived.
        let mut bits = 0.0;
        for place in 11..11 + Attempt::RANDOM {
            let symbols = all.iter().map(|attempt| attempt.as_str().as_bytes()[place]).collect::<HashSet<_>>().len();
            assert_eq!(symbols, 62, "place {place}");
            bits += 62_f64.log2();
        }
        assert!(bits >= 256.0, "{bits}");
    }

    proptest! {
        #[test]
        fn a_session_expires_within_stripes_bounds_and_repeats_agree(
            now in 1_700_000_000_i64..2_000_000_000,
            age in 0_i64..1_000_000,
            later in 0_i64..79_000,
            text in "[a-z]{1,20}",
        ) {
            for attempt in [format!("{}-x", now - age), text, format!("{}-x", now + 999)] {
                let attempt = Attempt::parse(&attempt).unwrap();
                let at = |seconds| OffsetDateTime::from_unix_timestamp(seconds).unwrap();
                let end = expiry(&attempt, at(now));
                prop_assert!(end - at(now) > SHORTEST - Duration::SECOND && end - at(now) <= LONGEST);
                let left = (end - at(now) - SHORTEST).whole_seconds();
                prop_assert_eq!(expiry(&attempt, at(now + later.min(left - 1).max(0))), end);
            }
        }
    }
}
