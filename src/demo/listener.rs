//! A listener whose connections can be cut, so that a simulator can fail as networks do.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use axum::extract::connect_info::Connected;
use axum::serve::IncomingStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// What went over a listener, in all.
#[derive(Debug, Default)]
pub struct Traffic {
    /// Connections accepted.
    pub connections: AtomicU64,
    /// Connections that are open now.
    pub open: AtomicU64,
    /// The most that were open at once.
    pub most_open: AtomicU64,
    /// Requests that came in.
    pub requests: AtomicU64,
    /// Requests that have no answer yet.
    pub busy: AtomicU64,
    /// The most that had none at once.
    pub most_busy: AtomicU64,
    /// Bytes sent.
    pub bytes: AtomicU64,
}

/// A listener on this machine. When `stop` is cancelled its connections end, those in the middle of an answer too.
#[derive(Debug)]
pub struct CutListener {
    listener: TcpListener,
    stop: CancellationToken,
    traffic: Arc<Traffic>,
}

impl CutListener {
    /// Listens on an address; port 0 takes a free one.
    ///
    /// # Errors
    ///
    /// As [`TcpListener::bind`].
    pub async fn bind(address: SocketAddr, stop: CancellationToken, traffic: Arc<Traffic>) -> io::Result<Self> {
        Ok(Self { listener: TcpListener::bind(address).await?, stop, traffic })
    }

    /// Where it listens.
    ///
    /// # Errors
    ///
    /// As [`TcpListener::local_addr`].
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl axum::serve::Listener for CutListener {
    type Io = CutStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let (stream, address) = axum::serve::Listener::accept(&mut self.listener).await;
        self.traffic.connections.fetch_add(1, Ordering::Relaxed);
        let open = self.traffic.open.fetch_add(1, Ordering::Relaxed) + 1;
        self.traffic.most_open.fetch_max(open, Ordering::Relaxed);
        let cut = self.stop.child_token();
        let is_cut = Box::pin(cut.clone().cancelled_owned());
        (CutStream { stream, cut, is_cut, traffic: Arc::clone(&self.traffic) }, address)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.address()
    }
}

/// A connection that can be cut.
#[derive(Debug)]
pub struct CutStream {
    stream: TcpStream,
    cut: CancellationToken,
    is_cut: Pin<Box<WaitForCancellationFutureOwned>>,
    traffic: Arc<Traffic>,
}

impl Drop for CutStream {
    fn drop(&mut self) {
        self.traffic.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl AsyncRead for CutStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.is_cut.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for CutStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.cut.is_cancelled() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        if let Poll::Ready(Ok(bytes)) = &written {
            self.traffic.bytes.fetch_add(*bytes as u64, Ordering::Relaxed);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// One connection, as a handler sees it.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Cuts it when cancelled.
    pub cut: CancellationToken,
    /// How many requests came over it; counted by the handler.
    pub requests: Arc<AtomicU64>,
    /// What went over the listener.
    pub traffic: Arc<Traffic>,
}

/// A request under way. It is over when dropped.
#[derive(Debug)]
pub struct Busy(Arc<Traffic>);

impl Connection {
    /// Counts a request, to be called as soon as it is there.
    #[must_use]
    pub fn begin(&self) -> Busy {
        self.traffic.requests.fetch_add(1, Ordering::Relaxed);
        let busy = self.traffic.busy.fetch_add(1, Ordering::Relaxed) + 1;
        self.traffic.most_busy.fetch_max(busy, Ordering::Relaxed);
        Busy(Arc::clone(&self.traffic))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Connected<IncomingStream<'_, CutListener>> for Connection {
    fn connect_info(stream: IncomingStream<'_, CutListener>) -> Self {
        let stream = stream.io();
        Self { cut: stream.cut.clone(), requests: Arc::default(), traffic: Arc::clone(&stream.traffic) }
    }
}
