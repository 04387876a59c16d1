//! Live updates for an open page: fresh prices, and the status of a pending payment.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Json,
    extract::{ConnectInfo, Query, State, rejection::QueryRejection},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures::stream;
use serde::Deserialize;
use serde_json::json;

use super::admission::with_retry_after;
use crate::{domain::payment::SessionId, server::state::Shop};

/// `GET /api/offers`: the prices, for a page that was drawn without prices or shows old ones.
pub async fn offers(State(shop): State<Arc<Shop>>) -> Response {
    let offers = shop.catalogue.offers().await;
    ([(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], Json(json!({ "offers": offers }))).into_response()
}

/// The query of `/checkout/events`.
#[derive(Deserialize)]
pub struct EventsQuery {
    session_id: String,
}

/// The interval at which a stream reads the status of a pending payment.
const INTERVAL: Duration = Duration::from_secs(1);

/// How often one stream reads it before it ends and the browser connects again.
const READS: u32 = 300;

/// `GET /checkout/events`: the status of a pending preorder, whenever it changes. Ends with the
/// process.
pub async fn events(
    State(shop): State<Arc<Shop>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    // A query that does not parse gets no message: the extractor's own would describe our types.
    query: Result<Query<EventsQuery>, QueryRejection>,
) -> Response {
    let Ok(Query(query)) = query else { return StatusCode::BAD_REQUEST.into_response() };
    let Some(session) = SessionId::parse(&query.session_id).filter(|session| session.as_str().starts_with("cs_"))
    else {
        return StatusCode::NOT_FOUND.into_response();
    };
    // Only a known preorder gets a stream, and only so many exist at a time. A page without one
    // reloads itself.
    match shop.store.preorder_of_session(&session).await {
        Ok(Some(_)) => {}
        Ok(None) => {
            return match shop.rate_limits.lookups.check(shop.rate_limits.client(peer, &headers)) {
                Ok(()) => StatusCode::NOT_FOUND.into_response(),
                Err(wait) => with_retry_after(StatusCode::TOO_MANY_REQUESTS.into_response(), wait),
            };
        }
        Err(_) => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
    let Ok(permit) = shop.event_streams.clone().try_acquire_owned() else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let statuses =
        stream::unfold((shop, session, None, 0, permit), |(shop, session, last, reads, permit)| async move {
            let (mut last, mut reads): (Option<&'static str>, u32) = (last, reads);
            while reads < READS {
                if reads > 0 {
                    tokio::select! {
                        () = shop.end.cancelled() => return None,
                        () = tokio::time::sleep(INTERVAL) => {}
                    }
                }
                reads += 1;
                let status = shop
                    .store
                    .preorder_of_session(&session)
                    .await
                    .ok()
                    .flatten()
                    .map(|preorder| preorder.details.status.as_str());
                if status.is_some() && status != last {
                    last = status;
                    let event = Event::default().event("status").data(status.unwrap_or_default());
                    return Some((Ok::<_, Infallible>(event), (shop, session, last, reads, permit)));
                }
            }
            None
        });
    Sse::new(statuses).keep_alive(KeepAlive::default()).into_response()
}
