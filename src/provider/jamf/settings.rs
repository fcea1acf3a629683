//! What the shape of the settings alone cannot say.

use super::login::Login;
use super::{Origin, Settings};
use crate::model::{Problem, Source};
use crate::secret::SecretFile;

impl Settings {
    /// Checks what the shape alone cannot say; `path` is where these settings stand. Reads no file.
    pub fn check(&self, path: &str, problems: &mut Vec<Problem>) {
        let mut add = |problem: Problem| {
            let key = problem.path;
            let path = if key.is_empty() { path.to_owned() } else { format!("{path}.{key}") };
            problems.push(Problem { path, message: problem.message });
        };
        if let Err(problem) = self.origin() {
            add(problem);
        }
        if let Err(problem) = self.login() {
            add(problem);
        }
    }

    /// The sources that are asked.
    #[must_use]
    pub fn sources(&self) -> Vec<Source> {
        let asked = [
            (Source::Api, true),
            (Source::Tokens, self.tokens),
            (Source::Push, self.push),
            (Source::Profile, self.enrolment_profile),
        ];
        asked.into_iter().filter_map(|(source, is_asked)| is_asked.then_some(source)).collect()
    }

    /// The server.
    pub(super) fn origin(&self) -> Result<Origin, Problem> {
        let origin = Origin::parse(&self.url).map_err(|message| Problem::new("url", message))?;
        let last = origin.url(&[]).path_segments().and_then(|mut parts| parts.next_back().map(str::to_ascii_lowercase));
        if matches!(last.as_deref(), Some("api" | "jssresource")) {
            return Err(Problem::new("url", "must be the address of the server, without /api or /JSSResource"));
        }
        Ok(origin)
    }

    /// The one login.
    pub(super) fn login(&self) -> Result<Login, Problem> {
        const KINDS: &str = "client_id with client_secret_file, or username with password_file";
        let is_client = self.client_id.is_some() || self.client_secret_file.is_some();
        let is_user = self.username.is_some() || self.password_file.is_some();
        match (is_client, is_user) {
            (true, false) => match (&self.client_id, &self.client_secret_file) {
                (Some(id), Some(file)) => {
                    let id = id.trim();
                    if id.is_empty() || id.contains(|c: char| !c.is_ascii_graphic()) {
                        return Err(Problem::new("client_id", "must be the id of an API client, such as a GUID"));
                    }
                    Ok(Login::client(id, SecretFile::new(file)))
                }
                (_, None) => Err(Problem::new("client_secret_file", "must be given beside client_id")),
                (None, _) => Err(Problem::new("client_id", "must be given beside client_secret_file")),
            },
            (false, true) => match (&self.username, &self.password_file) {
                (Some(name), Some(file)) => {
                    // RFC 7617, 2: a name with a colon would end at it.
                    if name.trim().is_empty() || name.contains(|c: char| c == ':' || c.is_control()) {
                        return Err(Problem::new("username", "must be the name of a user, without a colon"));
                    }
                    Ok(Login::user(name, SecretFile::new(file)))
                }
                (_, None) => Err(Problem::new("password_file", "must be given beside username")),
                (None, _) => Err(Problem::new("username", "must be given beside password_file")),
            },
            (false, false) => Err(Problem::new("", format!("needs one login: {KINDS}"))),
            (true, true) => Err(Problem::new("", format!("must have only one login: {KINDS}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(more: &str) -> Settings {
        let mut value = serde_json::json!({
            "url": "https://mdm.example.com", "client_id": "app", "client_secret_file": "/s",
        });
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
    fn good_settings_have_no_problem_and_say_what_is_asked() {
        for more in [
            "{}",
            r#"{"url":" https://MDM.example.com:8443/instance// "}"#,
            r#"{"url":"http://127.0.0.1:1"}"#,
            r#"{"client_id":null,"client_secret_file":null,"username":"a b","password_file":"/p"}"#,
        ] {
            assert_eq!(problems(more), Vec::<String>::new(), "{more}");
        }
        assert_eq!(settings("{}").sources(), [Source::Api, Source::Tokens, Source::Push]);
        let profile = settings(r#"{"tokens":false,"push":false,"enrolment_profile":true}"#);
        assert_eq!(profile.sources(), [Source::Api, Source::Profile]);
    }

    #[test]
    fn each_problem_has_its_key_and_says_what_is_right() {
        for (more, expected) in [
            (r#"{"url":"mdm.example.com"}"#, "tenants[0].mdm.url: must begin with https://, such as"),
            (r#"{"url":"http://mdm.example.com"}"#, "tenants[0].mdm.url: must begin with https:// because"),
            (r#"{"url":"https://mdm.example.com/api/"}"#, "tenants[0].mdm.url: must be the address of the server"),
            (r#"{"url":"https://mdm.example.com/x/JSSResource"}"#, "tenants[0].mdm.url: must be the address"),
            (r#"{"client_id":null}"#, "tenants[0].mdm.client_id: must be given beside client_secret_file"),
            (r#"{"client_secret_file":null}"#, "tenants[0].mdm.client_secret_file: must be given beside client_id"),
            (r#"{"client_id":"a b"}"#, "tenants[0].mdm.client_id: must be the id of an API client"),
            (r#"{"username":"u"}"#, "tenants[0].mdm: must have only one login"),
            (r#"{"client_id":null,"client_secret_file":null}"#, "tenants[0].mdm: needs one login"),
            (
                r#"{"client_id":null,"client_secret_file":null,"username":"u"}"#,
                "tenants[0].mdm.password_file: must be given beside username",
            ),
            (
                r#"{"client_id":null,"client_secret_file":null,"username":"u:v","password_file":"/p"}"#,
                "tenants[0].mdm.username: must be the name of a user, without a colon",
            ),
        ] {
            let found = problems(more);
            assert_eq!(found.len(), 1, "{more}: {found:?}");
            assert!(found[0].starts_with(expected), "{more}: {found:?}");
        }
        assert_eq!(problems(r#"{"url":"x","client_id":null}"#).len(), 2);
    }
}
