//! An HTTP server on loopback that can be stopped in the middle of anything, and started again.

use std::future::IntoFuture as _;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::listener::{Connection, CutListener, Traffic};

/// A running server. It ends when dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    router: Router,
    traffic: Arc<Traffic>,
    stop: CancellationToken,
    task: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts one on an address; port 0 takes a free one.
    ///
    /// # Errors
    ///
    /// If the address cannot be had.
    pub async fn start(address: SocketAddr, router: Router) -> io::Result<Self> {
        let stop = CancellationToken::new();
        let mut server = Self { address, router, traffic: Arc::default(), stop, task: None };
        server.restart().await?;
        Ok(server)
    }

    /// Starts it again, on the same port.
    ///
    /// # Errors
    ///
    /// If the port was taken meanwhile.
    pub async fn restart(&mut self) -> io::Result<()> {
        self.stop().await;
        self.stop = CancellationToken::new();
        let listener = CutListener::bind(self.address, self.stop.clone(), Arc::clone(&self.traffic)).await?;
        self.address = listener.address()?;
        let service = self.router.clone().into_make_service_with_connect_info::<Connection>();
        let (server, stop) = (axum::serve(listener, service).into_future(), self.stop.clone());
        self.task = Some(tokio::spawn(async move {
            tokio::select! {
                _ = server => {}
                () = stop.cancelled() => {}
            }
        }));
        Ok(())
    }

    /// Closes the listener and every connection.
    pub async fn stop(&mut self) {
        self.stop.cancel();
        if let Some(task) = self.task.take() {
            // It ends by itself once it is told to; how it ended matters to nobody.
            let _ = task.await;
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What went over it.
    #[must_use]
    pub fn traffic(&self) -> &Traffic {
        &self.traffic
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
