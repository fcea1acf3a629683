//! One connection to a simulated courier or API.

use std::sync::{Arc, PoisonError};

use bytes::Bytes;
use http::{Method, Response, StatusCode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::{Behaviour, Shared};
use crate::model::Role;

/// A fatal `handshake_failure` (RFC 8446, 6).
const ALERT: [u8; 7] = [21, 3, 3, 0, 2, 2, 40];

const PAGE: &str = "HTTP/1.1 302 Found\r\nLocation: http://portal.example.com/\r\nContent-Type: text/html\r\n\
                    Connection: close\r\n\r\n<!DOCTYPE html><html><body>Sign in to use this network</body></html>";

/// Serves one connection to its end. Whatever goes wrong ends it: the other side is a probe, and notices.
pub(super) async fn serve(mut stream: TcpStream, shared: Arc<Shared>, behaviour: Behaviour) {
    let identities = &shared.identities;
    let identity = match behaviour {
        Behaviour::Open | Behaviour::Unavailable => &identities.right,
        Behaviour::Intercepted => &identities.inspection,
        Behaviour::WrongHost => &identities.wrong_host,
        Behaviour::WithoutAlpn => &identities.without_alpn,
        Behaviour::Reset => {
            greeting(&mut stream).await;
            // What is thrown away unsent makes the close a RST.
            let _ = stream.set_zero_linger();
            return;
        }
        Behaviour::Page | Behaviour::Alert => {
            greeting(&mut stream).await;
            let answer = if behaviour == Behaviour::Page { PAGE.as_bytes() } else { &ALERT };
            let _ = stream.write_all(answer).await;
            let _ = stream.shutdown().await;
            return drain(stream).await;
        }
        Behaviour::Silent => return drain(stream).await,
    };
    let Ok(tls) = TlsAcceptor::from(Arc::clone(identity)).accept(stream).await else { return };
    match shared.role {
        Role::Device => drain(tls).await,
        Role::Server => http(tls, &shared, behaviour).await,
    }
}

/// Reads the greeting of the other side, or what there is of it.
async fn greeting(stream: &mut TcpStream) {
    let mut buffer = [0; 4096];
    let _ = stream.read(&mut buffer).await;
}

/// Listens and says nothing until the other side goes.
async fn drain(mut stream: impl tokio::io::AsyncRead + Unpin) {
    let mut buffer = [0; 1024];
    while matches!(stream.read(&mut buffer).await, Ok(1..)) {}
}

async fn http(tls: TlsStream<TcpStream>, shared: &Shared, behaviour: Behaviour) {
    let Ok(mut connection) = h2::server::handshake(tls).await else { return };
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        let path = request.uri().path().to_owned();
        let asked = format!("{} {path}", request.method());
        shared.requests.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
        let is_credential = |name: &str| request.headers().contains_key(name);
        let (status, body) = match (request.method(), path.starts_with("/3/device/")) {
            _ if behaviour == Behaviour::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "<html>Busy</html>"),
            (&Method::POST, true) if is_credential("authorization") => {
                (StatusCode::FORBIDDEN, r#"{"reason":"InvalidProviderToken"}"#)
            }
            (&Method::POST, true) => (StatusCode::FORBIDDEN, r#"{"reason":"MissingProviderToken"}"#),
            (&Method::POST, false) => (StatusCode::NOT_FOUND, r#"{"reason":"BadPath"}"#),
            _ => (StatusCode::METHOD_NOT_ALLOWED, r#"{"reason":"MethodNotAllowed"}"#),
        };
        let mut head = Response::builder().status(status);
        head = if behaviour == Behaviour::Unavailable {
            head.header("content-type", "text/html")
        } else {
            let id = uuid::Uuid::new_v4().to_string().to_uppercase();
            head.header("apns-id", id).header("content-type", "application/json")
        };
        let Ok(head) = head.body(()) else { return };
        if let Ok(mut stream) = respond.send_response(head, false) {
            // The other side may have gone.
            let _ = stream.send_data(Bytes::from_static(body.as_bytes()), true);
        }
    }
}
