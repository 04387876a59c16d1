//! A connection whose peer has to take what it asked for. Timed by the connection's own task, and only while something waits.

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

/// How much the kernel may hold of what was written but is not on its way, in bytes. Its own buffer of megabytes would hide
/// for minutes how slowly a peer reads.
const MAX_UNSENT: u32 = 16 * 1024;

/// How long a peer is listened to after the last answer. A connection that is closed over bytes that were not read is reset,
/// and the reset can overtake the answer: who still sends a body that was refused would never read why.
const LINGER: Duration = Duration::from_secs(2);

/// How fast a peer has to read: at least `min_bytes` bytes in each `window` in which something waits for it.
#[derive(Clone, Copy, Debug)]
pub struct SlowReaderLimit {
    pub window: Duration,
    /// In bytes. At most half of what the kernel holds: it takes more in pieces of that size.
    pub min_bytes: usize,
}

/// A TCP stream that fails once its peer reads too slowly. A peer that nothing waits for may be silent for as long as it likes
/// (a stream of server-sent events seldom writes).
pub struct Stream {
    inner: TcpStream,
    slow_reader: SlowReaderLimit,
    /// Made when it is first needed: most connections never wait.
    timer: Option<Pin<Box<Sleep>>>,
    state: State,
}

enum State {
    /// Everything that was written was taken.
    Flushed,
    /// Something waits; so many bytes were taken in this window.
    Behind { taken: usize },
    /// Nothing more is written; what the peer still sends is thrown away.
    Lingering,
}

impl Stream {
    pub fn new(inner: TcpStream, slow_reader: SlowReaderLimit) -> Self {
        let socket = SockRef::from(&inner);
        // Refinements all of them: where the system refuses one, the connection is as good as any.
        // Small answers leave at once; without it they would wait for the peer's acknowledgement.
        let _ = socket.set_tcp_nodelay(true);
        let _ = socket.set_tcp_notsent_lowat(MAX_UNSENT);
        // A peer that vanished acknowledges nothing; the kernel would ask it again for a quarter of an hour.
        let _ = socket.set_tcp_user_timeout(Some(slow_reader.window * 2));
        Self { inner, slow_reader, timer: None, state: State::Flushed }
    }

    /// The timer, set to `pause` from now.
    fn set_timer(&mut self, pause: Duration) {
        match &mut self.timer {
            Some(timer) => timer.as_mut().reset(Instant::now() + pause),
            None => self.timer = Some(Box::pin(sleep(pause))),
        }
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.timer.as_mut().map_or(Poll::Pending, |timer| timer.as_mut().poll(cx))
    }

    /// After a try to write. Bytes taken do not end the wait, only a flush does: a peer that takes one now and then waits on.
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

    /// Ready at the end of a window in which too little was taken.
    fn poll_too_slow(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        while self.poll_timer(cx).is_ready() {
            if matches!(self.state, State::Behind { taken } if taken < self.slow_reader.min_bytes) {
                metrics::counter!("connections_cut_total", "reason" => "slow_reader").increment(1);
                // What it does not read shall not stay in the kernel either.
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

    /// Called once everything was written: nothing waits any more.
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
