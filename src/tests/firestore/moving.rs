//! A live shop is moved by the written way: copied while it is open, stopped, copied again, opened
//! on the other store, reconciled. Every part of it is a process of its own, as it is for a
//! merchant.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use reqwest::StatusCode;
use rolitt::{
    domain::preorder::PreorderStatus,
    server::store::{OrderKey, PreorderFilter, Store, postgres::PostgresStore},
};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::process::Child;

use crate::{
    database::{drop_database, fresh_database},
    emulated::Emulated,
    program::{closed, empty_folder, ended, program, terminate},
    test_app::{SECRET, form},
};

const COPY: [&str; 6] = ["store", "copy", "--from", "postgres", "--to", "firestore"];

const BACK: [&str; 6] = ["store", "copy", "--from", "firestore", "--to", "postgres"];

/// A merchant's machine: addresses, and the variables of everything that runs there.
struct Machine {
    http: reqwest::Client,
    public: String,
    operations: String,
    sandbox: String,
    variables: BTreeMap<&'static str, String>,
}

impl Machine {
    fn new(database: &str, project: &Emulated) -> Self {
        let [public, operations, sandbox] = [closed(), closed(), closed()];
        let mut variables = BTreeMap::from([
            ("LEPTOS_SITE_ADDR", public.clone()),
            ("OPS_ADDR", operations.clone()),
            ("SANDBOX_ADDR", sandbox.clone()),
            ("STRIPE_API_BASE", format!("http://{sandbox}")),
            ("KLAVIYO_API_BASE", format!("http://{sandbox}")),
            ("STRIPE_WEBHOOK_SECRET", SECRET.to_owned()),
            ("STRIPE_PRODUCT_ID", "prod_moving".to_owned()),
            ("COLOR_PRICE_MAP_JSON", r#"{"Red":"price_moving"}"#.to_owned()),
            // The command finds it first.
            ("RECONCILE_EVERY", "off".to_owned()),
            ("CHECKOUT_RATE_PER_IP", "off".to_owned()),
            ("CHECKOUT_RATE_GLOBAL", "off".to_owned()),
            ("LEPTOS_OUTPUT_NAME", "rolitt".to_owned()),
            ("LEPTOS_HASH_FILES", "false".to_owned()),
            ("DATABASE_URL", database.to_owned()),
        ]);
        variables.extend(project.variables());
        variables.insert("DATABASE_STORAGE_TARGET", "postgres".to_owned());
        Self { http: rolitt::server::http::client::client().unwrap(), public, operations, sandbox, variables }
    }

    fn run(&self, arguments: &[&str]) -> tokio::process::Command {
        let mut command = program(arguments, &self.variables);
        command.current_dir(empty_folder());
        command
    }

    async fn says(&self, arguments: &[&str]) -> (i32, String, String) {
        ended(self.run(arguments)).await
    }

    async fn answers(&self, url: &str) {
        let began = Instant::now();
        while !self.http.get(url).send().await.is_ok_and(|answer| answer.status().is_success()) {
            assert!(began.elapsed() < Duration::from_secs(30), "{url} never answered");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The sandbox alone. It needs no address of Stripe, because it plays Stripe.
    async fn start_sandbox(&self) -> Child {
        let mut command = self.run(&["sandbox"]);
        command.env_remove("STRIPE_API_BASE").env_remove("KLAVIYO_API_BASE");
        let child = command.spawn().unwrap();
        self.answers(&format!("http://{}/sandbox/klaviyo/events", self.sandbox)).await;
        child
    }

    async fn open_shop(&self) -> Child {
        let child = self.run(&["serve"]).spawn().unwrap();
        self.answers(&format!("http://{}/readyz", self.operations)).await;
        child
    }

    /// A customer goes to Stripe's page: the session.
    async fn begin(&self, email: &str) -> String {
        let request = self.http.post(format!("http://{}/api/create_checkout", self.public));
        let fields = [("color", "Red"), ("email", email), ("locale", "en"), ("attempt", &nanoid::nanoid!())];
        let request = request.header("accept", "application/json");
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(form(&fields));
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{email}");
        let answer: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        let url = answer["url"].as_str().unwrap();
        url.rsplit('/').next().unwrap().split(['?', '#']).next().unwrap().to_owned()
    }

    async fn pay(&self, session: &str) {
        let url = format!("http://{}/sandbox/stripe/sessions/{session}/pay", self.sandbox);
        let request = self.http.post(url).header("content-type", "application/json");
        let answer = request.body(json!({ "card": "4242424242424242" }).to_string()).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{session}");
    }

    /// Buys as these customers, one after the other: their sessions.
    async fn sell(&self, customers: impl IntoIterator<Item = String>) -> Vec<String> {
        let mut sessions = Vec::new();
        for customer in customers {
            let session = self.begin(&customer).await;
            self.pay(&session).await;
            sessions.push(session);
        }
        sessions
    }

    /// Returns the paid-order messages: the address, and how often each was posted.
    async fn record_update(&self) -> Vec<(String, u64)> {
        let answer = self.http.get(format!("http://{}/sandbox/klaviyo/events", self.sandbox)).send().await.unwrap();
        let output: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        let paid = output["events"].as_array().unwrap().iter().filter(|event| event["metric"] == "Preorder Success");
        paid.map(|event| (event["email"].as_str().unwrap().to_owned(), event["posts"].as_u64().unwrap())).collect()
    }

    async fn until_notified(&self, customers: usize) {
        let began = Instant::now();
        while self.record_update().await.len() < customers {
            assert!(
                began.elapsed() < Duration::from_mins(1),
                "not all were notified: {:?}",
                self.record_update().await
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// Numbers by session, of every order there is; none may be there but paid.
async fn orders(store: &dyn Store) -> BTreeMap<String, String> {
    let all = store.orders(&PreorderFilter::default(), 1_000).await.unwrap();
    let mut numbers = BTreeMap::new();
    for purchase in &all {
        let details = &purchase.preorder.details;
        assert!(details.status == PreorderStatus::Paid && !details.review.is_open(), "{:?}", details.review);
        let by_number = store.order(OrderKey::Number(&purchase.preorder.number)).await.unwrap();
        assert_eq!(by_number.as_ref(), Some(purchase), "a customer's number leads to it");
        numbers.insert(details.session.as_str().to_owned(), purchase.preorder.number.as_str().to_owned());
    }
    assert_eq!(numbers.len(), all.len(), "no session has two orders");
    numbers
}

fn customers(kind: &str, how_many: u32) -> impl Iterator<Item = String> {
    (0..how_many).map(move |number| format!("{kind}-{number}@example.com"))
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the Firestore emulator"]
async fn a_live_shop_is_moved_and_no_order_is_lost_doubled_or_renamed() {
    let ((database, url), project) = (fresh_database().await, Emulated::project());
    let mut machine = Machine::new(&url, &project);
    let mut sandbox = machine.start_sandbox().await;
    let mut shop = machine.open_shop().await;
    let mut sold = machine.sell(customers("early", 8)).await;

    // Copied while it is open and sells; whether it ends in agreement is a matter of moments.
    let (first, during) = tokio::join!(machine.says(&COPY), machine.sell(customers("during", 8)));
    assert!(first.0 == 0 || first.2.contains("need a person"), "{first:?}");
    sold.extend(during);
    sold.extend(machine.sell(customers("late", 2)).await);
    let mut at_the_page = Vec::new();
    for customer in customers("page", 4) {
        at_the_page.push(machine.begin(&customer).await);
    }
    let left_for_later = at_the_page.pop().unwrap();

    terminate(&mut shop).await;
    for session in &at_the_page {
        machine.pay(session).await;
    }
    let (status, said, complaint) = machine.says(&COPY).await;
    assert_eq!((status, said.trim_end().ends_with("everything agrees")), (0, true), "{said}{complaint}");
    let postgres = PostgresStore::new(&SecretString::from(url)).unwrap();
    let before = orders(&postgres).await;
    let (there, of_before) = (project.store(), sold.iter().cloned().collect::<BTreeSet<_>>());
    // The last webhook may have met the end of the process; reconciliation then finds its order.
    assert!(before.keys().all(|session| of_before.contains(session)) && before.len() >= 16, "{before:?}");
    assert_eq!(orders(&there).await, before);

    machine.variables.insert("DATABASE_STORAGE_TARGET", "firestore".to_owned());
    let mut shop = machine.open_shop().await;
    let (status, said, complaint) = machine.says(&["reconcile", "--since", "1h"]).await;
    assert_eq!((status, said.contains("unexplained differences: 0")), (0, true), "{said}{complaint}");
    let after = orders(&there).await;
    let paid: BTreeSet<String> = of_before.iter().chain(&at_the_page).cloned().collect();
    assert_eq!(after.keys().cloned().collect::<BTreeSet<_>>(), paid, "known at once, not when Stripe repeats it");
    assert!(before.iter().all(|(session, number)| after.get(session) == Some(number)), "a customer keeps the number");
    assert_eq!(after.values().collect::<BTreeSet<_>>().len(), after.len());

    machine.pay(&left_for_later).await;
    machine.sell(customers("new", 2)).await;
    let everybody = after.len() + 3;
    machine.until_notified(everybody).await;
    let output = machine.record_update().await;
    assert!(output.iter().all(|(_, posts)| *posts == 1), "{output:?}");
    assert_eq!(output.iter().map(|(email, _)| email).collect::<BTreeSet<_>>().len(), everybody, "{output:?}");
    assert_eq!(output.len(), everybody);
    let now = orders(&there).await;
    assert_eq!(now.len(), everybody);
    assert!(after.iter().all(|(session, number)| now.get(session) == Some(number)));
    assert_eq!(orders(&postgres).await, before, "the store of before was left as it was");

    // The way back is the same, into the database that was left behind.
    terminate(&mut shop).await;
    let (status, said, complaint) = machine.says(&BACK).await;
    assert_eq!((status, said.trim_end().ends_with("everything agrees")), (0, true), "{said}{complaint}");
    assert_eq!(orders(&postgres).await, now);
    machine.variables.insert("DATABASE_STORAGE_TARGET", "postgres".to_owned());
    let mut shop = machine.open_shop().await;
    machine.sell(customers("back", 1)).await;
    machine.until_notified(everybody + 1).await;
    assert_eq!(
        machine.record_update().await.iter().map(|(_, posts)| *posts).collect::<BTreeSet<_>>(),
        BTreeSet::from([1])
    );
    let (status, said, complaint) = machine.says(&["reconcile", "--since", "1h"]).await;
    assert_eq!((status, said.contains("unexplained differences: 0")), (0, true), "{said}{complaint}");
    assert_eq!(orders(&postgres).await.len(), everybody + 1);

    terminate(&mut shop).await;
    terminate(&mut sandbox).await;
    postgres.close().await;
    drop_database(&database).await;
}
