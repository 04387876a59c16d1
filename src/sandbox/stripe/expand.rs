//! `expand[]`: ids in an answer replaced by the objects that they name.

use axum::Json;
use serde_json::Value;

use super::{catalog::Answered, error::ApiError, params::Reader};
use crate::sandbox::state::World;

/// What a request wants expanded.
#[derive(Default)]
pub struct Expansions(Vec<(String, String)>);

const DEEPEST: usize = 4;

impl Expansions {
    /// `expand[]=payment_intent`
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, ApiError> {
        let asked = reader.texts("expand")?.unwrap_or_default();
        if let Some((param, path)) = asked.iter().find(|(_, path)| path.split('.').count() > DEEPEST) {
            let message = format!("You cannot expand more than {DEEPEST} levels of a property ({path}).");
            return Err(ApiError::invalid(message).at(param));
        }
        Ok(Self(asked.into_iter().map(|(param, path)| (param, path.to_owned())).collect()))
    }

    /// In lists every path starts at `data`.
    pub fn of_list(reader: &mut Reader<'_>) -> Result<Self, ApiError> {
        let asked = Self::read(reader)?;
        match asked.0.iter().find(|(_, path)| !path.starts_with("data.")) {
            None => Ok(asked),
            Some((param, path)) => Err(not_expandable(path).at(param)),
        }
    }
}

/// The answer with everything expanded.
pub fn answer(world: &World, mut object: Value, expansions: &Expansions) -> Answered {
    for (param, path) in &expansions.0 {
        expand(world, &mut object, path).ok_or_else(|| not_expandable(path).at(param))?;
    }
    Ok(Json(object))
}

fn not_expandable(path: &str) -> ApiError {
    ApiError::invalid(format!("This property cannot be expanded ({path})."))
}

/// Follows one path; `None` when it leads to something that is no reference.
fn expand(world: &World, object: &mut Value, path: &str) -> Option<()> {
    let (field, rest) = path.split_once('.').map_or((path, None), |(field, rest)| (field, Some(rest)));
    if field == "line_items" && object["object"] == "checkout.session" {
        let session = world.sessions.get(object["id"].as_str()?)?;
        object["line_items"] = session.line_items();
    }
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

impl World {
    /// The object that an id names, as it would be retrieved.
    fn look_up(&self, id: &str) -> Option<Value> {
        let product = || self.products.get(id).map(super::catalog::Product::render);
        let price = || self.prices.get(id).map(super::catalog::Price::render);
        let intent = || self.intents.get(id).map(super::intent::Intent::render);
        product().or_else(price).or_else(intent)
    }
}
