//! A TCP proxy before PostgreSQL: late, reset, deaf, and losing the answer to a COMMIT that was done.

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

/// What the proxy does to what passes through it.
#[derive(Clone, Copy, Default, Debug)]
pub struct Toxics {
    /// Added to everything that the server answers.
    pub latency: Duration,
    /// How often a piece of an answer is replaced by the connection's end.
    pub reset_rate: f64,
    /// How often the answer to a COMMIT is lost, with the connection.
    pub lost_commit_rate: f64,
    /// Nothing passes, in either direction, and nobody is told. What met this stays so for ever.
    pub black_hole: bool,
}

pub struct Proxy {
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

    /// Where the server is from now on.
    pub fn repoint(&self, upstream: String) {
        *lock(&self.shared.upstream) = upstream;
    }

    /// The database of this URL, reached through here.
    pub fn before(&self, url: &str) -> anyhow::Result<String> {
        let mut url = url::Url::parse(url)?;
        url.set_port(Some(self.address.port())).map_err(|()| anyhow::anyhow!("no port"))?;
        Ok(url.into())
    }

    pub fn set(&self, toxics: Toxics) {
        *lock(&self.shared.toxics) = toxics;
    }

    /// How many answers to a COMMIT were lost, and how many connections were reset.
    pub fn dealt(&self) -> (u64, u64) {
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
    // Whichever way ends first takes the other with it.
    tokio::select! {
        () = asked(from_client, to_server, &shared, &swallowing) => {}
        () = answered(from_server, to_client, &shared, &swallowing) => {}
    }
}

async fn asked(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, shared: &Shared, swallowing: &AtomicBool) {
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

async fn answered(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, shared: &Shared, swallowing: &AtomicBool) {
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
