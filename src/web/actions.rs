//! What people say on the page: who may, and that it was they.
//!
//! Whoever changes something needs `web.actions` and a login, whatever the address. A browser sends a login along with every
//! request, also with one that another site made it send; so a form carries a token that no other site can know, and must
//! come from a page of this server.

mod said;
mod wish;

use aws_lc_rs::constant_time;
use axum::http::{HeaderMap, StatusCode, header};
use url::Url;

pub(super) use self::said::{duty, letter, of_tenant};
use super::access::User;
use super::problem::Problem;
use super::{Context, Running};
use crate::config::Web;
use crate::secret::Secret;

/// The part of a form that carries the token.
pub(super) const TOKEN: &str = "token";

/// Whether the one who looks at a page may say anything on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Hand {
    /// `web.actions` is off, or nobody can log in.
    Tied,
    /// Somebody who logged in.
    Free(Actor),
}

/// Somebody who may say what they did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Actor {
    /// The name of the login.
    pub(super) by: String,
    /// What their forms carry.
    pub(super) token: Secret,
}

impl Hand {
    /// Of the one who asks.
    pub(super) fn of(context: &Context, running: &Running, user: Option<&User>) -> Self {
        let Some(user) = user.filter(|_| running.config.web.actions) else { return Self::Tied };
        let token = context.access.borrow().token(user);
        token.map_or(Self::Tied, |token| Self::Free(Actor { by: user.0.clone(), token }))
    }

    /// The one who may.
    pub(super) fn actor(&self) -> Option<&Actor> {
        match self {
            Self::Tied => None,
            Self::Free(actor) => Some(actor),
        }
    }
}

/// Lets in whoever may change something, from a page of this server. The token is compared where the form is read.
fn admit(context: &Context, running: &Running, user: Option<&User>, headers: &HeaderMap) -> Result<Actor, Problem> {
    let forbidden = |why: &str| Problem::new(StatusCode::FORBIDDEN, why);
    if !running.config.web.actions {
        return Err(forbidden("nothing is changed here: web.actions is off"));
    }
    let Hand::Free(actor) = Hand::of(context, running, user) else {
        return Err(forbidden("nothing is changed without a login: set basic_auth_users in the web-config file"));
    };
    if is_from_here(headers, &running.config.web) {
        Ok(actor)
    } else {
        Err(forbidden("this form does not come from a page of this server, so nothing was changed"))
    }
}

/// Compares the token of a form.
fn is_theirs(actor: &Actor, token: &[u8]) -> Result<(), Problem> {
    constant_time::verify_slices_are_equal(actor.token.expose(), token).map_err(|_| {
        Problem::new(
            StatusCode::FORBIDDEN,
            "this form is an old one, or not of this server, so nothing was changed: load the page again",
        )
    })
}

/// Whether a request comes from a page of this server, as far as the browser tells. A program that is no browser tells
/// nothing, and has a token or not.
fn is_from_here(headers: &HeaderMap, web: &Web) -> bool {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("unreadable"));
    if let Some(site) = text(header::HeaderName::from_static("sec-fetch-site"))
        && site != "same-origin"
    {
        return false;
    }
    // No browser says it twice.
    if [header::ORIGIN, header::HOST].iter().any(|name| headers.get_all(name).iter().count() > 1) {
        return false;
    }
    let Some(origin) = text(header::ORIGIN) else { return true };
    let Ok(origin) = Url::parse(origin) else { return false };
    let place = |url: &Url| Some((url.host_str()?.to_ascii_lowercase(), url.port_or_known_default()));
    let Some((host, port)) = place(&origin) else { return false };
    // What the browser asked. A proxy may have put its own name there; then it is told where people reach the page.
    let asked = text(header::HOST).and_then(|host| Url::parse(&format!("{}://{host}/", origin.scheme())).ok());
    let is_asked = asked.as_ref().and_then(place).is_some_and(|asked| asked == (host.clone(), port));
    let is_external = web.external_url.as_ref().and_then(place).is_some_and(|known| known == (host.clone(), port));
    is_asked || is_external
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Reload;

    fn web(external: Option<&str>) -> Web {
        Web {
            config_file: None,
            health_listen: None,
            listen: ([127, 0, 0, 1], 12197).into(),
            external_url: external.map(|url| url.parse().unwrap()),
            reload: Reload::Signal,
            actions: true,
            calendar_key_file: None,
            allowed_hosts: Vec::new(),
            days_gauge: true,
        }
    }

    #[test]
    fn a_form_comes_from_a_page_of_this_server() {
        let at = |external: Option<&str>, headers: &[(&'static str, &str)]| {
            let headers = headers.iter().map(|(name, value)| {
                (header::HeaderName::from_static(name), header::HeaderValue::from_str(value).unwrap())
            });
            is_from_here(&headers.collect(), &web(external))
        };
        let host = ("host", "localhost:12197");
        assert!(at(None, &[host]), "a program");
        assert!(at(None, &[host, ("origin", "http://localhost:12197")]));
        assert!(at(None, &[host, ("origin", "http://LOCALHOST:12197"), ("sec-fetch-site", "same-origin")]));
        assert!(at(None, &[("host", "push.example.com"), ("origin", "https://push.example.com")]));
        assert!(at(None, &[("host", "[::1]:12197"), ("origin", "http://[::1]:12197")]));
        assert!(
            at(None, &[("host", "push.example.com:443"), ("origin", "https://push.example.com")]),
            "the usual port"
        );
        let behind = Some("https://push.example.com/mdm/");
        assert!(at(behind, &[host, ("origin", "https://push.example.com")]), "behind a proxy");
        for (headers, why) in [
            (&[host, ("origin", "http://localhost:8080")][..], "another port"),
            (&[host, ("origin", "http://evil.example.com:12197")], "another host"),
            (&[host, ("origin", "https://localhost.evil.example.com:12197")], "a name that begins alike"),
            (&[("host", "[::1]:12197"), ("origin", "http://[::1]")], "another port of an address"),
            (&[host, ("origin", "null")], "a page that says nothing of itself"),
            (&[host, ("origin", "")], "no address"),
            (&[host, ("sec-fetch-site", "cross-site")], "a browser that says so"),
            (&[host, ("sec-fetch-site", "same-site")], "a neighbour"),
            (&[host, ("sec-fetch-site", "none")], "no page at all"),
            (&[("origin", "http://localhost:12197")], "no host"),
            (&[("host", "evil.example.com"), ("origin", "https://push.example.com:444")], "another port of ours"),
        ] {
            assert!(!at(behind, headers), "{why}");
        }
        let mut twice = HeaderMap::new();
        for (name, value) in [("host", "a.example"), ("origin", "http://a.example"), ("origin", "http://b.example")] {
            twice.append(header::HeaderName::from_static(name), header::HeaderValue::from_static(value));
        }
        assert!(!is_from_here(&twice, &web(None)), "two origins");
    }

    #[test]
    fn a_token_is_its_owners_alone() {
        let actor = Actor { by: "kim".to_owned(), token: Secret::from_file_bytes(b"0123".to_vec()) };
        assert!(!format!("{:?}", Hand::Free(actor.clone())).contains("0123"));
        assert!(is_theirs(&actor, b"0123").is_ok());
        for other in ["", "012", "0124", "01234"] {
            assert!(is_theirs(&actor, other.as_bytes()).is_err(), "{other}");
        }
    }
}
