//! The data of the pages, read from the shop and the request. Called from the bodies of server
//! functions, which run while a page is rendered.

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

use super::email_cookie;
use crate::server::{
    config::Environment,
    orders::{checkout::fresh_attempt, fulfilment::apply_session, order_link},
    state::Shop,
};
use crate::{
    domain::{
        customer::{Locale, mask},
        lifecycle::SessionOutcome,
        payment::{ProviderId, SessionId},
        preorder::{Preorder, PreorderDetails, PreorderNumber, PreorderStatus},
        product::ProductColor,
    },
    wire::{
        checkout_seed::{CheckoutSeed, MethodChoice, Problem},
        error,
        names::{CHECKOUT_CANCEL, REQUEST_ID},
        page::{OrderOutcome, OrderSummary, Storefront, Transfer, TransferAccount},
    },
};

/// Returns the storefront for this request. Outside of a request it is empty.
pub async fn storefront() -> Storefront {
    let (Some(shop), parts) = (use_context::<Arc<Shop>>(), use_context::<Parts>()) else {
        return Storefront::default();
    };
    let RequestView { mut page, method } = parts.as_ref().map(RequestView::of).unwrap_or_default();
    page.seed.offers = shop.catalogue.offers().await;
    page.seed.attempt = fresh_attempt(shop.clock.now()).into();
    page.seed.choice = choice(&shop, method);
    page.seed.development = shop.environment == Environment::Development;
    page
}

/// Returns the ways to pay, if there is more than one.
fn choice(shop: &Shop, wished: Option<ProviderId>) -> Option<MethodChoice> {
    let methods: Vec<ProviderId> = shop.payments.all().map(|provider| provider.id()).collect();
    let default = shop.payments.default_provider().id();
    (methods.len() > 1).then(|| MethodChoice {
        chosen: wished.filter(|wished| methods.contains(wished)).unwrap_or(default),
        transfer_days: shop.invoice.as_ref().map_or(0, |invoice| invoice.due_days),
        methods,
    })
}

/// The part of the storefront that the request decides.
#[derive(Default)]
struct RequestView {
    page: Storefront,
    /// The way to pay of a form that came back.
    method: Option<ProviderId>,
}

impl RequestView {
    fn of(parts: &Parts) -> Self {
        let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let query: Vec<(String, String)> =
            serde_urlencoded::from_str(parts.uri.query().unwrap_or_default()).unwrap_or_default();
        let parameter = |name: &str| query.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str());
        let email = email_cookie::read(header("cookie")).unwrap_or_default();
        let request_id = header(REQUEST_ID).to_owned();
        let error = parameter("error").and_then(|kind| error::from_query(kind, parameter("field"), &email));
        let problem =
            error.map(|error| Problem { detail: error.kind().to_owned(), error, request_id: request_id.clone() });
        let selected = parameter("color").and_then(ProductColor::from_slug);
        let locale = Locale::default().into();
        Self {
            page: Storefront {
                seed: CheckoutSeed { selected, problem, request_id, email, locale, ..CheckoutSeed::default() },
                cancelled: parts.uri.path() == CHECKOUT_CANCEL,
            },
            method: parameter("method").and_then(ProviderId::from_name),
        }
    }
}

/// Returns the outcome of a checkout session. Reads the session from the provider and applies it
/// with the same function as its webhook, so a customer who is faster than the webhook finds an
/// order.
pub async fn order_outcome(session: &str) -> OrderOutcome {
    match (SessionId::parse(session), use_context::<Arc<Shop>>()) {
        (Some(session), Some(shop)) if session.as_str().starts_with("cs_") => {
            catch_panic(outcome_of(&shop, &session, &Visitor::here(&shop))).await
        }
        _ => OrderOutcome::NotFound,
    }
}

/// Turns a panic into [`OrderOutcome::Unreachable`]. Pages are rendered in tasks of their own:
/// without this, a panic would leave the customer with a response that never ends.
async fn catch_panic(outcome: impl Future<Output = OrderOutcome>) -> OrderOutcome {
    AssertUnwindSafe(outcome).catch_unwind().await.unwrap_or_else(|_| {
        tracing::error!("the data of an order page panicked");
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
    if !matches!(known, Ok(Some(_))) && visitor.exceeds_lookup_limit(shop) {
        return OrderOutcome::Unreachable;
    }
    // Only Stripe's page sends customers back with a session.
    let Some(provider) = shop.payments.by_id(ProviderId::Stripe) else { return OrderOutcome::NotFound };
    let update = match provider.retrieve_session(session).await {
        Ok(update) if update.livemode == provider.livemode() && update.color.is_some() => update,
        Ok(_) | Err(crate::server::payments::PaymentError::NotFound) => return OrderOutcome::NotFound,
        Err(error) => {
            tracing::warn!(%error, "the return page could not read the session from the provider");
            return match known {
                Ok(Some(preorder)) => OrderOutcome::Order(Box::new(summary(shop, &preorder))),
                _ => OrderOutcome::Unreachable,
            };
        }
    };
    if matches!(update.outcome, SessionOutcome::Open | SessionOutcome::Expired) {
        return OrderOutcome::Unfinished { color: update.color.as_deref().and_then(|color| color.parse().ok()) };
    }
    if let Err(error) = apply_session(shop, &update).await {
        tracing::warn!(%error, "the return page could not record the session; its webhook will");
        return OrderOutcome::Unreachable;
    }
    match shop.store.preorder_of_session(session).await {
        Ok(Some(preorder)) => OrderOutcome::Order(Box::new(summary(shop, &preorder))),
        _ => OrderOutcome::Unreachable,
    }
}

/// The client of this request, and the response's status and headers.
struct Visitor {
    address: Option<IpAddr>,
    response: Option<ResponseOptions>,
}

impl Visitor {
    fn here(shop: &Shop) -> Self {
        let parts = use_context::<Parts>();
        let address = parts.and_then(|parts| {
            let ConnectInfo(peer) = parts.extensions.get::<ConnectInfo<SocketAddr>>()?;
            Some(shop.rate_limits.client(*peer, &parts.headers))
        });
        Self { address, response: use_context() }
    }

    /// Counts a lookup of a session that the shop does not know, because anyone can invent one.
    /// Returns whether the rate limit rejects it; the response is then a 429. A customer who has
    /// paid loses nothing, because the webhook arrives by itself.
    fn exceeds_lookup_limit(&self, shop: &Shop) -> bool {
        let Some(wait) = self.address.and_then(|address| shop.rate_limits.lookups.check(address).err()) else {
            return false;
        };
        metrics::counter!("lookups_rate_limited_total").increment(1);
        if let Some(suppressed) = shop.log_limiter.allow("lookups rate limited") {
            tracing::warn!(
                suppressed,
                "lookup of an unknown session rejected by the rate limit, of one address or of all"
            );
        }
        if let Some(response) = &self.response {
            response.set_status(StatusCode::TOO_MANY_REQUESTS);
            response.insert_header(header::RETRY_AFTER, HeaderValue::from(wait.as_secs() + 1));
        }
        true
    }
}

/// Returns the order with this number, if `token` is its token. In every other case the outcome is
/// the same, whatever is wrong.
pub async fn order_by_link(number: &str, token: &str) -> OrderOutcome {
    let (shop, response) = (use_context::<Arc<Shop>>(), use_context::<ResponseOptions>());
    let outcome = match shop {
        Some(shop) => catch_panic(linked(&shop, number, token)).await,
        None => OrderOutcome::Unreachable,
    };
    if let Some(response) = response {
        // The URL is the key to the page, so it may not appear in a `Referer`.
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
    // The lookup is by token, so a guess at a number takes the same time whether the number exists
    // or not.
    match shop.store.preorder_of_link(&order_link::hash_token(token)).await {
        Ok(Some(preorder)) if preorder.number == number => OrderOutcome::Order(Box::new(summary(shop, &preorder))),
        Ok(_) => OrderOutcome::NotFound,
        Err(error) => {
            tracing::warn!(%error, "the order of an order page could not be read");
            OrderOutcome::Unreachable
        }
    }
}

/// Returns how an order is paid by bank transfer, and until when.
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

/// Returns a date as `6 December 2026`.
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
        transfer: (details.provider == ProviderId::Invoice).then(|| transfer(shop, details)),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;
    use crate::domain::checkout::Field;

    fn seed(uri: &str, cookie: &str) -> CheckoutSeed {
        let (parts, ()) = Request::builder().uri(uri).header("cookie", cookie).body(()).unwrap().into_parts();
        RequestView::of(&parts).page.seed
    }

    #[test]
    fn a_returned_form_finds_its_color_its_address_and_its_error() {
        let seed =
            seed("/?color=sakura-pink&error=invalid_input&field=email", "a=b; rolitt_email=jo%2Bx%40example; c=d");
        assert_eq!((seed.selected, seed.email.as_str()), (Some(ProductColor::SakuraPink), "jo+x@example"));
        assert_eq!(seed.problem.unwrap().error.field(), Some(Field::Email));
    }

    #[test]
    fn no_text_of_the_url_reaches_the_page() {
        assert!(seed("/?error=%3Cscript%3E&field=x&color=nope", "").problem.is_none());
        let problem = seed("/?error=invalid_input&field=%3Cb%3E", "").problem.unwrap();
        assert!(!problem.error.message().contains('<'));
    }
}
