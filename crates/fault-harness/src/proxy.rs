//! A TCP proxy in front of PostgreSQL that adds latency, resets connections, drops everything, and
//! loses the response to a COMMIT that was done.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    time::sleep,
};

/// A simple query `COMMIT`, as PostgreSQL's protocol spells it
/// (<https://www.postgresql.org/docs/current/protocol-message-formats.html>).
const COMMIT: &[u8] = b"Q\0\0\0\x0bCOMMIT\0";

/// What the proxy does to the traffic. The default is nothing.
#[derive(Clone, Copy, Default, Debug)]
pub struct Toxics {
    /// Delays each piece of a response by this long.
    pub latency: Duration,
    /// How often a piece of a response is replaced by the end of the connection, from 0 to 1.
    pub reset_rate: f64,
    /// How often the response to a COMMIT is lost together with the connection, from 0 to 1.
    pub lost_commit_rate: f64,
    /// Nothing passes in either direction, and no connection is closed. A connection that meets
    /// this never transmits again.
    pub black_hole: bool,
}

/// A running proxy.
pub struct Proxy {
    /// Where it listens.
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    upstream: Mutex<String>,
    toxics: Mutex<Toxics>,
    dice: Mutex<StdRng>,
    lost_commits: AtomicU64,
    resets: AtomicU64,
}

impl Proxy {
    /// Starts a proxy on a free address. `seed` draws which traffic is disturbed.
    ///
    /// # Errors
    /// If there is no free address.
    pub async fn start(upstream: String, seed: u64) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            upstream: Mutex::new(upstream),
            toxics: Mutex::default(),
            dice: Mutex::new(StdRng::seed_from_u64(seed)),
            lost_commits: AtomicU64::new(0),
            resets: AtomicU64::new(0),
        });
        let serving = shared.clone();
        tokio::spawn(async move {
            loop {
                let Ok((client, _)) = listener.accept().await else { continue };
                tokio::spawn(connection(client, serving.clone()));
            }
        });
        Ok(Self { address, shared })
    }

    /// Directs new connections to `upstream`, as `host:port`.
    pub fn repoint(&self, upstream: String) {
        *lock(&self.shared.upstream) = upstream;
    }

    /// Returns the URL of the same database through this proxy.
    ///
    /// # Errors
    /// If `url` is not the URL of a server with a port.
    pub fn in_front_of(&self, url: &str) -> anyhow::Result<String> {
        let mut url = url::Url::parse(url)?;
        url.set_port(Some(self.address.port())).map_err(|()| anyhow::anyhow!("no port"))?;
        Ok(url.into())
    }

    /// Sets what happens to the traffic from now on.
    pub fn set(&self, toxics: Toxics) {
        *lock(&self.shared.toxics) = toxics;
    }

    /// Returns how many responses to a COMMIT were lost, and how many connections were reset.
    pub fn counts(&self) -> (u64, u64) {
        (self.shared.lost_commits.load(Ordering::Relaxed), self.shared.resets.load(Ordering::Relaxed))
    }
}

impl Shared {
    fn toxics(&self) -> Toxics {
        *lock(&self.toxics)
    }

    fn happens(&self, rate: f64) -> bool {
        rate > 0.0 && lock(&self.dice).random_bool(rate)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn connection(client: TcpStream, shared: Arc<Shared>) {
    let upstream = lock(&shared.upstream).clone();
    let Ok(server) = TcpStream::connect(upstream).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let swallowing = Arc::new(AtomicBool::new(false));
    // The direction that ends first closes the other one, too.
    tokio::select! {
        () = client_to_server(from_client, to_server, &shared, &swallowing) => {}
        () = server_to_client(from_server, to_client, &shared, &swallowing) => {}
    }
}

async fn client_to_server(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, shared: &Shared, swallowing: &AtomicBool) {
    let mut buffer = vec![0; 32 * 1024];
    loop {
        let Ok(length @ 1..) = from.read(&mut buffer).await else { return };
        let toxics = shared.toxics();
        if toxics.black_hole {
            std::future::pending::<()>().await;
        }
        let piece = &buffer[..length];
        if piece.ends_with(COMMIT) && shared.happens(toxics.lost_commit_rate) {
            swallowing.store(true, Ordering::Relaxed);
        }
        if to.write_all(piece).await.is_err() {
            return;
        }
    }
}

async fn server_to_client(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, shared: &Shared, swallowing: &AtomicBool) {
    let mut buffer = vec![0; 32 * 1024];
    loop {
        let Ok(length @ 1..) = from.read(&mut buffer).await else { return };
        let toxics = shared.toxics();
        if toxics.black_hole {
            std::future::pending::<()>().await;
        }
        if swallowing.load(Ordering::Relaxed) {
            shared.lost_commits.fetch_add(1, Ordering::Relaxed);
            return;
        }
        if shared.happens(toxics.reset_rate) {
            shared.resets.fetch_add(1, Ordering::Relaxed);
            return;
        }
        sleep(toxics.latency).await;
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}
