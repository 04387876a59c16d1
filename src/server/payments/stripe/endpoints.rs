//! The webhook endpoints of the account: where Stripe sends which events.

use async_trait::async_trait;
use serde::Deserialize;
use stripe_misc::webhook_endpoint::ListWebhookEndpoint;

use super::{
    super::{Endpoints, PaymentError, capability::Endpoint},
    PAGE, Stripe,
    client::{API_VERSION, Failure, deadline},
    decode::page,
    event::EVENTS,
};

/// The fields of an endpoint that the adapter reads.
#[derive(Deserialize)]
struct EndpointObject {
    id: String,
    #[serde(default)]
    url: String,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    enabled_events: Vec<String>,
    #[serde(default)]
    api_version: Option<String>,
    #[serde(default)]
    livemode: Option<bool>,
}

#[async_trait]
impl Endpoints for Stripe {
    async fn endpoints(&self) -> Result<Vec<Endpoint>, PaymentError> {
        let deadline = deadline();
        let mut found = Vec::new();
        let mut from = None;
        loop {
            let mut request = ListWebhookEndpoint::new().limit(PAGE);
            if let Some(from) = from.take() {
                request = request.starting_after(from);
            }
            let success = self.client.send(&request, None, deadline).await.map_err(Failure::error)?;
            let page = page(&success.body, |endpoint: EndpointObject| {
                Ok(Some(Endpoint {
                    id: endpoint.id,
                    url: endpoint.url,
                    enabled: endpoint.status.as_deref() == Some("enabled"),
                    events: endpoint.enabled_events,
                    api_version: endpoint.api_version,
                    livemode: endpoint.livemode.unwrap_or(self.livemode),
                }))
            })?;
            found.extend(page.items);
            match page.next {
                Some(next) => from = Some(next.as_str().to_owned()),
                None => return Ok(found),
            }
        }
    }

    fn expected_events(&self) -> &'static [&'static str] {
        &EVENTS
    }

    fn expected_version(&self) -> &'static str {
        API_VERSION
    }
}
