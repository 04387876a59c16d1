//! Marked values in every personal and secret field, through a whole purchase with the real program
//! at trace level: whatever it says to anybody is searched for them.

mod broken;
mod panics;
mod shop;

use std::collections::BTreeMap;

use serde_json::json;

use self::shop::{Shop, canary};
use crate::test_app::{event, form, paid_session, sign};

/// What asks for everything, and for everything once more by name.
const LOUD: [(&str, &str); 2] = [
    ("json", "trace"),
    (
        "text",
        "trace,sqlx=trace,sqlx::query=trace,sqlx_core=trace,hyper=trace,hyper_util=trace,reqwest=trace,h2=trace,rustls=trace,tower=trace,\
         tower_http=trace,leptos=trace,server_fn=trace,tokio=trace,[request]=trace",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_purchase_at_trace_level_says_nothing_about_anybody() {
    for (format, filter) in LOUD {
        let mut shop = Shop::open(format, filter).await;
        buy(&mut shop).await;
        by_invoice(&mut shop).await;
        strangers(&mut shop).await;
        merchant(&mut shop).await;
        operations(&mut shop).await;
        let logs = shop.close().await;
        assert!(logs.len() > 5_000 && logs.contains("webhook event processed"), "there are logs to look into");
        assert!(logs.contains("klaviyo event sent"), "everything has happened");
        shop.assert_silent("the logs", &logs);
    }
}

/// Every page and form on the way, as a browser asks for them.
async fn buy(shop: &mut Shop) {
    let page = shop.get("/?utm=canaryquery").await;
    shop.assert_silent("the storefront", &page);
    let wrong = [("color", "Red"), ("email", canary("address")), ("locale", "en")];
    let answer = shop.post_form(&wrong).await;
    shop.assert_silent("a refused form's way back", &answer.without_cookies());
    assert!(answer.headers.contains("HttpOnly"), "the address is kept where no script sees it");
    let answer = shop.post_json(&wrong).await;
    shop.assert_silent("a refused form's answer", &answer.without_cookies());
    let answer = shop
        .post_form(&[("color", "Red"), ("email", shop::EMAIL), ("locale", "en"), ("attempt", "canaryattempt")])
        .await;
    shop.assert_silent_but("the way to pay", &answer.without_cookies(), &["session"]);
    let session = answer.location.rsplit('/').next().unwrap().to_owned();
    assert!(session.starts_with("cs_test_"), "{session}");
    shop.know("session", session.clone());
    let details = [
        ("email", shop::EMAIL),
        ("name", canary("name")),
        ("phone", shop::PHONE),
        ("line1", canary("street")),
        ("line2", canary("door")),
        ("city", canary("city")),
        ("state", canary("state")),
        ("postal_code", canary("postal")),
        ("country", "US"),
        ("card_number", "4242 4242 4242 4242"),
        ("pay", "typed"),
    ];
    let back = shop.pay(&session, &form(&details)).await;
    assert!(back.contains("/checkout/success"), "{back}");
    shop.until("preorders where status = 'paid' and shipping_address is not null").await;
    let page = shop.get(&format!("/checkout/success?session_id={session}")).await;
    // The customer sees the city, and the page streams its own session's status.
    shop.assert_silent_but("the way back", &page, &["city", "session"]);
    assert!(page.contains("•••@"), "the address is masked");
    shop.until("outbox where status = 'sent'").await;
}

/// An order whose link is a secret.
async fn by_invoice(shop: &mut Shop) {
    let fields = [
        ("color", "Red"),
        ("email", shop::EMAIL),
        ("locale", "en"),
        ("attempt", "1763800000-canaryinvoice"),
        ("method", "invoice"),
    ];
    let answer = shop.post_form(&fields).await;
    let (path, token) = answer.location.split_once("?token=").unwrap();
    let path = path.strip_prefix(&shop.public).unwrap().to_owned();
    shop.know("token", token.to_owned());
    let page = shop.get(&format!("{path}?token={token}")).await;
    shop.assert_silent("an order's page", &page);
    assert!(page.contains("•••@") && page.contains("no-referrer"));
    let wrong = shop.get(&format!("{path}?token={}", canary("guess"))).await;
    shop.assert_silent("a wrong link", &wrong);
}

/// Those who knock with anything: forged, unreadable, too much, of the wrong kind.
async fn strangers(shop: &mut Shop) {
    let mut odd = paid_session("cs_test_canaryodd");
    odd["customer_details"] = json!({ "email": shop::EMAIL, "name": canary("name"), "phone": shop::PHONE });
    odd["amount_total"] = json!(canary("address"));
    let odd = event("evt_odd", "checkout.session.completed", odd).to_string();
    let mut held = paid_session("cs_test_canaryheld");
    held["amount_total"] = json!(1);
    held["customer_details"]["email"] = json!(shop::EMAIL);
    let held = event("evt_held", "checkout.session.completed", held).to_string();
    let nothing = format!("{{\"id\": [\"{}\"], \"{}\": \"{}\"", canary("name"), shop::EMAIL, shop::PHONE);
    for body in [&odd, &held, &nothing] {
        for secret in [shop::WEBHOOK, shop::WEBHOOK_BEFORE, "whsec_forged"] {
            let signature = sign(secret, time::OffsetDateTime::now_utc().unix_timestamp(), body.as_bytes());
            let answer = shop.webhook(body, Some(&signature)).await;
            assert_eq!(answer.status, if secret == "whsec_forged" { 400 } else { 200 }, "{body}");
            shop.assert_silent("a webhook's answer", &answer.whole());
        }
        let answer = shop.webhook(body, Some(canary("signature"))).await;
        shop.assert_silent("a webhook's answer", &answer.whole());
    }
    for path in [
        "/nowhere/canaryquery",
        "/orders/canaryguess?token=canaryguess",
        "/api/canaryquery",
        "/checkout/success?session_id=canaryguess",
    ] {
        // A response may quote the requested path to its client, but never the query.
        let page = shop.get(path).await;
        shop.assert_silent_but(path, &page, &["query", "guess"]);
    }
    for answer in shop.odd_forms().await {
        shop.assert_silent("an odd form's answer", &answer.without_cookies());
    }
}

/// Everything that a merchant does; what is asked for by number may be shown, and complaints show
/// nothing.
async fn merchant(shop: &mut Shop) {
    let number = shop.number("status = 'paid' and shipping_address is not null").await;
    let own = ["address", "local", "name", "street", "door", "city", "state", "postal", "phone", "session"];
    for (arguments, shown) in [
        (&["check"][..], &[][..]),
        (&["check", "--json"], &[]),
        (&["doctor"], &[]),
        (&["reconcile", "--since", "1h"], &["session"]),
        (&["preorders", "list"], &[]),
        (&["preorders", "list", "--json"], &[]),
        (&["preorders", "list", "--email", shop::EMAIL], &[]),
        (&["preorders", "show", &number], &own),
        (&["preorders", "show", &number, "--json"], &own),
        (&["preorders", "erase", &number, "--dry-run"], &[]),
        (&["preorders", "refund", &number], &[]),
        (&["reconcile"], &["session"]),
        (&["preorders", "erase", "--email", shop::EMAIL, "--yes", "--force"], &[]),
        (&["preorders", "erase", "--email", shop::EMAIL, "--yes", "--json"], &[]),
        (&["store", "copy", "--from", "postgres", "--to", "firestore"], &[]),
    ] {
        let (_, output, complaint) = shop.command(arguments).await;
        shop.assert_silent(&format!("{arguments:?} on standard error"), &complaint);
        shop.assert_silent_but(&format!("{arguments:?}"), &output, shown);
    }
}

async fn operations(shop: &mut Shop) {
    for path in ["/metrics", "/readyz", "/livez", "/signatures", "/nowhere"] {
        let answer = shop.operations(path).await;
        shop.assert_silent(path, &answer);
    }
}

/// Every marked value, by what it is.
type Canaries = BTreeMap<&'static str, String>;
