//! Undelivered events and webhook endpoints, for every provider that has them.

use std::collections::BTreeSet;

use rolitt::{
    domain::{customer::Email, product::ProductColor},
    server::payments::{Cursor, Events, Occurrence, PaymentProvider, capability::CustomerDraft},
};
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

use super::{
    super::test_app::TestApp, Counterpart, an_hour_ago, begin, every_provider, key, made_at_stripe, order,
    payments::paid, refused, without_deliveries,
};

/// Every undelivered event: its id, its type and its body.
async fn undelivered(events: &dyn Events, since: OffsetDateTime) -> Vec<(String, String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut from = None;
    for _ in 0..20 {
        let page = events.undelivered(since, from.as_ref()).await.unwrap();
        found.extend(page.items.into_iter().map(|event| {
            let (id, kind, body) = event.into_parts();
            (id.as_str().to_owned(), kind, body.to_vec())
        }));
        from = page.next;
        if from.is_none() {
            return found;
        }
    }
    panic!("the list does not end");
}

/// Causes events of several kinds, the last expected kind among them.
async fn something_happens(app: &TestApp, provider: &dyn PaymentProvider, times: usize) {
    let order = order(app, "attempt-1", ProductColor::Red, "jo@example.com").await;
    let session = begin(app, provider, &order).await;
    Counterpart(app, provider.id()).finish(&session).await;
    paid(provider.payment_intents().unwrap(), "disputed", 29_900, "pm_card_createDispute").await;
    let draft = CustomerDraft { email: Email::parse("jo@example.com").unwrap(), name: None, locale: None };
    let customers = provider.customers().unwrap();
    let one = async |number: usize| customers.create(&draft, &key(&format!("make-{number}"))).await.unwrap();
    let made = futures::future::join_all((0..times).map(one)).await;
    customers.delete(&made[0].id).await.unwrap();
}

#[tokio::test]
async fn undelivered_events_are_listed_completely_and_once() {
    every_provider(async |app, provider| {
        let Some(events) = provider.events() else { return };
        without_deliveries(app).await;
        something_happens(app, provider, 105).await;
        let found = undelivered(events, an_hour_ago()).await;
        let ids: BTreeSet<&str> = found.iter().map(|(id, ..)| id.as_str()).collect();
        assert_eq!(ids.len(), found.len(), "none twice");
        let kinds: BTreeSet<&str> = found.iter().map(|(_, kind, _)| kind.as_str()).collect();
        for kind in [
            "checkout.session.completed",
            "payment_intent.succeeded",
            "charge.dispute.created",
            "customer.created",
            "customer.deleted",
        ] {
            assert!(kinds.contains(kind), "{kind} is missing from {kinds:?}");
        }
        let expected = provider.endpoints().unwrap().expected_events();
        assert!(kinds.iter().all(|kind| expected.contains(kind)), "{kinds:?}");
        assert_eq!(found.iter().filter(|(_, kind, _)| kind == "customer.created").count(), 105, "over pages");
        for (id, kind, body) in &found {
            let said: Value = serde_json::from_slice(body).unwrap();
            assert_eq!((&said["id"], &said["type"]), (&json!(id), &json!(kind)));
            let event = provider.decode(body).unwrap();
            assert_ne!(event.occurrence, Occurrence::Other, "{kind}");
            assert_eq!(event.livemode, Some(provider.livemode()));
        }
        let later = OffsetDateTime::now_utc() + Duration::hours(1);
        assert_eq!(undelivered(events, later).await, []);
        for strange in ["x", "9:evt_1", "-1:", ":"] {
            refused(
                events.undelivered(later, Some(&Cursor::new(strange.to_owned()))).await.map(|_| ()),
                "Configuration",
            );
        }
    })
    .await;
}

#[tokio::test]
async fn delivered_events_are_not_listed() {
    every_provider(async |app, provider| {
        let Some(events) = provider.events() else { return };
        something_happens(app, provider, 1).await;
        app.until("everything delivered", async || undelivered(events, an_hour_ago()).await.is_empty()).await;
        assert!(app.count("webhook_logs").await > 3);
    })
    .await;
}

#[tokio::test]
async fn the_account_says_where_its_events_go() {
    every_provider(async |app, provider| {
        let Some(endpoints) = provider.endpoints() else { return };
        let fields = [
            ("url", "https://old.example/hook"),
            ("enabled_events[0]", "charge.refunded"),
            ("enabled_events[1]", "invoice.paid"),
        ];
        let other = made_at_stripe(app, "/v1/webhook_endpoints", &fields).await;
        let disabled = format!("/v1/webhook_endpoints/{}", other["id"].as_str().unwrap());
        made_at_stripe(app, &disabled, &[("disabled", "true")]).await;
        let found = endpoints.endpoints().await.unwrap();
        assert_eq!(found.len(), 2);
        let ours = found.iter().find(|endpoint| endpoint.url.ends_with("/api/webhooks/stripe")).unwrap();
        assert!(ours.enabled && ours.livemode == provider.livemode());
        assert_eq!(ours.api_version.as_deref(), Some(endpoints.expected_version()));
        let asks = |kind: &str| ours.events.iter().any(|event| event == kind || event == "*");
        assert!(endpoints.expected_events().iter().all(|kind| asks(kind)), "{:?}", ours.events);
        let old = found.iter().find(|endpoint| endpoint.url == "https://old.example/hook").unwrap();
        assert_eq!(
            (old.enabled, &old.events[..]),
            (false, &["charge.refunded".to_owned(), "invoice.paid".to_owned()][..])
        );
    })
    .await;
}
