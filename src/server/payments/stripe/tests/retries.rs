//! Tests of retries: which calls are repeated, under which idempotency key, and what a lost
//! response means. A list of responses stands in for Stripe.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::objects::{customer, intent, refund, session, subscription, with};
use crate::domain::{
    customer::Email,
    lifecycle::SessionOutcome,
    mirror::SubscriptionStatus,
    money::{Currency, Money},
    payment::{CustomerId, IntentId, SessionId, SubscriptionId},
};
use crate::server::payments::{
    Customers, PaymentError, PaymentIntents, PaymentProvider, Refunds, Subscriptions,
    capability::{CancelWhen, CustomerDraft, IdempotencyKey, RefundDraft},
    stripe::{Capabilities, Stripe, StripeConfig},
};

/// A request that was sent: method, path, idempotency key and version.
type SentRequest = (String, String, Option<String>, String);

#[derive(Clone)]
struct Script {
    answers: Arc<Mutex<VecDeque<(u16, bool, Value)>>>,
    asked: Arc<Mutex<Vec<SentRequest>>>,
}

impl Script {
    /// Serves these responses in order: status, whether it is a replay, body.
    async fn serve(answers: impl IntoIterator<Item = (u16, bool, Value)>) -> (Self, Stripe) {
        let answers = Arc::new(Mutex::new(answers.into_iter().collect()));
        let script = Self { answers, asked: Arc::default() };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new().fallback(answer).with_state(script.clone());
        tokio::spawn(axum::serve(listener, app).into_future());
        let config = StripeConfig {
            secret_key: SecretString::from("sk_test_x"),
            livemode: false,
            webhook_secrets: vec![SecretString::from("whsec_x")],
            api_base: base.parse().unwrap(),
            capabilities: Capabilities::default(),
        };
        (script, Stripe::new(&config, crate::server::http::client::client().unwrap()))
    }

    /// Returns the requests in order, and checks that every response was used.
    fn asked(&self) -> Vec<SentRequest> {
        assert!(self.answers.lock().unwrap().is_empty(), "answers are left");
        self.asked.lock().unwrap().clone()
    }
}

async fn answer(State(script): State<Script>, request: Request) -> Response {
    let header = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    let asked = (
        request.method().to_string(),
        request.uri().path().to_owned(),
        header("idempotency-key"),
        header("stripe-version").unwrap_or_default(),
    );
    script.asked.lock().unwrap().push(asked);
    let (status, replayed, body) = script.answers.lock().unwrap().pop_front().unwrap_or((418, false, json!({})));
    let replayed = [("idempotent-replayed", if replayed { "true" } else { "false" })];
    (StatusCode::from_u16(status).unwrap(), replayed, body.to_string()).into_response()
}

fn error(code: &str) -> Value {
    json!({ "error": { "type": "invalid_request_error", "code": code, "param": "id" } })
}

fn key() -> IdempotencyKey {
    IdempotencyKey::parse("make-jo").unwrap()
}

async fn create(stripe: &Stripe) -> Result<(), PaymentError> {
    let draft = CustomerDraft { email: Email::parse("jo@example.com").unwrap(), name: None, locale: None };
    Customers::create(stripe, &draft, &key()).await.map(|_| ())
}

#[tokio::test]
async fn a_temporary_error_is_retried_under_the_same_idempotency_key() {
    let troubles = [
        (500, json!({})),
        (503, json!("<html>")),
        (429, error("lock_timeout")),
        (409, error("idempotency_key_in_use")),
        (409, json!({})),
    ];
    for (status, body) in troubles {
        let (script, stripe) = Script::serve([(status, false, body), (200, false, customer())]).await;
        assert_eq!(create(&stripe).await, Ok(()), "{status}");
        let asked = script.asked();
        assert_eq!(asked.len(), 2);
        for asked in asked {
            let key = Some("make-jo".to_owned());
            assert_eq!(asked, ("POST".into(), "/v1/customers".into(), key, "2025-06-30.basil".into()), "{status}");
        }
    }
}

#[tokio::test]
async fn a_request_in_progress_is_awaited_and_a_server_error_is_retried_a_bounded_number_of_times() {
    let busy = (409, false, error("idempotency_key_in_use"));
    let answers = std::iter::repeat_n(busy, 5).chain([(200, true, customer())]);
    let (script, stripe) = Script::serve(answers).await;
    assert_eq!(create(&stripe).await, Ok(()));
    assert_eq!(script.asked().len(), 6);
    let (script, stripe) = Script::serve(std::iter::repeat_n((500, false, json!({})), 3)).await;
    assert!(matches!(create(&stripe).await, Err(PaymentError::Unavailable(_))));
    assert_eq!(script.asked().len(), 3);
}

#[tokio::test]
async fn a_permanent_error_is_not_retried() {
    for (status, replayed, body, kind) in [
        (500, true, json!({}), "Unavailable"),
        (400, false, json!({ "error": { "type": "idempotency_error" } }), "KeyReused"),
        (400, false, error("resource_already_exists"), "State"),
        (401, false, json!({}), "Authentication"),
        (402, false, json!({ "error": { "type": "card_error", "code": "card_declined" } }), "Declined"),
        (403, false, json!({}), "Permission"),
        (404, false, error("resource_missing"), "NotFound"),
        (200, false, json!({ "object": "customer" }), "Unreadable"),
    ] {
        let (script, stripe) = Script::serve([(status, replayed, body)]).await;
        let message = format!("{:?}", create(&stripe).await.unwrap_err());
        assert!(message.starts_with(kind), "{status}: {message}, not {kind}");
        assert_eq!(script.asked().len(), 1);
    }
}

#[tokio::test]
async fn a_deletion_whose_response_was_lost_is_no_error() {
    let id = CustomerId::parse("cus_1").unwrap();
    let (script, stripe) = Script::serve([(500, false, json!({})), (404, false, error("resource_missing"))]).await;
    assert_eq!(stripe.delete(&id).await, Ok(()));
    assert_eq!(script.asked()[1].0, "DELETE");
    let (_, stripe) = Script::serve([(404, false, error("resource_missing"))]).await;
    assert_eq!(stripe.delete(&id).await, Err(PaymentError::NotFound), "it was gone before");
}

#[tokio::test]
async fn an_expiry_of_a_session_whose_response_was_lost_succeeds() {
    let id = SessionId::parse("cs_test_a1").unwrap();
    let refused = || (400, false, json!({ "error": { "type": "invalid_request_error" } }));
    let session_is =
        |status: &str| (200, false, with(session(), json!({ "status": status, "payment_status": "unpaid" })));
    let (script, stripe) = Script::serve([(500, false, json!({})), refused(), session_is("expired")]).await;
    assert_eq!(stripe.expire_session(&id).await.unwrap().outcome, SessionOutcome::Expired);
    assert_eq!(script.asked()[2].1, "/v1/checkout/sessions/cs_test_a1");
    let (_, stripe) = Script::serve([(500, false, json!({})), refused(), session_is("complete")]).await;
    assert!(matches!(stripe.expire_session(&id).await, Err(PaymentError::State(_))), "the customer was faster");
    let (script, stripe) = Script::serve([refused()]).await;
    assert!(matches!(stripe.expire_session(&id).await, Err(PaymentError::State(_))));
    assert_eq!(script.asked().len(), 1);
}

#[tokio::test]
async fn cancelling_a_cancelled_subscription_succeeds() {
    let id = SubscriptionId::parse("sub_1").unwrap();
    let gone = || (404, false, error("resource_missing"));
    let over = (200, false, with(subscription(), json!({ "status": "canceled" })));
    let (_, stripe) = Script::serve([gone(), over]).await;
    let cancelled = stripe.cancel_now(&id).await.unwrap();
    assert_eq!(cancelled, SubscriptionStatus::Canceled);
    let (_, stripe) = Script::serve([gone(), (200, false, subscription())]).await;
    assert_eq!(stripe.cancel_now(&id).await, Err(PaymentError::NotFound));
}

impl Stripe {
    async fn cancel_now(&self, id: &SubscriptionId) -> Result<SubscriptionStatus, PaymentError> {
        Subscriptions::cancel(self, id, CancelWhen::Now, &key()).await.map(|subscription| subscription.status)
    }
}

#[tokio::test]
async fn a_refund_in_another_currency_is_never_sent() {
    let draft = |code: &str| RefundDraft {
        intent: IntentId::parse("pi_1").unwrap(),
        amount: Some(Money::new(100, code.parse().unwrap()).unwrap()),
        reason: None,
    };
    let (script, stripe) = Script::serve([(200, false, intent())]).await;
    assert!(matches!(Refunds::create(&stripe, &draft("jpy"), &key()).await, Err(PaymentError::State(_))));
    assert_eq!(script.asked().len(), 1, "only looked at");
    let made = with(refund(), json!({ "payment_intent": "pi_1" }));
    let (script, stripe) = Script::serve([(200, false, intent()), (200, false, made)]).await;
    let refund = Refunds::create(&stripe, &draft("usd"), &key()).await.unwrap();
    assert_eq!(refund.amount.currency(), Currency::USD);
    assert_eq!((script.asked()[0].2.as_deref(), script.asked()[1].2.as_deref()), (None, Some("make-jo")));
}

#[tokio::test]
async fn a_refused_refund_is_a_state_error_or_a_configuration_error() {
    let draft = RefundDraft { intent: IntentId::parse("pi_1").unwrap(), amount: None, reason: None };
    let refused = |code: Option<&str>, param: Option<&str>| json!({ "error": { "type": "invalid_request_error", "code": code, "param": param } });
    for (body, kind) in [
        (refused(None, Some("amount")), "State"),
        (refused(Some("amount_too_large"), Some("amount")), "State"),
        (refused(Some("charge_already_refunded"), None), "State"),
        (refused(Some("amount_too_small"), Some("amount")), "Configuration"),
        (refused(Some("parameter_invalid_integer"), Some("amount")), "Configuration"),
        (refused(Some("resource_missing"), Some("payment_intent")), "NotFound"),
    ] {
        let (_, stripe) = Script::serve([(400, false, body.clone())]).await;
        let message = format!("{:?}", Refunds::create(&stripe, &draft, &key()).await.unwrap_err());
        assert!(message.starts_with(kind), "{body}: {message}, not {kind}");
    }
}

#[tokio::test]
async fn a_payment_that_cannot_be_cancelled_is_a_state_error_even_without_a_code() {
    let id = IntentId::parse("pi_1").unwrap();
    let (_, stripe) = Script::serve([(400, false, json!({ "error": { "type": "invalid_request_error" } }))]).await;
    assert!(matches!(PaymentIntents::cancel(&stripe, &id, &key()).await, Err(PaymentError::State(_))));
}

#[tokio::test]
async fn a_search_by_email_address_returns_no_other_address() {
    let made = |id: &str, email: Value| with(customer(), json!({ "id": id, "email": email }));
    let list = json!({ "object": "list", "has_more": false, "data": [
        made("cus_1", json!("jo@example.com")), made("cus_2", json!("JO@example.com")), made("cus_3", Value::Null),
        json!({ "id": "cus_4", "object": "customer", "deleted": true }),
    ] });
    let (_, stripe) = Script::serve([(200, false, list)]).await;
    let found = stripe.find_by_email(&Email::parse("jo@example.com").unwrap()).await.unwrap();
    assert_eq!(found.iter().map(|customer| customer.id.as_str()).collect::<Vec<_>>(), ["cus_1"]);
}
