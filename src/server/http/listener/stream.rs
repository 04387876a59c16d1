//! A TCP stream that closes a connection whose peer reads too slowly. The connection's own task
//! keeps the time, and only while data waits.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, Sleep, sleep},
};

/// How much written but unsent data the kernel may hold, in bytes. The kernel's default of
/// megabytes would hide for minutes how slowly a peer reads.
const MAX_UNSENT: u32 = 16 * 1024;

/// How long to drain input after the response (lingering close). Closing a socket with unread data
/// sends RST, which can discard the response before the peer has read it.
const LINGER: Duration = Duration::from_secs(2);

/// How fast a peer must read: at least `min_bytes` bytes in each `window` in which data waits.
#[derive(Clone, Copy, Debug)]
pub struct SlowReaderLimit {
    /// The length of a window.
    pub window: Duration,
    /// In bytes. At most half of [`MAX_UNSENT`]: the kernel takes more data in pieces of that size.
    pub min_bytes: usize,
}

/// A TCP stream that fails once its peer reads too slowly. A peer may be idle for any time while no
/// data waits for it: a stream of server-sent events seldom writes.
pub struct Stream {
    inner: TcpStream,
    slow_reader: SlowReaderLimit,
    /// Created when it is first needed: most connections never wait.
    timer: Option<Pin<Box<Sleep>>>,
    state: State,
}

enum State {
    /// The kernel took everything that was written.
    Flushed,
    /// Data waits; `taken` bytes were written in this window.
    Behind { taken: usize },
    /// Nothing more is written; input from the peer is discarded.
    Lingering,
}

impl Stream {
    pub fn new(inner: TcpStream, slow_reader: SlowReaderLimit) -> Self {
        let socket = SockRef::from(&inner);
        // These options are refinements: where the system refuses one, the connection still works.
        // Small responses leave at once, without waiting for the peer's acknowledgement.
        let _ = socket.set_tcp_nodelay(true);
        let _ = socket.set_tcp_notsent_lowat(MAX_UNSENT);
        // A vanished peer acknowledges nothing. Without this the kernel resends for 15 minutes.
        let _ = socket.set_tcp_user_timeout(Some(slow_reader.window * 2));
        Self { inner, slow_reader, timer: None, state: State::Flushed }
    }

    /// Sets the timer to `pause` from now.
    fn set_timer(&mut self, pause: Duration) {
        match &mut self.timer {
            Some(timer) => timer.as_mut().reset(Instant::now() + pause),
            None => self.timer = Some(Box::pin(sleep(pause))),
        }
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.timer.as_mut().map_or(Poll::Pending, |timer| timer.as_mut().poll(cx))
    }

    /// Records the result of a write. Written bytes do not end the wait, only a flush does: a peer
    /// that takes a byte now and then stays measured.
    fn track_write(&mut self, cx: &mut Context<'_>, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match (&result, &mut self.state) {
            (Poll::Ready(Ok(number)), State::Behind { taken }) => *taken += number,
            (Poll::Ready(_), _) => {}
            (Poll::Pending, state) => {
                if !matches!(state, State::Behind { .. }) {
                    *state = State::Behind { taken: 0 };
                    self.set_timer(self.slow_reader.window);
                }
                return self.poll_too_slow(cx).map(Err);
            }
        }
        result
    }

    /// Ready at the end of a window in which the peer read too little.
    fn poll_too_slow(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        while self.poll_timer(cx).is_ready() {
            if matches!(self.state, State::Behind { taken } if taken < self.slow_reader.min_bytes) {
                metrics::counter!("connections_cut_total", "reason" => "slow_reader").increment(1);
                // Unread data must not stay in the kernel, either.
                let _ = self.inner.set_zero_linger();
                return Poll::Ready(io::ErrorKind::TimedOut.into());
            }
            self.state = State::Behind { taken: 0 };
            self.set_timer(self.slow_reader.window);
        }
        Poll::Pending
    }
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.inner).poll_write(cx, bytes);
        self.track_write(cx, result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.inner).poll_write_vectored(cx, slices);
        self.track_write(cx, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    /// Called once everything was written: no data waits any more.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if matches!(self.state, State::Behind { .. }) {
            self.state = State::Flushed;
        }
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !matches!(self.state, State::Lingering) {
            ready!(Pin::new(&mut self.inner).poll_shutdown(cx))?;
            self.state = State::Lingering;
            self.set_timer(LINGER);
        }
        let mut discarded = [0; 16 * 1024];
        while self.poll_timer(cx).is_pending() {
            let mut buffer = ReadBuf::new(&mut discarded);
            match ready!(Pin::new(&mut self.inner).poll_read(cx, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {}
                Ok(()) | Err(_) => break,
            }
        }
        Poll::Ready(Ok(()))
    }
}
