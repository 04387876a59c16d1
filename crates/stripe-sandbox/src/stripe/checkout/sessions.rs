//! `/v1/checkout/sessions`

use axum::{
    Extension,
    extract::{Path, State},
};
use serde_json::{Value, json};

use super::{create::Draft, session::Session};
use crate::{
    state::Sandbox,
    stripe::{
        events::Cause,
        wire::{
            error::ApiError,
            expand::{self, Expansions},
            gate::Call,
            params::Reader,
            resource::{Answered, Resource},
        },
    },
};

pub async fn create(State(sandbox): State<Sandbox>, Extension(call): Extension<Call>) -> Answered {
    let mut reader = Reader::new(&call.params);
    let expansions = Expansions::read(&mut reader)?;
    let draft = Draft::read(reader)?;
    sandbox.with(|world| {
        let id = draft.open(world, &Cause::from(&call))?;
        expand::answer(world, world.rendered::<Session>(&id), &expansions)
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
        let session = Session::find(world, &id)?;
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
        world.expire(&id, Cause::from(&call))?;
        expand::answer(world, Session::find(world, &id)?.render(), &expansions)
    })
}
