//! The content token of Apps and Books, once called the sToken of the Volume Purchase Programme: base64 of a JSON
//! `{"token": ..., "expDate": "2026-05-01T10:00:00+0000", "orgName": ...}`, in a file named `.vpptoken` or `.txt`.
//! The names of the fields are those that Fleet reads (`VPPTokenRaw`); the offset without a colon is how Apple's Apps and
//! Books service writes dates elsewhere.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::moment;
use crate::certificate::bare;
use crate::words::clean;

/// Longer names are cut.
const MAX_NAME: usize = 256;

/// A content token of Apps and Books.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VppToken {
    /// When it ends, if its date can be read.
    pub not_after: Option<DateTime<Utc>>,
    /// The organisation or location it is for, fit to be shown.
    pub organisation: Option<String>,
    /// Whether there is a date that cannot be read.
    is_date_odd: bool,
}

#[derive(Deserialize)]
struct Json<'a> {
    /// There to know a token by; the value is stepped over.
    #[serde(rename = "token")]
    _token: IgnoredAny,
    #[serde(borrow, rename = "expDate")]
    end: Option<&'a RawValue>,
    #[serde(borrow, rename = "orgName")]
    organisation: Option<&'a RawValue>,
}

/// Reads a content token, in base64 or bare.
pub(super) fn read(text: &[u8]) -> Option<VppToken> {
    let text = text.trim_ascii();
    if text.starts_with(b"{") {
        // Outside of base64 a "token" and an "orgName" are too common to know it by.
        return parse(text).filter(|token| token.not_after.is_some() || token.is_date_odd);
    }
    let bare = bare::decode(text).filter(|bare| bare.damage.is_none())?;
    parse(bare.bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bare.bytes).trim_ascii())
}

fn parse(json: &[u8]) -> Option<VppToken> {
    // A struct could be read from an array, too.
    let json = Some(json).filter(|json| json.starts_with(b"{"))?;
    let json: Json<'_> = serde_json::from_slice(json).ok()?;
    // Any JSON may have a "token".
    if json.end.is_none() && json.organisation.is_none() {
        return None;
    }
    let text = |raw: &RawValue| serde_json::from_str::<String>(raw.get()).ok();
    let not_after = json.end.and_then(text).and_then(|text| moment(&text));
    let organisation = json.organisation.and_then(text).map(|name| clean(name.trim(), MAX_NAME));
    Some(VppToken {
        not_after,
        organisation: organisation.filter(|name| !name.is_empty()),
        is_date_odd: json.end.is_some() && not_after.is_none(),
    })
}

impl VppToken {
    /// What should be known of it, as of [`super::Token::findings`].
    pub(super) fn findings(&self) -> Vec<String> {
        let mut out = vec![
            "a content token is a plain secret: whoever has it gives out and takes back the app licences; keep it in \
             no folder, mail or ticket"
                .to_owned(),
        ];
        if self.is_date_odd {
            out.push("its expDate cannot be read, so its end is not known".to_owned());
        } else if self.not_after.is_none() {
            out.push("it has no expDate, so its end is not known".to_owned());
        }
        out
    }
}
