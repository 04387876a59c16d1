//! Webhook endpoints: who is told about events.

use axum::{
    Extension, Json,
    extract::{Path, State},
};
use serde_json::{Value, json};

use crate::{
    config::{API_VERSION, SeedEndpoint},
    state::{Sandbox, World},
    stripe::{
        events,
        wire::{
            error::ApiError,
            gate::Call,
            ids,
            params::{Metadata, Reader},
            resource::{Answered, Resource},
            shelf::Shelf,
        },
    },
};

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
    pub fn seed(seed: &SeedEndpoint, now: i64) -> Self {
        Self {
            id: ids::new("we_1"),
            url: seed.url.clone(),
            secret: seed.secret.clone(),
            enabled: true,
            events: if seed.events.is_empty() { vec!["*".to_owned()] } else { seed.events.clone() },
            description: Some("Made by the sandbox from its configuration".to_owned()),
            metadata: Metadata::new(),
            created: now,
        }
    }

    pub fn wants(&self, kind: &str) -> bool {
        self.enabled && self.events.iter().any(|pattern| events::matches(pattern, kind))
    }
}

impl Resource for Endpoint {
    const KIND: &'static str = "webhook_endpoint";
    const URL: &'static str = "/v1/webhook_endpoints";

    fn shelf(world: &World) -> &Shelf<Self> {
        &world.endpoints
    }

    fn shelf_mut(world: &mut World) -> &mut Shelf<Self> {
        &mut world.endpoints
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }

    /// Without the secret, which is shown once, on creation.
    fn render(&self) -> Value {
        json!({
            "id": self.id, "object": "webhook_endpoint", "api_version": API_VERSION, "application": null,
            "created": self.created, "description": self.description, "enabled_events": self.events,
            "livemode": false, "metadata": self.metadata,
            "status": if self.enabled { "enabled" } else { "disabled" }, "url": self.url,
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

pub async fn update(
    State(sandbox): State<Sandbox>,
    Extension(call): Extension<Call>,
    Path(id): Path<String>,
) -> Answered {
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

pub async fn delete(
    State(sandbox): State<Sandbox>,
    Extension(call): Extension<Call>,
    Path(id): Path<String>,
) -> Answered {
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
