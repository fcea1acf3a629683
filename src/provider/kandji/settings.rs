//! What the shape of the settings alone cannot say.

use super::Settings;
use crate::model::{Problem, Source};
use crate::provider::http::Origin;

/// The vendor's domains. Below them the API has hosts of its own, with `api` as one of their labels
/// (kandji-inc/iructl, `src/iructl/api/client.py`).
const DOMAINS: [&str; 2] = [".kandji.io", ".iru.com"];

impl Settings {
    /// Checks what the shape alone cannot say; `path` is where these settings stand. Reads no file.
    pub fn check(&self, path: &str, problems: &mut Vec<Problem>) {
        if let Err(message) = self.origin() {
            problems.push(Problem::new(format!("{path}.url"), message));
        }
        if self.token_file.as_os_str().is_empty() {
            problems.push(Problem::new(format!("{path}.token_file"), "must be the path of a file with the API token"));
        }
    }

    /// The sources that are asked.
    #[must_use]
    pub fn sources(&self) -> Vec<Source> {
        let asked =
            [(Source::Tokens, self.tokens), (Source::Push, self.push), (Source::Profile, self.enrolment_profile)];
        asked.into_iter().filter_map(|(source, is_asked)| is_asked.then_some(source)).collect()
    }

    /// Who is asked. Two addresses that are easily taken for it are told, for they answer with pages or with 404.
    pub(super) fn origin(&self) -> Result<Origin, String> {
        const RIGHT: &str = "must be the address that Kandji shows under Access, API tokens, such as \
                             https://acme.api.kandji.io";
        let origin = Origin::parse(&self.url)?;
        let host = origin.host();
        let is_theirs = DOMAINS.iter().any(|domain| host.ends_with(domain));
        if is_theirs && !host.split('.').any(|label| label == "api") {
            return Err(format!("{RIGHT}: this is the address of the console"));
        }
        let path = origin.to_string();
        if ["/api", "/api/v1"].iter().any(|end| path.ends_with(end)) {
            return Err(format!("{RIGHT}: /api/v1 is added to it"));
        }
        Ok(origin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(url: &str) -> Settings {
        serde_json::from_value(serde_json::json!({ "url": url, "token_file": "/run/token" })).unwrap()
    }

    fn problems(url: &str) -> Vec<String> {
        let mut problems = Vec::new();
        settings(url).check("tenants[0].mdm", &mut problems);
        problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_address_is_taken_as_the_console_shows_it() {
        for url in [
            "https://acme.api.kandji.io",
            "https://acme.api.eu.kandji.io/",
            " https://ACME.api.iru.com// ",
            "https://acme.api.eu.iru.com:8443",
            "https://gateway.example.com/tenant1/",
            "https://notkandji.io",
            "http://127.0.0.1:1",
        ] {
            assert_eq!(problems(url), Vec::<String>::new(), "{url}");
        }
        assert_eq!(settings("https://acme.api.kandji.io").sources(), [Source::Tokens, Source::Push]);
    }

    #[test]
    fn each_problem_says_what_is_right() {
        for (url, expected) in [
            ("acme.api.kandji.io", "must begin with https://"),
            ("http://acme.api.kandji.io", "must begin with https:// because a login is sent there"),
            ("https://acme.kandji.io", "must be the address that Kandji shows under Access, API tokens"),
            ("https://acme.eu.iru.com", "must be the address that Kandji shows under Access, API tokens"),
            ("https://acme.api.kandji.io/api/v1/", "must be the address that Kandji shows under Access, API tokens"),
        ] {
            let found = problems(url);
            assert_eq!(found.len(), 1, "{url}: {found:?}");
            assert!(found[0].starts_with(&format!("tenants[0].mdm.url: {expected}")), "{url}: {found:?}");
        }
        let empty = Settings { token_file: "".into(), ..settings("https://acme.api.kandji.io") };
        let mut problems = Vec::new();
        empty.check("mdm", &mut problems);
        assert_eq!(problems.len(), 1);
    }
}
