//! The hosted page, as a browser without scripts meets it.

use serde_json::json;

use super::*;

/// The form as it is prefilled, and the button that is pressed.
fn form(pressed: &str) -> Vec<(&str, &str)> {
    vec![
        ("email", "ada@example.com"),
        ("name", "Ada Lovelace"),
        ("phone", "+49 30 5550123"),
        ("line1", "Torstraße 100"),
        ("line2", ""),
        ("city", "Berlin"),
        ("state", ""),
        ("postal_code", "10119"),
        ("country", "DE"),
        ("card_number", "4242 4242 4242 4242"),
        ("pay", pressed),
    ]
}

impl Running {
    async fn press(&self, id: &str, pressed: &str) -> Answer {
        self.post(&format!("/c/pay/{id}"), &form(pressed)).await
    }

    async fn page(&self, id: &str) -> Answer {
        self.get(&format!("/c/pay/{id}")).await
    }

    async fn state(&self, id: &str) -> (String, String) {
        let session = self.get(&format!("/v1/checkout/sessions/{id}")).await.ok();
        (session["status"].as_str().unwrap().to_owned(), session["payment_status"].as_str().unwrap().to_owned())
    }
}

fn pair(status: &str, payment: &str) -> (String, String) {
    (status.to_owned(), payment.to_owned())
}

#[tokio::test]
async fn the_page_cannot_be_taken_for_real_and_shows_what_is_bought() {
    let sandbox = start(config(None)).await;
    let id = sandbox.session(&[("cancel_url", "http://127.0.0.1:3000/?a=\"><script>")]).await;
    let page = sandbox.page(&id).await;
    for text in [
        "SANDBOX – no money moves",
        "Not Stripe",
        "Rolitt, Red",
        "$299",
        "ada@example.com",
        "Germany",
        "France",
        "Pay with 4242 4242 4242 4242",
        "Decline: 4000 0000 0000 0002",
        "Authenticate: 4000 0025 0000 3155",
        "Pay later, succeeds",
        "Pay later, fails",
        "Back to the shop",
        "Phone number",
    ] {
        assert!(page.text.contains(text), "{text}");
    }
    assert!(!page.text.contains("<script"));
    assert!(!page.text.contains("Spain"));
    assert!(page.header("content-security-policy").starts_with("default-src 'none'"));
    assert_eq!(sandbox.page("cs_test_nope").await.status, 404);

    let cards = sandbox.session(&[("payment_method_types[]", "card")]).await;
    assert!(!sandbox.page(&cards).await.text.contains("Pay later"));
}

#[tokio::test]
async fn a_card_pays_and_the_customer_goes_back_with_the_sessions_id() {
    let sandbox = start(config(None)).await;
    let id = sandbox.session(&[]).await;
    let back = sandbox.press(&id, "card:4242424242424242").await;
    assert_eq!(back.status, 303);
    assert_eq!(back.header("location"), format!("http://127.0.0.1:3000/checkout/success?session_id={id}"));
    assert_eq!(sandbox.state(&id).await, pair("complete", "paid"));
    let session = sandbox.get(&format!("/v1/checkout/sessions/{id}")).await.ok();
    assert_eq!(session["collected_information"]["shipping_details"]["name"], "Ada Lovelace");
    assert_eq!(session["customer_details"]["phone"], "+49305550123");
    assert!(sandbox.page(&id).await.text.contains("Already paid"));
    assert!(sandbox.press(&id, "card:4242424242424242").await.text.contains("Already paid"));
    assert_eq!(
        sandbox.get("/v1/events?type=checkout.session.completed").await.ok()["data"].as_array().unwrap().len(),
        1
    );
}

#[tokio::test]
async fn a_declined_card_is_reported_and_another_one_pays() {
    let sandbox = start(config(None)).await;
    let id = sandbox.session(&[]).await;
    let declined = sandbox.press(&id, "card:4000000000000002").await;
    assert_eq!(declined.status, 402);
    assert!(declined.text.contains("role=\"alert\">Your card was declined.") && declined.text.contains("Ada Lovelace"));
    assert_eq!(sandbox.state(&id).await, pair("open", "unpaid"));
    let mut real = form("typed");
    real[9] = ("card_number", "4111 1111 1111 1112");
    let refused = sandbox.post(&format!("/c/pay/{id}"), &real).await;
    assert!(refused.status == 402 && refused.text.contains("only test cards work here"));
    assert_eq!(sandbox.press(&id, "typed").await.status, 303);
    let intents =
        sandbox.get("/v1/events?types[]=payment_intent.succeeded&types[]=payment_intent.payment_failed").await.ok();
    let ids: std::collections::BTreeSet<_> =
        intents["data"].as_array().unwrap().iter().map(|event| event["data"]["object"]["id"].to_string()).collect();
    assert_eq!((intents["data"].as_array().unwrap().len(), ids.len()), (3, 1));
}

#[tokio::test]
async fn authentication_can_be_approved_or_failed() {
    let sandbox = start(config(None)).await;
    let id = sandbox.session(&[]).await;
    assert_eq!(sandbox.press(&id, "card:4000002500003155").await.header("location"), format!("/c/pay/{id}"));
    assert!(sandbox.page(&id).await.text.contains("Approve authentication"));
    let failed = sandbox.press(&id, "authenticate:fail").await;
    assert!(failed.status == 402 && failed.text.contains("unable to authenticate"));
    assert_eq!(sandbox.state(&id).await, pair("open", "unpaid"));
    sandbox.press(&id, "card:4000002500003155").await;
    assert_eq!(sandbox.press(&id, "authenticate:approve").await.status, 303);
    assert_eq!(sandbox.state(&id).await, pair("complete", "paid"));
    assert_eq!(sandbox.press(&id, "authenticate:approve").await.status, 200);
}

#[tokio::test]
async fn a_delayed_payment_is_complete_at_once_and_settles_later() {
    let sandbox = start(config(None)).await;
    let types = |path: &'static str| {
        let get = sandbox.get(path);
        async move { get.await.ok()["data"].as_array().unwrap().len() }
    };
    for (pressed, settled, payment, event) in [
        ("delayed:succeed", "settle:succeed", "paid", "/v1/events?type=checkout.session.async_payment_succeeded"),
        ("delayed:fail", "settle:fail", "unpaid", "/v1/events?type=checkout.session.async_payment_failed"),
    ] {
        let id = sandbox.session(&[]).await;
        assert_eq!(sandbox.press(&id, pressed).await.status, 303);
        assert_eq!(sandbox.state(&id).await, pair("complete", "unpaid"));
        assert!(sandbox.page(&id).await.text.contains("Settle now"));
        assert_eq!(types(event).await, 0);
        assert_eq!(sandbox.press(&id, settled).await.status, 303);
        assert_eq!(sandbox.state(&id).await, pair("complete", payment));
        assert_eq!(types(event).await, 1);
        sandbox.press(&id, settled).await;
        assert_eq!(types(event).await, 1);
    }
    // Or its time comes.
    let id = sandbox.session(&[]).await;
    let method = json!({"method": "delayed", "outcome": "succeed"});
    let session = sandbox.control(&format!("/sandbox/stripe/sessions/{id}/pay"), method).await.ok();
    assert_eq!((&session["status"], &session["payment_status"]), (&json!("complete"), &json!("unpaid")));
    sandbox.control("/sandbox/clock", json!({"advance_seconds": 3600})).await.ok();
    assert_eq!(sandbox.state(&id).await, pair("complete", "paid"));
}

#[tokio::test]
async fn missing_details_are_pointed_at_and_nothing_is_paid() {
    let sandbox = start(config(None)).await;
    let id = sandbox.session(&[]).await;
    let mut fields = form("card:4242424242424242");
    fields[2] = ("phone", "call me");
    fields[8] = ("country", "US");
    let page = sandbox.post(&format!("/c/pay/{id}"), &fields).await;
    assert_eq!(page.status, 422);
    for problem in ["id=\"phone-problem\"", "id=\"country-problem\"", "aria-describedby=\"phone-problem\""] {
        assert!(page.text.contains(problem), "{problem}");
    }
    assert!(!page.text.contains("id=\"city-problem\""));
    assert_eq!(sandbox.state(&id).await, pair("open", "unpaid"));
    sandbox.post(&format!("/v1/checkout/sessions/{id}/expire"), &[]).await.ok();
    assert!(sandbox.page(&id).await.text.contains("expired"));
    assert!(sandbox.press(&id, "card:4242424242424242").await.text.contains("expired"));
}
