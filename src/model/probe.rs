//! What a probe of the way to Apple tells.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use serde::Serialize;

/// Whose way to Apple is meant; the label `role`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Devices reach a courier: TCP 5223, with 443 as fallback.
    Device,
    /// An MDM reaches the provider API: TCP 443 or 2197.
    Server,
}

impl Role {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Device, Self::Server];

    /// The label value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Device => "device",
            Self::Server => "server",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A step of an attempt, each a deeper truth than the one before; the label `step`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The name has an address, and it can be Apple's.
    Dns,
    /// A connection opens.
    Tcp,
    /// TLS is spoken at the other end, and a handshake is completed.
    Tls,
    /// The protocol of APNs is agreed on.
    Alpn,
    /// The certificate is Apple's.
    Chain,
    /// Apple's front end answers.
    Http2,
}

impl Step {
    /// Every step, in order.
    pub const ALL: [Self; 6] = [Self::Dns, Self::Tcp, Self::Tls, Self::Alpn, Self::Chain, Self::Http2];

    /// The label value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Alpn => "alpn",
            Self::Chain => "chain",
            Self::Http2 => "http2",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The closed list of reasons why an attempt failed; the label `reason` of probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProbeReason {
    /// No resolver answered, or it said that there is no such name, or that it failed.
    DnsFailure,
    /// The name exists and has no address.
    DnsEmpty,
    /// The address that the name has cannot be Apple's.
    DnsOutsideApple,
    /// The name was answered with an address that leads nowhere, as block lists do: `0.0.0.0`, `::` or loopback.
    Sinkholed,
    /// The connection was refused: a RST, or an ICMP port unreachable.
    Refused,
    /// Nothing came back in time.
    Timeout,
    /// ICMP said that the way is closed, or there is no route (`EHOSTUNREACH`, `ENETUNREACH`, `EACCES`).
    Unreachable,
    /// The connection opened and was then cut, before TLS was answered.
    Reset,
    /// Something answered that is not TLS: a portal, a proxy.
    NotTls,
    /// TLS is spoken, and no handshake was completed.
    TlsFailure,
    /// The certificate was issued by somebody else than Apple: TLS is broken open on the way.
    Intercepted,
    /// The certificate says that it is Apple's, and nothing shows it.
    Untrusted,
    /// The certificate is for another host.
    WrongHost,
    /// The protocol of APNs was not agreed on.
    AlpnMissing,
    /// Apple's front end did not answer as it does.
    HttpFailure,
}

impl ProbeReason {
    /// Every reason, in the order of the documentation.
    pub const ALL: [Self; 15] = [
        Self::DnsFailure,
        Self::DnsEmpty,
        Self::DnsOutsideApple,
        Self::Sinkholed,
        Self::Refused,
        Self::Timeout,
        Self::Unreachable,
        Self::Reset,
        Self::NotTls,
        Self::TlsFailure,
        Self::Intercepted,
        Self::Untrusted,
        Self::WrongHost,
        Self::AlpnMissing,
        Self::HttpFailure,
    ];

    /// The label value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DnsFailure => "dns_failure",
            Self::DnsEmpty => "dns_empty",
            Self::DnsOutsideApple => "dns_outside_apple",
            Self::Sinkholed => "sinkholed",
            Self::Refused => "refused",
            Self::Timeout => "timeout",
            Self::Unreachable => "unreachable",
            Self::Reset => "reset",
            Self::NotTls => "not_tls",
            Self::TlsFailure => "tls_failure",
            Self::Intercepted => "intercepted",
            Self::Untrusted => "untrusted",
            Self::WrongHost => "wrong_host",
            Self::AlpnMissing => "alpn_missing",
            Self::HttpFailure => "http_failure",
        }
    }
}

impl fmt::Display for ProbeReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The label `ip_version`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub enum IpVersion {
    /// IPv4.
    #[serde(rename = "4")]
    V4,
    /// IPv6.
    #[serde(rename = "6")]
    V6,
}

impl IpVersion {
    /// Both.
    pub const ALL: [Self; 2] = [Self::V4, Self::V6];

    /// The family of an address.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Self::V4 } else { Self::V6 }
    }

    /// The label value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V4 => "4",
            Self::V6 => "6",
        }
    }
}

/// Why a step failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeFailure {
    /// The kind, a label value.
    pub reason: ProbeReason,
    /// What a person should know: lower case, no full stop. Names from certificates are made fit to be shown.
    pub message: String,
}

impl ProbeFailure {
    /// A failure.
    pub fn new(reason: ProbeReason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into() }
    }
}

/// A step that was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepTaken {
    /// Which.
    pub step: Step,
    /// From its start to its end.
    pub took: Duration,
    /// How it failed, if it did.
    pub failure: Option<ProbeFailure>,
}

/// One attempt at one address and port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The port.
    pub port: u16,
    /// The family.
    pub ip_version: IpVersion,
    /// The name or address that was asked for, such as `17-courier.push.apple.com`.
    pub host: String,
    /// The address that was tried; `None` where the name gave none.
    pub address: Option<IpAddr>,
    /// The steps that were tried, in order. After a failure of `alpn` the chain is still looked at, for it tells more.
    pub steps: Vec<StepTaken>,
    /// Who issued the certificate, where it was not Apple: a name for people.
    pub issuer: Option<String>,
}

impl Attempt {
    /// How a step ended: `None` if it was not tried.
    #[must_use]
    pub fn step(&self, step: Step) -> Option<&StepTaken> {
        self.steps.iter().find(|taken| taken.step == step)
    }

    /// The failure that tells most: of several, that of the deepest step.
    #[must_use]
    pub fn failure(&self) -> Option<(Step, &ProbeFailure)> {
        self.steps.iter().rev().find_map(|taken| Some((taken.step, taken.failure.as_ref()?)))
    }

    /// The failure because of which nothing is answered here: `dns`, `tcp`, or no TLS at all. What TLS itself says is
    /// about Apple's private certificates, which may change, and closes nothing.
    #[must_use]
    pub fn closed(&self) -> Option<(Step, &ProbeFailure)> {
        self.failure().filter(|(step, failure)| match step {
            Step::Dns | Step::Tcp => true,
            Step::Tls => failure.reason != ProbeReason::TlsFailure,
            Step::Alpn | Step::Chain | Step::Http2 => false,
        })
    }
}
