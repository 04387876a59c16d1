//! Webhook endpoints: the receivers of events.

use serde_json::{Value, json};

use super::{Object, matches};
use crate::{
    config::{API_VERSION, SeedEndpoint},
    stripe::wire::{Metadata, ids},
};

pub(crate) struct Endpoint {
    pub(crate) id: String,
    pub(crate) url: String,
    pub(crate) secret: String,
    pub(crate) enabled: bool,
    pub(crate) events: Vec<String>,
    pub(crate) description: Option<String>,
    pub(crate) metadata: Metadata,
    pub(crate) created: i64,
}

impl Endpoint {
    pub(crate) fn seed(seed: &SeedEndpoint, now: i64) -> Self {
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

    pub(crate) fn wants(&self, kind: &str) -> bool {
        self.enabled && self.events.iter().any(|pattern| matches(pattern, kind))
    }
}

impl Object for Endpoint {
    /// Renders the endpoint without its secret, which Stripe shows once, on creation.
    fn render(&self) -> Value {
        json!({
            "id": self.id, "object": "webhook_endpoint", "api_version": API_VERSION, "application": null,
            "created": self.created, "description": self.description, "enabled_events": self.events,
            "livemode": false, "metadata": self.metadata,
            "status": if self.enabled { "enabled" } else { "disabled" }, "url": self.url,
        })
    }
}
