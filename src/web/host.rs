//! Which `Host` a request may name.
//!
//! A page on the internet can make a browser ask any address under a name of its own (DNS rebinding). A name that is
//! not ours is therefore refused; an address is accepted, for no page can make a browser send one that is not there.

use std::net::{Ipv4Addr, Ipv6Addr};

use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, Version, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Context;
use crate::config::Web;

/// Asked by machines under whatever name they like, and the same for everybody.
const UNCHECKED: [&str; 3] = ["/metrics", "/-/healthy", "/-/ready"];

/// Refuses a request for a host that is not ours.
pub(super) async fn check(State(context): State<Context>, request: Request, next: Next) -> Response {
    let is_unchecked =
        matches!(*request.method(), Method::GET | Method::HEAD) && UNCHECKED.contains(&request.uri().path());
    let verdict = if is_unchecked { Ok(()) } else { judge(&request, &context.running.borrow().config.web) };
    match verdict {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    }
}

/// Whether a request names this server, and no other beside it.
fn judge(request: &Request, web: &Web) -> Result<(), (StatusCode, &'static str)> {
    let mut headers = request.headers().get_all(header::HOST).iter();
    let header = headers.next();
    if headers.next().is_some() {
        return Err((StatusCode::BAD_REQUEST, "a request names one host, this one names several\n"));
    }
    if header.is_none() && request.version() == Version::HTTP_11 {
        return Err((StatusCode::BAD_REQUEST, "a request names its host, this one does not\n"));
    }
    let header = header.map(|host| host.to_str().unwrap_or_default());
    // Where the address is a whole URL it counts, and a header beside it must not say something else.
    let target = request.uri().authority().map(|authority| authority.as_str());
    let mut named = target.into_iter().chain(header).peekable();
    if named.peek().is_some() && named.all(|host| is_allowed(host, web)) {
        return Ok(());
    }
    Err((
        StatusCode::MISDIRECTED_REQUEST,
        "this host name is not served here: add it to web.allowed_hosts, or set web.external_url\n",
    ))
}

/// Whether a `Host` names this server. Ports are not compared.
fn is_allowed(host: &str, web: &Web) -> bool {
    let Some(name) = without_port(host) else { return false };
    if let Some(address) = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
        return address.parse::<Ipv6Addr>().is_ok();
    }
    if name.parse::<Ipv4Addr>().is_ok() {
        return true;
    }
    let absolute = |name: &str| name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    let is_name = |known: &str| absolute(known) == absolute(name);
    is_name("localhost")
        || web.external_url.as_ref().and_then(|url| url.host_str()).is_some_and(is_name)
        || web.allowed_hosts.iter().filter_map(|known| without_port(known)).any(is_name)
}

/// The name or the address in front of the port, an IPv6 address with its brackets; `None` where it is not `host[:port]`.
fn without_port(host: &str) -> Option<&str> {
    let end = if host.starts_with('[') { host.find(']')? + 1 } else { host.find(':').unwrap_or(host.len()) };
    let (name, port) = host.split_at(end);
    let is_port = |port: &str| port.len() <= 5 && port.bytes().all(|byte| byte.is_ascii_digit());
    (!name.is_empty() && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port))).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Reload;

    #[test]
    fn names_are_known_and_addresses_are_fine() {
        let web = Web {
            config_file: None,
            health_listen: None,
            listen: ([127, 0, 0, 1], 12197).into(),
            external_url: Some("https://apns.example.com:8443/".parse().unwrap()),
            reload: Reload::Signal,
            actions: false,
            allowed_hosts: vec!["push.example.com".to_owned()],
            calendar_key_file: None,
            days_gauge: true,
        };
        for good in [
            "localhost",
            "localhost:12197",
            "LOCALHOST.",
            "127.0.0.1:1",
            "10.1.2.3",
            "[::1]",
            "[::1]:12197",
            "apns.example.com",
            "apns.example.com:80",
            "push.example.com:12197",
            "push.example.com.:12197",
            "localhost:",
        ] {
            assert!(is_allowed(good, &web), "{good}");
        }
        for bad in [
            "",
            ":",
            ":80",
            ".",
            "evil.example.com",
            "localhost.evil.example.com",
            "127.0.0.1.evil.example.com",
            "localhost@evil.example.com",
            "evil@localhost",
            "localhost:80@evil.example.com",
            "localhost:@evil.example.com",
            "[::1]:@evil.example.com",
            "localhost:evil",
            "localhost:-1",
            "localhost:123456",
            "localhost..",
            "localhost ",
            "localhost/",
            "localhost,evil.example.com",
            "[::1",
            "[::1]evil.example.com",
            "[::1]:evil",
            "[fe80::1%25eth0]",
            "[fe80::1%eth0]:80",
            "[localhost]",
            "[127.0.0.1]",
            "[]",
            "::1",
            "x:y:z",
            "0x7f000001",
            "2130706433",
            "127.1",
            "loc\u{430}lhost",
        ] {
            assert!(!is_allowed(bad, &web), "{bad}");
        }
    }
}
