//! The requests of one poll: one after the other, with one login, and one more if the token dies under them.

use chrono::{DateTime, Utc};
use reqwest::header::HeaderMap;

use super::Jamf;
use super::endpoints::Endpoint;
use crate::model::Failure;
use crate::provider::http::{Answer, Token, header};
use crate::secret::Secret;

/// One poll.
pub(super) struct Session<'a> {
    jamf: &'a Jamf,
    secret: Secret,
    now: DateTime<Utc>,
    /// The one new login of this poll was made.
    is_renewed: bool,
    /// The token with which something was refused.
    refused: Option<Token>,
}

impl<'a> Session<'a> {
    /// Reads the secret, at every poll: one that was replaced is used at once, and one that is gone is told while the
    /// token made with it still lives.
    pub(super) async fn start(jamf: &'a Jamf, now: DateTime<Utc>) -> Result<Self, Failure> {
        let secret = jamf.login.read_secret().await?;
        Ok(Self { jamf, secret, now, is_renewed: false, refused: None })
    }

    /// Who is asked, for messages.
    pub(super) fn host(&self) -> String {
        self.jamf.client.origin().host()
    }

    /// When the poll began.
    pub(super) fn now(&self) -> DateTime<Utc> {
        self.now
    }

    /// The token, by a login if there is none.
    ///
    /// # Errors
    ///
    /// What the login failed with.
    pub(super) async fn token(&self) -> Result<Token, Failure> {
        let login = &self.jamf.login;
        let log_in = || login.log_in(&self.jamf.client, &self.secret, self.now);
        self.jamf.tokens.token(login.fingerprint(&self.secret), log_in).await
    }

    /// GET, as JSON.
    ///
    /// # Errors
    ///
    /// What the login or the request failed with. A status is an answer.
    pub(super) async fn get(&mut self, endpoint: &Endpoint, query: &[(&str, &str)]) -> Result<Answer, Failure> {
        self.ask(endpoint.path, query, "application/json").await
    }

    /// GET of a path, with the kind of answer that is accepted.
    ///
    /// # Errors
    ///
    /// As [`Self::get`].
    pub(super) async fn ask(
        &mut self,
        path: &[&str],
        query: &[(&str, &str)],
        accept: &'static str,
    ) -> Result<Answer, Failure> {
        let mut token = self.token().await?;
        let mut answer = self.send(path, query, accept, &token).await?;
        if answer.status == 401 && !self.is_renewed {
            // Tokens end early when somebody invalidates them or a node restarts: one new login in a poll, no more.
            self.is_renewed = true;
            self.jamf.tokens.reject(&token).await;
            token = self.token().await?;
            answer = self.send(path, query, accept, &token).await?;
        }
        if matches!(answer.status, 401 | 403) {
            self.refused = Some(token);
        }
        Ok(answer)
    }

    /// Ends the poll. Rights are written into a token when it is made
    /// (<https://developer.jamf.com/jamf-pro/docs/client-credentials>), so that the next poll must not reuse one with
    /// which something was refused.
    pub(super) async fn finish(self) {
        if let Some(token) = self.refused {
            self.jamf.tokens.reject(&token).await;
        }
    }

    async fn send(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        accept: &'static str,
        token: &Token,
    ) -> Result<Answer, Failure> {
        let headers = HeaderMap::from_iter([header("accept", accept)?]);
        self.jamf.client.get_query(path, query, headers, Some(token), self.now).await
    }
}
