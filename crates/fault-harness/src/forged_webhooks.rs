//! Forged webhooks, at a given rate: well formed, with the current time, and signed with no valid
//! key.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{Instant, sleep_until},
};

/// How many connections share the work.
const CONNECTIONS: u64 = 32;

/// Sends `each_second` forged webhooks for `seconds`. Returns how many of them got the status 400.
pub async fn flood(to: SocketAddr, each_second: u64, seconds: u64) -> u64 {
    let rejected = Arc::new(AtomicU64::new(0));
    let mut connections = tokio::task::JoinSet::new();
    for connection in 0..CONNECTIONS {
        let rejected = rejected.clone();
        connections.spawn(async move {
            let began = Instant::now();
            let mut stream = None;
            let mut number = connection;
            while number < each_second * seconds {
                sleep_until(began + Duration::from_micros(number * 1_000_000 / each_second)).await;
                if began.elapsed() > Duration::from_secs(seconds * 2) {
                    break;
                }
                if send(&mut stream, to, number).await.is_some() {
                    rejected.fetch_add(1, Ordering::Relaxed);
                } else {
                    stream = None;
                }
                number += CONNECTIONS;
            }
        });
    }
    while connections.join_next().await.is_some() {}
    rejected.load(Ordering::Relaxed)
}

/// Sends one forged webhook on this connection; `Some` if it was rejected as it should be.
async fn send(stream: &mut Option<TcpStream>, to: SocketAddr, number: u64) -> Option<()> {
    if stream.is_none() {
        *stream = Some(TcpStream::connect(to).await.ok()?);
    }
    let stream = stream.as_mut()?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs();
    let body = format!(
        "{{\"id\":\"evt_forged_{number}\",\"object\":\"event\",\"type\":\"checkout.session.completed\",\"created\":{now},\"data\":{{\"object\":{{}}}}}}"
    );
    let head = format!(
        "POST /api/webhooks/stripe HTTP/1.1\r\nhost: {to}\r\ncontent-type: application/json\r\nstripe-signature: t={now},v1={number:064x}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes()).await.ok()?;
    let mut response = vec![0; 4096];
    let mut length = 0;
    // The response has no body, so it ends with its head.
    while !response[..length].windows(4).any(|end| end == b"\r\n\r\n") {
        length += match stream.read(response.get_mut(length..)?).await.ok()? {
            0 => return None,
            more => more,
        };
    }
    response.starts_with(b"HTTP/1.1 400").then_some(())
}
