//! What every payment provider must keep to, asked of each one that is set up: the contract in
//! `server/payments/`. A property is one function; what only one provider can be made to do (a
//! customer who pays, a signature) is in its [`Counterpart`].

mod billing;
mod customers;
mod events;
mod payments;
mod refunds;
mod sessions;

use axum::http::{HeaderMap, HeaderValue};
use rolitt::{
    domain::{
        checkout::Attempt,
        customer::Email,
        money::Money,
        payment::{ProviderId, SessionId},
        product::ProductColor,
    },
    server::{
        orders::fulfilment::apply_session,
        payments::{PaymentError, PaymentProvider, SessionOrder, Started, capability::IdempotencyKey},
    },
};
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

use super::test_app::{SECRET, Setup, TestApp, form, sign};

/// What the shop needs to have every provider set up.
fn everything() -> Setup {
    let variables = [
        ("PAYMENT_PROVIDERS", "stripe,invoice"),
        ("INVOICE_ACCOUNT_HOLDER", "Rolitt Workshop"),
        ("INVOICE_IBAN", "DE89 3704 0044 0532 0130 00"),
    ];
    let variables = variables.map(|(name, value)| (name, value.to_owned())).into();
    Setup { variables, ..Setup::default() }
}

/// Asks one property of every provider, each in a shop of its own.
async fn every_provider(property: impl AsyncFn(&TestApp, &dyn PaymentProvider)) {
    let app = TestApp::start_with(everything()).await;
    let ids: Vec<ProviderId> = app.shop.payments.all().map(|provider| provider.id()).collect();
    assert_eq!(ids, ProviderId::ALL, "a provider that is not set up keeps to nothing");
    app.leave().await;
    for id in ids {
        let app = TestApp::start_with(everything()).await;
        property(&app, app.shop.payments.by_id(id).unwrap().as_ref()).await;
        app.leave().await;
    }
}

/// What stands on the other side of a provider in tests.
struct Counterpart<'a>(&'a TestApp, ProviderId);

impl Counterpart<'_> {
    /// The customer does at the provider what finishes the session, if there is anything to do.
    async fn finish(&self, session: &SessionId) {
        match self.1 {
            ProviderId::Stripe => {
                let path = format!("/sandbox/stripe/sessions/{session}/pay");
                self.0.sandbox_post(&path, json!({ "card": "4242424242424242" })).await;
            }
            ProviderId::Invoice => {}
        }
    }

    /// The headers that come with a body that was signed at `seconds`; `None` where the provider
    /// sends no events.
    fn headers(&self, seconds: i64, body: &[u8]) -> Option<HeaderMap> {
        (self.1 == ProviderId::Stripe).then(|| {
            let signature = HeaderValue::from_str(&sign(SECRET, seconds, body)).unwrap();
            HeaderMap::from_iter([("stripe-signature".parse().unwrap(), signature)])
        })
    }
}

/// No event reaches the shop: what a test does a hundred times is not about them.
async fn without_deliveries(app: &TestApp) {
    app.sandbox_post("/sandbox/faults", json!({ "delivery": { "drop_rate": 1 } })).await;
}

/// Creates an object at the sandbox over its API, as another client would.
async fn made_at_stripe(app: &TestApp, path: &str, fields: &[(&str, &str)]) -> Value {
    let request = app.http.post(format!("{}{path}", app.sandbox)).bearer_auth("sk_test_x");
    let request = request.header("content-type", "application/x-www-form-urlencoded").body(form(fields));
    let response = request.send().await.unwrap();
    let status = response.status();
    let body: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
    assert!(status.is_success(), "{path}: {body}");
    body
}

async fn order(app: &TestApp, attempt: &str, color: ProductColor, email: &str) -> SessionOrder {
    let sellable = app.shop.catalogue.sellable(color).await.unwrap();
    let now = OffsetDateTime::now_utc();
    SessionOrder {
        attempt: Attempt::parse(attempt).unwrap(),
        color,
        email: Email::parse(email).unwrap(),
        locale: "de".to_owned().try_into().unwrap(),
        price: sellable.id,
        expected: sellable.price,
        asked_at: now,
        expires_at: now + Duration::hours(2),
        success_url: app.shop.url("/checkout/success?session_id={CHECKOUT_SESSION_ID}"),
        cancel_url: app.shop.url("/checkout/cancel"),
        shipping_countries: app.shop.shipping_countries.clone(),
    }
}

/// Begins a checkout as the shop does: an order that is placed at once is written at once.
async fn begin(app: &TestApp, provider: &dyn PaymentProvider, order: &SessionOrder) -> SessionId {
    let started = provider.create_session(order).await.unwrap();
    if let Started::Placed { facts, .. } = &started {
        apply_session(&app.shop, facts).await.unwrap();
    }
    started.session().clone()
}

fn key(name: &str) -> IdempotencyKey {
    IdempotencyKey::parse(name).unwrap()
}

fn usd(minor: i64) -> Money {
    Money::new(minor, "usd".parse().unwrap()).unwrap()
}

fn an_hour_ago() -> OffsetDateTime {
    OffsetDateTime::now_utc() - Duration::hours(1)
}

/// What was found is what was expected, each once, in whatever order.
#[track_caller]
fn assert_each_once<T: Into<String>>(found: Vec<T>, expected: Vec<T>) {
    let [found, expected] = [found, expected].map(|list| list.into_iter().map(T::into).collect::<Vec<String>>());
    let times = |id: &String| found.iter().filter(|other| *other == id).count();
    let strange: Vec<_> = expected.iter().map(|id| (id, times(id))).filter(|(_, times)| *times != 1).collect();
    assert!(strange.is_empty(), "not once: {strange:?}");
    assert_eq!(found.len(), expected.len(), "nothing else");
}

/// The error of this answer, whose variant has this name.
#[track_caller]
fn refused<T>(answer: Result<T, PaymentError>, kind: &str) -> PaymentError {
    let Err(error) = answer else { panic!("not refused, should be {kind}") };
    assert!(format!("{error:?}").starts_with(kind), "{error:?} should be {kind}");
    error
}

#[tokio::test]
async fn stripe_has_every_capability_and_disabled_ones_are_absent() {
    let has = |provider: &dyn PaymentProvider| {
        [
            ("customers", provider.customers().is_some()),
            ("payment_intents", provider.payment_intents().is_some()),
            ("subscriptions", provider.subscriptions().is_some()),
            ("refunds", provider.refunds().is_some()),
            ("disputes", provider.disputes().is_some()),
            ("events", provider.events().is_some()),
        ]
    };
    let names = ["customers", "payment_intents", "subscriptions", "refunds", "disputes", "events"];
    for setting in names.into_iter().chain(["none", ""]) {
        let mut setup = everything();
        setup.variables.insert("STRIPE_CAPABILITIES", setting.to_owned());
        let app = TestApp::start_with(setup).await;
        let stripe = app.shop.payments.by_id(ProviderId::Stripe).unwrap();
        for (name, there) in has(stripe.as_ref()) {
            assert_eq!(there, setting.is_empty() || name == setting, "{name} with {setting:?}");
        }
        assert!(stripe.prices().is_some() && stripe.endpoints().is_some(), "these are always there");
        app.leave().await;
    }
}

#[tokio::test]
async fn every_offered_color_has_a_price() {
    every_provider(async |app, provider| {
        let Some(prices) = provider.prices() else { return };
        let sellable = app.shop.catalogue.sellable(ProductColor::Red).await.unwrap();
        let product =
            app.sandbox_get(&format!("/v1/prices/{}", sellable.id)).await["product"].as_str().unwrap().to_owned();
        let known = prices.prices(&product.try_into().unwrap()).await.unwrap();
        assert_eq!(known.get(sellable.id.as_str()), Some(&sellable.price));
        let nothing = prices.prices(&"prod_unknown".to_owned().try_into().unwrap()).await;
        assert!(nothing.is_ok_and(|prices| prices.is_empty()));
    })
    .await;
}
