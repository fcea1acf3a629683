//! The server token that Apple Business Manager and Apple School Manager give for an MDM server, a `.p7m` file.
//!
//! It is S/MIME, encrypted with the public key that the MDM gave (RFC 8551, 3.3). Inside is a second MIME text with a
//! JSON between `-----BEGIN MESSAGE-----` and `-----END MESSAGE-----`; MDMs and open tools write that down decrypted.
//! Its fields are `consumer_key`, `consumer_secret`, `access_token`, `access_secret` and `access_token_expiry`
//! (RFC 3339). That the JSON may be broken into lines anywhere follows from how micromdm/nanodep reads it
//! (`tokenpki/parse.go`).

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use x509_parser::prelude::FromDer;
use x509_parser::x509::X509Name;
use zeroize::Zeroizing;

use super::moment;
use crate::certificate::profile::{self, cms};
use crate::certificate::{bare, name, pem};
use crate::model::Serial;

/// Where the headers of a MIME text have to end.
const MAX_HEAD: usize = 4096;
const BEGIN: &[u8] = b"-----BEGIN MESSAGE-----";
const END: &[u8] = b"-----END MESSAGE-----";

/// A server token of Automated Device Enrolment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdeToken {
    /// How it was written.
    pub form: AdeForm,
    /// The certificate it was encrypted for. `None` if decrypted, damaged, or named in another way.
    pub recipient: Option<RecipientId>,
    /// When it ends. Known of a decrypted one only, and only if its date can be read.
    pub not_after: Option<DateTime<Utc>>,
    /// Whether the file goes to its end.
    is_whole: bool,
}

/// How a server token was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdeForm {
    /// An S/MIME text, as Apple gives it.
    Mime,
    /// The CMS alone, in binary.
    Der,
    /// The CMS alone, as PEM.
    Pem,
    /// Decrypted: the secrets stand there to be read.
    Decrypted,
}

/// Names the certificate whose key opens an encrypted token (`IssuerAndSerialNumber`, RFC 5652, 10.2.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecipientId {
    /// The name of its issuer, for people. MDMs sign these certificates themselves, so mostly it is its own.
    pub issuer: String,
    /// Its serial number.
    pub serial: Serial,
}

/// Reads a server token in any form; `text` is `bytes` decoded.
pub(super) fn read(bytes: &[u8], text: &[u8]) -> Option<AdeToken> {
    if let Some(json) = message(text) {
        return decrypted(json);
    }
    let binary = bytes.trim_ascii_start();
    if cms::is_enveloped(binary) {
        return Some(encrypted(AdeForm::Der, binary, true));
    }
    if let Some(body) = mime_body(text) {
        // A body that is not base64 may be 8bit or binary; of text in UTF-16 it cannot be.
        let decoded = bare::decode(body);
        return Some(match &decoded {
            _ if cms::is_enveloped(body) => encrypted(AdeForm::Mime, body, true),
            Some(bare) => encrypted(AdeForm::Mime, &bare.bytes, bare.damage.is_none()),
            None => encrypted(AdeForm::Mime, &[], false),
        });
    }
    let (blocks, _) = pem::blocks(text);
    let block = blocks.iter().find(|block| profile::is_cms_label(&block.label))?;
    let der = block.decode().map(Zeroizing::new).ok()?;
    cms::is_enveloped(&der).then(|| encrypted(AdeForm::Pem, &der, true))
}

fn encrypted(form: AdeForm, cms: &[u8], is_whole: bool) -> AdeToken {
    let recipient = cms::recipient(cms).ok().and_then(|(issuer, serial)| {
        let (_, issuer) = X509Name::from_der(issuer).ok()?;
        Some(RecipientId { issuer: name::shown(&issuer), serial: Serial::from_der_integer(serial)? })
    });
    AdeToken { form, recipient, not_after: None, is_whole: is_whole && cms::is_whole(cms) }
}

/// The body of an S/MIME text that says of itself that it is encrypted, or that does not say what it is and looks so.
fn mime_body(text: &[u8]) -> Option<&[u8]> {
    let text = text.trim_ascii_start();
    let head = &text[..text.len().min(MAX_HEAD)];
    let ends = [&b"\r\n\r\n"[..], b"\n\n", b"\r\r"].into_iter();
    let (end, width) =
        ends.filter_map(|mark| Some((head.windows(mark.len()).position(|w| w == mark)?, mark.len()))).min()?;
    let head = String::from_utf8_lossy(&head[..end]).to_ascii_lowercase();
    let is_smime = head.contains("content-type:") && head.contains("pkcs7-mime");
    let body = text.get(end + width..)?.trim_ascii_start();
    let says_other = head.contains("smime-type=") && !head.contains("enveloped-data");
    let looks_enveloped = || bare::decode(body).is_some_and(|bare| cms::is_enveloped(&bare.bytes));
    (is_smime && !says_other && (head.contains("enveloped-data") || looks_enveloped())).then_some(body)
}

/// The JSON of a decrypted token: between its markers, or the whole text.
fn message(text: &[u8]) -> Option<&[u8]> {
    let position = |text: &[u8], mark: &[u8]| text.windows(mark.len()).position(|window| window == mark);
    let head = &text[..text.len().min(MAX_HEAD)];
    if let Some(start) = position(head, BEGIN) {
        let rest = &text[start + BEGIN.len()..];
        return Some(&rest[..position(rest, END).unwrap_or(rest.len())]);
    }
    let text = text.trim_ascii();
    text.starts_with(b"{").then_some(text)
}

#[derive(Deserialize)]
struct Json<'a> {
    /// There to know a token by; the value is stepped over.
    #[serde(rename = "consumer_key")]
    _consumer_key: IgnoredAny,
    #[serde(rename = "access_token")]
    _access_token: IgnoredAny,
    #[serde(borrow)]
    access_token_expiry: Option<&'a RawValue>,
}

fn decrypted(json: &[u8]) -> Option<AdeToken> {
    // Reserved whole, so that growing leaves no unwiped copy behind.
    let mut lines = Zeroizing::new(Vec::with_capacity(json.len()));
    lines.extend(json.iter().filter(|byte| !matches!(byte, b'\r' | b'\n')));
    // A struct could be read from an array, too.
    let json = Some(lines.trim_ascii()).filter(|json| json.starts_with(b"{"))?;
    let json: Json<'_> = serde_json::from_slice(json).ok()?;
    let expiry = json.access_token_expiry.and_then(|raw| serde_json::from_str::<String>(raw.get()).ok());
    let not_after = expiry.and_then(|text| moment(&text));
    Some(AdeToken { form: AdeForm::Decrypted, recipient: None, not_after, is_whole: true })
}

impl AdeToken {
    /// What should be known of it, as of [`super::Token::findings`].
    pub(super) fn findings(&self) -> Vec<String> {
        let mut out = Vec::new();
        if !self.is_whole {
            out.push("it is damaged or cut off: download it again".to_owned());
        }
        if self.form != AdeForm::Decrypted {
            out.push(
                "encrypted for the key of the MDM: its end cannot be read from the file; the MDM shows it".to_owned(),
            );
            return out;
        }
        out.push(
            "a decrypted server token is a plain secret: whoever has it acts as the MDM towards Apple; keep it in no \
             folder, mail or ticket"
                .to_owned(),
        );
        if self.not_after.is_none() {
            out.push("its access_token_expiry is missing or cannot be read, so its end is not known".to_owned());
        }
        out
    }
}
