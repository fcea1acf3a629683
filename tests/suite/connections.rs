//! Whoever is slow, greedy or odd on a connection: it costs them their place and nobody else anything.

mod hosts;
mod odd;
mod slow;

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::SOON;

/// Sends bytes as they are, and gives whatever comes until the other side closes.
pub(crate) async fn raw(address: SocketAddr, bytes: &[u8]) -> String {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        // Whoever refuses need not read to the end.
        let _ = stream.write_all(bytes).await;
        rest(&mut stream).await
    };
    tokio::time::timeout(SOON, exchange).await.expect("the connection is closed in time")
}

/// Whatever comes until the other side closes, by a reset too.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut buffer = [0; 16 * 1024];
    while let Ok(number @ 1..) = stream.read(&mut buffer).await {
        bytes.extend_from_slice(&buffer[..number]);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The status of the first answer; 0 where there is none.
fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
}
