//! A listener of our own: hyper's HTTP/1 with the deadlines that `axum::serve` does not set, and an orderly end.

mod capacity;
mod stream;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, body::Body, extract::ConnectInfo};
use hyper::body::{Body as _, Incoming};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt as _;
use tower_http::timeout::DeadlineBody;

use self::{capacity::max_connections, stream::Stream};
pub use self::{capacity::raise_descriptor_limit, stream::SlowReaderLimit};

/// The longest head of a request, in bytes: the request line and every header.
const HEAD_BYTES: usize = 32 * 1024;

/// The most that is read ahead of one connection, in bytes: what a connection can cost while its head does not end.
const BUFFER_BYTES: usize = 64 * 1024;

/// What a connection is allowed, and how many there may be.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// How long a client may take to send a request's head, and how long a kept connection may be silent.
    pub head: Duration,
    /// How long a request's body may take to arrive, in all.
    pub body: Duration,
    /// How fast answers have to be taken.
    pub slow_reader: SlowReaderLimit,
    /// How long what was begun may take once the listener stops.
    pub drain: Duration,
    /// How many connections are served at a time; more wait in the kernel's queue until one ends.
    pub connections: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(10),
            body: Duration::from_secs(10),
            slow_reader: SlowReaderLimit { window: Duration::from_secs(10), min_bytes: 8 * 1024 },
            drain: Duration::from_secs(18),
            connections: max_connections(),
        }
    }
}

/// Serves `app` until `end`, then stops accepting and lets what was begun finish.
pub async fn serve(listener: TcpListener, app: Router, end: CancellationToken) {
    serve_with(listener, app, Bounds::default(), end).await;
}

pub async fn serve_with(listener: TcpListener, app: Router, bounds: Bounds, end: CancellationToken) {
    let connections = TaskTracker::new();
    let permits = Arc::new(Semaphore::new(bounds.connections));
    loop {
        let permit = tokio::select! {
            () = end.cancelled() => break,
            permit = permits.clone().acquire_owned() => permit,
        };
        let accepted = tokio::select! {
            () = end.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let serving = connection(stream, peer, app.clone(), bounds, end.clone());
                connections.spawn(async move {
                    serving.await;
                    drop(permit);
                });
            }
            Err(error) => pause_after_accept_error(&error).await,
        }
    }
    drop(listener);
    connections.close();
    if timeout(bounds.drain, connections.wait()).await.is_err() {
        tracing::warn!(open = connections.len(), "connections cut at the end of the drain");
    }
}

async fn connection(stream: TcpStream, peer: SocketAddr, app: Router, bounds: Bounds, end: CancellationToken) {
    let service =
        app.map_request(move |mut request: hyper::Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            request.map(|body| {
                if body.is_end_stream() { Body::empty() } else { Body::new(DeadlineBody::new(bounds.body, body)) }
            })
        });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.head)
        .max_header_size(HEAD_BYTES)
        .max_buf_size(BUFFER_BYTES)
        .serve_connection(TokioIo::new(Stream::new(stream, bounds.slow_reader)), TowerToHyperService::new(service));
    tokio::pin!(connection);
    tokio::select! {
        // An error here is the client's: a broken connection, a head that never came.
        _ = connection.as_mut() => return,
        () = end.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

/// Out of descriptors or memory: wait a moment instead of spinning. A connection that went away needs no wait.
async fn pause_after_accept_error(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        return;
    }
    tracing::error!(%error, "cannot accept connections now");
    sleep(Duration::from_millis(500)).await;
}
