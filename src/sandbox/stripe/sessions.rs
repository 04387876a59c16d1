//! `/v1/checkout/sessions`

use axum::{
    Extension, Json,
    extract::{Path, State},
};
use serde_json::{Value, json};

use super::{
    catalog::Answered,
    create::Draft,
    error::ApiError,
    events::Cause,
    expand::{self, Expansions},
    gate::Call,
    list::{Created, Page},
    params::Reader,
    session::Session,
};
use crate::sandbox::state::{Sandbox, World};

const KIND: &str = "checkout.session";

pub async fn create(State(sandbox): State<Sandbox>, Extension(call): Extension<Call>) -> Answered {
    let mut reader = Reader::new(&call.params);
    let expansions = Expansions::read(&mut reader)?;
    let draft = Draft::read(reader)?;
    sandbox.with(|world| {
        let id = draft.open(world)?;
        expand::answer(world, find(world, &id)?.render(), &expansions)
    })
}

pub async fn retrieve(
    State(sandbox): State<Sandbox>,
    Extension(call): Extension<Call>,
    Path(id): Path<String>,
) -> Answered {
    let mut reader = Reader::new(&call.params);
    let expansions = Expansions::read(&mut reader)?;
    reader.finish()?;
    sandbox.with(|world| expand::answer(world, find(world, &id)?.render(), &expansions))
}

pub async fn list(State(sandbox): State<Sandbox>, Extension(call): Extension<Call>) -> Answered {
    let mut reader = Reader::new(&call.params);
    let page = Page::read(&mut reader)?;
    let created = Created::read(&mut reader)?;
    let intent = reader.text("payment_intent")?;
    let status = reader.one_of("status", &["complete", "expired", "open"])?;
    let expansions = Expansions::of_list(&mut reader)?;
    reader.finish_but(&["customer", "customer_details", "payment_link", "subscription"])?;
    sandbox.with(|world| {
        let wanted = |session: &Session| {
            created.holds(session.created)
                && intent.is_none_or(|intent| session.intent.as_deref() == Some(intent))
                && status.is_none_or(|status| session.status.as_str() == status)
        };
        let list = page.of(&world.sessions, (KIND, "/v1/checkout/sessions"), wanted, Session::render)?;
        expand::answer(world, list, &expansions)
    })
}

pub async fn line_items(
    State(sandbox): State<Sandbox>,
    Extension(call): Extension<Call>,
    Path(id): Path<String>,
) -> Answered {
    let mut reader = Reader::new(&call.params);
    let (limit, after) = (reader.integer("limit")?.unwrap_or(10), reader.text("starting_after")?);
    let expansions = Expansions::of_list(&mut reader)?;
    reader.finish_but(&["ending_before"])?;
    let limit = usize::try_from(limit).ok().filter(|limit| (1..=100).contains(limit));
    let limit = limit.ok_or_else(|| ApiError::invalid("This value must be from 1 to 100.").at("limit"))?;
    sandbox.with(|world| {
        let session = find(world, &id)?;
        // Lines are shown in the order in which they were asked for, unlike every other list.
        let first = match after {
            None => 0,
            Some(after) => {
                let place = session.items.iter().position(|item| item.id == after);
                place.ok_or_else(|| ApiError::no_such("item", after, "starting_after"))? + 1
            }
        };
        let data: Vec<Value> = session.rendered_items().skip(first).take(limit).collect();
        let has_more = first + data.len() < session.items.len();
        let url = format!("/v1/checkout/sessions/{id}/line_items");
        expand::answer(world, json!({"object": "list", "data": data, "has_more": has_more, "url": url}), &expansions)
    })
}

pub async fn expire(
    State(sandbox): State<Sandbox>,
    Extension(call): Extension<Call>,
    Path(id): Path<String>,
) -> Answered {
    let mut reader = Reader::new(&call.params);
    let expansions = Expansions::read(&mut reader)?;
    reader.finish()?;
    sandbox.with(|world| {
        find(world, &id)?;
        world.expire(&id, Cause::from(&call))?;
        expand::answer(world, find(world, &id)?.render(), &expansions)
    })
}

fn find<'a>(world: &'a World, id: &str) -> Result<&'a Session, ApiError> {
    if !id.starts_with("cs_") {
        return Err(ApiError::invalid(format!("Invalid checkout.session id: {id}")));
    }
    world.sessions.get(id).ok_or_else(|| ApiError::not_found(KIND, id, "session"))
}

/// A session as the controls answer it.
pub fn rendered(world: &World, id: &str) -> Option<Json<Value>> {
    world.sessions.get(id).map(|session| Json(session.render()))
}
