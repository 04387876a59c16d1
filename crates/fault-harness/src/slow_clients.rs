//! Connections that are slow on purpose, each in its own way (slow loris and its relatives).

use std::{fs, net::SocketAddr, time::Duration};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    task::JoinSet,
    time::sleep,
};

/// How a connection is slow.
#[derive(Clone, Copy)]
enum Slowness {
    /// Sends nothing.
    Silent,
    /// Sends a request head without its end.
    HalfAHead,
    /// Sends its body at one byte per second.
    SlowBody,
    /// Requests much, and reads one byte per second.
    SlowReader,
    /// Sends one request, and leaves the connection open.
    Idle,
}

const KINDS: [Slowness; 5] =
    [Slowness::Silent, Slowness::HalfAHead, Slowness::SlowBody, Slowness::SlowReader, Slowness::Idle];

/// Opens `number` connections of all kinds. They stay open until the set is dropped.
pub async fn open(to: SocketAddr, number: usize) -> JoinSet<()> {
    let mut clients = JoinSet::new();
    for index in 0..number {
        clients.spawn(async move {
            // How it ends does not matter; what counts is what the shop still holds.
            let _ = connect(to, KINDS[index % KINDS.len()]).await;
            // The client's side stays open: the shop must not depend on it to close.
            std::future::pending::<()>().await;
        });
        if index % 100 == 99 {
            sleep(Duration::from_millis(10)).await;
        }
    }
    clients
}

async fn connect(to: SocketAddr, slowness: Slowness) -> std::io::Result<()> {
    let socket = TcpSocket::new_v4()?;
    if matches!(slowness, Slowness::SlowReader) {
        socket.set_recv_buffer_size(2048)?;
    }
    let mut stream = socket.connect(to).await?;
    let page = format!("GET / HTTP/1.1\r\nhost: {to}\r\naccept-encoding: identity\r\n\r\n");
    match slowness {
        Slowness::Silent => {}
        Slowness::HalfAHead => stream.write_all(format!("GET / HTTP/1.1\r\nhost: {to}\r\nx-a: ").as_bytes()).await?,
        Slowness::SlowBody => {
            let head = format!(
                "POST /api/webhooks/stripe HTTP/1.1\r\nhost: {to}\r\ncontent-type: application/json\r\nstripe-signature: t=1,v1=00\r\ncontent-length: 1000\r\n\r\n"
            );
            stream.write_all(head.as_bytes()).await?;
            loop {
                stream.write_all(b" ").await?;
                sleep(Duration::from_secs(1)).await;
            }
        }
        Slowness::SlowReader => {
            stream.write_all(page.repeat(50).as_bytes()).await?;
            loop {
                stream.read_u8().await?;
                sleep(Duration::from_secs(1)).await;
            }
        }
        Slowness::Idle => {
            stream.write_all(page.as_bytes()).await?;
            drain(&mut stream).await?;
        }
    }
    // Waits for the shop to close.
    drain(&mut stream).await
}

async fn drain(stream: &mut TcpStream) -> std::io::Result<()> {
    let mut buffer = [0; 4096];
    while stream.read(&mut buffer).await? > 0 {}
    Ok(())
}

/// Raises the limit of open descriptors, so that this process can hold that many connections.
///
/// # Errors
/// If the hard limit is too low.
pub fn raise_descriptor_limit(number: usize) -> anyhow::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    let needed = number as u64 + 512;
    if limit.current.is_some_and(|current| current < needed) {
        anyhow::ensure!(limit.maximum.is_none_or(|most| most >= needed), "this user may not open {needed} descriptors");
        setrlimit(Resource::Nofile, Rlimit { current: Some(needed), maximum: limit.maximum })?;
    }
    Ok(())
}

/// Returns how many descriptors a process holds.
pub fn descriptors(process: u32) -> anyhow::Result<u64> {
    Ok(fs::read_dir(format!("/proc/{process}/fd"))?.count() as u64)
}
