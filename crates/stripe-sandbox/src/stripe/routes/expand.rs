//! `expand[]`: ids in a response are replaced by the objects that they name.

use axum::Json;
use serde_json::{Value, json};

use super::Rendered;
use crate::{
    stripe::{
        objects::{Invoice, Object, Refund, Session},
        wire::{ApiError, Reader},
    },
    world::World,
};

/// The paths that a request wants expanded.
#[derive(Default)]
pub(crate) struct Expansions(Vec<(String, String)>);

const DEEPEST: usize = 4;

impl Expansions {
    /// Reads `expand[]=payment_intent`.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, ApiError> {
        let asked = reader.texts("expand")?.unwrap_or_default();
        if let Some((param, path)) = asked.iter().find(|(_, path)| path.split('.').count() > DEEPEST) {
            let message = format!("You cannot expand more than {DEEPEST} levels of a property ({path}).");
            return Err(ApiError::invalid(message).at(param));
        }
        Ok(Self(asked.into_iter().map(|(param, path)| (param, path.to_owned())).collect()))
    }

    /// Reads the paths for a list, where each must start at `data`.
    pub(crate) fn of_list(reader: &mut Reader<'_>) -> Result<Self, ApiError> {
        let asked = Self::read(reader)?;
        match asked.0.iter().find(|(_, path)| !path.starts_with("data.")) {
            None => Ok(asked),
            Some((param, path)) => Err(not_expandable(path).at(param)),
        }
    }
}

/// Returns a response with all paths expanded.
pub(crate) fn respond(world: &World, mut object: Value, expansions: &Expansions) -> Rendered {
    for (param, path) in &expansions.0 {
        expand(world, &mut object, path).ok_or_else(|| not_expandable(path).at(param))?;
    }
    Ok(Json(object))
}

fn not_expandable(path: &str) -> ApiError {
    ApiError::invalid(format!("This property cannot be expanded ({path})."))
}

/// Expands one path. Returns `None` when it leads to something that is not a reference.
fn expand(world: &World, object: &mut Value, path: &str) -> Option<()> {
    let (field, rest) = path.split_once('.').map_or((path, None), |(field, rest)| (field, Some(rest)));
    include(world, object, field);
    let target = object.as_object_mut()?.get_mut(field)?;
    if let Value::Array(objects) = target {
        let rest = rest?;
        return objects.iter_mut().try_for_each(|object| expand(world, object, rest));
    }
    if let Some(id) = target.as_str() {
        *target = world.look_up(id)?;
    }
    match rest {
        Some(rest) if !target.is_null() => expand(world, target, rest),
        _ => (target.is_object() || target.is_null()).then_some(()),
    }
}

/// Adds a field that is only shown when it is expanded.
fn include(world: &World, object: &mut Value, field: &str) {
    let id = object["id"].as_str().unwrap_or_default();
    let included = match (object["object"].as_str().unwrap_or_default(), field) {
        ("checkout.session", "line_items") => world.sessions.get(id).map(Session::line_items),
        ("invoice", "payments") => world.invoices.get(id).map(Invoice::payments),
        ("invoice", "confirmation_secret") => world.invoices.get(id).map(|invoice| {
            let intent = invoice.intent.as_ref().and_then(|intent| world.intents.get(intent));
            intent.map_or(Value::Null, |intent| json!({"client_secret": intent.secret, "type": "payment_intent"}))
        }),
        ("charge", "refunds") => {
            let refunds = world.refunds.iter().rev().filter(|refund| refund.charge == id).map(Refund::render);
            let url = format!("/v1/charges/{id}/refunds");
            Some(json!({"object": "list", "data": refunds.collect::<Vec<_>>(), "has_more": false, "url": url}))
        }
        _ => None,
    };
    if let Some(included) = included {
        object[field] = included;
    }
}
