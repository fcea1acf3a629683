//! One attempt at one address and port: the steps from the connection on.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::chain::{self, Trust};
use super::{http2, tls};
use crate::model::probe::Attempt;
use crate::model::{IpVersion, ProbeFailure, ProbeReason, Role, Step, StepTaken};

/// What an attempt below the connection needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deep<'a> {
    pub(super) role: Role,
    /// The deepest step.
    pub(super) until: Step,
    /// The name in the certificate.
    pub(super) name: &'a str,
    pub(super) trust: &'a Trust,
    pub(super) now: DateTime<Utc>,
}

/// Opens a connection and closes it: the cheapest attempt.
pub async fn connect(host: &str, address: SocketAddr, timeout: Duration) -> (Attempt, Option<TcpStream>) {
    let begun = Instant::now();
    let (failure, stream) = match tokio::time::timeout(timeout, TcpStream::connect(address)).await {
        Ok(Ok(stream)) => (None, Some(stream)),
        Ok(Err(error)) => (Some(unopened(&error)), None),
        Err(_) => (Some(ProbeFailure::new(ProbeReason::Timeout, "nothing came back")), None),
    };
    let attempt = Attempt {
        port: address.port(),
        ip_version: IpVersion::of(address.ip()),
        host: host.to_owned(),
        address: Some(address.ip()),
        steps: vec![StepTaken { step: Step::Tcp, took: begun.elapsed(), failure }],
        issuer: None,
    };
    (attempt, stream)
}

/// The steps down to the deepest that is wanted, or the first that fails.
pub(super) async fn deep(host: &str, address: SocketAddr, timeout: Duration, deep: Deep<'_>) -> Attempt {
    let (mut attempt, stream) = connect(host, address, timeout).await;
    let Some(stream) = stream.filter(|_| deep.until > Step::Tcp) else { return attempt };
    let mut steps = Steps(&mut attempt);
    let begun = Instant::now();
    let greeted = match tokio::time::timeout(timeout, tls::greet(stream, deep.role, deep.name)).await {
        Ok(Ok(greeted)) => greeted,
        Ok(Err(failure)) if failure.reason == ProbeReason::AlpnMissing => {
            // An alert about the protocol is spoken in TLS.
            steps.done(Step::Tls, begun, None);
            if deep.until >= Step::Alpn {
                steps.done(Step::Alpn, begun, Some(failure));
            }
            return attempt;
        }
        Ok(Err(failure)) => {
            steps.done(Step::Tls, begun, Some(failure));
            return attempt;
        }
        Err(_) => {
            let failure = ProbeFailure::new(ProbeReason::Timeout, "it opens, and nothing answers the TLS greeting");
            steps.done(Step::Tls, begun, Some(failure));
            return attempt;
        }
    };
    steps.done(Step::Tls, begun, None);
    if deep.until < Step::Alpn {
        return attempt;
    }
    if let Some(is_agreed) = greeted.is_protocol_agreed {
        let missing = (!is_agreed).then(|| {
            let wanted = tls::protocol(deep.role);
            let message = format!("TLS is spoken, and the protocol {wanted} is not agreed on");
            ProbeFailure::new(ProbeReason::AlpnMissing, message)
        });
        steps.done(Step::Alpn, Instant::now(), missing);
    }
    if deep.until < Step::Chain {
        return attempt;
    }
    let begun = Instant::now();
    let verdict = chain::judge(deep.role, &greeted.chain, deep.name, deep.trust, deep.now);
    let is_apple = verdict.is_ok();
    match verdict {
        Ok(()) => steps.done(Step::Chain, begun, None),
        Err(objection) => {
            steps.done(Step::Chain, begun, Some(objection.failure));
            attempt.issuer = objection.issuer;
        }
    }
    let is_agreed = greeted.is_protocol_agreed == Some(true);
    let Some(stream) = greeted.stream.filter(|_| deep.until >= Step::Http2 && is_apple && is_agreed) else {
        return attempt;
    };
    let begun = Instant::now();
    let asked = tokio::time::timeout(timeout, http2::ask(stream, deep.name)).await;
    let failure = match asked {
        Ok(Ok(())) => None,
        Ok(Err(message)) => Some(ProbeFailure::new(ProbeReason::HttpFailure, message)),
        Err(_) => Some(ProbeFailure::new(ProbeReason::HttpFailure, "no answer to the request in time")),
    };
    Steps(&mut attempt).done(Step::Http2, begun, failure);
    attempt
}

/// The steps of an attempt while it goes on.
struct Steps<'a>(&'a mut Attempt);

impl Steps<'_> {
    fn done(&mut self, step: Step, begun: Instant, failure: Option<ProbeFailure>) {
        self.0.steps.push(StepTaken { step, took: begun.elapsed(), failure });
    }
}

/// Why a connection was not opened (Linux turns ICMP into these; `net/ipv4/icmp.c`).
fn unopened(error: &io::Error) -> ProbeFailure {
    let (reason, message) = match error.kind() {
        ErrorKind::ConnectionRefused => (ProbeReason::Refused, "refused at once".to_owned()),
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted => (ProbeReason::Reset, "reset at once".to_owned()),
        ErrorKind::TimedOut => (ProbeReason::Timeout, "nothing came back".to_owned()),
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::PermissionDenied => {
            (ProbeReason::Unreachable, "the network says that there is no way, or that it is closed".to_owned())
        }
        _ => (ProbeReason::Unreachable, format!("no connection: {error}")),
    };
    ProbeFailure::new(reason, message)
}
