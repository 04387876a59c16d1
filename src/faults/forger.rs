//! Forged webhooks, as many as asked for: well formed, of this minute, and signed with nobody's key.

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
const LINES: u64 = 32;

/// Sends `each_second` for `seconds`; how many were answered with 400.
pub async fn flood(to: SocketAddr, each_second: u64, seconds: u64) -> u64 {
    let refused = Arc::new(AtomicU64::new(0));
    let mut lines = tokio::task::JoinSet::new();
    for line in 0..LINES {
        let refused = refused.clone();
        lines.spawn(async move {
            let began = Instant::now();
            let mut stream = None;
            let mut number = line;
            while number < each_second * seconds {
                sleep_until(began + Duration::from_micros(number * 1_000_000 / each_second)).await;
                if began.elapsed() > Duration::from_secs(seconds * 2) {
                    break;
                }
                if forge(&mut stream, to, number).await.is_some() {
                    refused.fetch_add(1, Ordering::Relaxed);
                } else {
                    stream = None;
                }
                number += LINES;
            }
        });
    }
    while lines.join_next().await.is_some() {}
    refused.load(Ordering::Relaxed)
}

/// One forged webhook on this line; `Some` when it was refused as it should be.
async fn forge(stream: &mut Option<TcpStream>, to: SocketAddr, number: u64) -> Option<()> {
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
    let mut answer = vec![0; 4096];
    let mut length = 0;
    // The answer has no body, so its head is all of it.
    while !answer[..length].windows(4).any(|end| end == b"\r\n\r\n") {
        length += match stream.read(answer.get_mut(length..)?).await.ok()? {
            0 => return None,
            more => more,
        };
    }
    answer.starts_with(b"HTTP/1.1 400").then_some(())
}
