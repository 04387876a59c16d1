//! `/v1/checkout/sessions`

use axum::{
    Extension,
    extract::{Path, State},
};
use serde_json::{Value, json};

use super::{
    Rendered,
    expand::{self, Expansions},
};
use crate::{
    sandbox::Sandbox,
    stripe::{
        actions::checkout_sessions::{self, SessionDraft},
        objects::{Cause, Object, Session},
        resources::Resource,
        wire::{ApiError, Call, Reader},
    },
};

pub(crate) async fn create(State(sandbox): State<Sandbox>, Extension(call): Extension<Call>) -> Rendered {
    let mut reader = Reader::new(&call.params);
    let expansions = Expansions::read(&mut reader)?;
    let draft = SessionDraft::read(reader)?;
    sandbox.with(|world| {
        let id = draft.open(world, &Cause::from(&call))?;
        expand::respond(world, world.rendered::<Session>(&id), &expansions)
    })
}

pub(crate) async fn line_items(
    State(sandbox): State<Sandbox>,
    Extension(call): Extension<Call>,
    Path(id): Path<String>,
) -> Rendered {
    let mut reader = Reader::new(&call.params);
    let (limit, after) = (reader.integer("limit")?.unwrap_or(10), reader.text("starting_after")?);
    let expansions = Expansions::of_list(&mut reader)?;
    reader.finish_but(&["ending_before"])?;
    let limit = usize::try_from(limit).ok().filter(|limit| (1..=100).contains(limit));
    let limit = limit.ok_or_else(|| ApiError::invalid("This value must be from 1 to 100.").at("limit"))?;
    sandbox.with(|world| {
        let session = Session::find(world, &id)?;
        // Lines are listed in the order of the request, unlike every other list.
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
        expand::respond(world, json!({"object": "list", "data": data, "has_more": has_more, "url": url}), &expansions)
    })
}

pub(crate) async fn expire(
    State(sandbox): State<Sandbox>,
    Extension(call): Extension<Call>,
    Path(id): Path<String>,
) -> Rendered {
    let mut reader = Reader::new(&call.params);
    let expansions = Expansions::read(&mut reader)?;
    reader.finish()?;
    sandbox.with(|world| {
        checkout_sessions::expire_session(world, &id, Cause::from(&call))?;
        expand::respond(world, Session::find(world, &id)?.render(), &expansions)
    })
}
