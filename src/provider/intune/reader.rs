//! The reads of one poll.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use reqwest::header::HeaderMap;
use serde_json::{Map, Value};

use super::Intune;
use super::denial::{Wanted, failed};
use super::login::Credential;
use super::wire::text;
use crate::model::{Failure, Reason};
use crate::provider::http::{self, Answer, BODY_LIMIT, Token};

/// Asks Graph with one token, and logs in anew at most once when it is refused.
pub(super) struct Reader<'a> {
    intune: &'a Intune,
    credential: Credential,
    token: Token,
    renewed: bool,
    now: DateTime<Utc>,
}

/// How much of a list is read.
#[derive(Clone, Copy)]
pub(super) enum Extent {
    /// All of it, in at most so many pages.
    Whole(usize),
    /// Its first page: enough to know whether it may be read.
    FirstPage,
}

/// One element of a list.
pub(super) type Entity = Map<String, Value>;

impl<'a> Reader<'a> {
    /// Reads the credential at every poll, so that a secret that was replaced is used at once, and one that is gone is
    /// told while the token made with it still lives; then takes a token.
    pub(super) async fn open(intune: &'a Intune, now: DateTime<Utc>) -> Result<Self, Failure> {
        let credential = intune.login.read_credential().await?;
        let token = token(intune, &credential, now).await?;
        Ok(Self { intune, credential, token, renewed: false, now })
    }

    pub(super) fn credential(&self) -> &Credential {
        &self.credential
    }

    /// The token that was used last.
    pub(super) fn token(&self) -> &Token {
        &self.token
    }

    /// One read, whatever its answer.
    pub(super) async fn get(&mut self, wanted: &Wanted) -> Result<Answer, Failure> {
        self.ask(wanted, None).await
    }

    /// The elements of a list, page by page. `take` is handed each of them. Microsoft asks to follow `@odata.nextLink`
    /// as it stands and to expect no number of pages (<https://learn.microsoft.com/graph/paging>); `@odata.count` is
    /// not looked at, for it was seen to be wrong.
    ///
    /// # Errors
    ///
    /// The whole list fails when one of its pages does: half a list would look like devices that are gone. `malformed`
    /// too for a link to another host, for pages that come again, and for more of them than `extent` allows.
    pub(super) async fn list(
        &mut self,
        wanted: &Wanted,
        extent: Extent,
        mut take: impl FnMut(&Entity) -> Result<(), &'static str>,
    ) -> Result<(), Failure> {
        let host = self.intune.graph.origin().host();
        let malformed = |what: &str| Failure::new(Reason::Malformed, format!("{host}: {} {what}", wanted.what));
        let mut links = HashSet::new();
        let mut next: Option<String> = None;
        loop {
            let answer = self.ask(wanted, next.as_deref()).await?;
            let page = match answer.status {
                200 => answer.json(BODY_LIMIT).map_err(|failure| malformed(&format!("are not told: {failure}")))?,
                201..=299 => return Err(malformed("are not in the answer")),
                _ => return Err(failed(&host, wanted, &self.token, &answer)),
            };
            let Some((page, elements)) = page.as_object().and_then(|page| Some((page, page.get("value")?.as_array()?)))
            else {
                return Err(malformed("are not told: the answer is JSON, but not a list"));
            };
            for element in elements {
                let entity =
                    element.as_object().ok_or_else(|| malformed("are told in a list that holds no objects"))?;
                take(entity).map_err(|what| malformed(&format!("are told with {what}")))?;
            }
            let link = match page.get("@odata.nextLink") {
                None | Some(Value::Null) => None,
                Some(_) => Some(text(page, "@odata.nextLink").ok_or_else(|| malformed("go on at an odd link"))?),
            };
            let (Some(link), Extent::Whole(most)) = (link, extent) else { return Ok(()) };
            if links.len() + 1 >= most {
                return Err(malformed(&format!("do not end after {most} pages")));
            }
            if !links.insert(link.to_owned()) {
                return Err(malformed("go on in a circle"));
            }
            next = Some(link.to_owned());
        }
    }

    async fn ask(&mut self, wanted: &Wanted, link: Option<&str>) -> Result<Answer, Failure> {
        let mut answer = self.send(wanted, link).await?;
        if answer.status == 401 && !self.renewed {
            // The token may have been revoked: one new login, one new try, and no more.
            self.renewed = true;
            self.intune.tokens.reject(&self.token).await;
            self.token = token(self.intune, &self.credential, self.now).await?;
            answer = self.send(wanted, link).await?;
        }
        if matches!(answer.status, 401 | 403) {
            // Rights are written into a token when it is made, so the next poll must not reuse this one.
            self.intune.tokens.reject(&self.token).await;
        }
        Ok(answer)
    }

    async fn send(&self, wanted: &Wanted, link: Option<&str>) -> Result<Answer, Failure> {
        // Microsoft asks for this number in support cases.
        let id = uuid::Uuid::new_v4().to_string();
        let headers = HeaderMap::from_iter([http::header("client-request-id", &id)?]);
        let (graph, token) = (&self.intune.graph, Some(&self.token));
        let answer = match link {
            Some(link) => graph.get_link(link, headers, token, self.now).await,
            None => graph.get_query(wanted.path, wanted.query, headers, token, self.now).await,
        };
        match &answer {
            Ok(answer) if answer.status == 200 => {}
            Ok(answer) => {
                tracing::debug!(client_request_id = id, status = answer.status, "graph did not answer with 200");
            }
            Err(failure) => tracing::debug!(client_request_id = id, reason = %failure.reason, "graph gave no answer"),
        }
        answer
    }
}

async fn token(intune: &Intune, credential: &Credential, now: DateTime<Utc>) -> Result<Token, Failure> {
    intune.tokens.token(credential.fingerprint(), || intune.login.log_in(credential, now)).await
}
