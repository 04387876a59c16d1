//! What every provider must do: sessions, signatures, events.

use axum::http::HeaderMap;
use bytes::Bytes;
use proptest::prelude::*;
use rolitt::{
    domain::{
        lifecycle::{ExpectedAmount, SessionOutcome, SessionUpdate},
        payment::{ProviderId, SessionId},
        product::ProductColor,
    },
    server::payments::{PaymentError, PaymentProvider, SessionOrder, SignatureError},
};
use serde_json::json;
use time::{Duration, OffsetDateTime};

use super::{
    super::test_app::{PREVIOUS_SECRET, completed, sign},
    Counterpart, an_hour_ago, assert_each_once, begin, every_provider, order, refused, without_deliveries,
};

#[tokio::test]
async fn an_equal_order_finds_its_session_and_another_one_does_not() {
    every_provider(async |app, provider| {
        let first = order(app, "attempt-1", ProductColor::Red, "jo@example.com").await;
        let session = begin(app, provider, &first).await;
        assert_eq!(begin(app, provider, &first).await, session);
        let mut others = vec![session.clone()];
        for (attempt, color, email) in [
            ("attempt-1", ProductColor::HoneyKhaki, "jo@example.com"),
            ("attempt-1", ProductColor::Red, "al@example.com"),
            ("attempt-2", ProductColor::Red, "jo@example.com"),
        ] {
            let order = order(app, attempt, color, email).await;
            let other = begin(app, provider, &SessionOrder { expires_at: first.expires_at, ..order }).await;
            assert!(!others.contains(&other), "{attempt} {color} {email}");
            others.push(other);
        }
        assert_eq!(begin(app, provider, &first).await, session);
    })
    .await;
}

#[tokio::test]
async fn a_session_reports_the_order_it_was_created_with() {
    every_provider(async |app, provider| {
        let order = order(app, "attempt-1", ProductColor::Red, "jo@example.com").await;
        let session = begin(app, provider, &order).await;
        let check = |facts: &SessionUpdate| {
            assert_eq!((facts.provider, &facts.session), (provider.id(), &session));
            assert_eq!(facts.color.as_deref(), Some("Red"));
            assert_eq!(facts.expected, ExpectedAmount::Amount(order.expected));
            assert_eq!(facts.attempt.as_ref(), Some(&order.attempt));
            assert_eq!(facts.locale.as_ref(), Some(&order.locale));
            assert_eq!(facts.email.as_deref(), Some("jo@example.com"));
            assert_eq!(facts.livemode, provider.livemode());
        };
        let waiting = provider.retrieve_session(&session).await.unwrap();
        check(&waiting);
        assert!(matches!(waiting.outcome, SessionOutcome::Open | SessionOutcome::Pending), "{:?}", waiting.outcome);
        Counterpart(app, provider.id()).finish(&session).await;
        let finished = provider.retrieve_session(&session).await.unwrap();
        check(&finished);
        assert!(matches!(finished.outcome, SessionOutcome::Paid | SessionOutcome::Pending), "{:?}", finished.outcome);
        assert_eq!(finished.amount, Some(order.expected));
    })
    .await;
}

#[tokio::test]
async fn an_unknown_session_is_not_found() {
    every_provider(async |_, provider| {
        for id in ["cs_test_unknown", "x", "INV-0"] {
            let id = SessionId::parse(id).unwrap();
            assert_eq!(provider.retrieve_session(&id).await, Err(PaymentError::NotFound));
            assert_eq!(provider.expire_session(&id).await, Err(PaymentError::NotFound));
        }
    })
    .await;
}

#[tokio::test]
async fn a_session_that_waits_can_be_ended_once() {
    every_provider(async |app, provider| {
        let order = order(app, "attempt-1", ProductColor::Red, "jo@example.com").await;
        let session = begin(app, provider, &order).await;
        let ended = provider.expire_session(&session).await.unwrap();
        assert!(matches!(ended.outcome, SessionOutcome::Expired | SessionOutcome::Cancelled), "{:?}", ended.outcome);
        match provider.expire_session(&session).await {
            Ok(again) => assert_eq!(again, ended),
            Err(error) => assert!(matches!(error, PaymentError::State(_)), "{error:?}"),
        }
    })
    .await;
}

#[tokio::test]
async fn a_session_that_stripe_ended_or_finished_cannot_be_ended() {
    every_provider(async |app, provider| {
        if provider.id() != ProviderId::Stripe {
            return;
        }
        let order = order(app, "attempt-1", ProductColor::Red, "jo@example.com").await;
        let session = begin(app, provider, &order).await;
        Counterpart(app, provider.id()).finish(&session).await;
        refused(provider.expire_session(&session).await, "State");
        // The order's next checkout is another session, and the finished one is not found again.
        let next = begin(app, provider, &order).await;
        assert_ne!(next, session);
        provider.expire_session(&next).await.unwrap();
        refused(provider.expire_session(&next).await, "State");
        assert_ne!(begin(app, provider, &order).await, next);
    })
    .await;
}

/// More sessions than a page of any provider's has.
const MANY: usize = 105;

#[tokio::test]
async fn pages_of_finished_sessions_join_up() {
    every_provider(async |app, provider| {
        without_deliveries(app).await;
        let waiting = order(app, "attempt-waiting", ProductColor::Red, "jo@example.com").await;
        let waiting = begin(app, provider, &waiting).await;
        let one = async |number: usize| {
            let attempt = format!("attempt-{number}");
            let order = order(app, &attempt, ProductColor::Red, "jo@example.com").await;
            let session = begin(app, provider, &order).await;
            Counterpart(app, provider.id()).finish(&session).await;
            session
        };
        let expected = futures::future::join_all((0..MANY).map(one)).await;
        let mut found = Vec::new();
        let mut from = None;
        loop {
            let page = provider.list_sessions(an_hour_ago(), from.as_ref()).await.unwrap();
            assert!(page.items.iter().all(|facts| facts.outcome != SessionOutcome::Open));
            found.extend(page.items.into_iter().map(|facts| facts.session));
            from = page.next;
            if from.is_none() {
                break;
            }
            // One that comes between two pages moves nothing.
            one(MANY + found.len()).await;
        }
        if provider.id() == ProviderId::Stripe {
            assert!(!found.contains(&waiting), "the customer has not finished it");
        }
        found.retain(|session| *session != waiting);
        assert_each_once(found, expected);
        let later = OffsetDateTime::now_utc() + Duration::hours(1);
        assert!(provider.list_sessions(later, None).await.unwrap().items.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_failed_delayed_payment_shows_on_the_session_too() {
    every_provider(async |app, provider| {
        if provider.id() != ProviderId::Stripe {
            return;
        }
        let order = order(app, "attempt-1", ProductColor::Red, "jo@example.com").await;
        let session = begin(app, provider, &order).await;
        let delayed = json!({ "method": "delayed", "outcome": "fail" });
        app.sandbox_post(&format!("/sandbox/stripe/sessions/{session}/pay"), delayed).await;
        let pending = provider.retrieve_session(&session).await.unwrap();
        assert_eq!(pending.outcome, SessionOutcome::Pending);
        let intent = pending.intent.unwrap();
        app.sandbox_post(&format!("/sandbox/stripe/payment_intents/{intent}/settle"), json!({ "outcome": "fail" }))
            .await;
        assert_eq!(provider.retrieve_session(&session).await.unwrap().outcome, SessionOutcome::Failed);
        let listed = provider.list_sessions(an_hour_ago(), None).await.unwrap().items;
        assert_eq!(listed.iter().map(|facts| facts.outcome).collect::<Vec<_>>(), [SessionOutcome::Failed]);
    })
    .await;
}

#[tokio::test]
async fn a_signature_covers_the_exact_body_within_a_tolerance() {
    every_provider(async |app, provider| {
        let now = OffsetDateTime::now_utc();
        let body = Bytes::from(completed("evt_1", "cs_test_1").to_string());
        assert!(provider.verify(&HeaderMap::new(), body.clone(), now).is_err(), "unsigned");
        let counterpart = Counterpart(app, provider.id());
        let Some(headers) = counterpart.headers(now.unix_timestamp(), &body) else { return };
        let Ok(event) = provider.verify(&headers, body.clone(), now) else { panic!("a good signature") };
        let (id, kind, kept) = event.into_parts();
        assert_eq!((id.as_str(), kind.as_str(), kept), ("evt_1", "checkout.session.completed", body.clone()));
        for place in [0, body.len() / 2, body.len() - 1] {
            let mut altered = body.to_vec();
            altered[place] ^= 1;
            assert_eq!(provider.verify(&headers, altered.into(), now).err(), Some(SignatureError::Mismatch));
        }
        for ahead in [Duration::seconds(301), Duration::seconds(-301), Duration::days(400)] {
            assert_eq!(provider.verify(&headers, body.clone(), now + ahead).err(), Some(SignatureError::Stale));
        }
        let previous = sign(PREVIOUS_SECRET, now.unix_timestamp(), &body).parse().unwrap();
        let rolled = HeaderMap::from_iter([("stripe-signature".parse().unwrap(), previous)]);
        assert!(provider.verify(&rolled, body.clone(), now).is_ok(), "a secret that is being rolled");
        let foreign = sign("whsec_of_another_shop", now.unix_timestamp(), &body).parse().unwrap();
        let forged = HeaderMap::from_iter([("stripe-signature".parse().unwrap(), foreign)]);
        assert_eq!(provider.verify(&forged, body, now).err(), Some(SignatureError::Mismatch));
    })
    .await;
}

#[tokio::test]
async fn no_bytes_make_a_provider_panic() {
    every_provider(async |app, provider: &dyn PaymentProvider| {
        let whole = completed("evt_1", "cs_test_1").to_string().into_bytes();
        let bytes = prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..200),
            "[\\[\\]{}\":,a-z0-9 ]{0,80}".prop_map(String::into_bytes),
            (any::<proptest::sample::Index>(), any::<u8>()).prop_map(move |(place, byte)| {
                let mut bytes = whole.clone();
                let place = place.index(bytes.len());
                bytes[place] = byte;
                bytes
            }),
        ];
        let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
            failure_persistence: None,
            ..ProptestConfig::default()
        });
        runner
            .run(&bytes, |bytes| {
                let _ = provider.decode(&bytes);
                let now = app.shop.clock.now();
                prop_assert!(provider.verify(&HeaderMap::new(), bytes.into(), now).is_err());
                Ok(())
            })
            .unwrap();
    })
    .await;
}
