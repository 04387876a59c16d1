//! Webhook endpoints: who is told about events.

use axum::{
    Extension, Json,
    extract::{Path, State},
};
use serde_json::{Value, json};

use super::{
    catalog::Answered,
    error::ApiError,
    events,
    gate::Call,
    ids,
    list::Page,
    params::{Metadata, Reader},
};
use crate::sandbox::{API_VERSION, state::Sandbox};

const KIND: &str = "webhook_endpoint";
const URL: &str = "/v1/webhook_endpoints";

pub struct Endpoint {
    pub id: String,
    pub url: String,
    pub secret: String,
    pub enabled: bool,
    pub events: Vec<String>,
    pub description: Option<String>,
    pub metadata: Metadata,
    pub created: i64,
}

impl Endpoint {
    pub fn seed(url: &str, secret: &str, now: i64) -> Self {
        Self {
            id: ids::new("we_1"),
            url: url.to_owned(),
            secret: secret.to_owned(),
            enabled: true,
            events: vec!["*".to_owned()],
            description: Some("Made by the sandbox from its configuration".to_owned()),
            metadata: Metadata::new(),
            created: now,
        }
    }

    pub fn wants(&self, kind: &str) -> bool {
        self.enabled && self.events.iter().any(|pattern| events::matches(pattern, kind))
    }

    /// Without the secret, which is shown once, on creation.
    fn render(&self) -> Value {
        json!({
            "id": self.id, "object": KIND, "api_version": API_VERSION, "application": null, "created": self.created,
            "description": self.description, "enabled_events": self.events, "livemode": false,
            "metadata": self.metadata, "status": if self.enabled { "enabled" } else { "disabled" }, "url": self.url,
        })
    }
}

pub async fn create(State(sandbox): State<Sandbox>, Extension(call): Extension<Call>) -> Answered {
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
        let id = ids::new("we_1");
        let secret = ids::with_length("whsec_", 32);
        let created = world.now();
        let endpoint = Endpoint {
            id: id.clone(),
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
        world.endpoints.put(id, endpoint);
        Ok(Json(rendered))
    })
}

pub async fn update(
    State(sandbox): State<Sandbox>,
    Extension(call): Extension<Call>,
    Path(id): Path<String>,
) -> Answered {
    let mut reader = Reader::new(&call.params);
    let url = reader.url("url")?.map(str::to_owned);
    let events = enabled_events(&mut reader)?;
    let disabled = reader.boolean("disabled")?;
    let description = reader.text_up_to("description", 5000)?.map(str::to_owned);
    let metadata = reader.metadata("metadata")?;
    reader.finish_but(&["expand"])?;
    sandbox.with(|world| {
        let endpoint = world.endpoints.get_mut(&id).ok_or_else(|| ApiError::not_found(KIND, &id, KIND))?;
        endpoint.url = url.unwrap_or_else(|| endpoint.url.clone());
        endpoint.events = events.unwrap_or_else(|| endpoint.events.clone());
        endpoint.enabled = disabled.map_or(endpoint.enabled, |disabled| !disabled);
        endpoint.description = description.or(endpoint.description.take());
        endpoint.metadata.extend(metadata);
        Ok(Json(endpoint.render()))
    })
}

pub async fn list(State(sandbox): State<Sandbox>, Extension(call): Extension<Call>) -> Answered {
    let mut reader = Reader::new(&call.params);
    let page = Page::read(&mut reader)?;
    reader.finish_but(&["expand"])?;
    sandbox.with(|world| page.of(&world.endpoints, (KIND, URL), |_| true, Endpoint::render).map(Json))
}

pub async fn retrieve(
    State(sandbox): State<Sandbox>,
    Extension(call): Extension<Call>,
    Path(id): Path<String>,
) -> Answered {
    Reader::new(&call.params).finish_but(&["expand"])?;
    sandbox.with(|world| {
        let endpoint = world.endpoints.get(&id).ok_or_else(|| ApiError::not_found(KIND, &id, KIND))?;
        Ok(Json(endpoint.render()))
    })
}

pub async fn delete(
    State(sandbox): State<Sandbox>,
    Extension(call): Extension<Call>,
    Path(id): Path<String>,
) -> Answered {
    Reader::new(&call.params).finish()?;
    sandbox.with(|world| {
        world.endpoints.remove(&id).ok_or_else(|| ApiError::not_found(KIND, &id, KIND))?;
        Ok(Json(json!({"id": id, "object": KIND, "deleted": true})))
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
