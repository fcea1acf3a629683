//! A connection on which an answer may take only so long.
//!
//! A limit for each piece alone would not do: whoever takes a byte now and then would keep the connection for days.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::places::Seat;

/// A stream that fails when an answer takes too long to be taken. The time runs from its first byte; it ends when everything
/// is written and the next request begins.
pub(super) struct Paced<S> {
    stream: S,
    limit: Duration,
    deadline: Option<Pin<Box<Sleep>>>,
    /// Whether everything that was to be written is with the other side.
    is_written: bool,
    seat: Arc<Seat>,
}

impl<S> Paced<S> {
    pub(super) fn new(stream: S, limit: Duration, seat: Arc<Seat>) -> Self {
        Self { stream, limit, deadline: None, is_written: true, seat }
    }

    /// Fails when the time is over; otherwise it wakes the task then.
    fn in_time(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        let limit = self.limit;
        let deadline = self.deadline.get_or_insert_with(|| Box::pin(sleep(limit)));
        match deadline.as_mut().poll(context) {
            Poll::Ready(()) => Err(io::ErrorKind::TimedOut.into()),
            Poll::Pending => Ok(()),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        if self.is_written && buffer.filled().len() > before {
            self.deadline = None;
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.is_written = false;
        self.in_time(cx)?;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.is_written = false;
        self.in_time(cx)?;
        Pin::new(&mut self.stream).poll_write_vectored(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_written {
            return Pin::new(&mut self.stream).poll_flush(cx);
        }
        self.in_time(cx)?;
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        self.is_written = true;
        self.seat.is_written();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_written {
            // The answer before may be long ago; taking leave has a time of its own.
            self.deadline = None;
            self.is_written = false;
        }
        self.in_time(cx)?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
