//! Tests of the bank-transfer provider with an order history in memory.

use std::sync::Mutex;

use super::*;
use crate::domain::{
    checkout::Attempt,
    customer::{Email, Locale},
    money::Currency,
    payment::PriceId,
    product::ProductColor,
};

#[derive(Default)]
struct Records(Mutex<Vec<SessionUpdate>>);

#[async_trait]
impl OrderHistory for Records {
    async fn session(&self, id: &SessionId) -> Result<Option<SessionUpdate>, PaymentError> {
        Ok(self.0.lock().unwrap().iter().find(|facts| facts.session == *id).cloned())
    }

    async fn since(&self, _: OffsetDateTime, _: Option<&Cursor>) -> Result<Page<SessionUpdate>, PaymentError> {
        Ok(Page { items: self.0.lock().unwrap().clone(), unreadable: Vec::new(), next: None })
    }
}

fn usd(minor: i64) -> Money {
    Money::new(minor, Currency::USD).unwrap()
}

fn order() -> SessionOrder {
    SessionOrder {
        attempt: Attempt::parse("1750000000-abcdefghijklmnop").unwrap(),
        color: ProductColor::Red,
        email: Email::parse("jo@example.com").unwrap(),
        locale: Locale::default(),
        price: PriceId::parse("price_red").unwrap(),
        expected: usd(29_900),
        asked_at: OffsetDateTime::from_unix_timestamp(1_750_000_100).unwrap(),
        expires_at: OffsetDateTime::from_unix_timestamp(1_750_080_000).unwrap(),
        success_url: "https://shop.example/checkout/success".to_owned(),
        cancel_url: "https://shop.example/checkout/cancel".to_owned(),
        shipping_countries: Arc::from(["US".to_owned()]),
    }
}

fn provider(records: Vec<SessionUpdate>) -> Invoice {
    keyed(records, "a secret of the shop")
}

fn keyed(records: Vec<SessionUpdate>, key: &str) -> Invoice {
    Invoice {
        livemode: false,
        history: Arc::new(Records(Mutex::new(records))),
        key: SecretString::from(key.to_owned()),
    }
}

async fn placed(order: &SessionOrder) -> (SessionUpdate, String) {
    let Started::Placed { facts, token } = provider(Vec::new()).create_session(order).await.unwrap() else {
        panic!("an invoice has no page elsewhere");
    };
    (*facts, token.expose_secret().to_owned())
}

#[tokio::test]
async fn an_order_is_placed_with_the_token_of_its_order_page() {
    let (facts, token) = placed(&order()).await;
    assert!(facts.session.as_str().starts_with("inv_"), "{}", facts.session);
    assert_eq!(
        (facts.outcome, facts.amount, facts.completed_at),
        (SessionOutcome::Pending, Some(usd(29_900)), Some(1_750_000_100))
    );
    assert_eq!(token.len(), 64);
    assert_eq!(facts.access, Some(order_link::hash_token(&token)));
    assert!(!facts.session.as_str().contains(&token[..8]), "the session reveals nothing of the token");
}

#[tokio::test]
async fn an_equal_order_has_the_same_session_at_any_time_and_a_different_one_has_another() {
    let (first, link) = placed(&order()).await;
    let later = SessionOrder {
        asked_at: order().asked_at + time::Duration::days(2),
        expires_at: order().expires_at + time::Duration::days(2),
        ..order()
    };
    let (again, same_link) = placed(&later).await;
    assert_eq!((&first.session, &link), (&again.session, &same_link));
    let others = [
        SessionOrder { attempt: Attempt::parse("1750000000-b").unwrap(), ..order() },
        SessionOrder { color: ProductColor::SakuraPink, ..order() },
        SessionOrder { email: Email::parse("al@example.com").unwrap(), ..order() },
        SessionOrder { locale: Locale::parse("de").unwrap(), ..order() },
        SessionOrder { expected: usd(31_900), ..order() },
    ];
    for other in others {
        let (facts, token) = placed(&other).await;
        assert!(facts.session != first.session && token != link, "{other:?}");
    }
}

#[tokio::test]
async fn guessing_the_attempt_does_not_yield_the_token() {
    let token = async |key: &str, attempt: &str| {
        let order = SessionOrder { attempt: Attempt::parse(attempt).unwrap(), ..order() };
        let Started::Placed { token, .. } = keyed(Vec::new(), key).create_session(&order).await.unwrap() else {
            panic!("an invoice has no page elsewhere");
        };
        token.expose_secret().to_owned()
    };
    for weak in
        ["1", "1750000000-abc", "6f1c1b2e-8f0a-4a39-9d2f-0d3a3c0f5c55", &format!("17500000001-{}", "x".repeat(50))]
    {
        assert_ne!(token("one", weak).await, token("other", weak).await, "{weak}: the shop's secret is in it");
        assert_eq!(token("one", weak).await, token("one", weak).await, "{weak}: a repeat leads to the same link");
    }
    // An attempt made by our page is secret enough, and survives a change of keys.
    let page = crate::server::orders::checkout::fresh_attempt(order().asked_at);
    assert_eq!(token("one", page.as_str()).await, token("other", page.as_str()).await);
}

#[tokio::test]
async fn only_an_order_that_awaits_its_transfer_can_expire() {
    let (facts, _) = placed(&order()).await;
    let unknown = provider(Vec::new());
    assert_eq!(unknown.retrieve_session(&facts.session).await, Err(PaymentError::NotFound));
    assert_eq!(unknown.expire_session(&facts.session).await, Err(PaymentError::NotFound));

    let ended = provider(vec![facts.clone()]).expire_session(&facts.session).await.unwrap();
    assert_eq!(ended, SessionUpdate { outcome: SessionOutcome::Cancelled, ..facts.clone() });

    for over in [paid(facts.clone(), usd(29_900)), ended] {
        let refused = provider(vec![over]).expire_session(&facts.session).await;
        assert!(matches!(refused, Err(PaymentError::State(_))), "{refused:?}");
    }
}

#[tokio::test]
async fn a_received_amount_does_not_change_the_expected_amount() {
    let (facts, _) = placed(&order()).await;
    let short = paid(facts, usd(29_000));
    assert_eq!(
        (short.outcome, short.amount, short.expected),
        (SessionOutcome::Paid, Some(usd(29_000)), ExpectedAmount::Amount(usd(29_900)))
    );
}

#[test]
fn a_webhook_about_an_invoice_is_rejected() {
    let provider = provider(Vec::new());
    let verified = provider.verify(&HeaderMap::new(), Bytes::from_static(b"{}"), OffsetDateTime::UNIX_EPOCH);
    assert!(matches!(verified, Err(SignatureError::Missing)));
    assert!(matches!(provider.decode(b"{}"), Err(DecodeError::NotAnEvent(_))));
    assert!(provider.refunds().is_none() && provider.prices().is_none());
}
