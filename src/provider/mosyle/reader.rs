//! The reads of one poll.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::devices::System;
use super::login::{Credential, no_address};
use super::wire::{self, Page};
use super::{Mosyle, Product, RIGHT};
use crate::model::{Failure, Reason};
use crate::provider::http::{Answer, Token, status_failure};

/// Asks Mosyle with one token; at most one login is made for all of it, for too many of them lock an administrator out.
pub(super) struct Reader<'a> {
    mosyle: &'a Mosyle,
    credential: Credential,
    token: Token,
    logged_in: bool,
    now: DateTime<Utc>,
}

impl<'a> Reader<'a> {
    /// Reads the secrets at every poll, so that one that was replaced is used at once, and one that is gone is told
    /// while the token made with it still lives; then takes a token.
    pub(super) async fn open(mosyle: &'a Mosyle, now: DateTime<Utc>) -> Result<Self, Failure> {
        let credential = mosyle.login.read_credential().await?;
        let mut logged_in = false;
        let token = token(mosyle, &credential, &mut logged_in, now).await?;
        Ok(Self { mosyle, credential, token, logged_in, now })
    }

    pub(super) fn host(&self) -> String {
        self.mosyle.client.origin().host()
    }

    /// One page of the devices with one system.
    pub(super) async fn page(&mut self, system: System, page: usize) -> Result<Page, Failure> {
        let host = self.host();
        let mut answer = self.send(system, page).await?;
        if answer.status == 401 && !self.logged_in {
            // The token died before its time: one new login, one new try, and no more.
            self.mosyle.tokens.reject(&self.token).await;
            self.token = token(self.mosyle, &self.credential, &mut self.logged_in, self.now).await?;
            answer = self.send(system, page).await?;
        }
        if matches!(answer.status, 401 | 403) {
            // The next poll must not begin with it.
            self.mosyle.tokens.reject(&self.token).await;
        }
        match answer.status {
            200 => wire::parse(&host, &answer),
            201..=299 => Err(Failure::new(Reason::Malformed, format!("{host} answered without devices"))),
            401 => Err(Failure::new(Reason::Auth, format!("{host} refuses the token of a good login (status 401)"))),
            403 => Err(Failure::new(
                Reason::Forbidden,
                format!("{host} does not let the administrator list devices: the right {RIGHT} is needed (status 403)"),
            )),
            404 => Err(no_address(&host, self.mosyle.product)),
            status => Err(status_failure(&host, status, answer.retry_after)),
        }
    }

    async fn send(&self, system: System, page: usize) -> Result<Answer, Failure> {
        let Mosyle { client, product, login, .. } = self.mosyle;
        let options = json!({ "os": system.word(), "page": page, "specific_columns": system.columns() });
        let mut document = match product {
            Product::Manager => json!({ "options": options }),
            Product::Business => json!({ "operation": "list", "options": options }),
        };
        let headers = login.with_access_token(*product, &self.credential, &mut document)?;
        client.post_json_read(&[product.list_path()], headers, Some(&self.token), &document, self.now).await
    }
}

async fn token(
    mosyle: &Mosyle,
    credential: &Credential,
    logged_in: &mut bool,
    now: DateTime<Utc>,
) -> Result<Token, Failure> {
    let Mosyle { client, product, login, tokens, .. } = mosyle;
    let log_in = || {
        *logged_in = true;
        login.log_in(client, *product, credential, now)
    };
    tokens.token(login.fingerprint(credential), log_in).await
}
