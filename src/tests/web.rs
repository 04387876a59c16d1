//! What every answer of the public listener carries, and who may ask what: headers, hosts, sites,
//! rates, cookies.

use std::collections::{BTreeSet, HashMap};

use futures::future::join_all;
use reqwest::{Method, Response, StatusCode};

use super::test_app::{Setup, TestApp, completed, form};

pub const FORM: [(&str, &str); 3] = [("color", "Red"), ("email", "jo@example.com"), ("locale", "en")];

/// A shop in production, at <https://shop.example>, whose provider is out of reach.
pub async fn production() -> TestApp {
    let variables = HashMap::from([
        ("APP_ENV", "production".to_owned()),
        ("APP_URL", "https://shop.example".to_owned()),
        ("STRIPE_SECRET_KEY", format!("sk_live_{}", "k".repeat(24))),
        ("STRIPE_API_BASE", format!("http://{}", super::program::closed())),
        ("STRIPE_PRODUCT_ID", "prod_1".to_owned()),
        ("COLOR_PRICE_MAP_JSON", r#"{"Red":"price_1"}"#.to_owned()),
        ("ADMIN_TOKEN", "t".repeat(32)),
    ]);
    TestApp::start_with(Setup { variables, site: Some("public"), ..Setup::default() }).await
}

/// A request as the proxy before a shop in production makes it.
pub async fn ask(app: &TestApp, method: Method, path: &str, headers: &[(&str, &str)]) -> Response {
    let mut request = app.http.request(method, format!("{}{path}", app.public));
    if !headers.iter().any(|(name, _)| *name == "host") && app.shop.app_url.scheme() == "https" {
        request = request.header("host", "shop.example");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.unwrap()
}

/// The headers of an answer, without what changes from one to the next.
fn seen(response: &Response) -> Vec<String> {
    let changing = [
        "date",
        "x-request-id",
        "content-length",
        "etag",
        "last-modified",
        "vary",
        "transfer-encoding",
        "accept-ranges",
    ];
    let mut lines: Vec<String> = response
        .headers()
        .iter()
        .filter(|(name, _)| !changing.contains(&name.as_str()))
        .map(|(name, value)| {
            let text = value.to_str().unwrap();
            let nonce = text.split("'nonce-").nth(1).map(|rest| rest.split('\'').next().unwrap().to_owned());
            format!("{name}: {}", nonce.map_or_else(|| text.to_owned(), |nonce| text.replace(&nonce, "N")))
        })
        .collect();
    lines.sort();
    lines
}

const EVERYWHERE: [&str; 7] = [
    "cross-origin-opener-policy: same-origin",
    "cross-origin-resource-policy: same-origin",
    "permissions-policy: camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    "referrer-policy: same-origin",
    "strict-transport-security: max-age=63072000; includeSubDomains",
    "x-content-type-options: nosniff",
    "x-frame-options: DENY",
];

const NO_PAGE: &str = "content-security-policy: default-src 'none'; frame-ancestors 'none'; sandbox";

const PAGE: &str = "content-security-policy: default-src 'none'; script-src 'self' 'nonce-N' 'strict-dynamic' 'wasm-unsafe-eval'; \
    style-src 'self' 'nonce-N'; img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; \
    form-action 'self' https://checkout.stripe.com; frame-src 'none'; frame-ancestors 'none'; object-src 'none'; \
    base-uri 'none'; upgrade-insecure-requests; report-uri /csp-report; report-to csp";

fn expected(more: &[&str]) -> Vec<String> {
    let mut lines: Vec<String> = EVERYWHERE.iter().chain(more).map(|line| (*line).to_owned()).collect();
    lines.sort();
    lines
}

#[tokio::test]
async fn every_kind_of_answer_has_its_headers() {
    let app = production().await;
    let page = [
        PAGE,
        "reporting-endpoints: csp=\"/csp-report\"",
        "cache-control: no-store",
        "content-type: text/html; charset=utf-8",
    ];
    for (path, status) in
        [("/", 200), ("/checkout/cancel", 200), ("/nowhere", 404), ("/checkout/success?session_id=x", 200)]
    {
        let answer = ask(&app, Method::GET, path, &[]).await;
        assert_eq!((answer.status().as_u16(), seen(&answer)), (status, expected(&page)), "{path}");
    }
    // The key of an order is in the address of its page.
    let order = ask(&app, Method::GET, "/orders/ROL-00000000?token=x", &[]).await;
    let mut lines = expected(&page);
    lines
        .iter_mut()
        .filter(|line| line.starts_with("referrer-policy"))
        .for_each(|line| *line = "referrer-policy: no-referrer".into());
    assert_eq!((order.status().as_u16(), seen(&order)), (404, lines));

    let file = ask(&app, Method::GET, "/favicon.svg", &[]).await;
    let of_file = [NO_PAGE, "cache-control: public, max-age=3600", "content-type: image/svg+xml; charset=utf-8"];
    assert_eq!((file.status().as_u16(), seen(&file)), (200, expected(&of_file)));
    let file = ask(&app, Method::GET, "/robots.txt", &[]).await;
    let of_file = [NO_PAGE, "cache-control: public, max-age=3600", "content-type: text/plain; charset=utf-8"];
    assert_eq!((file.status().as_u16(), seen(&file)), (200, expected(&of_file)));

    let json = ask(&app, Method::GET, "/api/offers", &[]).await;
    let of_json = [NO_PAGE, "cache-control: no-store", "content-type: application/json"];
    assert_eq!((json.status().as_u16(), seen(&json)), (200, expected(&of_json)));

    let missing = ask(&app, Method::POST, "/api/none", &[]).await;
    assert_eq!((missing.status().as_u16(), seen(&missing)), (404, expected(&[NO_PAGE])));
    let refused = ask(&app, Method::POST, "/api/create_checkout", &[("origin", "null")]).await;
    let in_words = [NO_PAGE, "content-type: text/plain; charset=utf-8"];
    assert_eq!((refused.status().as_u16(), seen(&refused)), (403, expected(&in_words)));

    let request = app.http.post(format!("{}/api/create_checkout", app.public)).header("host", "shop.example");
    let request = request.header("content-type", "application/x-www-form-urlencoded").body("color=Red&email=jo");
    let back = request.send().await.unwrap();
    let of_redirect = [
        NO_PAGE,
        "cache-control: no-store",
        "location: /?color=red&error=invalid_input&field=email#checkout",
        "set-cookie: __Host-rolitt_email=jo; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=600",
    ];
    assert_eq!((back.status().as_u16(), seen(&back)), (303, expected(&of_redirect)));
    app.finish().await;
}

#[tokio::test]
async fn a_development_page_may_reach_the_sandbox_and_the_reload_and_upgrades_nothing() {
    let app = TestApp::start().await;
    let page = app.get("/").await;
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.contains(" ws://127.0.0.1:*") && policy.contains("http://127.0.0.1:*"), "{policy}");
    assert!(!policy.contains("upgrade-insecure-requests"), "{policy}");
    assert!(page.headers().get("strict-transport-security").is_none());
    app.finish().await;
}

/// Every address that accepts a POST: all registered server functions, and our own routes.
fn posts() -> Vec<String> {
    let functions = leptos::server_fn::axum::server_fn_paths().map(|(path, _)| path.to_owned());
    let own = ["/api/create_checkout", "/csp-report", "/api/webhooks/stripe", "/api/webhooks/invoice", "/", "/nowhere"];
    functions.chain(own.map(str::to_owned)).collect::<BTreeSet<_>>().into_iter().collect()
}

#[tokio::test]
async fn csrf_a_cross_site_form_can_post_to_no_route() {
    let (production, development) = (production().await, TestApp::start().await);
    for app in [&production, &development] {
        let ours = app.shop.app_url.origin().ascii_serialization();
        let all = posts();
        assert!(all.len() >= 9 && all.iter().any(|path| path == "/api/load_order_by_link"), "{all:?}");
        for path in all {
            for headers in [
                vec![("sec-fetch-site", "cross-site")],
                vec![("sec-fetch-site", "same-site"), ("origin", "https://blog.shop.example")],
                vec![("sec-fetch-site", "cross-site"), ("origin", "null")],
                vec![("sec-fetch-site", "something-new")],
                vec![("origin", "null")],
                vec![("origin", "https://evil.example")],
                vec![("origin", "https://shop.example.evil.example")],
                vec![("origin", "file://")],
            ] {
                let refused = ask(app, Method::POST, &path, &headers).await;
                assert_eq!(refused.status(), StatusCode::FORBIDDEN, "{path} {headers:?}");
                let asking_json = [headers.clone(), vec![("accept", "application/json")]].concat();
                let refused = ask(app, Method::POST, &path, &asking_json).await;
                assert_eq!(refused.status(), StatusCode::FORBIDDEN, "{path}");
                assert!(refused.text().await.unwrap().starts_with(r#"{"error":{"#), "{path}");
            }
            for headers in
                [vec![("sec-fetch-site", "same-origin"), ("origin", &*ours)], vec![("origin", &*ours)], vec![]]
            {
                let answer = ask(app, Method::POST, &path, &headers).await;
                assert_ne!(answer.status(), StatusCode::FORBIDDEN, "{path} {headers:?}");
            }
        }
    }
    let signed = development.deliver(&completed("evt_1", "cs_test_1")).await;
    assert_eq!(signed, StatusCode::OK, "providers send neither header");
    development.deliver_all().await;
    development.finish().await;
    production.finish().await;
}

#[tokio::test]
async fn no_server_function_is_served_by_the_route_that_was_generated_for_it() {
    let app = TestApp::start().await;
    let functions: Vec<String> = leptos::server_fn::axum::server_fn_paths().map(|(path, _)| path.to_owned()).collect();
    assert!(functions.len() >= 4, "{functions:?}");
    for path in &functions {
        for method in [Method::POST, Method::GET, Method::PUT, Method::DELETE, Method::PATCH] {
            let request = app.http.request(method.clone(), format!("{}{path}", app.public));
            let request = request.header("content-type", "application/json").header("referer", "https://evil.example/");
            let answer =
                request.body(r#"{"color":"Red","email":"jo@example.com","session":"cs_test_1"}"#).send().await.unwrap();
            let status = answer.status().as_u16();
            assert!([404, 405, 415].contains(&status), "{method} {path}: {status}");
            assert!(answer.headers().get("location").is_none());
        }
    }
    assert_eq!(app.sandbox_get("/v1/checkout/sessions").await["data"], serde_json::json!([]));
    assert_eq!(app.count("preorders").await, 0);
    app.finish().await;
}

#[tokio::test]
async fn in_production_the_shop_answers_to_its_own_name_only() {
    let app = production().await;
    for (host, status) in [
        ("shop.example", 200),
        ("SHOP.example:443", 200),
        ("evil.example", 421),
        ("shop.example.evil.example", 421),
        ("shop.example:8443", 421),
        ("127.0.0.1:3000", 421),
        ("localhost", 421),
    ] {
        assert_eq!(ask(&app, Method::GET, "/", &[("host", host)]).await.status().as_u16(), status, "{host}");
        assert_eq!(ask(&app, Method::GET, "/healthz", &[("host", host)]).await.status(), StatusCode::OK, "{host}");
    }
    let forwarded =
        [("x-forwarded-host", "evil.example"), ("forwarded", "host=evil.example"), ("x-forwarded-proto", "http")];
    let page = ask(&app, Method::GET, "/", &forwarded).await;
    assert_eq!(page.status(), StatusCode::OK);
    assert!(!page.text().await.unwrap().contains("evil.example"));
    let lie = ask(&app, Method::GET, "/", &[("host", "evil.example"), ("x-forwarded-host", "shop.example")]).await;
    assert_eq!(lie.status(), StatusCode::MISDIRECTED_REQUEST);
    app.finish().await;
}

#[tokio::test]
async fn a_thousand_made_up_addresses_are_one_client() {
    let variables = HashMap::from([("CHECKOUT_RATE_PER_IP", "10".to_owned())]);
    let app = TestApp::start_with(Setup { variables, ..Setup::default() }).await;
    let mut passed = 0;
    for hundred in 0..10 {
        let answers = join_all((0..100).map(|number| {
            let address = format!("10.{hundred}.0.{number}, 192.0.2.{number}");
            let app = &app;
            async move {
                let headers =
                    [("x-forwarded-for", address.as_str()), ("x-real-ip", &address), ("accept", "application/json")];
                app.post_checkout(&form(&FORM), &headers).await.status()
            }
        }))
        .await;
        passed += answers.iter().filter(|status| **status != StatusCode::TOO_MANY_REQUESTS).count();
    }
    // Ten at once, and one more every six seconds that the thousand take.
    assert!((10..=20).contains(&passed), "{passed}");
    app.finish().await;
}

#[tokio::test]
async fn guessing_sessions_is_slowed_and_a_known_one_is_always_found() {
    let variables = HashMap::from([("CHECKOUT_RATE_PER_IP", "1".to_owned())]);
    let app = TestApp::start_with(Setup { variables, ..Setup::default() }).await;
    app.deliver(&completed("evt_1", "cs_test_known")).await;
    let mut statuses = Vec::new();
    for number in 0..12 {
        let page = app.get(&format!("/checkout/success?session_id=cs_test_guess{number}")).await;
        statuses.push(page.status().as_u16());
        if page.status() == StatusCode::TOO_MANY_REQUESTS {
            assert!(page.headers()["retry-after"].to_str().unwrap().parse::<u64>().unwrap() > 0);
            assert!(page.text().await.unwrap().contains("We cannot look up your order right now"));
        }
    }
    assert_eq!(statuses[..6], [200; 6]);
    assert!(statuses[6..].contains(&429), "{statuses:?}");
    let events = app.get("/checkout/events?session_id=cs_test_guess").await;
    assert_eq!(events.status(), StatusCode::TOO_MANY_REQUESTS);
    let known = app.get("/checkout/success?session_id=cs_test_known").await;
    assert_eq!(known.status(), StatusCode::OK);
    assert!(known.text().await.unwrap().contains("Your Rolitt is pre-ordered"));
    app.deliver_all().await;
    app.finish().await;
}

#[tokio::test]
async fn a_browsers_report_is_taken_in_either_shape_and_nothing_else_is() {
    let app = TestApp::start().await;
    let old = r#"{"csp-report":{"document-uri":"https://shop.example/orders/ROL-1?token=secret","violated-directive":"script-src 'self'",
        "effective-directive":"script-src-elem","blocked-uri":"https://evil.example/x?token=secret","status-code":200}}"#;
    let new = r#"[{"type":"csp-violation","age":1,"url":"https://shop.example/","body":{"effectiveDirective":"style-src-elem",
        "blockedURL":"inline","disposition":"enforce"}},{"type":"deprecation","body":{"id":"x"}}]"#;
    for (content_type, body, status) in [
        ("application/csp-report", old, 204),
        ("application/reports+json; charset=utf-8", new, 204),
        ("application/reports+json", "[]", 204),
        ("application/csp-report", "{}", 400),
        ("application/csp-report", "not JSON", 400),
        ("text/plain", old, 415),
        ("", old, 415),
    ] {
        let request = app.http.post(format!("{}/csp-report", app.public)).header("content-type", content_type);
        let answer = request.body(body).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{content_type} {body}");
        assert_eq!(answer.text().await.unwrap(), "");
    }
    assert_eq!(app.get("/csp-report").await.status(), StatusCode::METHOD_NOT_ALLOWED);
    app.finish().await;
}

#[tokio::test]
async fn form_input_returns_in_a_host_only_cookie() {
    let app = production().await;
    let cookie = [("cookie", "rolitt_email=al@example.com; __Host-rolitt_email=jo%40example")];
    let page = ask(&app, Method::GET, "/?error=invalid_input&field=email", &cookie).await.text().await.unwrap();
    assert!(page.contains(r#"value="jo@example""#) && !page.contains("al@example.com"));
    app.finish().await;
}
