//! A message to somebody who is told. Never to an MDM: nothing that asks one has it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use reqwest::header::HeaderMap;
use url::Url;

use super::{Answer, Client, Origin};
use crate::config::Network;
use crate::model::{Failure, Reason};

/// What may take a message.
#[derive(Debug)]
pub struct Errand {
    client: Client,
    url: Url,
}

impl Errand {
    /// Prepares a request to an address, which may be a secret as a whole.
    ///
    /// # Errors
    ///
    /// `malformed` if it is no address of `https`, or of `http` on this machine. The message does not repeat it.
    pub fn new(address: &str, network: &Network, timeout: Duration) -> Result<Self, Failure> {
        let malformed = |why: &str| Failure::new(Reason::Malformed, format!("the address {why}"));
        let url = Url::parse(address.trim()).map_err(|_| malformed("is none"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(malformed("must not hold a user name or a password"));
        }
        let origin = Origin::parse(&url.origin().ascii_serialization()).map_err(|why| malformed(&why))?;
        let client = Client::new(origin, &Arc::new(network.clone()), timeout);
        Ok(Self { client, url })
    }

    /// The address.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The same to another path of the same host.
    #[must_use]
    pub fn at(self, url: Url) -> Self {
        let is_same = url.origin() == self.url.origin();
        Self { url: if is_same { url } else { self.url }, client: self.client }
    }

    /// The host, for people.
    #[must_use]
    pub fn host(&self) -> String {
        self.client.origin().host()
    }

    /// Sends it, once: whoever took it and gave no answer must not get it twice by our doing. The status is the answer: what
    /// may follow it is not read, for where that breaks off the message was taken all the same, and the body is empty.
    ///
    /// # Errors
    ///
    /// As [`Client::get`]. A status is no failure, except that of a redirect.
    pub async fn post(&self, headers: HeaderMap, body: Bytes, now: DateTime<Utc>) -> Result<Answer, Failure> {
        self.send(reqwest::Method::POST, headers, Some(body), now).await
    }

    /// Asks it, once.
    ///
    /// # Errors
    ///
    /// As [`Errand::post`].
    pub async fn get(&self, now: DateTime<Utc>) -> Result<Answer, Failure> {
        self.send(reqwest::Method::GET, HeaderMap::new(), None, now).await
    }

    async fn send(
        &self,
        method: reqwest::Method,
        headers: HeaderMap,
        body: Option<Bytes>,
        now: DateTime<Utc>,
    ) -> Result<Answer, Failure> {
        let client = &self.client;
        let transport = client.transport().await?;
        let exchange = async {
            let mut request = transport.fresh.request(method, self.url.clone()).headers(headers);
            if let Some(body) = body {
                request = request.body(body);
            }
            client.head(&request.send().await.map_err(|error| client.failed(&error))?, now)
        };
        tokio::time::timeout(client.timeout, exchange).await.unwrap_or_else(|_| {
            Err(Failure::new(Reason::Timeout, format!("{} gave no answer within {:?}", self.host(), client.timeout)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_cannot_be_right_is_told_without_repeating_it() {
        let errand = |address: &str| Errand::new(address, &Network::default(), Duration::from_secs(1));
        assert_eq!(errand(" https://hooks.example.com/s3cret?x=1\n").unwrap().url().path(), "/s3cret");
        errand("http://127.0.0.1:8080/s3cret").unwrap();
        for wrong in
            ["s3cret", "http://hooks.example.com/s3cret", "https://u:s3cret@hooks.example.com/", "ftp://x/s3cret", ""]
        {
            let failure = errand(wrong).unwrap_err();
            assert!(failure.reason == Reason::Malformed && !failure.message.contains("s3cret"), "{failure}");
        }
    }
}
