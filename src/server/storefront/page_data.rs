//! What the pages show: read from the shop and the request, never from the pages themselves. Called from server functions'
//! bodies, which run while a page is rendered.

use std::{
    net::{IpAddr, SocketAddr},
    panic::AssertUnwindSafe,
    sync::Arc,
};

use axum::{
    extract::ConnectInfo,
    http::{HeaderValue, StatusCode, header, request::Parts},
};
use futures::FutureExt as _;
use leptos::prelude::use_context;
use leptos_axum::ResponseOptions;
use time::{Date, Duration, OffsetDateTime};

use crate::server::{
    config::Environment,
    orders::{
        checkout::{fresh_attempt, start},
        fulfilment::apply_session,
        order_link,
    },
    state::Shop,
};
use crate::{
    app::api::{MethodChoice, OrderOutcome, OrderSummary, Storefront, Transfer, TransferAccount},
    domain::{
        checkout::{CheckoutError, CheckoutRequest, Field, METHOD_NOT_OFFERED},
        customer::{Email, mask},
        lifecycle::SessionOutcome,
        payment::{ProviderId, SessionId},
        preorder::{Preorder, PreorderDetails, PreorderNumber, PreorderStatus},
        product::ProductColor,
    },
};

/// The cookie that keeps the email while the customer is away, or while the form comes back.
pub const EMAIL_COOKIE: &str = "rolitt_email";

/// The same cookie where the site is on https: by this prefix browsers refuse one that another host or plain http set.
pub const SECURE_EMAIL_COOKIE: &str = "__Host-rolitt_email";

/// The header by which a request is found again in the logs.
pub const REQUEST_ID: &str = "x-request-id";

/// The storefront for this request. Outside of a request it is empty.
pub async fn storefront() -> Storefront {
    let (Some(shop), parts) = (use_context::<Arc<Shop>>(), use_context::<Parts>()) else {
        return empty_storefront();
    };
    let view = parts.as_ref().map(RequestView::of).unwrap_or_default();
    Storefront {
        offers: shop.catalogue.offers().await,
        selected: view.color,
        error: view.error,
        email: view.email,
        attempt: fresh_attempt(shop.clock.now()).as_str().to_owned(),
        choice: choice(&shop, view.method),
        cancelled: view.cancelled,
        development: shop.environment == Environment::Development,
        request_id: view.request_id,
    }
}

fn empty_storefront() -> Storefront {
    Storefront {
        offers: None,
        selected: None,
        email: String::new(),
        attempt: String::new(),
        error: None,
        choice: None,
        cancelled: false,
        development: false,
        request_id: String::new(),
    }
}

/// The ways to pay, where there is more than one.
fn choice(shop: &Shop, wished: Option<ProviderId>) -> Option<MethodChoice> {
    let methods: Vec<ProviderId> = shop.payments.all().map(|provider| provider.id()).collect();
    let default = shop.payments.default_provider().id();
    (methods.len() > 1).then(|| MethodChoice {
        chosen: wished.filter(|wished| methods.contains(wished)).unwrap_or(default),
        transfer_days: shop.invoice.as_ref().map_or(0, |invoice| invoice.due_days),
        methods,
    })
}

/// What a request says about the page that it wants.
#[derive(Default)]
struct RequestView {
    color: Option<ProductColor>,
    method: Option<ProviderId>,
    email: String,
    error: Option<CheckoutError>,
    cancelled: bool,
    request_id: String,
}

impl RequestView {
    fn of(parts: &Parts) -> Self {
        let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let query: Vec<(String, String)> =
            serde_urlencoded::from_str(parts.uri.query().unwrap_or_default()).unwrap_or_default();
        let asked = |name: &str| query.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str());
        let cookies = header("cookie");
        let email = cookie(cookies, SECURE_EMAIL_COOKIE).or_else(|| cookie(cookies, EMAIL_COOKIE)).unwrap_or_default();
        Self {
            color: asked("color").and_then(ProductColor::from_slug),
            method: asked("method").and_then(ProviderId::from_name),
            error: asked("error").and_then(|kind| returned_error(kind, asked("field"), &email)),
            email,
            cancelled: parts.uri.path() == "/checkout/cancel",
            request_id: header(REQUEST_ID).to_owned(),
        }
    }
}

/// The value of a cookie, percent-decoded, at most as long as an address and its encoding.
pub fn cookie(header: &str, name: &str) -> Option<String> {
    let raw = header.split(';').find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))?;
    let (_, value) = serde_urlencoded::from_str::<Vec<(String, String)>>(&format!("v={raw}")).ok()?.pop()?;
    (value.len() <= Email::MAX).then_some(value)
}

/// The error that sent the form back, from the words of the URL: nobody's text comes in this way.
fn returned_error(kind: &str, field: Option<&str>, email: &str) -> Option<CheckoutError> {
    match kind {
        "configuration" => Some(CheckoutError::Configuration),
        "network" => Some(CheckoutError::Network),
        "payment" => Some(CheckoutError::Payment),
        "rate_limited" => Some(CheckoutError::invalid(Field::Form, RATE_LIMITED)),
        "invalid_input" => Some(match field {
            Some("email") => {
                let message =
                    Email::parse(email).err().map_or("Check the email address, please.", |fault| fault.message());
                CheckoutError::invalid(Field::Email, message)
            }
            Some("color") => CheckoutError::invalid(
                Field::Color,
                "That color cannot be ordered right now. Choose one of those shown.",
            ),
            Some("method") => CheckoutError::invalid(Field::Method, METHOD_NOT_OFFERED),
            _ => CheckoutError::invalid(Field::Form, "The form could not be read. Try again from this page."),
        }),
        _ => None,
    }
}

/// What a customer is told who asks too often.
pub const RATE_LIMITED: &str =
    "That was a lot of tries in a short time. Nothing was charged. Wait a minute, then try again.";

/// Starts a checkout in the shop of this context.
pub async fn create_checkout(request: CheckoutRequest) -> Result<String, CheckoutError> {
    let shop = use_context::<Arc<Shop>>().ok_or(CheckoutError::Configuration)?;
    start(&shop, request).await
}

/// What became of a checkout session: asked of the provider, and settled by the same function as its webhook, so that a
/// customer who is faster than the webhook finds an order.
pub async fn order_outcome(session: &str) -> OrderOutcome {
    match (SessionId::parse(session), use_context::<Arc<Shop>>()) {
        (Some(session), Some(shop)) if session.as_str().starts_with("cs_") => {
            unless_it_panics(outcome_of(&shop, &session, &Visitor::here(&shop))).await
        }
        _ => OrderOutcome::NotFound,
    }
}

/// A page is rendered by tasks of their own: a panic in one of them would leave its customer with an answer that never ends.
async fn unless_it_panics(outcome: impl Future<Output = OrderOutcome>) -> OrderOutcome {
    AssertUnwindSafe(outcome).catch_unwind().await.unwrap_or_else(|_| {
        tracing::error!("an order's page panicked");
        OrderOutcome::Unreachable
    })
}

async fn outcome_of(shop: &Shop, session: &SessionId, visitor: &Visitor) -> OrderOutcome {
    let known = shop.store.preorder_of_session(session).await;
    if let Ok(Some(preorder)) = &known
        && preorder.details.status != PreorderStatus::AwaitingPayment
    {
        return OrderOutcome::Order(Box::new(summary(shop, preorder)));
    }
    if !matches!(known, Ok(Some(_))) && visitor.is_one_too_many(shop) {
        return OrderOutcome::Unreachable;
    }
    // Only Stripe's page sends customers back with a session.
    let Some(provider) = shop.payments.by_id(ProviderId::Stripe) else { return OrderOutcome::NotFound };
    let facts = match provider.retrieve_session(session).await {
        Ok(facts) if facts.livemode == provider.livemode() && facts.color.is_some() => facts,
        Ok(_) | Err(crate::server::payments::PaymentError::NotFound) => return OrderOutcome::NotFound,
        Err(error) => {
            tracing::warn!(%error, "the return page could not ask the provider");
            return match known {
                Ok(Some(preorder)) => OrderOutcome::Order(Box::new(summary(shop, &preorder))),
                _ => OrderOutcome::Unreachable,
            };
        }
    };
    if matches!(facts.outcome, SessionOutcome::Open | SessionOutcome::Expired) {
        return OrderOutcome::Unfinished { color: facts.color.as_deref().and_then(|color| color.parse().ok()) };
    }
    if let Err(error) = apply_session(shop, &facts).await {
        tracing::warn!(%error, "the return page could not record the session; its webhook will");
        return OrderOutcome::Unreachable;
    }
    match shop.store.preorder_of_session(session).await {
        Ok(Some(preorder)) => OrderOutcome::Order(Box::new(summary(shop, &preorder))),
        _ => OrderOutcome::Unreachable,
    }
}

/// Who asks, and what the answer can say beside its page.
struct Visitor {
    address: Option<IpAddr>,
    response: Option<ResponseOptions>,
}

impl Visitor {
    fn here(shop: &Shop) -> Self {
        let parts = use_context::<Parts>();
        let address = parts.and_then(|parts| {
            let ConnectInfo(peer) = parts.extensions.get::<ConnectInfo<SocketAddr>>()?;
            Some(shop.limits.client(*peer, &parts.headers))
        });
        Self { address, response: use_context() }
    }

    /// Counts a question to the provider about a session that the shop does not know: anybody can invent one. A customer who
    /// has paid loses nothing by being told to come again, for the webhook comes by itself.
    fn is_one_too_many(&self, shop: &Shop) -> bool {
        let Some(wait) = self.address.and_then(|address| shop.limits.lookups.check(address).err()) else {
            return false;
        };
        metrics::counter!("lookups_rate_limited_total").increment(1);
        if let Some(suppressed) = shop.log_limiter.allow("lookups slowed down") {
            tracing::warn!(suppressed, "lookups of unknown sessions slowed down: too many from one address, or in all");
        }
        if let Some(response) = &self.response {
            response.set_status(StatusCode::TOO_MANY_REQUESTS);
            response.insert_header(header::RETRY_AFTER, HeaderValue::from(wait.as_secs() + 1));
        }
        true
    }
}

/// The order of this number, for who has its token. Everybody else gets one and the same answer, whatever is wrong.
pub async fn order_by_link(number: &str, token: &str) -> OrderOutcome {
    let (shop, response) = (use_context::<Arc<Shop>>(), use_context::<ResponseOptions>());
    let outcome = match shop {
        Some(shop) => unless_it_panics(linked(&shop, number, token)).await,
        None => OrderOutcome::Unreachable,
    };
    if let Some(response) = response {
        // The address is the key to the page: it is told to nobody.
        response.insert_header(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        match outcome {
            OrderOutcome::NotFound => response.set_status(StatusCode::NOT_FOUND),
            OrderOutcome::Unreachable => response.set_status(StatusCode::SERVICE_UNAVAILABLE),
            OrderOutcome::Order(_) | OrderOutcome::Unfinished { .. } => {}
        }
    }
    outcome
}

async fn linked(shop: &Shop, number: &str, token: &str) -> OrderOutcome {
    let Ok(number) = number.parse::<PreorderNumber>() else { return OrderOutcome::NotFound };
    // Looked for by the token, so that guesses at numbers take one time, whether those exist or not.
    match shop.store.preorder_of_link(&order_link::hash_token(token)).await {
        Ok(Some(preorder)) if preorder.number == number => OrderOutcome::Order(Box::new(summary(shop, &preorder))),
        Ok(_) => OrderOutcome::NotFound,
        Err(error) => {
            tracing::warn!(%error, "the page of an order could not be read");
            OrderOutcome::Unreachable
        }
    }
}

/// How an order by invoice is paid, and until when.
fn transfer(shop: &Shop, details: &PreorderDetails) -> Transfer {
    let placed = details.completed_at.and_then(|at| OffsetDateTime::from_unix_timestamp(at).ok());
    let until = shop
        .invoice
        .as_ref()
        .zip(placed)
        .map(|(invoice, placed)| placed.date().saturating_add(Duration::days(invoice.due_days.into())));
    Transfer {
        account: shop.invoice.as_ref().map(|invoice| TransferAccount {
            holder: invoice.account.holder.clone(),
            iban: invoice.account.iban.grouped(),
            bic: invoice.account.bic.as_ref().map(ToString::to_string),
        }),
        overdue: until.is_some_and(|until| until < shop.clock.now().date()),
        until: until.map(written),
    }
}

/// `6 December 2026`.
fn written(date: Date) -> String {
    format!("{} {} {}", date.day(), date.month(), date.year())
}

fn summary(shop: &Shop, preorder: &Preorder) -> OrderSummary {
    let details = &preorder.details;
    let shipping = details.shipping.clone().unwrap_or_default();
    OrderSummary {
        number: preorder.number.clone(),
        status: details.status,
        color: details.color,
        amount: details.amount,
        city: shipping.city,
        country: shipping.country,
        masked_email: if details.erased_at.is_some() { String::new() } else { mask(&details.email) },
        session: details.session.clone(),
        transfer: (details.provider == ProviderId::Invoice).then(|| transfer(shop, details)),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn view(uri: &str, cookie: &str) -> RequestView {
        let (parts, ()) = Request::builder().uri(uri).header("cookie", cookie).body(()).unwrap().into_parts();
        RequestView::of(&parts)
    }

    #[test]
    fn a_returned_form_finds_its_color_its_address_and_its_error() {
        let view =
            view("/?color=sakura-pink&error=invalid_input&field=email", "a=b; rolitt_email=jo%2Bx%40example; c=d");
        assert_eq!((view.color, view.email.as_str()), (Some(ProductColor::SakuraPink), "jo+x@example"));
        assert_eq!(view.error.unwrap().field(), Some(Field::Email));
    }

    #[test]
    fn the_cookie_that_nobody_else_can_set_counts_first() {
        let view = view("/", "rolitt_email=al@example.com; __Host-rolitt_email=jo@example.com");
        assert_eq!(view.email, "jo@example.com");
    }

    #[test]
    fn no_text_of_the_url_reaches_the_page() {
        assert!(view("/?error=%3Cscript%3E&field=x&color=nope", "").error.is_none());
        let told = view("/?error=invalid_input&field=%3Cb%3E", "").error.unwrap();
        assert!(!told.message().contains('<'));
    }
}
