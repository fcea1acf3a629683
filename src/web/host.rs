//! Which `Host` a request may name.
//!
//! A page on the internet can make a browser ask any address under a name of its own (DNS rebinding). A name that is
//! not ours is therefore refused; an address is accepted, for no page can make a browser send one that is not there.

use std::net::IpAddr;

use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
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
    // A request for a proxy names its host in the target, and may name another beside it.
    let target = request.uri().host().map(ToOwned::to_owned);
    let named = request.headers().get_all(header::HOST).iter().map(|host| host.to_str().unwrap_or_default().to_owned());
    let named: Vec<String> = target.into_iter().chain(named).collect();
    let is_ours = {
        let running = context.running.borrow();
        !named.is_empty() && named.iter().all(|host| is_allowed(host, &running.config.web))
    };
    if is_unchecked || is_ours {
        return next.run(request).await;
    }
    (
        StatusCode::MISDIRECTED_REQUEST,
        "this host name is not served here: add it to web.allowed_hosts, or set web.external_url\n",
    )
        .into_response()
}

/// Whether a `Host` names this server. Ports are not compared.
fn is_allowed(host: &str, web: &Web) -> bool {
    let name = without_port(host);
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    if bare.parse::<IpAddr>().is_ok() {
        return true;
    }
    let is_name = |known: &str| known.trim_end_matches('.').eq_ignore_ascii_case(name.trim_end_matches('.'));
    is_name("localhost")
        || web.external_url.as_ref().and_then(|url| url.host_str()).is_some_and(is_name)
        || web.allowed_hosts.iter().any(|known| is_name(without_port(known)))
}

fn without_port(host: &str) -> &str {
    match host.rfind(':') {
        // What follows the colon and is no port may be another host: "localhost:@evil.example.com".
        Some(colon) if !host[colon + 1..].bytes().all(|digit| digit.is_ascii_digit()) => host,
        Some(colon) if host.bytes().filter(|b| *b == b':').count() == 1 => &host[..colon],
        Some(colon) if host.starts_with('[') && host[..colon].ends_with(']') => &host[..colon],
        Some(_) | None => host,
    }
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
        ] {
            assert!(is_allowed(good, &web), "{good}");
        }
        for bad in ["localhost:@evil.example.com", "[::1]:@evil.example.com", "localhost:80@evil.example.com"] {
            assert!(!is_allowed(bad, &web), "{bad}");
        }
        for bad in ["", "evil.example.com", "localhost.evil.example.com", "127.0.0.1.evil.example.com", "[::1", "x:y:z"]
        {
            assert!(!is_allowed(bad, &web), "{bad}");
        }
    }
}
