//! What the shape of the settings alone cannot say.

use super::login::CredentialFiles;
use super::{Cloud, Origin, Settings};
use crate::model::{Problem, Source};
use crate::secret::SecretFile;

impl Cloud {
    /// The login and the Graph address
    /// (<https://learn.microsoft.com/graph/deployments>). GCC uses the worldwide cloud.
    fn addresses(self) -> (&'static str, &'static str) {
        match self {
            Self::Global => ("https://login.microsoftonline.com", "https://graph.microsoft.com"),
            Self::Usgov => ("https://login.microsoftonline.us", "https://graph.microsoft.us"),
            Self::UsgovDod => ("https://login.microsoftonline.us", "https://dod-graph.microsoft.us"),
            Self::China => ("https://login.chinacloudapi.cn", "https://microsoftgraph.chinacloudapi.cn"),
        }
    }
}

impl Settings {
    /// The sources that are asked.
    #[must_use]
    pub fn sources(&self) -> Vec<Source> {
        let asked = [(Source::Api, true), (Source::Tokens, self.tokens), (Source::Push, self.push)];
        asked.into_iter().filter(|(_, is_asked)| *is_asked).map(|(source, _)| source).collect()
    }

    /// Checks what the shape alone cannot say; `path` is where these settings stand. Reads no file.
    pub fn check(&self, path: &str, problems: &mut Vec<Problem>) {
        let mut add = |problem: Problem| {
            let key = problem.path;
            let path = if key.is_empty() { path.to_owned() } else { format!("{path}.{key}") };
            problems.push(Problem { path, message: problem.message });
        };
        if let Some(problem) = directory_problem(&self.directory) {
            add(Problem::new("directory", problem));
        }
        if self.client_id.trim().is_empty() || self.client_id.trim().contains(|c: char| !c.is_ascii_graphic()) {
            add(Problem::new("client_id", "must be the application (client) id of the app registration, a GUID"));
        }
        // Both addresses are looked at, so that one run tells of both.
        for (key, url) in [("login_url", &self.login_url), ("graph_url", &self.graph_url)] {
            if let Some(Err(message)) = url.as_deref().map(Origin::parse) {
                add(Problem::new(key, message));
            }
        }
        if let Err(problem) = self.origins()
            && !matches!(problem.path.as_str(), "login_url" | "graph_url")
        {
            add(problem);
        }
        if let Err(problem) = self.credential() {
            add(problem);
        }
    }

    /// The directory in one spelling.
    pub(super) fn directory_in_lower_case(&self) -> String {
        self.directory.trim().to_ascii_lowercase()
    }

    /// Login and Graph, which belong together: a token for one cloud is none for another.
    pub(super) fn origins(&self) -> Result<(Origin, Origin), Problem> {
        let (login, graph) = match (self.cloud, &self.login_url, &self.graph_url) {
            (cloud, None, None) => cloud.unwrap_or(Cloud::Global).addresses(),
            (None, Some(login), Some(graph)) => (login.as_str(), graph.as_str()),
            (Some(_), _, _) => {
                return Err(Problem::new("cloud", "must be left out where login_url and graph_url are given"));
            }
            (None, Some(_), None) => {
                return Err(Problem::new("", "login_url needs graph_url beside it; or use cloud instead of both"));
            }
            (None, None, Some(_)) => {
                return Err(Problem::new("", "graph_url needs login_url beside it; or use cloud instead of both"));
            }
        };
        let login = Origin::parse(login).map_err(|message| Problem::new("login_url", message))?;
        let graph = Origin::parse(graph).map_err(|message| Problem::new("graph_url", message))?;
        Ok((login, graph))
    }

    /// The one credential.
    pub(super) fn credential(&self) -> Result<CredentialFiles, Problem> {
        let certificate = self.client_certificate_file.is_some() || self.client_key_file.is_some();
        match (&self.client_secret_file, certificate, &self.federated_token_file) {
            (Some(secret), false, None) => Ok(CredentialFiles::Secret(SecretFile::new(secret))),
            (None, false, Some(token)) => Ok(CredentialFiles::Federated(SecretFile::new(token))),
            (None, true, None) => match (&self.client_certificate_file, &self.client_key_file) {
                (Some(certificate), Some(key)) => Ok(CredentialFiles::Certificate {
                    certificate: SecretFile::new(certificate),
                    key: SecretFile::new(key),
                }),
                (_, None) => Err(Problem::new("client_key_file", "must be given beside client_certificate_file")),
                (None, _) => Err(Problem::new("client_certificate_file", "must be given beside client_key_file")),
            },
            (None, false, None) => Err(Problem::new(
                "",
                "needs one credential: client_secret_file, client_certificate_file with client_key_file, or \
                 federated_token_file",
            )),
            _ => Err(Problem::new(
                "",
                "must have only one credential: client_secret_file, client_certificate_file with client_key_file, or \
                 federated_token_file",
            )),
        }
    }
}

/// The client credentials grant works for one directory only; the collective names are for people who sign in.
fn directory_problem(directory: &str) -> Option<&'static str> {
    const RIGHT: &str =
        "must be the GUID of the Entra directory or one of its domains, such as example.onmicrosoft.com";
    let directory = directory.trim();
    if ["common", "organizations", "consumers"].iter().any(|name| directory.eq_ignore_ascii_case(name)) {
        return Some(
            "must be one directory, its GUID or one of its domains: common, organizations and consumers are for people",
        );
    }
    let is_guid = directory.len() == 36 && uuid::Uuid::parse_str(directory).is_ok();
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let is_domain = directory.len() <= 253 && directory.contains('.') && directory.split('.').all(is_label);
    (!is_guid && !is_domain).then_some(RIGHT)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GUID: &str = "00000000-0000-4000-8000-000000000001";

    fn settings(more: &str) -> Settings {
        let mut value = serde_json::json!({ "directory": GUID, "client_id": GUID, "client_secret_file": "/s" });
        let more: serde_json::Map<String, serde_json::Value> = serde_json::from_str(more).unwrap();
        value.as_object_mut().unwrap().extend(more);
        value.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        serde_json::from_value(value).unwrap()
    }

    fn problems(more: &str) -> Vec<String> {
        let mut problems = Vec::new();
        settings(more).check("tenants[0].mdm", &mut problems);
        problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn good_settings_have_no_problem() {
        for more in [
            "{}",
            r#"{"cloud":"china"}"#,
            r#"{"directory":"Example.onmicrosoft.com"}"#,
            r#"{"login_url":"http://127.0.0.1:1","graph_url":"https://graph.example.com/"}"#,
            r#"{"client_secret_file":null,"federated_token_file":"/t"}"#,
            r#"{"client_secret_file":null,"client_certificate_file":"/c","client_key_file":"/k"}"#,
        ] {
            assert_eq!(problems(more), Vec::<String>::new(), "{more}");
        }
    }

    #[test]
    fn each_problem_has_its_key_and_says_what_is_right() {
        for (more, expected) in [
            (r#"{"directory":"common"}"#, "tenants[0].mdm.directory: must be one directory"),
            (r#"{"directory":""}"#, "tenants[0].mdm.directory: must be the GUID"),
            (r#"{"directory":"../x.y"}"#, "tenants[0].mdm.directory: must be the GUID"),
            (r#"{"client_id":" "}"#, "tenants[0].mdm.client_id: must be the application"),
            (r#"{"login_url":"https://l.example.com"}"#, "tenants[0].mdm: login_url needs graph_url"),
            (r#"{"graph_url":"https://g.example.com"}"#, "tenants[0].mdm: graph_url needs login_url"),
            (
                r#"{"cloud":"usgov","login_url":"https://l.example.com","graph_url":"https://g.example.com"}"#,
                "tenants[0].mdm.cloud: must be left out",
            ),
            (
                r#"{"login_url":"l.example.com","graph_url":"https://g.example.com"}"#,
                "tenants[0].mdm.login_url: must begin with https://, such as https://mdm.example.com",
            ),
            (
                r#"{"login_url":"https://l.example.com","graph_url":"http://g.example.com"}"#,
                "tenants[0].mdm.graph_url: must begin with https:// because a login is sent there",
            ),
            (r#"{"client_secret_file":null}"#, "tenants[0].mdm: needs one credential"),
            (r#"{"federated_token_file":"/t"}"#, "tenants[0].mdm: must have only one credential"),
            (
                r#"{"client_secret_file":null,"client_key_file":"/k"}"#,
                "tenants[0].mdm.client_certificate_file: must be given beside client_key_file",
            ),
            (
                r#"{"client_secret_file":null,"client_certificate_file":"/c"}"#,
                "tenants[0].mdm.client_key_file: must be given beside client_certificate_file",
            ),
        ] {
            let found = problems(more);
            assert_eq!(found.len(), 1, "{more}: {found:?}");
            assert!(found[0].starts_with(expected), "{more}: {found:?}");
        }
        let all = problems(r#"{"directory":"","client_id":"","client_secret_file":null,"login_url":"x"}"#);
        assert_eq!(all.len(), 5, "{all:?}");
    }

    #[test]
    fn hosts_of_a_cloud_belong_together() {
        for (cloud, login, graph) in [
            ("global", "login.microsoftonline.com", "graph.microsoft.com"),
            ("usgov", "login.microsoftonline.us", "graph.microsoft.us"),
            ("usgov_dod", "login.microsoftonline.us", "dod-graph.microsoft.us"),
            ("china", "login.chinacloudapi.cn", "microsoftgraph.chinacloudapi.cn"),
        ] {
            let (l, g) = settings(&format!(r#"{{"cloud":"{cloud}"}}"#)).origins().unwrap();
            assert_eq!((l.host().as_str(), g.host().as_str()), (login, graph));
        }
    }
}
