//! `inspect`: says what files are and what is in them, for people or as JSON. Needs no configuration and no network.

use std::io::Write;
use std::path::{Path, PathBuf};

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde::Serialize;

use crate::certificate::{self, Certificate, Contents, KeyProtection, Kind, Profile, What};
use crate::model::{Failure, IssuerLevel, Serial, Topic};
use crate::source::file;
use crate::words::{clean, span, until};

/// The `schema` of the JSON document.
pub const SCHEMA: &str = "apnswatch.inspect.v1";

/// Every file is something known.
pub const EXIT_OK: u8 = 0;
/// A file could not be read, is empty, or is nothing known.
pub const EXIT_UNKNOWN: u8 = 2;

/// Writes what each file is and returns the exit status. `now` is for "expires in 289 days".
///
/// # Errors
///
/// Only those of writing. A file that cannot be read is part of the answer.
pub fn run(paths: &[PathBuf], json: bool, now: DateTime<Utc>, out: &mut dyn Write) -> std::io::Result<u8> {
    let looks: Vec<_> = paths.iter().map(|path| look(path)).collect();
    if json {
        let files = paths.iter().zip(&looks).map(|(path, look)| FileDocument::new(path, look, now)).collect();
        serde_json::to_writer_pretty(&mut *out, &Document { schema: SCHEMA, files })?;
        writeln!(out)?;
    } else {
        for (path, look) in paths.iter().zip(&looks) {
            match look {
                Ok(contents) => write_file(path, contents, now, out)?,
                Err(failure) => writeln!(out, "{}", failure.message)?,
            }
        }
    }
    let is_known = |look: &Look| look.as_ref().is_ok_and(|found| !matches!(found.kind(), Kind::Empty | Kind::Unknown));
    Ok(if looks.iter().all(is_known) { EXIT_OK } else { EXIT_UNKNOWN })
}

type Look = Result<Contents, Failure>;

fn look(path: &Path) -> Look {
    file::read(path).map(|bytes| certificate::read(&bytes))
}

/// What should be known of a certificate at this moment, the gravest first.
fn certificate_findings(certificate: &Certificate, now: DateTime<Utc>) -> Vec<String> {
    let mut out = Vec::new();
    let is_push = certificate.kind == Kind::MdmPushCertificate;
    if certificate.not_after <= now {
        let advice = match certificate.kind {
            Kind::MdmPushCertificate => {
                Some("no device is reached by it; renew it now, nobody promises a late renewal")
            }
            Kind::MdmVendorCertificate => Some("the push portal refuses every request signed with it"),
            _ => None,
        };
        out.extend(advice.map(|advice| format!("{}: {advice}", until(certificate.not_after, now))));
    } else if certificate.not_before > now {
        let wait = certificate.not_before - now;
        let advice =
            if wait <= TimeDelta::minutes(15) { ", which a slow clock on this machine would explain" } else { "" };
        out.push(format!("not yet valid: it begins in {}{advice}", span(wait)));
    }
    out.extend(certificate.findings.iter().cloned());
    if is_push && certificate.topic().is_none() && !certificate.topic_ambiguous() {
        out.push("it has no topic".to_owned());
    }
    out
}

/// What should be known of the file as a whole.
fn file_findings(contents: &Contents) -> Vec<String> {
    let mut out: Vec<String> = contents.notes.clone();
    out.extend(contents.flaws.iter().map(ToString::to_string));
    if let Some(protection) = contents.private_key {
        out.push(match protection {
            KeyProtection::Plain => "a private key without a password is in it; it was not read".to_owned(),
            KeyProtection::Encrypted => "an encrypted private key is in it; it was not read".to_owned(),
            KeyProtection::Unknown => "a private key is in it; it was not read".to_owned(),
        });
    }
    if contents.push_certificates().nth(1).is_some() {
        out.push("several push certificates are in it; shown first is the one that ends last".to_owned());
    }
    out
}

fn write_file(path: &Path, contents: &Contents, now: DateTime<Utc>, out: &mut dyn Write) -> std::io::Result<()> {
    let kind = contents.kind();
    let main = contents.main();
    let noun = match main.map(|item| &item.what) {
        Some(What::Profile(found)) => profile_noun(found),
        _ => kind.noun(),
    };
    writeln!(out, "{}: {noun} ({})", file::shown(path), kind.purpose())?;
    match main.map(|item| &item.what) {
        Some(What::Certificate(found)) => write_certificate(found, now, out)?,
        Some(What::Request(found)) => {
            line(out, "subject", &found.subject)?;
            line(out, "key", &found.key.name)?;
        }
        Some(What::Profile(found)) => {
            found.topics.iter().try_for_each(|topic| line(out, "topic", &clean(topic.as_str(), 256)))?;
            if !found.is_signed {
                line(out, "signed", "no")?;
            }
            profile_findings(found).iter().try_for_each(|finding| line(out, "note", finding))?;
        }
        None => {}
    }
    for finding in file_findings(contents) {
        line(out, "note", &finding)?;
    }
    for other in contents.items.iter().filter(|item| main.is_none_or(|main| !std::ptr::eq(*item, main))) {
        let what = match &other.what {
            What::Certificate(found) => {
                format!("{} ({}), {}", found.kind.noun(), found.subject, until(found.not_after, now))
            }
            What::Request(found) => format!("{} ({})", Kind::Csr.noun(), found.subject),
            What::Profile(found) => profile_noun(found).to_owned(),
        };
        line(out, "also", &format!("{}: {what}", other.place))?;
    }
    Ok(())
}

fn profile_noun(profile: &Profile) -> &'static str {
    if profile.enrols { "an enrolment profile" } else { Kind::Profile.noun() }
}

/// What should be known of a profile.
fn profile_findings(profile: &Profile) -> Vec<String> {
    let mut out = Vec::new();
    if profile.topics.len() > 1 {
        out.push("it names different topics: nobody can say which one devices will listen on".to_owned());
    }
    if profile.is_encrypted {
        out.push("its payloads are encrypted for one device and cannot be read".to_owned());
    } else if !profile.enrols {
        out.push("it enrols nobody: no payload com.apple.mdm is in it".to_owned());
    } else if profile.topics.is_empty() {
        out.push("no topic in profile: devices that install it cannot be reached".to_owned());
    }
    if profile.is_signed {
        out.push("it is signed; the signature was not checked".to_owned());
    }
    out
}

fn write_certificate(certificate: &Certificate, now: DateTime<Utc>, out: &mut dyn Write) -> std::io::Result<()> {
    let shown = |moment: DateTime<Utc>| moment.format("%Y-%m-%d %H:%M:%S UTC").to_string();
    if let Some(topic) = certificate.topic() {
        line(out, "topic", &clean(topic.as_str(), 256))?;
    }
    line(out, "subject", &certificate.subject)?;
    if let Some(serial) = &certificate.serial {
        line(out, "serial", &serial.to_string())?;
    }
    line(out, "from", &shown(certificate.not_before))?;
    line(out, "to", &format!("{}, {}", shown(certificate.not_after), until(certificate.not_after, now)))?;
    let level = match certificate.issuer.level {
        IssuerLevel::Apple => "Apple by name, the signature was not checked",
        IssuerLevel::Unknown => "not known",
        IssuerLevel::SelfSigned => "itself",
    };
    line(out, "issuer", &format!("{level}: {}", certificate.issuer.name))?;
    line(out, "key", &certificate.key.name)?;
    if !certificate.extended_key_usages.is_empty() {
        line(out, "for", &certificate.extended_key_usages.join(", "))?;
    }
    line(out, "sha-256", &certificate.sha256)?;
    if let Some(country) = &certificate.country {
        line(out, "country", country)?;
    }
    certificate_findings(certificate, now).iter().try_for_each(|finding| line(out, "note", finding))
}

fn line(out: &mut dyn Write, name: &str, value: &str) -> std::io::Result<()> {
    writeln!(out, "  {name:<9}{value}")
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    files: Vec<FileDocument<'a>>,
}

#[derive(Serialize)]
struct FileDocument<'a> {
    path: String,
    kind: Kind,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    certificate: Option<CertificateDocument<'a>>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    request: Option<RequestDocument<'a>>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    profile: Option<ProfileDocument<'a>>,
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
    fn new(path: &Path, look: &'a Look, now: DateTime<Utc>) -> Self {
        let path = path.to_string_lossy().into_owned();
        let mut out = Self {
            path,
            kind: Kind::Unknown,
            certificate: None,
            request: None,
            profile: None,
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
        let moment = |moment: DateTime<Utc>| moment.to_rfc3339_opts(SecondsFormat::Secs, true);
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
