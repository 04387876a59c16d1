//! Stripe's API: keys, errors, catalog, sessions, lists, events, endpoints.

use serde_json::json;

use super::*;

#[tokio::test]
async fn only_test_keys_open_the_door() {
    let sandbox = start(config(None)).await;
    let get = |name: &'static str, value: &'static str| {
        let request = sandbox.request(Method::GET, "/v1/prices").header(name, value);
        async move { Answer::of(request.send().await.unwrap()).await }
    };
    let nothing = get("x-nothing", "").await;
    assert_eq!(nothing.refused(401)["type"], "invalid_request_error");
    assert_eq!(nothing.header("www-authenticate"), "Bearer realm=\"Stripe\"");
    let live = get("authorization", "Bearer sk_live_51secret").await;
    assert!(live.refused(401)["message"].as_str().unwrap().contains("sandbox"));
    assert!(!live.text.contains("51secret"));
    assert_eq!(get("authorization", "Bearer pk_test_1").await.status, 401);
    assert_eq!(get("authorization", "Bearer sk_test_").await.status, 401);
    for good in ["Bearer sk_test_1", "bearer rk_test_1", "Basic c2tfdGVzdF8xOg=="] {
        assert_eq!(get("authorization", good).await.status, 200, "{good}");
    }
}

#[tokio::test]
async fn every_answer_is_stamped_and_unknown_addresses_are_refused_in_stripes_words() {
    let sandbox = start(config(None)).await;
    for path in ["/v1/prices", "/v1/prices/nope", "/v1/tea"] {
        let answer = sandbox.get(path).await;
        assert!(answer.header("request-id").starts_with("req_"), "{path}");
        assert_eq!(answer.header("stripe-version"), "2025-06-30.basil");
    }
    let error = sandbox.get("/v1/tea").await.refused(404);
    assert_eq!(error["type"], "invalid_request_error");
    assert!(error["message"].as_str().unwrap().starts_with("Unrecognized request URL (GET: /v1/tea)."));
    let wrong_method = sandbox.post("/v1/events", &[]).await.refused(404);
    assert!(wrong_method["message"].as_str().unwrap().starts_with("Unrecognized request URL (POST: /v1/events)."));
    assert_eq!(sandbox.get("/elsewhere").await.status, 404);
    let json =
        sandbox.request(Method::POST, "/v1/prices").bearer_auth("sk_test_1").header("content-type", "application/json");
    let refused = Answer::of(json.body("{}").send().await.unwrap()).await.refused(400);
    assert!(refused["message"].as_str().unwrap().contains("application/x-www-form-urlencoded"));
}

#[tokio::test]
async fn prices_are_listed_made_and_withdrawn() {
    let sandbox = start(config(None)).await;
    assert_eq!(sandbox.get("/v1/products/prod_rolitt").await.ok()["name"], "Rolitt");
    assert_eq!(sandbox.get("/v1/products").await.ok()["data"].as_array().unwrap().len(), 1);
    let list = sandbox.get("/v1/prices?product=prod_rolitt&active=true&limit=100&expand[]=data.product").await.ok();
    assert_eq!(list["data"].as_array().unwrap().len(), 2);
    assert_eq!(list["data"][0]["product"]["id"], "prod_rolitt");
    assert_eq!(list["data"][1]["nickname"], "Red");
    let error = sandbox.get("/v1/prices/price_nope").await.refused(404);
    assert_eq!((&error["code"], &error["param"]), (&json!("resource_missing"), &json!("price")));

    let yen = [("currency", "JPY"), ("unit_amount", "45000"), ("product", "prod_rolitt"), ("nickname", "Sakura Pink")];
    let made = sandbox.post("/v1/prices", &yen).await.ok();
    assert_eq!((&made["currency"], &made["unit_amount"]), (&json!("jpy"), &json!(45_000)));
    let id = made["id"].as_str().unwrap();
    assert_eq!(sandbox.post(&format!("/v1/prices/{id}"), &[("active", "false")]).await.ok()["active"], false);
    let listed = sandbox.get("/v1/prices?active=true").await.ok();
    assert_eq!(listed["data"].as_array().unwrap().len(), 2);
    let error = sandbox.create(&[("line_items[0][price]", id)]).await.refused(400);
    assert_eq!(error["param"], "line_items[0][price]");
}

#[tokio::test]
async fn a_session_is_what_was_asked_for() {
    let sandbox = start(config(None)).await;
    let made = sandbox
        .create(&[
            ("client_reference_id", "attempt-1"),
            ("locale", "de"),
            ("payment_intent_data[metadata][color]", "Red"),
            ("adaptive_pricing[enabled]", "false"),
            ("expand[]", "line_items"),
        ])
        .await
        .ok();
    let id = made["id"].as_str().unwrap();
    assert!(id.starts_with("cs_test_"));
    assert_eq!(made["url"], format!("{}/c/pay/{id}", sandbox.origin));
    assert_eq!(made["expires_at"].as_i64().unwrap() - made["created"].as_i64().unwrap(), 24 * 3600);
    for (key, value) in [
        ("status", json!("open")),
        ("payment_status", json!("unpaid")),
        ("amount_total", json!(29_900)),
        ("currency", json!("usd")),
        ("locale", json!("de")),
        ("client_reference_id", json!("attempt-1")),
        ("metadata", json!({"color": "Red"})),
        ("payment_intent", json!(null)),
        ("livemode", json!(false)),
        ("customer_email", json!("ada@example.com")),
        ("shipping_address_collection", json!({"allowed_countries": ["DE", "FR"]})),
    ] {
        assert_eq!(made[key], value, "{key}");
    }
    assert_eq!(made["line_items"]["data"][0]["price"]["id"], "price_red");

    let plain = sandbox.get(&format!("/v1/checkout/sessions/{id}")).await.ok();
    assert!(plain.get("line_items").is_none());
    let lines = sandbox.get(&format!("/v1/checkout/sessions/{id}/line_items")).await.ok();
    assert_eq!(lines["data"][0]["quantity"], 1);

    sandbox.control(&format!("/sandbox/stripe/sessions/{id}/pay"), json!({"card": "4242424242424242"})).await.ok();
    let paid = sandbox.get(&format!("/v1/checkout/sessions/{id}?expand[0]=payment_intent")).await.ok();
    let intent = &paid["payment_intent"];
    assert_eq!((&intent["status"], &intent["metadata"]["color"]), (&json!("succeeded"), &json!("Red")));
    assert_eq!(intent["amount_received"], 29_900);
    let intent_id = intent["id"].as_str().unwrap();
    assert_eq!(sandbox.get(&format!("/v1/payment_intents/{intent_id}")).await.ok(), *intent);
    let found = sandbox.get(&format!("/v1/checkout/sessions?payment_intent={intent_id}")).await.ok();
    assert_eq!(found["data"][0]["id"], id);
    let bad = sandbox.get(&format!("/v1/checkout/sessions/{id}?expand[]=locale")).await.refused(400);
    assert_eq!(bad["message"], "This property cannot be expanded (locale).");
}

#[tokio::test]
async fn what_stripe_refuses_is_refused_with_its_parameter_named() {
    let sandbox = start(config(None)).await;
    let now = sandbox.control("/sandbox/clock", json!({"advance_seconds": 0})).await.ok()["now"].as_i64().unwrap();
    let (soon, late) = ((now + 29 * 60).to_string(), (now + 25 * 3600).to_string());
    let (long_key, long_value) = (format!("metadata[{}]", "k".repeat(41)), "v".repeat(501));
    let cases: [(&str, &str, &str, Option<&str>); 22] = [
        ("mode", "setup", "mode", None),
        ("mode", "barter", "mode", None),
        ("colour", "Red", "colour", Some("parameter_unknown")),
        ("line_items[0][colour]", "Red", "line_items[0][colour]", Some("parameter_unknown")),
        ("line_items[0][price]", "price_nope", "line_items[0][price]", Some("resource_missing")),
        ("line_items[0][price]", "", "line_items[0][price]", Some("parameter_invalid_empty")),
        ("line_items[0][quantity]", "0", "line_items[0][quantity]", Some("parameter_invalid_integer")),
        ("line_items[0][quantity]", "one", "line_items[0][quantity]", Some("parameter_invalid_integer")),
        ("success_url", "/checkout/success", "success_url", Some("url_invalid")),
        ("cancel_url", "javascript:alert(1)", "cancel_url", Some("url_invalid")),
        ("customer_email", "no-address", "customer_email", Some("email_invalid")),
        ("locale", "en-US", "locale", None),
        ("expires_at", &soon, "expires_at", None),
        ("expires_at", &late, "expires_at", None),
        (&long_key, "x", &long_key, None),
        ("metadata[note]", &long_value, "metadata[note]", None),
        (
            "shipping_address_collection[allowed_countries][0]",
            "CU",
            "shipping_address_collection[allowed_countries][0]",
            None,
        ),
        ("phone_number_collection[enabled]", "yes", "phone_number_collection[enabled]", None),
        ("client_reference_id", &long_value, "client_reference_id", Some("parameter_invalid_string")),
        ("customer", "cus_1", "customer_email", None),
        ("automatic_tax[enabled]", "true", "automatic_tax[enabled]", None),
        ("payment_method_types[0]", "barter", "payment_method_types[0]", None),
    ];
    for (name, value, param, code) in cases {
        let error = sandbox.create(&[(name, value)]).await.refused(400);
        assert_eq!(error["type"], "invalid_request_error");
        assert_eq!((error["param"].as_str(), error["code"].as_str()), (Some(param), code), "{name}={value}: {error}");
    }
    for missing in ["mode", "success_url", "line_items[0][price]", "line_items[0][quantity]"] {
        let pairs: Vec<_> = SESSION.into_iter().filter(|(name, _)| *name != missing).collect();
        let error = sandbox.post("/v1/checkout/sessions", &pairs).await.refused(400);
        assert_eq!((&error["param"], &error["code"]), (&json!(missing), &json!("parameter_missing")));
    }
    let many: Vec<_> = (0..51).map(|number| format!("metadata[k{number}]")).collect();
    let many: Vec<_> = many.iter().map(|name| (name.as_str(), "x")).collect();
    assert_eq!(sandbox.create(&many).await.refused(400)["param"], "metadata");
    assert_eq!(sandbox.get("/v1/checkout/sessions").await.ok()["data"], json!([]));
}

#[tokio::test]
async fn sessions_are_listed_from_new_to_old_and_expire_by_hand_or_by_themselves() {
    let sandbox = start(config(None)).await;
    let now = sandbox.control("/sandbox/clock", json!({"advance_seconds": 0})).await.ok()["now"].as_i64().unwrap();
    let half_an_hour = (now + 1810).to_string();
    let first = sandbox.session(&[("expires_at", &half_an_hour)]).await;
    let second = sandbox.session(&[]).await;
    let third = sandbox.session(&[]).await;
    let ids = |list: &Value| -> Vec<String> {
        list["data"].as_array().unwrap().iter().map(|object| object["id"].as_str().unwrap().to_owned()).collect()
    };
    let page = sandbox.get("/v1/checkout/sessions?limit=2").await.ok();
    assert_eq!((ids(&page), &page["has_more"]), (vec![third.clone(), second.clone()], &json!(true)));
    let page = sandbox.get(&format!("/v1/checkout/sessions?limit=2&starting_after={second}")).await.ok();
    assert_eq!((ids(&page), &page["has_more"]), (vec![first.clone()], &json!(false)));

    let expired = sandbox.post(&format!("/v1/checkout/sessions/{second}/expire"), &[]).await.ok();
    assert_eq!((&expired["status"], &expired["url"]), (&json!("expired"), &json!(null)));
    let again = sandbox.post(&format!("/v1/checkout/sessions/{second}/expire"), &[]).await.refused(400);
    assert!(again["message"].as_str().unwrap().contains("\"expired\""));
    let refused =
        sandbox.control(&format!("/sandbox/stripe/sessions/{second}/pay"), json!({"card": "4242424242424242"})).await;
    assert_eq!(refused.status, 409);

    let moved = sandbox.control("/sandbox/clock", json!({"advance_seconds": 1900})).await.ok()["now"].as_i64().unwrap();
    assert!(moved >= now + 1900);
    assert_eq!(ids(&sandbox.get("/v1/checkout/sessions?status=expired").await.ok()), [second.clone(), first.clone()]);
    assert_eq!(ids(&sandbox.get("/v1/checkout/sessions?status=open").await.ok()), [third]);
    assert_eq!(
        ids(&sandbox.get(&format!("/v1/checkout/sessions?created[gte]={moved}")).await.ok()),
        Vec::<String>::new()
    );

    let events =
        sandbox.get("/v1/events?types[]=checkout.session.expired&types[]=checkout.session.completed").await.ok();
    assert_eq!(events["data"].as_array().unwrap().len(), 2);
    assert_eq!(events["data"][0]["data"]["object"]["id"], *first);
    assert_eq!(events["data"][0]["request"]["id"], json!(null));
    assert!(events["data"][1]["request"]["id"].as_str().unwrap().starts_with("req_"));
    let id = events["data"][0]["id"].as_str().unwrap();
    assert_eq!(sandbox.get(&format!("/v1/events/{id}")).await.ok(), events["data"][0]);
    sandbox.control("/sandbox/clock", json!({"advance_seconds": 31 * 86_400})).await.ok();
    assert_eq!(sandbox.get(&format!("/v1/events/{id}")).await.status, 404);
}

#[tokio::test]
async fn endpoints_made_over_the_api_get_what_they_asked_for_with_their_own_secret() {
    let sandbox = start(config(None)).await;
    let (receiver, url) = Receiver::start(&[]).await;
    let made = sandbox
        .post("/v1/webhook_endpoints", &[("url", &url), ("enabled_events[]", "checkout.session.completed")])
        .await
        .ok();
    let (id, secret) = (made["id"].as_str().unwrap(), made["secret"].as_str().unwrap());
    assert!(secret.starts_with("whsec_"));
    let retrieved = sandbox.get(&format!("/v1/webhook_endpoints/{id}")).await.ok();
    assert!(retrieved.get("secret").is_none());
    assert_eq!(sandbox.get("/v1/webhook_endpoints").await.ok()["data"], json!([retrieved]));

    let session = sandbox.session(&[]).await;
    sandbox.control(&format!("/sandbox/stripe/sessions/{session}/pay"), json!({"card": "4242424242424242"})).await.ok();
    receiver.wait_for(1).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(receiver.types(), ["checkout.session.completed"]);

    let gone = sandbox.request(Method::DELETE, &format!("/v1/webhook_endpoints/{id}")).bearer_auth("sk_test_1");
    assert_eq!(Answer::of(gone.send().await.unwrap()).await.ok()["deleted"], true);
    assert_eq!(sandbox.get(&format!("/v1/webhook_endpoints/{id}")).await.status, 404);
    for wrong in
        [[("url", "nowhere"), ("enabled_events[]", "*")], [("url", url.as_str()), ("enabled_events[]", "Nonsense")]]
    {
        assert_eq!(sandbox.post("/v1/webhook_endpoints", &wrong).await.status, 400);
    }
}

#[tokio::test]
async fn no_address_but_loopback_is_served() {
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let serving = serve(listener, config(None), CancellationToken::new());
    let refused = tokio::time::timeout(Duration::from_secs(2), serving).await.unwrap().unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::PermissionDenied);
}
