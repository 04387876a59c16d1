//! A whole shop for one test: its own database, its own sandbox, its own listeners, and workers
//! that the test drives step by step.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use fault_harness::proxy::Proxy;
use leptos::config::LeptosOptions;
use metrics_exporter_prometheus::PrometheusBuilder;
use reqwest::{Response, StatusCode};
use rolitt::{
    domain::{payment::SessionId, preorder::PreorderId},
    ops, router, sandbox,
    server::{
        clock::Clock,
        config::{Config, StoreConfig},
        http::{
            client::client,
            listener::{self, Bounds},
        },
        outbox,
        state::{AppState, Shop},
        store::{Ids, LeaseToken, PreorderNames, Store, firestore::FirestoreStore, postgres::PostgresStore},
        webhook::retry,
        worker::Progress,
    },
};
use secrecy::SecretString;
use serde_json::Value;
use sqlx::{AssertSqlSafe, PgPool, Row};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use super::fixtures::{completed, event, form, paid_session, sign};
use super::{
    database::{TOMORROW, drop_database, fresh_database, on_the_schema_of_tomorrow},
    emulated::{self, Emulated},
};

pub const SECRET: &str = "whsec_test_current";
pub const PREVIOUS_SECRET: &str = "whsec_test_previous";

pub struct TestApp {
    pub shop: Arc<Shop>,
    pub store: Arc<dyn Store>,
    /// The test's own database: the store itself, or a mirror of it to be asked in SQL.
    sql: PostgresStore,
    pool: PgPool,
    /// Where the shop lives on Firestore instead.
    firestore: Option<Emulated>,
    pub http: reqwest::Client,
    pub public: String,
    pub operations: String,
    pub sandbox: String,
    pub clock: Arc<TestClock>,
    database: String,
    pub variables: HashMap<&'static str, String>,
    end: CancellationToken,
    finished: bool,
}

/// The real time, plus what the test adds: the sandbox's deliveries carry the real one.
#[derive(Default)]
pub struct TestClock {
    ahead: Mutex<time::Duration>,
}

impl TestClock {
    pub fn advance(&self, by: time::Duration) {
        *self.ahead.lock().unwrap() += by;
    }
}

impl Clock for TestClock {
    fn now(&self) -> time::OffsetDateTime {
        time::OffsetDateTime::now_utc() + *self.ahead.lock().unwrap()
    }
}

/// What a test changes of the usual shop.
#[derive(Default)]
pub struct Setup {
    pub variables: HashMap<&'static str, String>,
    pub ids: Option<Arc<dyn Ids>>,
    /// What stands between the shop and its database.
    pub through: Option<Arc<Proxy>>,
    pub home: Home,
    /// Of the public listener.
    pub bounds: Option<Bounds>,
    /// Where the site's files are.
    pub site: Option<&'static str>,
}

/// Which store the shop lives on.
#[derive(Default)]
pub enum Home {
    /// The one that the tests are run on.
    #[default]
    Any,
    Postgres,
    Firestore(Emulated),
}

impl TestApp {
    pub async fn start() -> Self {
        Self::start_with(Setup::default()).await
    }

    pub async fn start_with(setup: Setup) -> Self {
        let [public, operations, sandbox] = [listen().await, listen().await, listen().await];
        let (database, url) = fresh_database().await;
        let through = setup.through.map_or_else(
            || url.clone(),
            |proxy| {
                proxy.repoint(format!("127.0.0.1:{}", url::Url::parse(&url).unwrap().port().unwrap()));
                proxy.in_front_of(&url).unwrap()
            },
        );
        let mut variables: HashMap<&'static str, String> = HashMap::from([
            ("LEPTOS_SITE_ADDR", address(&public).to_string()),
            ("OPS_ADDR", address(&operations).to_string()),
            ("SANDBOX_ADDR", address(&sandbox).to_string()),
            ("DATABASE_URL", through.clone()),
            ("STRIPE_WEBHOOK_SECRET", SECRET.to_owned()),
            ("STRIPE_WEBHOOK_SECRET_PREVIOUS", PREVIOUS_SECRET.to_owned()),
            ("CHECKOUT_RATE_PER_IP", "off".to_owned()),
            ("CHECKOUT_RATE_GLOBAL", "off".to_owned()),
        ]);
        let firestore = match setup.home {
            Home::Any => Emulated::wanted(),
            Home::Postgres => None,
            Home::Firestore(emulated) => Some(emulated),
        };
        variables.extend(firestore.iter().flat_map(Emulated::variables));
        variables.extend(setup.variables);
        let lookup = |name: &str| variables.get(name).cloned();
        let config = Config::from_lookup(&lookup, || SecretString::from("whsec_unused")).unwrap();
        let end = CancellationToken::new();
        let addresses = [&public, &operations, &sandbox].map(|listener| format!("http://{}", address(listener)));
        start_sandbox(&config, sandbox, &end);
        let pool = PgPool::connect_lazy(&url).unwrap();
        let sql = PostgresStore::new(&SecretString::from(url)).unwrap();
        sql.migrate().await.unwrap();
        if on_the_schema_of_tomorrow() {
            sqlx::raw_sql(AssertSqlSafe(TOMORROW)).execute(&pool).await.unwrap();
        }
        let store: Arc<dyn Store> = match &config.storage.chosen {
            StoreConfig::Postgres(_) => Arc::new(PostgresStore::new(&SecretString::from(through)).unwrap()),
            StoreConfig::Firestore(config) => Arc::new(FirestoreStore::new(config)),
        };
        store.migrate().await.unwrap();
        let http = client().unwrap();
        let mut shop = Shop::new(&config, store.clone(), http.clone(), end.clone());
        let clock = Arc::new(TestClock::default());
        shop.clock = clock.clone();
        if let Some(ids) = setup.ids {
            shop.ids = ids;
        }
        let shop = Arc::new(shop);
        let leptos =
            LeptosOptions::builder().output_name("rolitt").site_root(setup.site.unwrap_or("target/site")).build();
        let app = router::public(AppState { shop: shop.clone(), leptos });
        tokio::spawn(listener::serve_with(public, app, setup.bounds.unwrap_or_default(), end.clone()));
        let metrics = PrometheusBuilder::new().build_recorder().handle();
        tokio::spawn(listener::serve(operations, ops::listener::router(shop.clone(), metrics), end.clone()));
        let [public, operations, sandbox] = addresses;
        Self {
            shop,
            store,
            sql,
            pool,
            firestore,
            http,
            public,
            operations,
            sandbox,
            clock,
            database,
            variables,
            end,
            finished: false,
        }
    }

    /// The database behind the shop, for tests that are about PostgreSQL.
    pub fn pool(&self) -> &PgPool {
        assert!(self.firestore.is_none(), "this test is about PostgreSQL");
        &self.pool
    }

    /// Changes stored rows, as only a test does.
    pub async fn edit(&self, change: &str) {
        self.look().await;
        sqlx::query(AssertSqlSafe(change.to_owned())).execute(&self.pool).await.unwrap();
        if let Some(firestore) = &self.firestore {
            firestore.replace(&*self.store, &self.sql).await;
        }
    }

    /// Brings what is asked in SQL up to date.
    async fn look(&self) {
        if self.firestore.is_some() {
            emulated::mirror(&*self.store, &self.sql, &self.pool).await;
        }
    }

    /// Ends the test: nothing may be left unsent or unapplied.
    pub async fn finish(mut self) {
        let left = self.count("outbox where status = 'pending'").await;
        let events = self.count("webhook_logs where status in ('received', 'processing', 'failed')").await;
        self.finished = true;
        assert_eq!((left, events), (0, 0), "messages not sent, events not applied");
        self.leave().await;
    }

    /// Ends a test that is about things that stay undone.
    pub async fn leave(mut self) {
        self.finished = true;
        self.end.cancel();
        self.store.close().await;
        self.sql.close().await;
        self.pool.close().await;
        drop_database(&self.database).await;
    }

    /// Sends messages until none is due.
    pub async fn deliver_all(&self) {
        while outbox::deliver_next(&self.shop).await.unwrap() == Progress::Worked {}
    }

    /// Tries kept events until none is due.
    pub async fn retry_all(&self) {
        while retry::retry_next(&self.shop).await.unwrap() == Progress::Worked {}
    }

    /// Makes everything that waits for its time due now.
    pub async fn let_time_pass(&self) {
        for table in ["outbox", "webhook_logs"] {
            self.edit(&format!("update {table} set available_at = now() - interval '1 second'")).await;
        }
    }

    pub async fn count(&self, from: &str) -> i64 {
        self.look().await;
        let query = format!("select count(*) from {from}");
        sqlx::query(AssertSqlSafe(query)).fetch_one(&self.pool).await.unwrap().get(0)
    }

    /// The first row of `select {columns} …` as JSON.
    pub async fn row(&self, select: &str) -> Value {
        self.look().await;
        let query = format!("select to_jsonb(r) from ({select}) r limit 1");
        sqlx::query(AssertSqlSafe(query))
            .fetch_optional(&self.pool)
            .await
            .unwrap()
            .map_or(Value::Null, |row| row.get::<Value, _>(0))
    }

    /// Posts an event, signed now with the current secret.
    pub async fn deliver(&self, event: &Value) -> StatusCode {
        self.deliver_bytes(event.to_string().into_bytes()).await
    }

    pub async fn deliver_bytes(&self, body: Vec<u8>) -> StatusCode {
        let signature = sign(SECRET, self.shop.clock.now().unix_timestamp(), &body);
        self.post_webhook(body, Some(&signature)).await
    }

    pub async fn post_webhook(&self, body: Vec<u8>, signature: Option<&str>) -> StatusCode {
        let mut request = self
            .http
            .post(format!("{}/api/webhooks/stripe", self.public))
            .header("content-type", "application/json; charset=utf-8")
            .body(body);
        if let Some(signature) = signature {
            request = request.header("stripe-signature", signature);
        }
        request.send().await.unwrap().status()
    }

    pub async fn get(&self, path: &str) -> Response {
        self.http.get(format!("{}{path}", self.public)).send().await.unwrap()
    }

    /// Posts the form as a browser does.
    pub async fn post_form(&self, fields: &[(&str, &str)]) -> Response {
        self.post_checkout(&form(fields), &[("accept", "text/html")]).await
    }

    /// Posts the form as the island does.
    pub async fn post_json(&self, fields: &[(&str, &str)]) -> Response {
        self.post_checkout(&form(fields), &[("accept", "application/json")]).await
    }

    pub async fn post_checkout(&self, body: &str, headers: &[(&str, &str)]) -> Response {
        let mut request = self
            .http
            .post(format!("{}/api/create_checkout", self.public))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body.to_owned());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap()
    }

    pub async fn sandbox_get(&self, path: &str) -> Value {
        let response = self.http.get(format!("{}{path}", self.sandbox)).bearer_auth("sk_test_x").send().await.unwrap();
        serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
    }

    pub async fn sandbox_post(&self, path: &str, body: Value) -> Value {
        let response = self
            .http
            .post(format!("{}{path}", self.sandbox))
            .header("content-type", "application/json")
            .body(body.to_string())
            .send()
            .await
            .unwrap();
        assert!(response.status().is_success(), "{path}: {}", response.status());
        serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or_default()
    }

    /// Waits until `condition` holds, for what another task does (the sandbox's deliveries).
    pub async fn until<F: Future<Output = bool>>(&self, what: &str, mut condition: impl FnMut() -> F) {
        for _ in 0..400 {
            if condition().await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("never: {what}");
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        self.end.cancel();
        assert!(self.finished || std::thread::panicking(), "end the test with finish() or leave()");
    }
}

/// Draws from a list, again and again: for collisions.
pub struct ListedIds(pub Mutex<Vec<&'static str>>);

impl Ids for ListedIds {
    fn lease_token(&self) -> LeaseToken {
        LeaseToken::random()
    }

    fn preorder_names(&self, _session: &SessionId, _draw: u32) -> PreorderNames {
        let mut list = self.0.lock().unwrap();
        let next = if list.len() > 1 { list.remove(0) } else { list[0] };
        PreorderNames { id: PreorderId::new(nanoid::nanoid!()), number: next.parse().unwrap() }
    }
}

async fn listen() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

fn address(listener: &TcpListener) -> SocketAddr {
    listener.local_addr().unwrap()
}

fn start_sandbox(config: &Config, listener: TcpListener, end: &CancellationToken) {
    let Some(need) = &config.sandbox else { return };
    tokio::spawn(sandbox::serve(config.listeners.public, need, listener, end.clone()));
}
