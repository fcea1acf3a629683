//! The last step: one request without credentials. Apple's front end refuses it with `403 MissingProviderToken` and an
//! `apns-id`, which proves the whole way; nobody could be pushed by it.

use bytes::Bytes;
use http::{Method, Request};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// The token of no device.
const NOBODY: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// What Apple gives every answer.
const APNS_ID: &str = "apns-id";

/// No more of a body is read.
const BODY: usize = 4096;

/// Asks, and says what is wrong with the answer.
pub(super) async fn ask(stream: TlsStream<TcpStream>, host: &str) -> Result<(), String> {
    let broken = |error: h2::Error| format!("no HTTP/2: {error}");
    let (mut client, connection) = h2::client::handshake(stream).await.map_err(broken)?;
    let exchange = async {
        futures::future::poll_fn(|cx| client.poll_ready(cx)).await.map_err(broken)?;
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("https://{host}/3/device/{NOBODY}"))
            .header("content-length", "2")
            .body(())
            .map_err(|error| error.to_string())?;
        let (response, mut body) = client.send_request(request, false).map_err(broken)?;
        body.send_data(Bytes::from_static(b"{}"), true).map_err(broken)?;
        let response = response.await.map_err(broken)?;
        let (head, mut body) = response.into_parts();
        let mut read = 0;
        // Read to its end, so that the connection is not torn down in the middle of an answer.
        while let Some(chunk) = body.data().await {
            let Ok(chunk) = chunk else { break };
            // Giving back more than was taken is the only way in which this fails.
            let _ = body.flow_control().release_capacity(chunk.len());
            read += chunk.len();
            if read > BODY {
                break;
            }
        }
        let status = head.status.as_u16();
        if !head.headers.contains_key(APNS_ID) {
            return Err(format!("the answer with status {status} is not Apple's: it has no {APNS_ID}"));
        }
        if head.status.is_success() {
            return Err(format!("the answer has status {status}, though nobody could have been pushed"));
        }
        Ok(())
    };
    tokio::pin!(exchange);
    tokio::select! {
        answer = &mut exchange => answer,
        ended = connection => {
            // The connection may end together with the answer, whose parts are then here already.
            let early = match ended {
                Ok(()) => "the connection was closed before an answer".to_owned(),
                Err(error) => broken(error),
            };
            futures::FutureExt::now_or_never(exchange).unwrap_or(Err(early))
        }
    }
}
