//! A proxy between the daemon and a simulator, which can be broken and mended at any moment.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

use super::answers::{self, Answer};
use super::identities::Identities;
use super::kinds::Fault;

/// A door. It closes when dropped.
pub(super) struct Door {
    pub(super) address: SocketAddr,
    inside: Arc<Inside>,
}

struct Inside {
    fault: watch::Sender<Fault>,
    /// The simulator.
    behind: SocketAddr,
    tls: Option<Arc<Identities>>,
    visits: Mutex<Vec<Visit>>,
}

/// A request that came to a door with a fault.
#[derive(Clone, Debug)]
pub(super) struct Visit {
    pub(super) at: Instant,
    /// Method and target.
    pub(super) asked: String,
}

/// How a connection ends.
enum End {
    Orderly,
    Reset,
}

impl Door {
    pub(super) async fn new(behind: SocketAddr, tls: Option<Arc<Identities>>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (fault, told) = watch::channel(Fault::None);
        let inside = Arc::new(Inside { fault, behind, tls, visits: Mutex::default() });
        tokio::spawn(listen(address, listener, Arc::downgrade(&inside), told));
        Self { address, inside }
    }

    pub(super) fn set(&self, fault: Fault) {
        self.inside.fault.send_replace(fault);
    }

    /// What was asked while it was broken.
    pub(super) fn visits(&self) -> Vec<Visit> {
        self.inside.visits.lock().unwrap().clone()
    }
}

async fn listen(
    address: SocketAddr,
    listener: TcpListener,
    inside: std::sync::Weak<Inside>,
    mut told: watch::Receiver<Fault>,
) {
    let mut listener = Some(listener);
    loop {
        let is_open = *told.borrow_and_update() != Fault::Refused;
        if !is_open {
            listener = None;
        } else if listener.is_none() {
            // The port was ours a moment ago, but another program may have been lent it.
            listener = Some(TcpListener::bind(address).await.expect("the port is free again"));
        }
        tokio::select! {
            changed = told.changed() => if changed.is_err() { return },
            accepted = async { listener.as_ref().unwrap().accept().await }, if listener.is_some() => {
                let (Ok((stream, _)), Some(inside)) = (accepted, inside.upgrade()) else { return };
                tokio::spawn(async move { inside.welcome(stream).await });
            }
        }
    }
}

impl Inside {
    /// One connection, which carries one request. Whoever is on the other side may leave at any moment.
    async fn welcome(&self, mut stream: TcpStream) {
        let fault = *self.fault.borrow();
        match fault {
            Fault::BlackHole => return wait_for_the_end(&mut stream).await,
            Fault::NotTls => {
                let _ = stream.write_all(b"220 mail.example.com ESMTP\r\n").await;
                return wait_for_the_end(&mut stream).await;
            }
            Fault::Hangup => {
                // Its greeting is read, so that the end is an orderly one.
                let _ = stream.read(&mut [0; 4096]).await;
                return;
            }
            _ => {}
        }
        let Some(identities) = &self.tls else {
            if let Some(End::Reset) = self.converse(&mut stream, fault).await {
                let _ = stream.set_zero_linger();
            }
            return;
        };
        if let Ok(mut stream) = TlsAcceptor::from(identities.of(fault)).accept(stream).await {
            self.converse(&mut stream, fault).await;
            let _ = stream.shutdown().await;
        }
    }

    async fn converse(&self, stream: &mut (impl AsyncRead + AsyncWrite + Unpin), fault: Fault) -> Option<End> {
        let request = read_request(stream).await?;
        let line = String::from_utf8_lossy(&request).lines().next().unwrap_or_default().to_owned();
        let visit = Visit { at: Instant::now(), asked: line.trim_end_matches(" HTTP/1.1").to_owned() };
        if fault != Fault::None {
            self.visits.lock().unwrap().push(visit);
        }
        match fault {
            Fault::Endless => {
                stream.write_all(b"HTTP/1.1 200 x\r\ncontent-type: application/json\r\n\r\n[").await.ok()?;
                flood(stream, &[b' '; 65536]).await;
                return None;
            }
            Fault::EndlessHead => {
                stream.write_all(b"HTTP/1.1 200 x\r\n").await.ok()?;
                flood(stream, &b"x-more: and more and more and more and more\r\n".repeat(100)).await;
                return None;
            }
            _ => {}
        }
        let answer = match answers::made(fault) {
            Some(answer) => answer,
            None => answers::bent(fault, self.ask(&request).await?),
        };
        if fault == Fault::Pace {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let (head, body) = (answer.head(answer.body.len()), answer.body.as_slice());
        stream.write_all(head.as_bytes()).await.ok()?;
        match fault {
            Fault::Reset | Fault::CutOff => {
                stream.write_all(&body[..body.len() / 2]).await.ok()?;
                stream.flush().await.ok()?;
                // So that the half is read before the connection ends.
                tokio::time::sleep(Duration::from_millis(50)).await;
                return Some(if fault == Fault::Reset { End::Reset } else { End::Orderly });
            }
            Fault::Trickle => {
                for byte in body {
                    stream.write_all(&[*byte]).await.ok()?;
                    stream.flush().await.ok()?;
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
            }
            _ => stream.write_all(body).await.ok()?,
        }
        stream.flush().await.ok()?;
        Some(End::Orderly)
    }

    /// Asks the simulator the same, on a connection of its own.
    async fn ask(&self, request: &[u8]) -> Option<Answer> {
        let mut stream = TcpStream::connect(self.behind).await.ok()?;
        let start = request.windows(2).position(|part| part == b"\r\n")?;
        stream.write_all(&request[..start]).await.ok()?;
        stream.write_all(b"\r\nconnection: close").await.ok()?;
        if self.tls.is_some() {
            stream.write_all(b"\r\nx-forwarded-proto: https").await.ok()?;
        }
        stream.write_all(&request[start..]).await.ok()?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.ok()?;
        Some(Answer::parse(&bytes))
    }
}

/// A whole request, head and body; none if there is no more than a part of one.
async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> Option<Vec<u8>> {
    let mut request = Vec::new();
    let mut part = [0; 4096];
    loop {
        if let Some(end) = request.windows(4).position(|part| part == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&request[..end]).to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
            if request.len() >= end + 4 + length.unwrap_or(0_usize) {
                return Some(request);
            }
        }
        match stream.read(&mut part).await {
            Ok(0) | Err(_) => return None,
            Ok(length) => request.extend_from_slice(&part[..length]),
        }
    }
}

/// The same again and again, until nobody reads it any more.
async fn flood(stream: &mut (impl AsyncWrite + Unpin), part: &[u8]) {
    while stream.write_all(part).await.is_ok() {}
}

async fn wait_for_the_end(stream: &mut TcpStream) {
    let mut part = [0; 4096];
    while stream.read(&mut part).await.is_ok_and(|length| length > 0) {}
}
