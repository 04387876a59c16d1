//! Orders by invoice: placed at checkout, opened by their link, settled by the merchant.

use std::collections::HashMap;

use reqwest::{Response, StatusCode};
use rolitt::{
    domain::{
        lifecycle::MerchantAction,
        payment::{ProviderId, SessionId},
        preorder::{PreorderNumber, PreorderStatus},
    },
    server::{
        orders::{
            bank_transfer::{self, BankTransferError, TransferChange},
            fulfilment,
        },
        payments::PaymentError,
        store::Applied,
    },
};
use serde_json::{Value, json};

use super::test_app::{Setup, TestApp};

const ORDER: [(&str, &str); 5] = [
    ("color", "Sakura Pink"),
    ("email", "jo@example.com"),
    ("locale", "en"),
    ("attempt", "1763800000-abcdefghijklmnopqrstuvwx"),
    ("method", "invoice"),
];

fn with(changed: (&'static str, &'static str)) -> Vec<(&'static str, &'static str)> {
    ORDER.into_iter().filter(|(name, _)| *name != changed.0).chain([changed]).collect()
}

async fn shop(providers: &str) -> TestApp {
    let variables = HashMap::from([
        ("PAYMENT_PROVIDERS", providers.to_owned()),
        ("INVOICE_ACCOUNT_HOLDER", "Rolitt Workshop".to_owned()),
        ("INVOICE_IBAN", "DE89 3704 0044 0532 0130 00".to_owned()),
        ("INVOICE_BIC", "COBADEFFXXX".to_owned()),
        ("INVOICE_DUE_DAYS", "10".to_owned()),
    ]);
    let app = TestApp::start_with(Setup { variables, ..Setup::default() }).await;
    app.shop.catalogue.refresh().await.unwrap();
    app
}

fn location(response: &Response) -> String {
    response.headers()["location"].to_str().unwrap().to_owned()
}

/// The path and query of an order's link.
fn path(app: &TestApp, url: &str) -> String {
    url.strip_prefix(&app.public).unwrap().to_owned()
}

/// An order, by its link's path.
async fn placed(app: &TestApp) -> String {
    path(app, &location(&app.post_form(&ORDER).await))
}

fn number(path: &str) -> PreorderNumber {
    path.strip_prefix("/orders/").unwrap().split('?').next().unwrap().parse().unwrap()
}

/// Returns the metrics that Klaviyo received, once everything was sent.
async fn metrics_received(app: &TestApp) -> Vec<String> {
    app.deliver_all().await;
    let reported = app.sandbox_get("/sandbox/klaviyo/events").await;
    let events = reported["events"].as_array().unwrap();
    events.iter().map(|event| event["metric"].as_str().unwrap().to_owned()).collect()
}

async fn webhook(app: &TestApp) -> StatusCode {
    app.http.post(format!("{}/api/webhooks/invoice", app.public)).body("{}").send().await.unwrap().status()
}

#[tokio::test]
async fn an_invoice_order_is_idempotent_by_its_attempt() {
    let app = shop("stripe,invoice").await;
    let answers = futures::future::join_all((0..8).map(|_| app.post_form(&ORDER))).await;
    let mut links: Vec<String> = answers.iter().map(location).collect();
    let json = app.post_json(&ORDER).await;
    assert_eq!(json.status(), StatusCode::OK);
    links.push(
        serde_json::from_slice::<Value>(&json.bytes().await.unwrap()).unwrap()["url"].as_str().unwrap().to_owned(),
    );
    links.dedup();
    assert_eq!(links.len(), 1, "{links:?}");
    let row = app
        .row("select status::text, provider, email, color::text, amount_minor, currency, session_id, access_hash, attempt from preorders")
        .await;
    assert_eq!(
        (&row["status"], &row["provider"], &row["color"], &row["amount_minor"], &row["currency"]),
        (&json!("awaiting_payment"), &json!("invoice"), &json!("Sakura Pink"), &json!(29_900), &json!("usd"))
    );
    assert!(row["session_id"].as_str().unwrap().starts_with("inv_"), "{row}");
    let token = links[0].split("token=").nth(1).unwrap();
    assert_eq!(token.len(), 64);
    assert!(!row.to_string().contains(token), "the token itself is kept nowhere");
    assert_eq!(app.count("preorders").await, 1);
    assert_eq!(app.sandbox_get("/v1/checkout/sessions").await["data"], json!([]), "Stripe hears nothing of it");

    for changed in [("color", "Red"), ("email", "al@example.com"), ("attempt", "1763800000-zyx")] {
        links.push(location(&app.post_form(&with(changed)).await));
    }
    links.sort();
    links.dedup();
    assert_eq!((links.len(), app.count("preorders").await), (4, 4));
    assert_eq!(metrics_received(&app).await, ["Preorder Awaiting Payment"; 4]);
    app.finish().await;
}

#[tokio::test]
async fn a_client_without_an_attempt_creates_a_new_order_each_time() {
    let app = shop("stripe,invoice").await;
    let fields: Vec<_> = ORDER.into_iter().filter(|(name, _)| *name != "attempt").collect();
    let (first, second) = (location(&app.post_form(&fields).await), location(&app.post_form(&fields).await));
    assert_ne!(first, second);
    assert_eq!(app.get(&path(&app, &first)).await.status(), StatusCode::OK);
    app.deliver_all().await;
    app.finish().await;
}

#[tokio::test]
async fn the_page_of_an_order_says_where_to_transfer_and_until_when() {
    let app = shop("stripe,invoice").await;
    let link = placed(&app).await;
    let page = app.get(&link).await;
    assert_eq!(page.status(), StatusCode::OK);
    assert_eq!(page.headers()["referrer-policy"], "no-referrer");
    assert_eq!(page.headers()["cache-control"], "no-store");
    let html = page.text().await.unwrap();
    let until = app.shop.clock.now().date() + time::Duration::days(10);
    let until = format!("{} {} {}", until.day(), until.month(), until.year());
    let number = number(&link);
    for shown in [
        "Rolitt Workshop",
        "DE89 3704 0044 0532 0130 00",
        "COBADEFFXXX",
        "299.00 USD",
        number.as_str(),
        &until,
        "Sakura Pink",
        "j•••@example.com",
        "Nothing was charged",
        "noindex",
    ] {
        assert!(html.contains(shown), "{shown}");
    }
    assert!(!html.contains("jo@example.com"), "the address stays masked");
    let sloppy = link.replace("ROL-", "rol-");
    assert_eq!(app.get(&sloppy).await.status(), StatusCode::OK, "numbers read as people write them");

    app.clock.advance(time::Duration::days(12));
    let late = app.get(&link).await.text().await.unwrap();
    assert!(late.contains("We are waiting for your transfer") && late.contains(&until));
    app.deliver_all().await;
    app.finish().await;
}

#[tokio::test]
async fn whatever_is_wrong_with_a_link_the_answer_is_the_same() {
    let app = shop("stripe,invoice").await;
    let link = placed(&app).await;
    let (number, token) = (number(&link), link.split("token=").nth(1).unwrap().to_owned());
    // An order without a token: it was paid at Stripe.
    app.deliver(&super::test_app::completed("evt_1", "cs_test_1")).await;
    let other = app.row("select preorder_number from preorders where session_id = 'cs_test_1'").await;
    let hash = app.row(&format!("select access_hash from preorders where preorder_number = '{number}'")).await;
    let hash = hash["access_hash"].as_str().unwrap().to_owned();
    let links = [
        format!("/orders/{number}"),
        format!("/orders/{number}?token="),
        format!("/orders/{number}?token={}", "0".repeat(64)),
        format!("/orders/{number}?token={hash}"),
        format!("/orders/{number}?token={}", token.to_uppercase()),
        format!("/orders/{}?token={token}", other["preorder_number"].as_str().unwrap()),
        format!("/orders/{}?token=", other["preorder_number"].as_str().unwrap()),
        format!("/orders/ROL-00000000?token={token}"),
        format!("/orders/nonsense?token={token}"),
    ];
    let mut bodies = Vec::new();
    for link in &links {
        let page = app.get(link).await;
        assert_eq!(page.status(), StatusCode::NOT_FOUND, "{link}");
        assert_eq!(page.headers()["referrer-policy"], "no-referrer");
        assert_eq!(page.headers()["cache-control"], "no-store");
        let html = page.text().await.unwrap();
        assert!(html.contains("We do not know this order") && !html.contains(number.as_str()), "{link}");
        let main = html.split("<main").nth(1).unwrap().split("</main>").next().unwrap().to_owned();
        bodies.push(main);
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "one answer for all");
    app.deliver_all().await;
    app.finish().await;
}

#[tokio::test]
async fn mark_paid_is_idempotent_and_notifies_the_customer_once() {
    let app = shop("stripe,invoice").await;
    let link = placed(&app).await;
    let number = number(&link);
    assert_eq!(metrics_received(&app).await, ["Preorder Awaiting Payment"]);
    let settled = bank_transfer::mark_paid(&app.shop, &number, None).await.unwrap();
    assert!(
        matches!(&settled, TransferChange::Made(preorder) if preorder.details.status == PreorderStatus::Paid),
        "{settled:?}"
    );
    assert!(!settled.preorder().details.review.is_open());
    let again = bank_transfer::mark_paid(&app.shop, &number, None).await.unwrap();
    assert!(
        matches!(&again, TransferChange::AlreadyMade(preorder) if preorder.details.status == PreorderStatus::Paid),
        "{again:?}"
    );
    // The form, sent once more from a page that was left open, changes nothing.
    assert_eq!(placed(&app).await, link);

    assert_eq!(metrics_received(&app).await, ["Preorder Awaiting Payment", "Preorder Success"]);
    let log = app.row("select event, provider, status::text, raw_data, preorder_id from webhook_logs").await;
    assert_eq!(
        (&log["event"], &log["provider"], &log["status"]),
        (&json!("invoice.marked_paid"), &json!("invoice"), &json!("done"))
    );
    assert_eq!(log["raw_data"]["received_minor"], 29_900);
    assert!(!log.to_string().contains("example.com"), "nothing personal in the log: {log}");
    assert_eq!(app.count("webhook_logs").await, 1);
    let html = app.get(&link).await.text().await.unwrap();
    assert!(html.contains("Your payment has arrived") && !html.contains("DE89"), "no account to transfer to any more");
    app.finish().await;
}

#[tokio::test]
async fn an_awaiting_payment_message_is_withdrawn_once_the_order_is_paid() {
    let app = shop("stripe,invoice").await;
    let number = number(&placed(&app).await);
    bank_transfer::mark_paid(&app.shop, &number, None).await.unwrap();
    assert_eq!(metrics_received(&app).await, ["Preorder Success"]);
    app.finish().await;
}

#[tokio::test]
async fn another_amount_than_was_asked_for_waits_for_a_person() {
    let app = shop("stripe,invoice").await;
    let link = placed(&app).await;
    let number = number(&link);
    for none in [0, -1] {
        let refused = bank_transfer::mark_paid(&app.shop, &number, Some(none)).await;
        assert!(matches!(refused, Err(BankTransferError::NoAmount)), "{refused:?}");
    }
    let settled = bank_transfer::mark_paid(&app.shop, &number, Some(29_000)).await.unwrap();
    let details = &settled.preorder().details;
    assert_eq!((details.status, details.amount.unwrap().minor()), (PreorderStatus::Paid, 29_000));
    assert_eq!(details.review.text(), "paid 290.00 usd, expected 299.00 usd");
    assert_eq!(metrics_received(&app).await, Vec::<String>::new(), "no notification before a person approves");
    let reported =
        fulfilment::apply_action(&app.shop, ProviderId::Invoice, &number, &MerchantAction::Approve).await.unwrap();
    assert!(matches!(reported, Applied::Changed(Some(_))), "{reported:?}");
    assert_eq!(metrics_received(&app).await, ["Preorder Success"]);
    app.finish().await;
}

#[tokio::test]
async fn a_paid_order_cannot_be_cancelled_and_a_late_transfer_counts() {
    let app = shop("stripe,invoice").await;
    let link = placed(&app).await;
    let cancelled = bank_transfer::cancel(&app.shop, &number(&link)).await.unwrap();
    assert!(
        matches!(&cancelled, TransferChange::Made(preorder) if preorder.details.status == PreorderStatus::Cancelled)
    );
    assert!(matches!(bank_transfer::cancel(&app.shop, &number(&link)).await.unwrap(), TransferChange::AlreadyMade(_)));
    let html = app.get(&link).await.text().await.unwrap();
    assert!(html.contains("This pre-order was cancelled") && !html.contains("DE89"));
    let came = bank_transfer::mark_paid(&app.shop, &number(&link), None).await.unwrap();
    assert_eq!(came.preorder().details.status, PreorderStatus::Paid, "money that came outranks a cancellation");

    let other = path(&app, &location(&app.post_form(&with(("color", "Red"))).await));
    bank_transfer::mark_paid(&app.shop, &number(&other), None).await.unwrap();
    let refused = bank_transfer::cancel(&app.shop, &number(&other)).await;
    assert!(matches!(refused, Err(BankTransferError::WrongStatus(PreorderStatus::Paid))), "{refused:?}");
    assert_eq!(app.count("preorders where status = 'paid'").await, 2);
    app.deliver_all().await;
    app.finish().await;
}

#[tokio::test]
async fn only_orders_by_invoice_are_settled_by_hand() {
    let app = shop("stripe,invoice").await;
    app.deliver(&super::test_app::completed("evt_1", "cs_test_1")).await;
    let row = app.row("select preorder_number from preorders").await;
    let at_stripe: PreorderNumber = row["preorder_number"].as_str().unwrap().parse().unwrap();
    for refused in [
        bank_transfer::mark_paid(&app.shop, &at_stripe, None).await,
        bank_transfer::cancel(&app.shop, &at_stripe).await,
    ] {
        assert!(matches!(refused, Err(BankTransferError::NotByInvoice(ProviderId::Stripe))), "{refused:?}");
    }
    let nobodys: PreorderNumber = "ROL-00000000".parse().unwrap();
    let refused = bank_transfer::mark_paid(&app.shop, &nobodys, None).await;
    assert!(matches!(refused, Err(BankTransferError::UnknownOrder(_))), "{refused:?}");
    app.deliver_all().await;
    app.finish().await;
}

#[tokio::test]
async fn the_provider_remembers_by_the_store() {
    let app = shop("stripe,invoice").await;
    let provider = app.shop.payments.by_id(ProviderId::Invoice).unwrap().clone();
    let began = app.shop.clock.now() - time::Duration::HOUR;
    app.deliver(&super::test_app::completed("evt_1", "cs_test_1")).await;
    for attempt in ["a", "b", "c"] {
        app.post_form(&with(("attempt", attempt))).await;
    }
    let page = provider.list_sessions(began, None).await.unwrap();
    assert_eq!((page.items.len(), page.next.is_none()), (3, true), "orders at Stripe are none of its");
    let first = &page.items[0];
    assert_eq!(&provider.retrieve_session(&first.session).await.unwrap(), first);
    let at_stripe = SessionId::parse("cs_test_1").unwrap();
    assert_eq!(provider.retrieve_session(&at_stripe).await, Err(PaymentError::NotFound));
    let reported = fulfilment::apply_session(&app.shop, first).await.unwrap();
    assert!(matches!(reported, Applied::Unchanged(_)), "{reported:?}");
    app.deliver_all().await;
    app.finish().await;
}

#[tokio::test]
async fn a_shop_without_invoices_shows_no_choice_and_takes_none() {
    let app = TestApp::start().await;
    app.shop.catalogue.refresh().await.unwrap();
    let html = app.get("/").await.text().await.unwrap();
    for absent in ["name=\"method\"", "How to pay", "data-methods", "by-transfer"] {
        assert!(!html.contains(absent), "{absent}");
    }
    for method in ["invoice", "cash"] {
        let changed = with(("method", method));
        let json = app.post_json(&changed).await;
        assert_eq!(json.status(), StatusCode::UNPROCESSABLE_ENTITY, "{method}");
        let body: Value = serde_json::from_slice(&json.bytes().await.unwrap()).unwrap();
        assert_eq!((&body["error"]["kind"], &body["error"]["field"]), (&json!("invalid_input"), &json!("method")));
        let back = location(&app.post_form(&changed).await);
        assert!(back.starts_with("/?color=sakura-pink") && back.contains("field=method"), "{back}");
        let page = app.get(back.trim_end_matches("#checkout")).await.text().await.unwrap();
        assert!(page.contains("That way to pay is not offered here"), "{back}");
    }
    assert!(location(&app.post_form(&with(("method", "stripe"))).await).contains("/c/pay/cs_test_"));
    assert_eq!(webhook(&app).await, StatusCode::NOT_FOUND);
    assert_eq!(app.count("preorders").await, 0);
    app.finish().await;
}

#[tokio::test]
async fn the_payment_method_is_a_radio_group_that_retains_the_choice() {
    let app = shop("stripe,invoice").await;
    let html = app.get("/").await.text().await.unwrap();
    let radio = |html: &str, method: &str| {
        let found =
            html.split("<input").find(|input| input.contains(&format!("value=\"{method}\""))).unwrap().to_owned();
        let input = found.split('>').next().unwrap().to_owned();
        assert!(input.contains("type=\"radio\"") && input.contains("name=\"method\""), "{input}");
        input.contains("checked")
    };
    assert!(radio(&html, "stripe") && !radio(&html, "invoice"));
    assert!(html.contains("How to pay") && html.contains("Within 10 days"));
    let back = location(&app.post_form(&with(("email", "jo"))).await);
    let html = app.get(back.trim_end_matches("#checkout")).await.text().await.unwrap();
    assert!(!radio(&html, "stripe") && radio(&html, "invoice"), "{back}");
    // No party signs for a bank account.
    assert_eq!(webhook(&app).await, StatusCode::BAD_REQUEST);
    app.finish().await;
}

#[tokio::test]
async fn the_first_provider_is_the_default() {
    let app = shop("invoice,stripe").await;
    let fields: Vec<_> = ORDER.into_iter().filter(|(name, _)| *name != "method").collect();
    assert!(location(&app.post_form(&fields).await).contains("/orders/ROL-"));
    assert!(location(&app.post_form(&with(("method", "stripe"))).await).contains("/c/pay/cs_test_"));
    app.deliver_all().await;
    app.finish().await;
}
