//! The lists of Graph: tokens and devices, page by page.

use axum::response::Response;
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use super::{List, Paging};
use crate::demo::asked::Asked;
use crate::demo::reply::json as document;

/// The page that is asked for, counted from 0: by a link of ours, else the first.
pub(super) fn page_of(asked: &Asked) -> usize {
    asked
        .query
        .as_deref()
        .and_then(|query| url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "$skiptoken"))
        .and_then(|(_, token)| token.strip_prefix("{page=")?.strip_suffix('}')?.parse().ok())
        .unwrap_or(0)
}

pub(super) fn respond(asked: &Asked, list: &List) -> Response {
    let page = page_of(asked);
    let empty = Vec::new();
    let link = |host: &str, page: usize| format!("{host}{}?%24skiptoken=%7Bpage%3D{page}%7D", asked.path);
    let own = asked.root();
    let (elements, next) = match &list.paging {
        Paging::Honest | Paging::Fails(_) => {
            let more = page + 1 < list.pages.len() || matches!(list.paging, Paging::Fails(_)) && page == 0;
            (list.pages.get(page).unwrap_or(&empty), more.then(|| link(&own, page + 1)))
        }
        Paging::SameLink => (list.pages.first().unwrap_or(&empty), Some(link(&own, 1))),
        Paging::Endless => (list.pages.first().unwrap_or(&empty), Some(link(&own, page + 1))),
        Paging::Away(host) => (list.pages.first().unwrap_or(&empty), Some(link(host, 1))),
    };
    // The number was seen to be 0 for a list of two (jaapplugge/PRTG), and null links beside missing ones.
    let mut body =
        json!({ "@odata.context": "https://graph.example.com/$metadata", "@odata.count": 0, "value": elements });
    if let Some(next) = next {
        body["@odata.nextLink"] = json!(next);
    } else if page > 0 {
        body["@odata.nextLink"] = Value::Null;
    }
    document(200, &body)
}

impl List {
    /// A list of one page.
    #[must_use]
    pub fn of(elements: impl IntoIterator<Item = Value>) -> Self {
        Self { pages: vec![elements.into_iter().collect()], paging: Paging::Honest }
    }

    /// These elements in pages of so many.
    #[must_use]
    pub fn paged(elements: impl IntoIterator<Item = Value>, size: usize) -> Self {
        let all: Vec<Value> = elements.into_iter().collect();
        Self { pages: all.chunks(size.max(1)).map(<[Value]>::to_vec).collect(), paging: Paging::Honest }
    }

    /// The same, its pages continued in another way.
    #[must_use]
    pub fn with_paging(mut self, paging: Paging) -> Self {
        self.paging = paging;
        self
    }
}

/// A server token, as `depOnboardingSettings` tells of it; seven devices are assigned to it.
#[must_use]
pub fn server_token(id: &str, name: &str, not_after: DateTime<Utc>) -> Value {
    json!({
        "id": id,
        "appleIdentifier": "mdm@example.com",
        "tokenName": name,
        "tokenType": "dep",
        "tokenExpirationDateTime": text(not_after),
        "lastSyncErrorCode": 0,
        "syncedDeviceCount": 7,
        "roleScopeTagIds": ["0"],
    })
}

/// A content token in a state, as `vppTokens` tells of it.
#[must_use]
pub fn content_token(id: &str, organisation: &str, not_after: DateTime<Utc>, state: &str) -> Value {
    json!({
        "id": id,
        "organizationName": organisation,
        "appleId": "vpp@example.com",
        "vppTokenAccountType": "business",
        "expirationDateTime": text(not_after),
        "lastSyncStatus": "completed",
        "state": state,
        "token": null,
    })
}

/// A managed device, as `managedDevices` tells of it.
#[must_use]
pub fn managed_device(system: &str, model: &str, last_sync: DateTime<Utc>) -> Value {
    json!({
        "operatingSystem": system,
        "model": model,
        "lastSyncDateTime": text(last_sync),
        "managementState": "managed",
        "managementAgent": "mdm",
    })
}

fn text(date: DateTime<Utc>) -> String {
    date.to_rfc3339_opts(SecondsFormat::Secs, true)
}
