//! Where an API is.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use url::{Host, Url};

use super::clean;
use crate::model::{Failure, Reason};

/// The address of an API: scheme, host, port, and the path it lives below. Written in one way, whatever way it was
/// typed: no trailing slashes, no blanks around it, a lower-case host, no port that is the scheme's own.
/// A copy is cheap.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Origin(Arc<Url>);

impl Origin {
    /// Reads an address from the configuration.
    ///
    /// # Errors
    ///
    /// Says what would be right. The text is not repeated, for it may hold a password.
    pub fn parse(text: &str) -> Result<Self, String> {
        const EXAMPLE: &str = "such as https://mdm.example.com";
        let text = text.trim();
        // Without this `mdm.example.com:8443` would be the scheme `mdm.example.com`.
        let Some((scheme, _)) = text.split_once("://") else {
            return Err(format!("must begin with https://, {EXAMPLE}"));
        };
        let https = scheme.eq_ignore_ascii_case("https");
        if !https && !scheme.eq_ignore_ascii_case("http") {
            return Err(format!("must begin with https://, {EXAMPLE}"));
        }
        let mut url = Url::parse(text).map_err(|error| format!("is not an address ({error}); write one {EXAMPLE}"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err("must not hold a user name or a password".to_owned());
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("must end with the path, without ? and #".to_owned());
        }
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        let origin = Self(Arc::new(url));
        if !https && !origin.is_loopback() {
            return Err(format!("must begin with https:// because a login is sent there, {EXAMPLE}"));
        }
        Ok(origin)
    }

    /// The host, with the port where it is not the scheme's own.
    #[must_use]
    pub fn host(&self) -> String {
        let host = self.0.host_str().unwrap_or_default();
        match self.0.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }

    /// Scheme, host and port without the path, which is how Microsoft names the resource of a scope.
    #[must_use]
    pub fn root(&self) -> String {
        self.0.origin().ascii_serialization()
    }

    /// Whether it is on this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match self.0.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
            Some(Host::Ipv6(address)) => IpAddr::from(address).is_loopback(),
            None => false,
        }
    }

    /// Whether connections are encrypted.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// The address of a path below this one, given in segments; each is encoded as far as it needs.
    #[must_use]
    pub fn url(&self, segments: &[&str]) -> Url {
        let mut url = Url::clone(&self.0);
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }

    /// A link that an answer held, if it leads to this very origin and to a path below this one.
    ///
    /// # Errors
    ///
    /// `malformed`; the message names the scheme, host and port to which it leads, and no path or query, which may hold
    /// anything.
    pub(super) fn own_link(&self, link: &str) -> Result<Url, Failure> {
        let malformed = |what: &str| {
            let host = self.host();
            Failure::new(Reason::Malformed, format!("{host} gave a link to its next page that {what}"))
        };
        let url = Url::parse(link).map_err(|_| malformed("is not an address"))?;
        if url.origin() != self.0.origin() {
            let place = clean(&url.origin().ascii_serialization(), 120);
            return Err(malformed(&format!("leads to {place}, which was not followed")));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(malformed("holds a login"));
        }
        let base = self.0.path().trim_end_matches('/');
        match url.path().strip_prefix(base) {
            Some(below) if below.starts_with('/') => Ok(url),
            _ => Err(malformed("leads out of the API")),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Origin({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_the_same_however_it_is_typed() {
        for text in [
            "https://mdm.example.org/tenant1",
            "https://mdm.example.org/tenant1/",
            "https://mdm.example.org/tenant1//",
            " https://MDM.example.org:443/tenant1 \n",
            "HTTPS://mdm.example.org/tenant1",
        ] {
            let origin = Origin::parse(text).unwrap();
            assert_eq!(origin.to_string(), "https://mdm.example.org/tenant1", "{text}");
            assert_eq!(origin.url(&["a", "b c"]).as_str(), "https://mdm.example.org/tenant1/a/b%20c");
            assert_eq!(origin.host(), "mdm.example.org");
        }
        for text in ["https://mdm.example.org", "https://mdm.example.org/", "https://mdm.example.org//"] {
            let origin = Origin::parse(text).unwrap();
            assert_eq!(origin.to_string(), "https://mdm.example.org");
            assert_eq!(origin.url(&["a"]).as_str(), "https://mdm.example.org/a");
        }
        assert_eq!(Origin::parse("https://mdm.example.org:8443/").unwrap().host(), "mdm.example.org:8443");
    }

    #[test]
    fn what_cannot_be_right_is_refused_with_an_example_and_without_an_echo() {
        for text in [
            "mdm.example.org",
            "mdm.example.org:8443",
            "//mdm.example.org",
            "ftp://mdm.example.org",
            "https://",
            "https://u:s3cret@mdm.example.org",
            "https://mdm.example.org/?s3cret",
            "https://mdm.example.org/#s3cret",
            "http://mdm.example.org",
            "http://127.0.0.1.example.org",
            "",
        ] {
            let message = Origin::parse(text).unwrap_err();
            assert!(!message.contains("s3cret"), "{message}");
        }
        assert_eq!(
            Origin::parse("mdm.example.org:8443").unwrap_err(),
            "must begin with https://, such as https://mdm.example.com"
        );
    }

    #[test]
    fn a_link_is_followed_below_the_origin_and_nowhere_else() {
        let origin = Origin::parse("https://mdm.example.org/api").unwrap();
        for link in ["https://mdm.example.org/api/x?$skiptoken=%7B1", "HTTPS://MDM.example.org:443/api/x"] {
            origin.own_link(link).unwrap();
        }
        assert_eq!(
            origin.own_link("https://mdm.example.org/api/x?$skiptoken=%7B1").unwrap().as_str(),
            "https://mdm.example.org/api/x?$skiptoken=%7B1"
        );
        for link in [
            "https://evil.example.org/api/s3cret",
            "http://mdm.example.org/api/s3cret",
            "https://mdm.example.org:8443/api/s3cret",
            "https://mdm.example.org@evil.example.org/api/s3cret",
            "https://s3cret@mdm.example.org/api/x",
            "https://mdm.example.org/apis3cret",
            "https://mdm.example.org/api/../s3cret",
            "//mdm.example.org/api/s3cret",
            "/api/s3cret",
            "s3cret",
            "",
        ] {
            let failure = origin.own_link(link).unwrap_err();
            assert_eq!(failure.reason, Reason::Malformed, "{link}");
            assert!(!failure.message.contains("s3cret"), "{failure}");
        }
    }

    #[test]
    fn plain_http_is_for_loopback() {
        for text in ["http://127.0.0.1:8080", "http://[::1]:8080", "http://localhost:8080/x"] {
            assert!(Origin::parse(text).unwrap().is_loopback(), "{text}");
        }
        assert!(!Origin::parse("https://mdm.example.org").unwrap().is_loopback());
    }
}
