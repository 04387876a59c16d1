//! The sandbox over real HTTP, as the shop and its tests meet it.

use std::{
    sync::{Arc, Mutex, Once},
    time::Duration,
};

use axum::{Router, body::Bytes, http::HeaderMap, routing::post};
use minor_money::{Currency, Money};
use reqwest::{Method, Response};
use serde_json::Value;
use tokio::{net::TcpListener, sync::Notify};
use tokio_util::sync::CancellationToken;

use super::{Config, SeedEndpoint, SeedPrice, SeedProduct, Timing, serve};

mod api;
mod faults;
mod idempotency;
mod klaviyo;
mod layers;
mod names;
mod page;
mod shapes;
mod webhooks;

const SECRET: &str = "whsec_test_of_the_sandbox";

/// Short enough that no test waits for long.
const TIMING: Timing = Timing {
    retry_first: Duration::from_millis(20),
    retry_cap: Duration::from_millis(60),
    retry_for: Duration::from_secs(5),
    delivery_timeout: Duration::from_secs(5),
    redirect_hold: Duration::from_secs(5),
    delayed_settle: Duration::from_hours(1),
    shuffle_within: Duration::from_millis(60),
    tick: Duration::from_millis(20),
};

/// A running sandbox; stops with the test.
struct Running {
    origin: String,
    http: reqwest::Client,
    shutdown: CancellationToken,
}

/// What came back, read whole.
struct Answer {
    status: u16,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    async fn of(response: Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Self { status, headers, text: response.text().await.unwrap() }
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON, {}: {}", self.status, self.text))
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    /// The JSON of a success.
    fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text);
        self.json()
    }

    /// The error of a refusal with this status.
    fn refused(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.json()["error"].clone()
    }
}

fn client() -> reqwest::Client {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
    reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

fn config(webhook_url: Option<String>) -> Config {
    let price = |id: &str, nickname: &str, minor| SeedPrice {
        id: id.to_owned(),
        nickname: nickname.to_owned(),
        money: Money::new(minor, Currency::USD).unwrap(),
    };
    let product = SeedProduct {
        id: "prod_rolitt".to_owned(),
        name: "Rolitt".to_owned(),
        description: Some("A small companion for your desk".to_owned()),
        shippable: true,
        prices: vec![price("price_red", "Red", 29_900), price("price_khaki", "Honey Khaki", 29_900)],
    };
    let endpoint = webhook_url.map(|url| SeedEndpoint { url, secret: SECRET.to_owned(), events: Vec::new() });
    Config { products: vec![product], endpoint, timing: TIMING }
}

async fn start(config: Config) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let shutdown = CancellationToken::new();
    tokio::spawn(serve(listener, config, shutdown.clone()));
    Running { origin, http: client(), shutdown }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

impl Running {
    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.origin))
    }

    async fn get(&self, path: &str) -> Answer {
        let request = self.request(Method::GET, path).bearer_auth("sk_test_any");
        Answer::of(request.send().await.unwrap()).await
    }

    fn form(&self, path: &str, pairs: &[(&str, &str)]) -> reqwest::RequestBuilder {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        self.request(Method::POST, path)
            .bearer_auth("sk_test_any")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body)
    }

    async fn post(&self, path: &str, pairs: &[(&str, &str)]) -> Answer {
        Answer::of(self.form(path, pairs).send().await.unwrap()).await
    }

    /// A control, with a JSON body.
    async fn control(&self, path: &str, body: Value) -> Answer {
        let request =
            self.request(Method::POST, path).header("content-type", "application/json").body(body.to_string());
        Answer::of(request.send().await.unwrap()).await
    }

    async fn create(&self, more: &[(&str, &str)]) -> Answer {
        self.post("/v1/checkout/sessions", &[&SESSION[..], more].concat()).await
    }

    /// A new session's id.
    async fn session(&self, more: &[(&str, &str)]) -> String {
        self.create(more).await.ok()["id"].as_str().unwrap().to_owned()
    }

    async fn deliveries(&self) -> Vec<Value> {
        self.get("/sandbox/stripe/deliveries").await.ok()["deliveries"].as_array().unwrap().clone()
    }
}

/// Configures an endpoint for these event types only.
fn config_with_events(url: String, events: &[&str]) -> Config {
    let events = events.iter().map(|kind| (*kind).to_owned()).collect();
    Config { endpoint: Some(SeedEndpoint { url, secret: SECRET.to_owned(), events }), ..config(None) }
}

/// A session as the shop asks for it.
const SESSION: [(&str, &str); 10] = [
    ("mode", "payment"),
    ("line_items[0][price]", "price_red"),
    ("line_items[0][quantity]", "1"),
    ("success_url", "http://127.0.0.1:3000/checkout/success?session_id={CHECKOUT_SESSION_ID}"),
    ("cancel_url", "http://127.0.0.1:3000/checkout/cancel"),
    ("customer_email", "ada@example.com"),
    ("metadata[color]", "Red"),
    ("shipping_address_collection[allowed_countries][0]", "DE"),
    ("shipping_address_collection[allowed_countries][1]", "FR"),
    ("phone_number_collection[enabled]", "true"),
];

/// A receiver of webhooks: responds with the given statuses and stores what it got.
#[derive(Clone, Default)]
struct Receiver {
    got: Arc<Mutex<Vec<(HeaderMap, Bytes)>>>,
    /// Statuses for the next deliveries; 200 after these.
    answers: Arc<Mutex<Vec<u16>>>,
    news: Arc<Notify>,
}

impl Receiver {
    /// Starts one; answers it and its address.
    async fn start(answers: &[u16]) -> (Self, String) {
        let receiver = Self { answers: Arc::new(Mutex::new(answers.to_vec())), ..Self::default() };
        let handler = receiver.clone();
        let hook = move |headers: HeaderMap, body: Bytes| async move { handler.receive(headers, body) };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let router = Router::new().route("/hook", post(hook));
        tokio::spawn(async move { axum::serve(listener, router).await });
        (receiver, url)
    }

    fn receive(&self, headers: HeaderMap, body: Bytes) -> axum::response::Response {
        self.got.lock().unwrap().push((headers, body));
        self.news.notify_waiters();
        let mut answers = self.answers.lock().unwrap();
        let status = if answers.is_empty() { 200 } else { answers.remove(0) };
        let location = [("location", "/elsewhere")];
        axum::response::IntoResponse::into_response((
            axum::http::StatusCode::from_u16(status).unwrap(),
            location,
            "noted",
        ))
    }

    /// Waits until so many deliveries have come, and answers them all.
    async fn wait_for(&self, count: usize) -> Vec<(HeaderMap, Bytes)> {
        let enough = async {
            loop {
                let news = self.news.notified();
                let got = self.got.lock().unwrap().clone();
                if got.len() >= count {
                    return got;
                }
                news.await;
            }
        };
        tokio::time::timeout(Duration::from_secs(5), enough).await.unwrap_or_else(|_| {
            panic!("{count} deliveries expected, {} came", self.got.lock().unwrap().len());
        })
    }

    /// The types of the events that have come so far.
    fn types(&self) -> Vec<String> {
        let got = self.got.lock().unwrap();
        got.iter().map(|(_, body)| event(body)["type"].as_str().unwrap().to_owned()).collect()
    }
}

fn event(body: &Bytes) -> Value {
    serde_json::from_slice(body).unwrap()
}
