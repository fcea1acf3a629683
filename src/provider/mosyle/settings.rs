//! What the shape of the settings alone cannot say, and how the products differ.

use super::{Product, Settings};
use crate::model::{Problem, Source};
use crate::provider::http::Origin;

impl Product {
    /// The address of its API. Fuse uses that of Business; Business has no `/v2`.
    fn address(self) -> &'static str {
        match self {
            Self::Business => "https://businessapi.mosyle.com/v1",
            Self::Manager => "https://managerapi.mosyle.com/v2",
        }
    }

    /// Its name, for people.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Business => "Mosyle Business",
            Self::Manager => "Mosyle Manager",
        }
    }

    /// The path of the list of devices. Manager has one path for each function, Business names it in the body.
    pub(super) fn list_path(self) -> &'static str {
        match self {
            Self::Business => "devices",
            Self::Manager => "listdevices",
        }
    }
}

impl Settings {
    /// Checks what the shape alone cannot say; `path` is where these settings stand. Reads no file.
    pub fn check(&self, path: &str, problems: &mut Vec<Problem>) {
        if let Err(problem) = self.origin() {
            problems.push(Problem::new(format!("{path}.{}", problem.path), problem.message));
        }
        let email = self.email.trim();
        let is_address = email.split_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty())
            && !email.contains(|c: char| c.is_control() || c.is_whitespace());
        if !is_address {
            problems.push(Problem::new(
                format!("{path}.email"),
                "must be the address with which an administrator logs in, such as apnswatch@example.com",
            ));
        }
    }

    /// The sources that are asked.
    #[must_use]
    pub fn sources(&self) -> Vec<Source> {
        if self.push { vec![Source::Push] } else { Vec::new() }
    }

    pub(super) fn origin(&self) -> Result<Origin, Problem> {
        let url = self.url.as_deref().unwrap_or_else(|| self.product.address());
        Origin::parse(url).map_err(|message| Problem::new("url", message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(more: &str) -> Settings {
        let mut value = serde_json::json!({
            "product": "business", "access_token_file": "/a", "email": "apnswatch@example.com", "password_file": "/p",
        });
        let more: serde_json::Map<String, serde_json::Value> = serde_json::from_str(more).unwrap();
        value.as_object_mut().unwrap().extend(more);
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn each_product_has_its_address_and_push_is_off() {
        for (product, address) in
            [("business", "https://businessapi.mosyle.com/v1"), ("manager", "https://managerapi.mosyle.com/v2")]
        {
            let settings = settings(&format!(r#"{{"product":"{product}"}}"#));
            assert_eq!(settings.origin().unwrap().to_string(), address);
            assert_eq!(settings.sources(), []);
            let mut problems = Vec::new();
            settings.check("tenants[0].mdm", &mut problems);
            assert_eq!(problems, []);
        }
        assert_eq!(settings(r#"{"push":true,"tokens":true}"#).sources(), [Source::Push]);
        let own = settings(r#"{"url":" https://mosyle.example.com/v1/ "}"#).origin().unwrap();
        assert_eq!(own.to_string(), "https://mosyle.example.com/v1");
    }

    #[test]
    fn each_problem_has_its_key_and_says_what_is_right() {
        for (more, expected) in [
            (r#"{"url":"mosyle.example.com"}"#, "tenants[0].mdm.url: must begin with https://"),
            (r#"{"url":"http://mosyle.example.com"}"#, "tenants[0].mdm.url: must begin with https:// because"),
            (r#"{"email":""}"#, "tenants[0].mdm.email: must be the address"),
            (r#"{"email":"admin"}"#, "tenants[0].mdm.email: must be the address"),
            (r#"{"email":"a b@example.com"}"#, "tenants[0].mdm.email: must be the address"),
        ] {
            let mut problems = Vec::new();
            settings(more).check("tenants[0].mdm", &mut problems);
            let found: Vec<String> = problems.iter().map(ToString::to_string).collect();
            assert_eq!(found.len(), 1, "{more}: {found:?}");
            assert!(found[0].starts_with(expected), "{more}: {found:?}");
        }
    }
}
