//! A client that sends bytes, not requests: for what no HTTP client would send.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    time::timeout,
};

use super::test_app::TestApp;

/// Longer than anything here may take; it only ends a test that would never end.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Raw(TcpStream);

impl Raw {
    /// A connection to the shop's public listener.
    pub async fn to(app: &TestApp) -> Self {
        Self(TcpStream::connect(host(app)).await.unwrap())
    }

    pub async fn at(address: std::net::SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.unwrap())
    }

    /// A connection of a peer that has hardly any room for answers.
    pub async fn with_little_room(app: &TestApp) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        Self(socket.connect(host(app).parse().unwrap()).await.unwrap())
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        timeout(PATIENCE, self.0.write_all(bytes.as_ref())).await.unwrap()
    }

    /// Everything that comes until the connection is closed, in whichever way.
    pub async fn until_closed(&mut self) -> String {
        let mut all = Vec::new();
        // A reset after an answer ends it like a close.
        let _ = timeout(PATIENCE, self.0.read_to_end(&mut all)).await.unwrap();
        String::from_utf8_lossy(&all).into_owned()
    }

    /// The same, of a connection that ends as it should: not by a reset, which can overtake what
    /// was said before it.
    pub async fn until_ended(&mut self) -> String {
        let mut all = Vec::new();
        timeout(PATIENCE, self.0.read_to_end(&mut all)).await.unwrap().unwrap();
        String::from_utf8_lossy(&all).into_owned()
    }

    /// Reads no more than this at a time. `None` once the connection is gone.
    pub async fn sip(&mut self, bytes: usize) -> Option<usize> {
        let mut piece = vec![0; bytes];
        timeout(PATIENCE, self.0.read(&mut piece)).await.unwrap().ok().filter(|read| *read > 0)
    }

    /// What comes until `text` has.
    pub async fn until(&mut self, text: &str) -> String {
        let mut all = Vec::new();
        let mut piece = [0; 4096];
        while !String::from_utf8_lossy(&all).contains(text) {
            let read = timeout(PATIENCE, self.0.read(&mut piece)).await.unwrap().unwrap();
            assert!(read > 0, "closed before {text:?}: {}", String::from_utf8_lossy(&all));
            all.extend_from_slice(&piece[..read]);
        }
        String::from_utf8_lossy(&all).into_owned()
    }

    /// Sends what is not refused, and reads what comes back until the connection is closed.
    pub async fn exchange(mut self, bytes: impl AsRef<[u8]>) -> String {
        let _ = self.send(bytes).await;
        self.until_closed().await
    }
}

/// Address and port of the public listener.
pub fn host(app: &TestApp) -> &str {
    app.public.strip_prefix("http://").unwrap()
}

/// The statuses of the answers in `text`, in order.
pub fn statuses(text: &str) -> Vec<u16> {
    text.match_indices("HTTP/1.").map(|(at, _)| text[at + 9..at + 12].parse().unwrap()).collect()
}
