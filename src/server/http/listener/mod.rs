//! The HTTP/1 listener: hyper, with the deadlines that `axum::serve` does not set, and a drain.
//!
//! It exists because no crate offers these three together: a bound on slow readers, lingering
//! close, and a deadline for request bodies.

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

/// The largest request head, in bytes: the request line and all headers.
const HEAD_BYTES: usize = 32 * 1024;

/// The most that is read ahead on one connection, in bytes. It bounds the memory of a connection
/// whose head does not end.
const BUFFER_BYTES: usize = 64 * 1024;

/// The limits of a connection, and the number of connections.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// How long a client may take to send a request's head, and how long a connection may be idle.
    pub head: Duration,
    /// How long a request's body may take to arrive in total.
    pub body: Duration,
    /// How fast a client must read responses.
    pub slow_reader: SlowReaderLimit,
    /// How long requests in progress may take once the listener stops.
    pub drain: Duration,
    /// How many connections are served at a time. Further ones wait in the kernel's queue.
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

/// Serves `app` with the default bounds until `end` is cancelled, then drains: it accepts no more
/// and finishes the requests in progress.
pub async fn serve(listener: TcpListener, app: Router, end: CancellationToken) {
    serve_with(listener, app, Bounds::default(), end).await;
}

/// As [`serve`], with other bounds.
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
        tracing::warn!(open = connections.len(), "drain deadline passed; open connections were cut");
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
        // An error here is the client's: a broken connection, or a head that never arrived.
        _ = connection.as_mut() => return,
        () = end.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

/// Waits a moment when the process is out of descriptors or memory, instead of spinning. A
/// connection that the client closed early needs no wait.
async fn pause_after_accept_error(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        return;
    }
    tracing::error!(%error, "connection could not be accepted; is the process out of file descriptors?");
    sleep(Duration::from_millis(500)).await;
}
