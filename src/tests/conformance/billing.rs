//! Subscriptions at every provider that has them.

use rolitt::{
    domain::{
        customer::Email,
        mirror::SubscriptionStatus,
        payment::{CustomerId, PriceId, SubscriptionId},
    },
    server::payments::{
        PaymentError, PaymentProvider,
        capability::{CancelWhen, CustomerDraft, SubscriptionChange, SubscriptionDraft},
    },
};
use time::OffsetDateTime;

use super::{super::test_app::TestApp, every_provider, key, made_at_stripe, payments::method, refused};

async fn monthly(app: &TestApp, minor: &str) -> PriceId {
    let fields =
        [("currency", "usd"), ("unit_amount", minor), ("recurring[interval]", "month"), ("product_data[name]", "Care")];
    PriceId::parse(made_at_stripe(app, "/v1/prices", &fields).await["id"].as_str().unwrap()).unwrap()
}

async fn customer(provider: &dyn PaymentProvider, name: &str) -> CustomerId {
    let draft = CustomerDraft { email: Email::parse("jo@example.com").unwrap(), name: None, locale: None };
    provider.customers().unwrap().create(&draft, &key(name)).await.unwrap().id
}

#[tokio::test]
async fn a_subscription_is_made_changed_paused_and_cancelled() {
    every_provider(async |app, provider| {
        let Some(subscriptions) = provider.subscriptions() else { return };
        let (small, large) = (monthly(app, "500").await, monthly(app, "900").await);
        let customer = customer(provider, "jo").await;
        let draft = SubscriptionDraft {
            customer: customer.clone(),
            price: small.clone(),
            quantity: 2,
            method: Some(method("pm_card_visa")),
        };
        let made = subscriptions.create(&draft, &key("make")).await.unwrap();
        assert_eq!((made.status, &made.customer), (SubscriptionStatus::Active, &customer));
        assert_eq!((made.price.as_ref(), made.quantity), (Some(&small), Some(2)));
        assert!(!made.paused && !made.cancel_at_period_end && made.livemode == provider.livemode());
        assert!(made.current_period_end.is_some_and(|end| end > OffsetDateTime::now_utc()));
        assert_eq!(subscriptions.create(&draft, &key("make")).await.unwrap().id, made.id, "one key, one effect");
        refused(subscriptions.create(&SubscriptionDraft { quantity: 3, ..draft }, &key("make")).await, "KeyReused");

        let change = async |change: SubscriptionChange, name: &str| {
            subscriptions.update(&made.id, &change, &key(name)).await.unwrap()
        };
        let none = SubscriptionChange::default();
        let dearer = change(SubscriptionChange { price: Some(large.clone()), ..none.clone() }, "dearer").await;
        assert_eq!((dearer.price.as_ref(), dearer.quantity), (Some(&large), Some(2)), "the number stays");
        let more = change(SubscriptionChange { quantity: Some(3), ..none.clone() }, "more").await;
        assert_eq!((more.price.as_ref(), more.quantity), (Some(&large), Some(3)), "the price stays");
        let paused = change(SubscriptionChange { pause: Some(true), ..none.clone() }, "pause").await;
        assert!(paused.paused && paused.status == SubscriptionStatus::Active);
        let back = SubscriptionChange { pause: Some(false), quantity: Some(1), price: None };
        let back = change(back, "go-on").await;
        assert!(!back.paused && back.quantity == Some(1));
        assert_eq!(change(none, "nothing").await, back);
        assert_eq!(subscriptions.retrieve(&made.id).await.unwrap(), back);

        let ending = subscriptions.cancel(&made.id, CancelWhen::AtPeriodEnd, &key("end")).await.unwrap();
        assert!(ending.cancel_at_period_end && ending.status == SubscriptionStatus::Active);
        for name in ["now", "now", "once more"] {
            let key = key(&name.replace(' ', "-"));
            let ended = subscriptions.cancel(&made.id, CancelWhen::Now, &key).await.unwrap();
            assert_eq!((&ended.id, ended.status), (&made.id, SubscriptionStatus::Canceled), "{name}");
        }
        assert_eq!(subscriptions.retrieve(&made.id).await.unwrap().status, SubscriptionStatus::Canceled);
    })
    .await;
}

#[tokio::test]
async fn an_invalid_subscription_is_rejected_with_a_reason() {
    every_provider(async |app, provider| {
        let Some(subscriptions) = provider.subscriptions() else { return };
        let price = monthly(app, "500").await;
        let customer = customer(provider, "jo").await;
        let draft =
            SubscriptionDraft { customer, price, quantity: 1, method: Some(method("pm_card_chargeCustomerFail")) };
        let unpaid = subscriptions.create(&draft, &key("unpaid")).await.unwrap();
        assert_eq!(unpaid.status, SubscriptionStatus::Incomplete);
        let declined = SubscriptionDraft { method: Some(method("pm_card_chargeDeclined")), ..draft.clone() };
        refused(subscriptions.create(&declined, &key("declined")).await, "Declined");
        let unknown = SubscriptionDraft { customer: CustomerId::parse("cus_unknown").unwrap(), ..draft.clone() };
        refused(subscriptions.create(&unknown, &key("unknown")).await, "NotFound");
        let priceless = SubscriptionDraft { price: PriceId::parse("price_of_nothing").unwrap(), ..draft };
        refused(subscriptions.create(&priceless, &key("priceless")).await, "Configuration");
        let none = SubscriptionId::parse("sub_unknown").unwrap();
        let more = SubscriptionChange { quantity: Some(2), ..SubscriptionChange::default() };
        assert_eq!(subscriptions.retrieve(&none).await, Err(PaymentError::NotFound));
        assert_eq!(subscriptions.update(&none, &more, &key("more-of-none")).await, Err(PaymentError::NotFound));
        for when in [CancelWhen::Now, CancelWhen::AtPeriodEnd] {
            let key = key(&format!("end-none-{when:?}"));
            assert_eq!(subscriptions.cancel(&none, when, &key).await, Err(PaymentError::NotFound));
        }
    })
    .await;
}
