//! A shop as the real program, with marked values for everything secret, and ears for everything
//! that it says.

use std::{collections::HashMap, process::Stdio, time::Duration};

use reqwest::Response;
use rolitt::{sandbox, server::config::Config};
use secrecy::SecretString;
use serde_json::json;
use sqlx::{AssertSqlSafe, PgPool, Row as _};
use tokio::{io::AsyncReadExt as _, net::TcpListener, process::Child, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::Canaries;
use crate::{
    database::{drop_owned, owned_database},
    program::{closed, empty_folder, ended, program, terminate},
    test_app::form,
};

pub const EMAIL: &str = "canarylocal.buyer@canarymail.example";
pub const PHONE: &str = "+15035550199";
pub const WEBHOOK: &str = "whsec_canaryhookcurrent";
pub const WEBHOOK_BEFORE: &str = "whsec_canaryhookbefore";

const FIXED: [(&str, &str); 19] = [
    // What is shown masked shows the domain.
    ("address", "canarylocal.buyer"),
    ("local", "canarylocal"),
    ("name", "Canaryname Buyer"),
    ("phone", "5035550199"),
    ("street", "17 Canarystreet"),
    ("door", "Canarydoor 3"),
    ("city", "Canarycity"),
    ("state", "Canarystate"),
    ("postal", "CNRY-97201"),
    ("agent", "canaryagent/1.0"),
    ("cookie", "canarycookie"),
    ("forwarded", "203.0.113.77"),
    ("query", "canaryquery"),
    ("guess", "canaryguess"),
    ("signature", "canarysignature"),
    ("stripe key", "sk_test_canarystripe"),
    ("klaviyo key", "pk_canaryklaviyo"),
    ("admin token", "canaryadmin-0123456789abcdef0123456789"),
    ("database password", "canarydatabase"),
];

/// The marked value of this kind.
pub fn canary(kind: &str) -> &'static str {
    FIXED.iter().find(|(name, _)| *name == kind).map(|(_, value)| *value).unwrap()
}

pub struct Shop {
    pub public: String,
    operations: String,
    sandbox: String,
    http: reqwest::Client,
    variables: HashMap<&'static str, String>,
    known: Canaries,
    child: Child,
    ears: Vec<JoinHandle<String>>,
    pool: PgPool,
    database: String,
    end: CancellationToken,
}

/// What was answered.
pub struct Answer {
    pub status: u16,
    pub headers: String,
    pub location: String,
    pub body: String,
}

impl Answer {
    async fn of(response: Response) -> Self {
        let status = response.status().as_u16();
        let location = response.headers().get("location").map(|value| value.to_str().unwrap().to_owned());
        let line = |(name, value): (&reqwest::header::HeaderName, &reqwest::header::HeaderValue)| {
            format!("{name}: {}\n", value.to_str().unwrap_or_default())
        };
        let headers = response.headers().iter().map(line).collect();
        Self { status, headers, location: location.unwrap_or_default(), body: response.text().await.unwrap() }
    }

    pub fn whole(&self) -> String {
        format!("{}{}", self.headers, self.body)
    }

    /// A cookie is for the customer's own browser, and holds what was typed there.
    pub fn without_cookies(&self) -> String {
        let headers: String = self.headers.lines().filter(|line| !line.starts_with("set-cookie")).collect();
        format!("{headers}{}", self.body)
    }
}

impl Shop {
    pub async fn open(format: &str, filter: &str) -> Self {
        let (database, url) = owned_database(canary("database password")).await;
        let end = CancellationToken::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let sandbox = format!("http://{}", listener.local_addr().unwrap());
        let [public, operations] = [closed(), closed()];
        let need = Config::from_lookup(&|_| None, || SecretString::from(WEBHOOK)).unwrap().sandbox.unwrap();
        let prices: serde_json::Map<_, _> =
            need.prices.iter().map(|(color, price, _)| (color.as_str().to_owned(), json!(price.as_str()))).collect();
        tokio::spawn(sandbox::serve(public.parse().unwrap(), &need, listener, end.clone()));
        let variables: HashMap<&'static str, String> = [
            ("LEPTOS_SITE_ADDR", public.as_str()),
            ("OPS_ADDR", &operations),
            ("SANDBOX_ADDR", &closed()),
            ("DATABASE_URL", &url),
            ("STRIPE_API_BASE", &sandbox),
            ("STRIPE_SECRET_KEY", canary("stripe key")),
            ("STRIPE_WEBHOOK_SECRET", WEBHOOK),
            ("STRIPE_WEBHOOK_SECRET_PREVIOUS", WEBHOOK_BEFORE),
            ("STRIPE_PRODUCT_ID", need.product.as_str()),
            ("COLOR_PRICE_MAP_JSON", &json!(prices).to_string()),
            ("KLAVIYO_API_BASE", &sandbox),
            ("KLAVIYO_API_KEY", canary("klaviyo key")),
            ("ADMIN_TOKEN", canary("admin token")),
            ("PAYMENT_PROVIDERS", "stripe,invoice"),
            ("INVOICE_ACCOUNT_HOLDER", "Rolitt Workshop"),
            ("INVOICE_IBAN", "DE89370400440532013000"),
            ("RECONCILE_EVERY", "2s"),
            ("TRUSTED_PROXY_HOPS", "1"),
            ("CHECKOUT_RATE_PER_IP", "off"),
            ("LOG_FORMAT", format),
            ("RUST_LOG", filter),
        ]
        .into_iter()
        .map(|(name, value)| (name, value.to_owned()))
        .collect();
        let mut command = program(&["serve"], &variables);
        let mut child =
            command.current_dir(empty_folder()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let ears = vec![listen(child.stdout.take().unwrap()), listen(child.stderr.take().unwrap())];
        let mut known: Canaries = FIXED.into_iter().map(|(kind, value)| (kind, value.to_owned())).collect();
        known.insert("webhook secret", WEBHOOK.to_owned());
        known.insert("webhook secret before", WEBHOOK_BEFORE.to_owned());
        let mut headers = reqwest::header::HeaderMap::new();
        headers.insert("user-agent", canary("agent").parse().unwrap());
        headers.insert("x-forwarded-for", canary("forwarded").parse().unwrap());
        headers.insert("cookie", format!("other={}; rolitt_email=", canary("cookie")).parse().unwrap());
        // The sandbox does so too, on a thread that may be later.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .no_proxy()
            .default_headers(headers)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        let shop = Self {
            public: format!("http://{public}"),
            operations: format!("http://{operations}"),
            sandbox,
            http,
            variables,
            known,
            child,
            ears,
            pool: PgPool::connect(&url).await.unwrap(),
            database,
            end,
        };
        for _ in 0..600 {
            let answer = shop.http.get(format!("{}/readyz", shop.operations)).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return shop;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the shop never opened");
    }

    /// Ends the shop: everything that it said in its life.
    pub async fn close(&mut self) -> String {
        terminate(&mut self.child).await;
        let mut said = String::new();
        for ear in self.ears.drain(..) {
            said += &ear.await.unwrap();
        }
        self.end.cancel();
        self.pool.close().await;
        drop_owned(&self.database).await;
        said
    }

    /// From now on this is looked for, too.
    pub fn know(&mut self, kind: &'static str, value: String) {
        self.known.insert(kind, value);
    }

    pub fn assert_silent(&self, place: &str, text: &str) {
        self.assert_silent_but(place, text, &[]);
    }

    /// Nothing marked is in the text, but these kinds.
    pub fn assert_silent_but(&self, place: &str, text: &str, but: &[&str]) {
        for (kind, value) in self.known.iter().filter(|(kind, _)| !but.contains(kind)) {
            let encoded = value.replace('@', "%40").replace(' ', "+");
            if let Some(at) = text.find(value.as_str()).or_else(|| text.find(&encoded)) {
                let begin = (0..=at.saturating_sub(300)).rev().find(|begin| text.is_char_boundary(*begin)).unwrap_or(0);
                let end = (at + 200).min(text.len());
                let end = (end..=text.len()).find(|end| text.is_char_boundary(*end)).unwrap();
                panic!("the {kind} is in {place}:\n…{}…", &text[begin..end]);
            }
        }
    }

    pub async fn get(&self, path: &str) -> String {
        let response =
            self.http.get(format!("{}{path}", self.public)).header("accept", "text/html").send().await.unwrap();
        Answer::of(response).await.whole()
    }

    pub async fn operations(&self, path: &str) -> String {
        let url = format!("{}{path}", self.operations);
        let request = self.http.get(url).bearer_auth(canary("admin token"));
        Answer::of(request.send().await.unwrap()).await.whole()
    }

    pub async fn post_form(&self, fields: &[(&str, &str)]) -> Answer {
        self.post(form(fields), "application/x-www-form-urlencoded", "text/html").await
    }

    pub async fn post_json(&self, fields: &[(&str, &str)]) -> Answer {
        self.post(form(fields), "application/x-www-form-urlencoded", "application/json").await
    }

    async fn post(&self, body: String, kind: &str, accept: &str) -> Answer {
        self.try_post(body, kind, accept).await.unwrap()
    }

    /// `None` when the connection was closed in the middle of it.
    async fn try_post(&self, body: String, kind: &str, accept: &str) -> Option<Answer> {
        let request = self.http.post(format!("{}/api/create_checkout", self.public)).body(body);
        let response = request.header("content-type", kind).header("accept", accept).send().await.ok()?;
        Some(Answer::of(response).await)
    }

    /// Forms that the shop refuses, each for another reason.
    pub async fn odd_forms(&self) -> Vec<Answer> {
        let whole = form(&[("color", "Red"), ("email", EMAIL), ("locale", "en"), ("attempt", "canary")]);
        let mut answers = Vec::new();
        for (body, kind) in [
            (whole.clone(), "text/plain"),
            (format!("{whole}&email={EMAIL}"), "application/x-www-form-urlencoded"),
            (format!("{whole}&{}=1", "canarylocal"), "application/x-www-form-urlencoded"),
            (format!("{whole}&locale={}", "canarylocal".repeat(4_000)), "application/x-www-form-urlencoded"),
            (whole.replace("color=Red", "color=Canarystreet"), "application/x-www-form-urlencoded"),
            (format!("{{\"email\":\"{EMAIL}\"}}"), "application/json"),
        ] {
            for accept in ["text/html", "application/json"] {
                answers.extend(self.try_post(body.clone(), kind, accept).await);
            }
        }
        answers
    }

    pub async fn webhook(&self, body: &str, signature: Option<&str>) -> Answer {
        let request = self.http.post(format!("{}/api/webhooks/stripe", self.public)).body(body.to_owned());
        let request = request.header("content-type", "application/json");
        let request = signature.into_iter().fold(request, |request, value| request.header("stripe-signature", value));
        Answer::of(request.send().await.unwrap()).await
    }

    /// Fills in Stripe's page: where it leads.
    pub async fn pay(&self, session: &str, form: &str) -> String {
        let request = self.http.post(format!("{}/c/pay/{session}", self.sandbox)).body(form.to_owned());
        Answer::of(request.header("content-type", "application/x-www-form-urlencoded").send().await.unwrap())
            .await
            .location
    }

    /// Waits until there is such a row.
    pub async fn until(&self, from: &str) {
        for _ in 0..600 {
            let query = format!("select exists(select from {from})");
            if sqlx::query(AssertSqlSafe(query)).fetch_one(&self.pool).await.unwrap().get(0) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("never: {from}");
    }

    /// The number of an order.
    pub async fn number(&self, condition: &str) -> String {
        let query = format!("select preorder_number from preorders where {condition} limit 1");
        sqlx::query(AssertSqlSafe(query)).fetch_one(&self.pool).await.unwrap().get(0)
    }

    pub async fn command(&self, arguments: &[&str]) -> (i32, String, String) {
        let mut command = program(arguments, &self.variables);
        command.current_dir(empty_folder());
        ended(command).await
    }
}

/// Hears everything, so that the program never waits for a full pipe.
fn listen(mut pipe: impl tokio::io::AsyncRead + Unpin + Send + 'static) -> JoinHandle<String> {
    tokio::spawn(async move {
        let mut said = Vec::new();
        pipe.read_to_end(&mut said).await.unwrap();
        String::from_utf8_lossy(&said).into_owned()
    })
}
