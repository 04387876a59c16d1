//! Asks for health from a thread of its own, as a load balancer does from another machine: how busy the rest of the harness is must not
//! count as the shop's slowness.

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

/// Between two looks.
const EVERY: Duration = Duration::from_millis(50);

/// A look that takes longer than this has failed.
const PATIENCE: Duration = Duration::from_secs(5);

pub struct Watcher {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Vec<Look>>,
}

/// One look: when it began, how long it took, and whether the shop said that it is well.
pub struct Look {
    pub after: Duration,
    pub took: Duration,
    pub well: bool,
}

impl Watcher {
    pub fn start(public: SocketAddr) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let ended = stop.clone();
        let thread = thread::spawn(move || {
            let began = Instant::now();
            let mut looks = Vec::new();
            while !ended.load(Ordering::Relaxed) {
                let asked = Instant::now();
                let well = look(public).is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"));
                looks.push(Look { after: asked - began, took: asked.elapsed(), well });
                thread::sleep(EVERY);
            }
            looks
        });
        Self { stop, thread }
    }

    /// What was seen.
    pub fn end(self) -> anyhow::Result<Vec<Look>> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| anyhow::anyhow!("the watcher panicked"))
    }
}

/// On a connection of its own each time: the queue for new ones is part of what a crowd can make long.
fn look(public: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&public, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(format!("GET /healthz HTTP/1.1\r\nhost: {public}\r\nconnection: close\r\n\r\n").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
