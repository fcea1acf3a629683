//! A simulated Apple: couriers and the provider API, and everything that can stand in the way to them.

mod certificates;
mod connection;

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

pub use self::certificates::Certificates;
use self::certificates::Identities;
use crate::model::Role;

/// What stands at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// Apple.
    Open,
    /// A firewall that looks into the greeting and cuts.
    Reset,
    /// A portal that answers anything with a web page.
    Page,
    /// Something that accepts and never says a word.
    Silent,
    /// TLS that refuses.
    Alert,
    /// An inspection that breaks TLS open with a CA of its own.
    Intercepted,
    /// A certificate of the right CA for another host.
    WrongHost,
    /// Apple's certificate, and no protocol agreed on.
    WithoutAlpn,
    /// TLS as Apple's; HTTP is answered by somebody else.
    Unavailable,
}

/// A courier or an API on one address. It ends when dropped.
#[derive(Debug)]
pub struct Simulator {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: Option<JoinHandle<()>>,
}

/// What its connections share.
#[derive(Debug)]
struct Shared {
    role: Role,
    identities: Identities,
    behaviour: Mutex<Behaviour>,
    connections: AtomicU64,
    requests: Mutex<Vec<String>>,
}

impl Simulator {
    /// Listens on an address; port 0 takes a free one.
    ///
    /// # Errors
    ///
    /// If the address cannot be had, or a certificate cannot be used.
    pub async fn start(
        address: SocketAddr,
        role: Role,
        certificates: &Certificates,
        behaviour: Behaviour,
    ) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            role,
            identities: certificates.identities(role)?,
            behaviour: Mutex::new(behaviour),
            connections: AtomicU64::new(0),
            requests: Mutex::default(),
        });
        let task = Some(tokio::spawn(accept(listener, Arc::clone(&shared))));
        Ok(Self { address, shared, task })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Behaves otherwise from the next connection on.
    pub fn set(&self, behaviour: Behaviour) {
        *self.shared.behaviour.lock().unwrap_or_else(PoisonError::into_inner) = behaviour;
    }

    /// How many connections were accepted.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// What was asked over HTTP, method and path.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        self.shared.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Closes the listener and every connection.
    pub async fn stop(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
            // It was told to end; how it ended matters to nobody.
            let _ = task.await;
        }
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// Accepts until it is aborted; its connections end with it.
async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        let accepted: io::Result<_> = listener.accept().await;
        let Ok((stream, _)) = accepted else { continue };
        shared.connections.fetch_add(1, Ordering::Relaxed);
        let behaviour = *shared.behaviour.lock().unwrap_or_else(PoisonError::into_inner);
        connections.spawn(connection::serve(stream, Arc::clone(&shared), behaviour));
        while connections.try_join_next().is_some() {}
    }
}

#[cfg(test)]
mod tests;
