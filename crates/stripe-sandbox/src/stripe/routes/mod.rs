//! The handlers of `/v1`: each reads its parameters, calls one action and renders the result.

use axum::{
    Extension, Json,
    extract::{Path, State},
};
use serde_json::Value;

use super::{
    resources::Resource,
    wire::{ApiError, Call, Created, Page, Reader},
};
use crate::sandbox::Sandbox;

pub(crate) mod charges;
mod checkout_params;
pub(crate) mod checkout_sessions;
pub(crate) mod customers;
pub(crate) mod disputes;
pub(crate) mod expand;
pub(crate) mod invoices;
pub(crate) mod payment_intents;
pub(crate) mod payment_methods;
pub(crate) mod prices;
pub(crate) mod products;
pub(crate) mod refunds;
pub(crate) mod subscriptions;
pub(crate) mod webhook_endpoints;

use expand::Expansions;

/// What a handler of `/v1` responds with.
pub(crate) type Rendered = Result<Json<Value>, ApiError>;

pub(crate) async fn retrieve<R: Resource>(
    State(sandbox): State<Sandbox>,
    Extension(call): Extension<Call>,
    Path(id): Path<String>,
) -> Rendered {
    let mut reader = Reader::new(&call.params);
    let expansions = Expansions::read(&mut reader)?;
    reader.finish_but(&["client_secret"])?;
    sandbox.with(|world| expand::respond(world, R::find(world, &id)?.render(), &expansions))
}

pub(crate) async fn list<R: Resource>(State(sandbox): State<Sandbox>, Extension(call): Extension<Call>) -> Rendered {
    let mut reader = Reader::new(&call.params);
    let page = Page::read(&mut reader)?;
    let created = Created::read(&mut reader)?;
    let wanted = R::filter(&mut reader)?;
    let expansions = Expansions::of_list(&mut reader)?;
    reader.finish_but(R::UNSUPPORTED)?;
    sandbox.with(|world| {
        let now = world.now();
        let shown = |object: &R| {
            object.is_visible(now) && object.is_listed() && created.holds(object.created()) && wanted(object)
        };
        let list = page.of(R::table(world), (R::KIND, R::URL), shown, R::render)?;
        expand::respond(world, list, &expansions)
    })
}
