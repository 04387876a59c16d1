//! Every object that the sandbox shows has the fields of Stripe's, no fewer and no others, and each
//! is of its kind.

use std::collections::BTreeSet;

use serde_json::json;

use super::{
    names::{GROUPS, OBJECTS},
    *,
};

/// What was seen, and what of it was wrong.
#[derive(Default)]
struct Seen {
    objects: BTreeSet<&'static str>,
    groups: BTreeSet<&'static str>,
    faults: BTreeSet<String>,
}

fn letter(value: &Value) -> char {
    match value {
        Value::Null => '0',
        Value::Bool(_) => 'b',
        Value::Number(_) => 'n',
        Value::String(_) => 's',
        Value::Array(_) => 'a',
        Value::Object(_) => 'o',
    }
}

impl Seen {
    /// Checks an object and everything in it.
    fn check(&mut self, value: &Value, path: &str) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.check(item, path)),
            Value::Object(fields) => {
                let kind = fields.get("object").and_then(Value::as_str).unwrap_or_default();
                let known = OBJECTS.iter().find(|(name, _)| *name == kind);
                if let Some((name, expected)) = known {
                    self.objects.insert(name);
                    self.object(name, expected, value);
                } else if let Some((name, expected)) = GROUPS.iter().find(|(name, _)| *name == path) {
                    self.groups.insert(name);
                    let names: BTreeSet<&str> = fields.keys().map(String::as_str).collect();
                    let expected: BTreeSet<&str> = expected.split_whitespace().collect();
                    if names != expected {
                        self.faults.insert(format!("{path}: {:?}", names.symmetric_difference(&expected)));
                    }
                } else if !kind.is_empty() {
                    self.faults.insert(format!("{path}: an object of the unknown kind {kind}"));
                }
                let path = known.map_or(path, |(name, _)| *name);
                for (name, inner) in fields {
                    self.check(inner, &format!("{path}.{name}"));
                }
            }
            _ => {}
        }
    }

    fn object(&mut self, kind: &str, expected: &str, value: &Value) {
        let mut unknown: BTreeSet<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
        for field in expected.split_whitespace() {
            let (name, kinds) = field.split_once(':').unwrap();
            let required = name.strip_suffix('?').is_none();
            let name = name.trim_end_matches('?');
            unknown.remove(name);
            match value.get(name) {
                None if required => self.faults.insert(format!("{kind}.{name} is missing")),
                Some(found) if !kinds.contains(letter(found)) => {
                    self.faults.insert(format!("{kind}.{name} is {found}, not one of {kinds}"))
                }
                _ => true,
            };
        }
        for name in unknown {
            self.faults.insert(format!("{kind}.{name} is not Stripe's"));
        }
    }
}

impl Running {
    /// A life as full as possible: every kind of object, in more than one state.
    async fn live(&self) -> String {
        let post = async |path: &str, pairs: &[(&str, &str)]| self.post(path, pairs).await.ok();
        let id = |object: &Value| object["id"].as_str().unwrap().to_owned();
        let customer = post(
            "/v1/customers",
            &[
                ("email", "ada@example.com"),
                ("payment_method", "pm_card_visa"),
                ("invoice_settings[default_payment_method]", "pm_card_visa"),
                ("address[line1]", "Torstraße 100"),
                ("shipping[name]", "Ada"),
                ("shipping[address][line1]", "Torstraße 100"),
            ],
        );
        let customer = id(&customer.await);
        let monthly = [
            ("currency", "usd"),
            ("unit_amount", "900"),
            ("product_data[name]", "Club"),
            ("recurring[interval]", "month"),
        ];
        let price = id(&post("/v1/prices", &monthly).await);
        let of = [("customer", customer.as_str()), ("items[0][price]", &price)];
        let subscription = id(&post("/v1/subscriptions", &of).await);
        post(&format!("/v1/subscriptions/{subscription}"), &[("pause_collection[behavior]", "void")]).await;
        post("/v1/subscriptions", &[&of[..], &[("payment_behavior", "default_incomplete")]].concat()).await;

        for (method, status) in [
            ("pm_card_visa", 200),
            ("pm_card_chargeDeclined", 402),
            ("pm_card_authenticationRequired", 200),
            ("pm_usBankAccount_success", 200),
        ] {
            let order = [("amount", "500"), ("currency", "usd"), ("payment_method", method), ("confirm", "true")];
            assert_eq!(self.post("/v1/payment_intents", &order).await.status, status);
        }
        let session = self.session(&[]).await;
        let pay = format!("/sandbox/stripe/sessions/{session}/pay");
        let paid = self.control(&pay, json!({"card": "4242424242424242"})).await.ok();
        self.session(&[]).await;
        let intent = paid["payment_intent"].as_str().unwrap();
        post("/v1/refunds", &[("payment_intent", intent), ("amount", "100")]).await;
        let refund = id(&post("/v1/refunds", &[("payment_intent", intent), ("amount", "100")]).await);
        for (kind, object) in
            [("refund.failed", json!({"id": refund})), ("charge.dispute.created", json!({"payment_intent": intent}))]
        {
            self.control("/sandbox/stripe/trigger", json!({"type": kind, "object": object})).await.ok();
        }
        let hook = [("url", "http://127.0.0.1:9/hook"), ("enabled_events[]", "a.b")];
        post("/v1/webhook_endpoints", &hook).await;
        customer
    }
}

#[tokio::test]
async fn every_object_has_stripes_fields_and_each_is_of_its_kind() {
    let sandbox = start(config(None)).await;
    let customer = sandbox.live().await;
    let mut seen = Seen::default();
    let methods = format!("/v1/payment_methods?customer={customer}");
    for path in [
        "/v1/products",
        "/v1/prices",
        "/v1/customers",
        &methods,
        "/v1/payment_intents",
        "/v1/charges?expand[]=data.refunds",
        "/v1/refunds",
        "/v1/disputes",
        "/v1/subscriptions",
        "/v1/invoices?expand[]=data.payments&expand[]=data.confirmation_secret",
        "/v1/checkout/sessions?expand[]=data.line_items",
        "/v1/events?limit=100",
        "/v1/webhook_endpoints",
    ] {
        let list = sandbox.get(path).await.ok();
        assert_ne!(list["data"], json!([]), "{path}");
        seen.check(&list, "");
    }
    assert_eq!(seen.faults, BTreeSet::new());
    let all: BTreeSet<&str> = OBJECTS.iter().map(|(name, _)| *name).collect();
    assert_eq!(seen.objects, all, "every kind was seen");
    let groups: BTreeSet<&str> = GROUPS.iter().map(|(name, _)| *name).collect();
    assert_eq!(seen.groups, groups, "every group was seen");
}

#[tokio::test]
async fn errors_have_stripes_fields() {
    let sandbox = start(config(None)).await;
    let fields = |error: &Value| error.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let unknown = sandbox.post("/v1/customers", &[("tea", "1")]).await.refused(400);
    assert_eq!(fields(&unknown), ["code", "doc_url", "message", "param", "type"]);
    let order =
        [("amount", "500"), ("currency", "usd"), ("payment_method", "pm_card_chargeDeclined"), ("confirm", "true")];
    let declined = sandbox.post("/v1/payment_intents", &order).await.refused(402);
    let expected = ["charge", "code", "decline_code", "doc_url", "message", "payment_intent", "payment_method", "type"];
    assert_eq!(fields(&declined), expected);
}
