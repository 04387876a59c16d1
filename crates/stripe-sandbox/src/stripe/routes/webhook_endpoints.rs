//! `/v1/webhook_endpoints`

use axum::{
    Extension, Json,
    extract::{Path, State},
};
use serde_json::{Value, json};

use super::Rendered;
use crate::{
    config::API_VERSION,
    sandbox::Sandbox,
    stripe::{
        objects::{Endpoint, Object},
        resources::Resource,
        wire::{ApiError, Call, Reader, ids},
    },
};

pub(crate) async fn create(State(sandbox): State<Sandbox>, Extension(call): Extension<Call>) -> Rendered {
    let mut reader = Reader::new(&call.params);
    let url = reader.url("url")?.ok_or_else(|| ApiError::missing("url"))?.to_owned();
    let events = enabled_events(&mut reader)?.ok_or_else(|| ApiError::missing("enabled_events"))?;
    let description = reader.text_up_to("description", 5000)?.map(str::to_owned);
    let metadata = reader.metadata("metadata")?;
    if let Some(version) = reader.text("api_version")?.filter(|version| *version != API_VERSION) {
        let message = format!("The sandbox speaks {API_VERSION} only, not {version}.");
        return Err(ApiError::invalid(message).at("api_version"));
    }
    reader.finish_but(&["connect", "expand"])?;
    sandbox.with(|world| {
        let secret = ids::with_length("whsec_", 32);
        let created = world.now();
        let endpoint = Endpoint {
            id: ids::new("we_1"),
            url,
            secret: secret.clone(),
            enabled: true,
            events,
            description,
            metadata,
            created,
        };
        let mut rendered = endpoint.render();
        rendered["secret"] = Value::String(secret);
        world.put(endpoint);
        Ok(Json(rendered))
    })
}

pub(crate) async fn update(
    State(sandbox): State<Sandbox>,
    Extension(call): Extension<Call>,
    Path(id): Path<String>,
) -> Rendered {
    let mut reader = Reader::new(&call.params);
    let url = reader.url("url")?.map(str::to_owned);
    let events = enabled_events(&mut reader)?;
    let disabled = reader.boolean("disabled")?;
    let description = reader.change("description")?;
    let metadata = reader.metadata_change("metadata")?;
    reader.finish_but(&["expand"])?;
    sandbox.with(|world| {
        let endpoint = world.find_mut::<Endpoint>(&id)?;
        endpoint.url = url.unwrap_or_else(|| endpoint.url.clone());
        endpoint.events = events.unwrap_or_else(|| endpoint.events.clone());
        endpoint.enabled = disabled.map_or(endpoint.enabled, |disabled| !disabled);
        description.apply(&mut endpoint.description);
        metadata.apply(&mut endpoint.metadata);
        Ok(Json(endpoint.render()))
    })
}

pub(crate) async fn delete(
    State(sandbox): State<Sandbox>,
    Extension(call): Extension<Call>,
    Path(id): Path<String>,
) -> Rendered {
    Reader::new(&call.params).finish()?;
    sandbox.with(|world| {
        Endpoint::find(world, &id)?;
        world.endpoints.remove(&id);
        Ok(Json(json!({"id": id, "object": "webhook_endpoint", "deleted": true})))
    })
}

fn enabled_events(reader: &mut Reader<'_>) -> Result<Option<Vec<String>>, ApiError> {
    let Some(asked) = reader.texts("enabled_events")? else { return Ok(None) };
    if asked.is_empty() {
        return Err(ApiError::missing("enabled_events"));
    }
    let shaped = |text: &str| {
        text == "*"
            || (text.contains('.')
                && text.bytes().all(|byte| byte.is_ascii_lowercase() || b"._0123456789".contains(&byte)))
    };
    if let Some((name, text)) = asked.iter().find(|(_, text)| !shaped(text)) {
        return Err(ApiError::invalid(format!("Invalid event type: {text}")).at(name));
    }
    Ok(Some(asked.into_iter().map(|(_, text)| text.to_owned()).collect()))
}
