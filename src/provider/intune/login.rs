//! The login of an app at Microsoft Entra: the client credentials grant, with one of three credentials.
//!
//! <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow>

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::Settings;
use super::assertion;
use super::refusal::{Hint, Refusal};
use crate::model::{Failure, Reason};
use crate::provider::http::{Answer, Client, Fingerprint, Granted, Origin, Token};
use crate::secret::{Secret, SecretFile};

/// An answer of the token endpoint has a few kilobytes.
const ANSWER_LIMIT: usize = 256 * 1024;

/// RFC 7523, 2.2; for a signed assertion of ours and for the token of another identity provider alike.
const ASSERTION_TYPE: &[u8] = b"urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Where the credential is.
#[derive(Debug)]
pub(super) enum CredentialFiles {
    /// A client secret.
    Secret(SecretFile),
    /// A certificate and its key, which sign an assertion.
    Certificate {
        /// The certificate, PEM.
        certificate: SecretFile,
        /// Its RSA key, PEM.
        key: SecretFile,
    },
    /// The token of another identity provider.
    Federated(SecretFile),
}

/// The credential as it is on disk at this moment.
#[derive(Debug)]
pub(super) struct Credential {
    first: Secret,
    /// The key, where `first` is a certificate.
    second: Option<Secret>,
}

impl Credential {
    /// Changes whenever a file does.
    pub(super) fn fingerprint(&self) -> Fingerprint {
        let second = self.second.as_ref().map(Secret::expose).unwrap_or_default();
        Fingerprint::of(&[self.first.expose(), second])
    }

    /// When it ends, as far as the file says: a certificate has its end in it, a secret has not.
    pub(super) fn not_after(&self) -> Option<DateTime<Utc>> {
        self.second.as_ref().and_then(|_| assertion::not_after(self.first.expose()))
    }
}

/// How one tenant logs in.
#[derive(Debug)]
pub(super) struct Login {
    client: Client,
    directory: String,
    client_id: String,
    /// What the token is for.
    graph: Origin,
    files: CredentialFiles,
}

impl Login {
    pub(super) fn new(client: Client, settings: &Settings, graph: Origin, files: CredentialFiles) -> Self {
        let directory = settings.directory_in_lower_case();
        Self { client, directory, client_id: settings.client_id.trim().to_owned(), graph, files }
    }

    pub(super) fn directory(&self) -> &str {
        &self.directory
    }

    pub(super) fn origin(&self) -> &Origin {
        self.client.origin()
    }

    /// Reads the credential.
    pub(super) async fn read_credential(&self) -> Result<Credential, Failure> {
        Ok(match &self.files {
            CredentialFiles::Secret(file) | CredentialFiles::Federated(file) => {
                Credential { first: file.fetch().await?, second: None }
            }
            CredentialFiles::Certificate { certificate, key } => {
                Credential { first: certificate.fetch().await?, second: Some(key.fetch().await?) }
            }
        })
    }

    /// One login.
    ///
    /// # Errors
    ///
    /// `auth` when it was refused, with what a person can do; `malformed` for key files that cannot be used and for
    /// answers that are none; what [`Client`] fails with.
    pub(super) async fn log_in(&self, credential: &Credential, now: DateTime<Utc>) -> Result<Granted, Failure> {
        let path = [self.directory.as_str(), "oauth2", "v2.0", "token"];
        let scope = self.scope();
        let mut form: Vec<(&str, &[u8])> = vec![
            ("grant_type", b"client_credentials"),
            ("client_id", self.client_id.as_bytes()),
            ("scope", scope.as_bytes()),
        ];
        let signed;
        match (&self.files, &credential.second) {
            (CredentialFiles::Certificate { certificate, key }, Some(key_pem)) => {
                signed = assertion::sign(
                    &assertion::KeyPair {
                        certificate_pem: credential.first.expose(),
                        certificate_path: certificate.path(),
                        key_pem: key_pem.expose(),
                        key_path: key.path(),
                    },
                    &self.client_id,
                    self.client.origin().url(&path).as_str(),
                    now,
                )?;
                form.extend([("client_assertion_type", ASSERTION_TYPE), ("client_assertion", signed.as_bytes())]);
            }
            (CredentialFiles::Federated(_), _) => {
                // A token has no blanks; a second line end at its end is a mistake that can be forgiven.
                let token = credential.first.expose().trim_ascii();
                form.extend([("client_assertion_type", ASSERTION_TYPE), ("client_assertion", token)]);
            }
            (CredentialFiles::Secret(_) | CredentialFiles::Certificate { .. }, _) => {
                form.push(("client_secret", credential.first.expose()));
            }
        }
        let answer = self.client.post_form(&path, &form, now).await?;
        if answer.status == 200 { granted(&answer) } else { Err(self.refused(credential, &answer)) }
    }

    fn scope(&self) -> String {
        format!("{}/.default", self.graph.root())
    }

    fn refused(&self, credential: &Credential, answer: &Answer) -> Failure {
        let (path, hint) = match &self.files {
            CredentialFiles::Secret(file) => (file.path(), Hint::of_secret(&credential.first)),
            CredentialFiles::Certificate { certificate, .. } => (certificate.path(), Hint::None),
            CredentialFiles::Federated(file) => (file.path(), Hint::None),
        };
        Refusal {
            host: &self.client.origin().host(),
            directory: &self.directory,
            client_id: &self.client_id,
            scope: &self.scope(),
            file: path,
            hint,
        }
        .failure(answer)
    }
}

fn granted(answer: &Answer) -> Result<Granted, Failure> {
    let wrong = |what: &str| Failure::new(Reason::Malformed, format!("the login answered, but {what}"));
    let mut body = answer.json(ANSWER_LIMIT).map_err(|failure| wrong(&failure.message))?;
    let Some(Value::String(token)) = body.get_mut("access_token").map(Value::take) else {
        return Err(wrong("without an access token"));
    };
    // The older endpoint writes the number as text. Without a life the token is used once and not kept.
    let life = match body.get("expires_in") {
        Some(Value::Number(number)) => number.as_u64(),
        Some(Value::String(text)) => text.parse().ok(),
        _ => None,
    };
    Ok(Granted { token: Token::new(token)?, life: Duration::from_secs(life.unwrap_or(0)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(body: &str) -> Answer {
        Answer { status: 200, body: bytes::Bytes::copy_from_slice(body.as_bytes()), ..Answer::default() }
    }

    #[test]
    fn a_grant_needs_a_token_and_has_a_life() {
        for (body, life) in [
            (r#"{"access_token":"t","expires_in":3599,"token_type":"Bearer"}"#, 3599),
            (r#"{"access_token":"t","expires_in":"3599"}"#, 3599),
            (r#"{"access_token":"t","expires_in":-1}"#, 0),
            (r#"{"access_token":"t"}"#, 0),
        ] {
            assert_eq!(granted(&answer(body)).unwrap().life.as_secs(), life, "{body}");
        }
        for body in [
            "",
            "null",
            "[]",
            r#"{"access_token":""}"#,
            r#"{"access_token":7}"#,
            "<html>",
            r#"{"access_token":"a\nb"}"#,
        ] {
            assert_eq!(granted(&answer(body)).unwrap_err().reason, Reason::Malformed, "{body}");
        }
    }
}
