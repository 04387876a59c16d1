//! Connections that go slowly on purpose, each in its own way.

use std::{fs, net::SocketAddr, time::Duration};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    task::JoinSet,
    time::sleep,
};

/// How a connection goes slowly.
#[derive(Clone, Copy)]
enum Manner {
    /// Says nothing.
    Silent,
    /// Sends a head without its end.
    HalfAHead,
    /// Sends its body a byte a second.
    SlowBody,
    /// Asks for much, and reads a byte a second.
    SlowReader,
    /// Asks once, and keeps the connection.
    Idle,
}

const MANNERS: [Manner; 5] = [Manner::Silent, Manner::HalfAHead, Manner::SlowBody, Manner::SlowReader, Manner::Idle];

/// Opens them all; they last until the set is dropped.
pub async fn open(to: SocketAddr, number: usize) -> JoinSet<()> {
    let mut crowd = JoinSet::new();
    for index in 0..number {
        crowd.spawn(async move {
            // Whatever it ends with: what counts is what the shop still holds.
            let _ = dawdle(to, MANNERS[index % MANNERS.len()]).await;
            // The client's side stays open: the shop must not depend on its going.
            std::future::pending::<()>().await;
        });
        if index % 100 == 99 {
            sleep(Duration::from_millis(10)).await;
        }
    }
    crowd
}

async fn dawdle(to: SocketAddr, manner: Manner) -> std::io::Result<()> {
    let socket = TcpSocket::new_v4()?;
    if matches!(manner, Manner::SlowReader) {
        socket.set_recv_buffer_size(2048)?;
    }
    let mut stream = socket.connect(to).await?;
    let page = format!("GET / HTTP/1.1\r\nhost: {to}\r\naccept-encoding: identity\r\n\r\n");
    match manner {
        Manner::Silent => {}
        Manner::HalfAHead => stream.write_all(format!("GET / HTTP/1.1\r\nhost: {to}\r\nx-a: ").as_bytes()).await?,
        Manner::SlowBody => {
            let head = format!(
                "POST /api/webhooks/stripe HTTP/1.1\r\nhost: {to}\r\ncontent-type: application/json\r\nstripe-signature: t=1,v1=00\r\ncontent-length: 1000\r\n\r\n"
            );
            stream.write_all(head.as_bytes()).await?;
            loop {
                stream.write_all(b" ").await?;
                sleep(Duration::from_secs(1)).await;
            }
        }
        Manner::SlowReader => {
            stream.write_all(page.repeat(50).as_bytes()).await?;
            loop {
                stream.read_u8().await?;
                sleep(Duration::from_secs(1)).await;
            }
        }
        Manner::Idle => {
            stream.write_all(page.as_bytes()).await?;
            drain(&mut stream).await?;
        }
    }
    // Waits for the other side.
    drain(&mut stream).await
}

async fn drain(stream: &mut TcpStream) -> std::io::Result<()> {
    let mut buffer = [0; 4096];
    while stream.read(&mut buffer).await? > 0 {}
    Ok(())
}

/// Lets this process hold that many connections.
pub fn make_room(number: usize) -> anyhow::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    let needed = number as u64 + 512;
    if limit.current.is_some_and(|current| current < needed) {
        anyhow::ensure!(limit.maximum.is_none_or(|most| most >= needed), "this user may not open {needed} files");
        setrlimit(Resource::Nofile, Rlimit { current: Some(needed), maximum: limit.maximum })?;
    }
    Ok(())
}

/// How many descriptors a process holds.
pub fn descriptors(process: u32) -> anyhow::Result<u64> {
    Ok(fs::read_dir(format!("/proc/{process}/fd"))?.count() as u64)
}
