//! Payments without a session, and disputes, at every provider that has them.

use std::collections::BTreeMap;

use rolitt::{
    domain::{
        lifecycle::{DisputeStatus, IntentStatus},
        payment::{DisputeId, IntentId, PaymentMethodId, ProviderId},
        product::ProductColor,
    },
    server::payments::{
        PaymentError, PaymentIntents,
        capability::{Intent, IntentDraft, NextAction},
        error::Decline,
    },
};
use serde_json::json;
use time::{Duration, OffsetDateTime};

use super::{an_hour_ago, begin, every_provider, key, order, refused, usd};

/// Where a bank's page sends customers back to.
pub const BACK: Option<&str> = Some("https://shop.example/back");

pub fn method(name: &str) -> PaymentMethodId {
    PaymentMethodId::parse(name).unwrap()
}

pub fn draft(minor: i64) -> IntentDraft {
    let metadata = BTreeMap::from([("color".to_owned(), "Red".to_owned()), ("attempt".to_owned(), "a-1".to_owned())]);
    IntentDraft { amount: usd(minor), customer: None, description: Some("One preorder".to_owned()), metadata }
}

/// An intent that is paid with this test card.
pub async fn paid(intents: &dyn PaymentIntents, name: &str, minor: i64, card: &str) -> Intent {
    let intent = intents.create(&draft(minor), &key(&format!("{name}-make"))).await.unwrap();
    intents.confirm(&intent.id, Some(&method(card)), BACK, &key(&format!("{name}-pay"))).await.unwrap()
}

#[tokio::test]
async fn a_payment_goes_from_nothing_to_paid() {
    every_provider(async |_, provider| {
        let Some(intents) = provider.payment_intents() else { return };
        let begun = intents.create(&draft(29_900), &key("make")).await.unwrap();
        assert_eq!((begun.amount, begun.status), (usd(29_900), IntentStatus::Waiting));
        assert_eq!((begun.next_action.clone(), begun.decline.clone()), (Some(NextAction::GiveMethod), None));
        assert!(begun.client_secret.is_some() && begun.livemode == provider.livemode());
        assert!(!format!("{begun:?}").contains("_secret_"), "a secret does not print");
        assert_eq!(intents.create(&draft(29_900), &key("make")).await.unwrap().id, begun.id, "one key, one effect");
        refused(intents.create(&draft(100), &key("make")).await, "KeyReused");
        refused(intents.confirm(&begun.id, None, BACK, &key("pay-with-nothing")).await, "State");

        let card = method("pm_card_visa");
        let paid = intents.confirm(&begun.id, Some(&card), BACK, &key("pay")).await.unwrap();
        assert_eq!((paid.status, paid.next_action), (IntentStatus::Succeeded, None));
        let again = intents.confirm(&begun.id, Some(&card), BACK, &key("pay")).await.unwrap();
        assert_eq!((again.id, again.status), (begun.id.clone(), IntentStatus::Succeeded));
        refused(intents.confirm(&begun.id, Some(&card), BACK, &key("pay-again")).await, "State");
        refused(intents.cancel(&begun.id, &key("cancel")).await, "State");
        assert_eq!(intents.retrieve(&begun.id).await.unwrap().status, IntentStatus::Succeeded);
        let unknown = IntentId::parse("pi_unknown").unwrap();
        assert_eq!(intents.retrieve(&unknown).await.unwrap_err(), PaymentError::NotFound);
        assert_eq!(intents.cancel(&unknown, &key("cancel-nothing")).await.unwrap_err(), PaymentError::NotFound);
    })
    .await;
}

#[tokio::test]
async fn a_bank_that_wants_to_see_the_customer_says_where() {
    every_provider(async |app, provider| {
        let Some(intents) = provider.payment_intents() else { return };
        let waiting = paid(intents, "three-d", 29_900, "pm_card_authenticationRequired").await;
        assert_eq!(waiting.status, IntentStatus::Waiting);
        let Some(NextAction::Redirect { url }) = waiting.next_action else { panic!("{:?}", waiting.next_action) };
        assert!(url.starts_with("http"), "{url}");
        let path = format!("/sandbox/stripe/payment_intents/{}/settle", waiting.id);
        app.sandbox_post(&path, json!({ "outcome": "succeed" })).await;
        let seen = intents.retrieve(&waiting.id).await.unwrap();
        assert_eq!((seen.status, seen.next_action), (IntentStatus::Succeeded, None));

        let waiting = paid(intents, "three-d-no", 29_900, "pm_card_authenticationRequired").await;
        let path = format!("/sandbox/stripe/payment_intents/{}/settle", waiting.id);
        app.sandbox_post(&path, json!({ "outcome": "fail" })).await;
        let failed = intents.retrieve(&waiting.id).await.unwrap();
        assert_eq!((failed.status, failed.next_action), (IntentStatus::Waiting, Some(NextAction::GiveMethod)));
        assert_eq!(failed.decline.unwrap().code, "payment_intent_authentication_failure");
    })
    .await;
}

#[tokio::test]
async fn a_refusal_names_both_codes_and_leaves_the_payment_waiting() {
    every_provider(async |_, provider| {
        let Some(intents) = provider.payment_intents() else { return };
        let begun = intents.create(&draft(29_900), &key("make")).await.unwrap();
        for (card, code, decline_code) in [
            ("pm_card_chargeDeclinedInsufficientFunds", "card_declined", Some("insufficient_funds")),
            ("pm_card_chargeDeclinedExpiredCard", "expired_card", None),
        ] {
            let decline = Decline { code: code.to_owned(), decline_code: decline_code.map(str::to_owned) };
            for _ in 0..2 {
                let answer = intents.confirm(&begun.id, Some(&method(card)), BACK, &key(card)).await;
                assert_eq!(
                    answer.unwrap_err(),
                    PaymentError::Declined(decline.clone()),
                    "and the same for the same key"
                );
            }
            let now = intents.retrieve(&begun.id).await.unwrap();
            assert_eq!((now.status, now.next_action), (IntentStatus::Waiting, Some(NextAction::GiveMethod)));
            assert_eq!(now.decline.unwrap().code, code);
        }
        let cancelled = intents.cancel(&begun.id, &key("cancel")).await.unwrap();
        assert_eq!((cancelled.status, cancelled.next_action), (IntentStatus::Cancelled, None));
        assert_eq!(intents.cancel(&begun.id, &key("cancel")).await.unwrap().status, IntentStatus::Cancelled);
        refused(intents.cancel(&begun.id, &key("cancel-again")).await, "State");
        refused(intents.confirm(&begun.id, Some(&method("pm_card_visa")), BACK, &key("too-late")).await, "State");
    })
    .await;
}

#[tokio::test]
async fn the_payment_of_a_session_is_the_sessions() {
    every_provider(async |app, provider| {
        let Some(intents) = provider.payment_intents() else { return };
        if provider.id() != ProviderId::Stripe {
            return;
        }
        let order = order(app, "attempt-1", ProductColor::Red, "jo@example.com").await;
        let session = begin(app, provider, &order).await;
        let delayed = json!({ "method": "delayed", "outcome": "succeed" });
        app.sandbox_post(&format!("/sandbox/stripe/sessions/{session}/pay"), delayed).await;
        let intent = provider.retrieve_session(&session).await.unwrap().intent.unwrap();
        refused(intents.cancel(&intent, &key("cancel")).await, "State");
        assert_eq!(intents.retrieve(&intent).await.unwrap().status, IntentStatus::Processing);
    })
    .await;
}

#[tokio::test]
async fn a_dispute_is_found_by_its_time_and_by_its_id() {
    every_provider(async |_, provider| {
        let (Some(intents), Some(disputes)) = (provider.payment_intents(), provider.disputes()) else { return };
        assert!(disputes.list(an_hour_ago(), None).await.unwrap().items.is_empty());
        let payment = paid(intents, "disputed", 29_900, "pm_card_createDispute").await;
        let page = disputes.list(an_hour_ago(), None).await.unwrap();
        assert_eq!((page.items.len(), page.next), (1, None));
        let dispute = &page.items[0];
        assert_eq!((&dispute.intent, dispute.amount), (&payment.id, usd(29_900)));
        assert_eq!((dispute.status, dispute.livemode), (DisputeStatus::NeedsResponse, provider.livemode()));
        assert!(dispute.due_by.is_some_and(|due| due > OffsetDateTime::now_utc().unix_timestamp()));
        assert!(!dispute.reason.is_empty());
        assert_eq!(disputes.retrieve(&dispute.id).await.unwrap(), *dispute);
        let later = OffsetDateTime::now_utc() + Duration::hours(1);
        assert!(disputes.list(later, None).await.unwrap().items.is_empty());
        let unknown = DisputeId::parse("dp_unknown").unwrap();
        assert_eq!(disputes.retrieve(&unknown).await.unwrap_err(), PaymentError::NotFound);
    })
    .await;
}
