//! What `inspect --json` prints.

use std::path::Path;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

use super::{Look, certificate_findings, file_findings, profile_findings, request_findings, token_findings};
use crate::certificate::push_request::{PushRequest, Signature};
use crate::certificate::token::{AdeToken, Token, VppToken};
use crate::certificate::{Certificate, Kind, What};
use crate::model::{IssuerLevel, Serial, Topic};

#[derive(Serialize)]
pub(super) struct Document<'a> {
    pub(super) schema: &'static str,
    pub(super) files: Vec<FileDocument<'a>>,
}

#[derive(Serialize)]
pub(super) struct FileDocument<'a> {
    path: String,
    kind: Kind,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    certificate: Option<CertificateDocument<'a>>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    request: Option<RequestDocument<'a>>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    profile: Option<ProfileDocument<'a>>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    push_request: Option<PushRequestDocument<'a>>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    token: Option<TokenDocument<'a>>,
    /// Why there is nothing else.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    findings: Vec<String>,
    /// All certificates in the order of the file, when there are several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    certificates: Vec<ListedDocument<'a>>,
}

#[derive(Serialize)]
struct ListedDocument<'a> {
    kind: Kind,
    #[serde(flatten)]
    certificate: CertificateDocument<'a>,
    findings: Vec<String>,
}

#[derive(Serialize)]
struct RequestDocument<'a> {
    subject: &'a str,
    key: &'a str,
    key_sha256: &'a str,
}

#[derive(Serialize)]
struct ProfileDocument<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    topic: Option<&'a Topic>,
    topics: &'a [Topic],
    signed: bool,
}

#[derive(Serialize)]
struct PushRequestDocument<'a> {
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    request: Option<RequestDocument<'a>>,
    signature: &'static str,
    chain_is_whole: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    vendor: Option<CertificateDocument<'a>>,
}

impl<'a> PushRequestDocument<'a> {
    fn new(found: &'a PushRequest) -> Self {
        Self {
            request: found.request.as_ref().map(|request| RequestDocument {
                subject: &request.subject,
                key: &request.key.name,
                key_sha256: &request.key.sha256,
            }),
            signature: match found.signature {
                Signature::Good => "good",
                Signature::GoodSha1 => "good_sha1",
                Signature::Bad => "bad",
                Signature::NotChecked(_) => "not_checked",
            },
            chain_is_whole: found.chain_is_whole,
            vendor: found.vendor.and_then(|place| found.chain.get(place)).map(CertificateDocument::new),
        }
    }
}

#[derive(Serialize)]
struct TokenDocument<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    not_after: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    organisation: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recipient_issuer: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recipient_serial: Option<&'a Serial>,
}

impl<'a> TokenDocument<'a> {
    fn new(found: &'a Token) -> Self {
        let not_after = found.not_after().map(moment);
        let (organisation, recipient) = match found {
            Token::Ade(AdeToken { recipient, .. }) => (None, recipient.as_ref()),
            Token::Vpp(VppToken { organisation, .. }) => (organisation.as_deref(), None),
        };
        Self {
            not_after,
            organisation,
            recipient_issuer: recipient.map(|recipient| recipient.issuer.as_str()),
            recipient_serial: recipient.map(|recipient| &recipient.serial),
        }
    }
}

#[derive(Serialize)]
struct CertificateDocument<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    topic: Option<&'a Topic>,
    subject: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    serial: Option<&'a Serial>,
    not_before: String,
    not_after: String,
    issuer: IssuerDocument<'a>,
    key: &'a str,
    key_sha256: &'a str,
    sha256: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    country: Option<&'a str>,
}

#[derive(Serialize)]
struct IssuerDocument<'a> {
    level: IssuerLevel,
    name: &'a str,
}

impl<'a> FileDocument<'a> {
    pub(super) fn new(path: &Path, look: &'a Look, now: DateTime<Utc>) -> Self {
        let path = path.to_string_lossy().into_owned();
        let mut out = Self {
            path,
            kind: Kind::Unknown,
            certificate: None,
            request: None,
            profile: None,
            push_request: None,
            token: None,
            error: None,
            findings: vec![],
            certificates: vec![],
        };
        let contents = match look {
            Ok(contents) => contents,
            Err(failure) => {
                out.error = Some(&failure.message);
                out.findings.push(failure.message.clone());
                return out;
            }
        };
        out.kind = contents.kind();
        match contents.main().map(|item| &item.what) {
            Some(What::Certificate(found)) => {
                out.certificate = Some(CertificateDocument::new(found));
                out.findings = certificate_findings(found, now);
            }
            Some(What::Request(found)) => {
                out.request = Some(RequestDocument {
                    subject: &found.subject,
                    key: &found.key.name,
                    key_sha256: &found.key.sha256,
                });
            }
            Some(What::Profile(found)) => {
                // One of several would be taken for the one.
                let topic = Some(&found.topics).filter(|topics| topics.len() == 1).and_then(|topics| topics.first());
                out.profile = Some(ProfileDocument { topic, topics: &found.topics, signed: found.is_signed });
                out.findings = profile_findings(found);
            }
            Some(What::PushRequest(found)) => {
                out.push_request = Some(PushRequestDocument::new(found));
                out.findings = request_findings(found, now);
            }
            Some(What::Token(found)) => {
                out.token = Some(TokenDocument::new(found));
                out.findings = token_findings(found, now);
            }
            None => {}
        }
        out.findings.extend(file_findings(contents));
        if contents.certificates().nth(1).is_some() {
            out.certificates = contents.certificates().map(|found| ListedDocument::new(found, now)).collect();
        }
        out
    }
}

impl<'a> ListedDocument<'a> {
    fn new(found: &'a Certificate, now: DateTime<Utc>) -> Self {
        let findings = certificate_findings(found, now);
        Self { kind: found.kind, certificate: CertificateDocument::new(found), findings }
    }
}

impl<'a> CertificateDocument<'a> {
    fn new(found: &'a Certificate) -> Self {
        Self {
            topic: found.topic(),
            subject: &found.subject,
            serial: found.serial.as_ref(),
            not_before: moment(found.not_before),
            not_after: moment(found.not_after),
            issuer: IssuerDocument { level: found.issuer.level, name: &found.issuer.name },
            key: &found.key.name,
            key_sha256: &found.key.sha256,
            sha256: &found.sha256,
            country: found.country.as_deref(),
        }
    }
}

fn moment(moment: DateTime<Utc>) -> String {
    moment.to_rfc3339_opts(SecondsFormat::Secs, true)
}
