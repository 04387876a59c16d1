//! Probes the health check from a thread of its own, as a load balancer does from another machine:
//! the harness's own load must not count as slowness of the shop.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// The pause between two probes.
const EVERY: Duration = Duration::from_millis(50);

/// A probe that takes longer than this has failed.
const TIMEOUT: Duration = Duration::from_secs(5);

pub struct HealthProbe {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Vec<Probe>>,
}

/// One probe: when it began, how long it took, and whether the shop responded with 200.
pub struct Probe {
    pub after: Duration,
    pub took: Duration,
    pub healthy: bool,
}

impl HealthProbe {
    /// Probes `public` until [`Self::end`].
    pub fn start(public: SocketAddr) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let ended = stop.clone();
        let thread = thread::spawn(move || {
            let began = Instant::now();
            let mut probes = Vec::new();
            while !ended.load(Ordering::Relaxed) {
                let sent = Instant::now();
                let healthy = probe(public).is_ok_and(|response| response.starts_with("HTTP/1.1 200"));
                probes.push(Probe { after: sent - began, took: sent.elapsed(), healthy });
                thread::sleep(EVERY);
            }
            probes
        });
        Self { stop, thread }
    }

    /// Ends, and returns all probes.
    pub fn end(self) -> anyhow::Result<Vec<Probe>> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| anyhow::anyhow!("the health probe panicked"))
    }
}

/// Uses a new connection each time: many clients can make the queue for new connections long, too.
fn probe(public: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&public, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.write_all(format!("GET /healthz HTTP/1.1\r\nhost: {public}\r\nconnection: close\r\n\r\n").as_bytes())?;
    let mut response = String::new();
    stream.read_to_string(&mut response)?;
    Ok(response)
}
