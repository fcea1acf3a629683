//! What went wrong, in the closed list of reasons and in words that hold nothing of the other side's.

use std::error::Error;
use std::io::ErrorKind;
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::{DATE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};

use super::Origin;
use crate::model::{Failure, Reason};

/// Longer than this nobody is left alone, whatever they ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

/// The failure that a status stands for when a provider has nothing better to say. `host` names who answered.
#[must_use]
pub fn status_failure(host: &str, status: u16, retry_after: Option<Duration>) -> Failure {
    let (reason, meaning) = match status {
        401 => (Reason::Auth, "refuses the login"),
        403 => (Reason::Forbidden, "does not let this login read it"),
        404 => (Reason::NotFound, "does not know the address"),
        429 => (Reason::RateLimited, "wants fewer requests"),
        500..=599 => (Reason::Http, "has a problem of its own"),
        _ => (Reason::Http, "gave an answer nobody asked for"),
    };
    let retry_after = retry_after.filter(|_| matches!(status, 429 | 503));
    Failure { reason, message: format!("{host} {meaning} (status {status})"), retry_after }
}

/// `Retry-After` in seconds or as an HTTP date (RFC 9110, 10.2.3), at most an hour. What cannot be read is no wish. A date
/// is by the clock of whoever wrote it, which its `Date` tells; `now` stands in where there is none.
#[must_use]
pub fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let date = |text| DateTime::parse_from_rfc2822(text).ok().map(|date| date.to_utc());
    let wish = text(RETRY_AFTER)?;
    let pause = if !wish.is_empty() && wish.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit are a very long pause.
        Duration::from_secs(wish.parse().unwrap_or(u64::MAX))
    } else {
        let there = text(DATE).and_then(date).unwrap_or(now);
        (date(wish)? - there).to_std().unwrap_or_default()
    };
    Some(pause.min(LONGEST_PAUSE))
}

/// Text of the other side made fit to be shown: control characters escaped, at most `limit` characters.
#[must_use]
pub fn clean(text: &str, limit: usize) -> String {
    let mut shown = String::new();
    let mut length = 0;
    for c in text.trim().chars() {
        let escaped = if is_invisible(c) { c.escape_default().to_string() } else { c.to_string() };
        length += escaped.chars().count();
        if length > limit {
            shown.push('\u{2026}');
            break;
        }
        shown.push_str(&escaped);
    }
    shown
}

/// Control characters, and those that turn the direction of what stands around them.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The failure of a redirect. None is followed, for the login must not reach anybody who was not configured.
pub(super) fn moved(origin: &Origin, status: u16, location: Option<&HeaderValue>) -> Failure {
    let host = origin.host();
    let base = origin.url(&[]);
    let target = location.and_then(|value| value.to_str().ok()).and_then(|text| base.join(text).ok());
    let message = match target {
        Some(target) if target.origin() != base.origin() => {
            // Scheme, host and port only: a path or query may hold anything.
            let place = clean(&target.origin().ascii_serialization(), 120);
            format!("{host} has moved to {place}: change the address in the configuration if that is right")
        }
        Some(_) => {
            format!("{host} sends to another path of its own: the address in the configuration is not the API's")
        }
        None => format!("{host} answered with a redirect to nowhere (status {status})"),
    };
    Failure::new(Reason::Http, message)
}

/// Whether a connection was closed or reset before any byte of the answer came, so that the same request may be
/// sent again on a new one.
pub(super) fn closed_before_answer(error: &reqwest::Error) -> bool {
    if error.is_connect() || error.is_timeout() {
        return false;
    }
    chain(error).any(|cause| match (cause.downcast_ref::<hyper::Error>(), cause.downcast_ref::<std::io::Error>()) {
        (Some(error), _) => error.is_incomplete_message() || error.is_canceled() || error.is_closed(),
        (_, Some(error)) => is_closed(error.kind()),
        _ => false,
    })
}

/// An unexpected end is how a connection over TLS looks when it was closed without a word.
fn is_closed(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe
            | ErrorKind::UnexpectedEof
            | ErrorKind::NotConnected
    )
}

/// The failure that an error of the client stands for.
pub(super) fn classify(host: &str, error: &reqwest::Error) -> Failure {
    let failure = |reason, what: &str| Failure::new(reason, format!("{host}: {what}"));
    if let Some(error) = chain(error).find_map(|cause| cause.downcast_ref::<rustls::Error>()) {
        return failure(Reason::Tls, &tls_text(error));
    }
    if error.is_timeout() {
        let what = if error.is_connect() { "no connection in time" } else { "no whole answer in time" };
        return failure(Reason::Timeout, what);
    }
    if error.is_dns() {
        return failure(Reason::Dns, "the name has no address");
    }
    let io = chain(error).find_map(|cause| cause.downcast_ref::<std::io::Error>()).map(std::io::Error::kind);
    if error.is_connect() {
        let what = match io {
            Some(ErrorKind::ConnectionRefused) => "the connection was refused",
            Some(ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable) => "no route to it",
            Some(kind) if is_closed(kind) => "the connection was closed while it was made",
            _ if chain(error).any(|cause| cause.to_string().contains("tunnel")) => {
                "the proxy makes no connection to it"
            }
            _ => "no connection can be made",
        };
        return failure(Reason::Connect, what);
    }
    match chain(error).find_map(|cause| cause.downcast_ref::<hyper::Error>()) {
        Some(error) if error.is_parse() => failure(Reason::Malformed, "the answer is not HTTP"),
        _ if error.is_body() || error.is_decode() => failure(Reason::Connect, "the connection broke within the answer"),
        _ => failure(Reason::Connect, "the connection broke before the answer"),
    }
}

/// What is wrong with TLS, where that is what an error is about.
pub(crate) fn tls_trouble(error: &(dyn Error + 'static)) -> Option<String> {
    chain(error).find_map(|cause| cause.downcast_ref::<rustls::Error>()).map(tls_text)
}

fn tls_text(error: &rustls::Error) -> String {
    use rustls::{CertificateError as Bad, Error as Tls};
    match error {
        Tls::InvalidCertificate(bad) => match bad {
            Bad::UnknownIssuer => {
                "the certificate is from an issuer that this machine does not trust; see network.ca_files".to_owned()
            }
            Bad::Expired | Bad::ExpiredContext { .. } => "the certificate has expired".to_owned(),
            Bad::NotValidYet | Bad::NotValidYetContext { .. } => "the certificate is not valid yet".to_owned(),
            Bad::NotValidForName | Bad::NotValidForNameContext { .. } => {
                "the certificate is for another name".to_owned()
            }
            Bad::Revoked => "the certificate is revoked".to_owned(),
            _ => "the certificate is not acceptable".to_owned(),
        },
        Tls::AlertReceived(alert) => format!("the TLS handshake was refused ({alert:?})"),
        Tls::InvalidMessage(_) => "it does not speak TLS".to_owned(),
        Tls::PeerIncompatible(_) => "no TLS version or cipher in common".to_owned(),
        _ => "the TLS handshake failed".to_owned(),
    }
}

/// An error and its causes. An I/O error hides the error it carries from `source`, so that one is looked up too.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    let start: Option<&'a (dyn Error + 'static)> = Some(error);
    let next = |cause: &&'a (dyn Error + 'static)| -> Option<&'a (dyn Error + 'static)> {
        let cause: &'a (dyn Error + 'static) = *cause;
        match cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => cause.source(),
        }
    };
    std::iter::successors(start, next)
        // Far more than any chain has, in case one points to itself.
        .take(32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        "2026-11-06T08:49:37Z".parse().unwrap()
    }

    #[test]
    fn a_pause_is_read_in_seconds_or_as_a_date_and_capped() {
        for (text, seconds) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("99999999999999999999999", Some(3600)),
            ("Fri, 06 Nov 2026 08:50:37 GMT", Some(60)),
            ("Fri, 06 Nov 2026 08:48:37 GMT", Some(0)),
            ("Fri, 06 Nov 2099 08:48:37 GMT", Some(3600)),
            ("-5", None),
            ("1.5", None),
            ("soon", None),
            ("", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_static(text));
            assert_eq!(retry_after(&headers, now()), seconds.map(Duration::from_secs), "{text}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), now()), None);
    }

    #[test]
    fn a_date_is_by_the_clock_of_whoever_wrote_it() {
        for (there, seconds) in [
            ("Sat, 07 Nov 2026 08:49:30 GMT", 67),
            ("Sat, 07 Nov 2026 08:51:00 GMT", 0),
            ("Fri, 06 Nov 2026 08:50:37 GMT", 3600),
            // Not readable: our clock has to do, by which the moment is a day away.
            ("yesterday", 3600),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_static("Sat, 07 Nov 2026 08:50:37 GMT"));
            headers.insert(DATE, HeaderValue::from_static(there));
            assert_eq!(retry_after(&headers, now()), Some(Duration::from_secs(seconds)), "{there}");
        }
    }

    #[test]
    fn a_status_has_one_reason() {
        for (status, reason) in [
            (401, Reason::Auth),
            (403, Reason::Forbidden),
            (404, Reason::NotFound),
            (429, Reason::RateLimited),
            (400, Reason::Http),
            (500, Reason::Http),
            (503, Reason::Http),
            (204, Reason::Http),
        ] {
            assert_eq!(status_failure("mdm.example.com", status, None).reason, reason);
        }
        let pause = Some(Duration::from_secs(7));
        assert_eq!(status_failure("mdm.example.com", 503, pause).retry_after, pause);
        assert_eq!(status_failure("mdm.example.com", 500, pause).retry_after, None);
    }

    #[test]
    fn foreign_text_is_escaped_and_shortened() {
        assert_eq!(clean(" a\u{1b}[31m\n\u{202e}b ", 100), "a\\u{1b}[31m\\n\\u{202e}b");
        assert_eq!(clean("\u{fc}\u{fc}\u{fc}\u{fc}", 3), "\u{fc}\u{fc}\u{fc}\u{2026}");
    }

    #[test]
    fn a_redirect_tells_the_place_and_nothing_else() {
        let origin = Origin::parse("https://old.example.com/api").unwrap();
        let told = |location| moved(&origin, 301, Some(&HeaderValue::from_static(location))).message;
        assert_eq!(
            told("https://u:s3cret@new.example.com/x?token=s3cret"),
            "old.example.com has moved to https://new.example.com: change the address in the configuration if that is right"
        );
        assert!(told("http://old.example.com/api").contains("http://old.example.com"));
        assert!(told("https://old.example.com:8443/").contains("https://old.example.com:8443"));
        assert!(told("/login?s3cret").contains("another path of its own"));
    }
}
