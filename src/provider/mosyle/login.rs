//! The login at Mosyle: an access token and an administrator, for a token in the header of the answer.
//!
//! From the vendor's documentation of Manager (SchoolOfTheOsage/mosyle, `docs/official`) and from clients of Business
//! (apfelq/mosyle-notifications, tuxudo/mosyle).

use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::HeaderMap;
use serde_json::json;

use super::{Product, Settings};
use crate::model::{Failure, Reason};
use crate::provider::http::{Client, Fingerprint, Granted, Token, secret_header, status_failure};
use crate::secret::{Secret, SecretFile};

/// How long a token lives. Nothing in the answer says so; its `Expires` is the past date that PHP writes into every
/// answer.
const LIFE: Duration = Duration::from_secs(24 * 3600);

/// An answer to a login has a few hundred bytes.
const ANSWER_LIMIT: usize = 256 * 1024;

/// The header in which Business takes the access token.
const ACCESS_TOKEN: &str = "accesstoken";

/// How one tenant logs in.
#[derive(Debug)]
pub(super) struct Login {
    access_token: SecretFile,
    email: String,
    password: SecretFile,
}

/// The secrets as they are on disk at this moment.
#[derive(Debug)]
pub(super) struct Credential {
    access_token: Secret,
    password: Secret,
}

impl Login {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            access_token: SecretFile::new(&settings.access_token_file),
            email: settings.email.trim().to_owned(),
            password: SecretFile::new(&settings.password_file),
        }
    }

    /// Reads the secrets.
    pub(super) async fn read_credential(&self) -> Result<Credential, Failure> {
        Ok(Credential { access_token: self.access_token.fetch().await?, password: self.password.fetch().await? })
    }

    /// Changes whenever a file or the address does.
    pub(super) fn fingerprint(&self, credential: &Credential) -> Fingerprint {
        let Credential { access_token, password } = credential;
        Fingerprint::of(&[access_token.expose(), self.email.as_bytes(), password.expose()])
    }

    /// One login.
    ///
    /// # Errors
    ///
    /// `auth` when it was refused, which Mosyle also says by 200 without a token; `malformed` for answers that are none
    /// and for secrets that cannot be sent; what [`Client`] fails with.
    pub(super) async fn log_in(
        &self,
        client: &Client,
        product: Product,
        credential: &Credential,
        now: DateTime<Utc>,
    ) -> Result<Granted, Failure> {
        let password = text(&credential.password, &self.password)?;
        let mut document = json!({ "email": self.email, "password": password });
        let headers = self.with_access_token(product, credential, &mut document)?;
        let answer = client.post_json_read(&["login"], headers, None, &document, now).await?;
        let host = client.origin().host();
        let refused = || Failure::new(Reason::Auth, self.refusal(&host, credential, answer.status));
        match answer.status {
            200 => {
                if let Some(token) = Token::from_bearer_header(&answer.headers) {
                    return Ok(Granted { token, life: LIFE });
                }
                // A page of somebody in between is no refusal.
                answer.json(ANSWER_LIMIT).map_err(|failure| {
                    Failure::new(Reason::Malformed, format!("{host} answered the login, but {}", failure.message))
                })?;
                Err(refused())
            }
            401 | 403 => Err(refused()),
            404 => Err(no_address(&host, product)),
            status => Err(status_failure(&host, status, answer.retry_after)),
        }
    }

    /// Puts the access token where a product takes it: into the body for Manager, into a header for Business.
    pub(super) fn with_access_token(
        &self,
        product: Product,
        credential: &Credential,
        document: &mut serde_json::Value,
    ) -> Result<HeaderMap, Failure> {
        match product {
            Product::Manager => {
                document["accessToken"] = text(&credential.access_token, &self.access_token)?.into();
                Ok(HeaderMap::new())
            }
            Product::Business => Ok(HeaderMap::from_iter([secret_header(ACCESS_TOKEN, &credential.access_token)?])),
        }
    }

    fn refusal(&self, host: &str, credential: &Credential, status: u16) -> String {
        let (access_token, password) = (self.access_token.path().display(), self.password.path().display());
        let padded = [(&credential.access_token, &access_token), (&credential.password, &password)]
            .into_iter()
            .find(|(secret, _)| secret.has_outer_white_space());
        let hint = match padded {
            Some((_, file)) => format!("what {file} holds begins or ends with white space"),
            None => "or that token is limited to other addresses than ours".to_owned(),
        };
        format!(
            "{host} refuses the login (status {status}): the access token in {access_token}, the e-mail address or the \
             password in {password} is wrong; {hint}"
        )
    }
}

/// The failure of a 404, which Mosyle gives in plain text for paths of the other product.
pub(super) fn no_address(host: &str, product: Product) -> Failure {
    Failure::new(
        Reason::NotFound,
        format!(
            "{host} does not know the address (status 404): url and product must belong together, and this asks {}",
            product.name()
        ),
    )
}

/// A secret as it can stand in JSON.
fn text<'a>(secret: &'a Secret, file: &SecretFile) -> Result<&'a str, Failure> {
    secret.expose_str().ok_or_else(|| {
        Failure::new(Reason::Malformed, format!("the secret file {} is not text in UTF-8", file.path().display()))
    })
}
