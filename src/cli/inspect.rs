//! `inspect`: says what files are and what is in them, for people or as JSON. Needs no configuration and no network.

mod document;

use std::io::Write;
use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeDelta, Utc};

use self::document::{Document, FileDocument};
use crate::certificate::push_request::{PushRequest, Signature};
use crate::certificate::token::{AdeForm, AdeToken, Token, VppToken};
use crate::certificate::{self, Certificate, Contents, KeyProtection, Kind, Profile, What};
use crate::model::{Failure, IssuerLevel};
use crate::secret::Secret;
use crate::source::file;
use crate::words::{clean, counted, span, until};

/// The `schema` of the JSON document.
pub const SCHEMA: &str = "apnswatch.inspect.v1";

/// Every file is something known.
pub const EXIT_OK: u8 = 0;
/// A file could not be read, is empty, or is nothing known.
pub const EXIT_UNKNOWN: u8 = 2;

/// Writes what each file is and returns the exit status. `now` is for "expires in 289 days", `password` for containers.
///
/// # Errors
///
/// Only those of writing. A file that cannot be read is part of the answer.
pub fn run(
    paths: &[PathBuf],
    password: Option<&Secret>,
    json: bool,
    now: DateTime<Utc>,
    out: &mut dyn Write,
) -> std::io::Result<u8> {
    let looks: Vec<_> = paths.iter().map(|path| look(path, password)).collect();
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
    let is_known = |look: &Look| look.as_ref().is_ok_and(|found| !found.is_unreadable());
    Ok(if looks.iter().all(is_known) { EXIT_OK } else { EXIT_UNKNOWN })
}

type Look = Result<Contents, Failure>;

fn look(path: &Path, password: Option<&Secret>) -> Look {
    file::read(path).map(|bytes| certificate::read_with(&bytes, password.and_then(Secret::expose_str)))
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
    if let Some(protection) = contents.private_key.filter(|_| !contents.is_container) {
        out.push(match protection {
            KeyProtection::Plain => "a private key without a password is in it; it was not read".to_owned(),
            KeyProtection::Encrypted => "an encrypted private key is in it; it was not read".to_owned(),
            KeyProtection::Unknown => "a private key is in it; it was not read".to_owned(),
        });
    }
    if contents.has_several_push_certificates() {
        out.push("several push certificates are in it; shown first is the one that ends last".to_owned());
    }
    out
}

fn write_file(path: &Path, contents: &Contents, now: DateTime<Utc>, out: &mut dyn Write) -> std::io::Result<()> {
    let kind = contents.kind();
    let main = contents.main();
    let noun = match main.map(|item| &item.what) {
        Some(What::Profile(found)) => profile_noun(found).to_owned(),
        Some(What::Certificate(found)) if contents.is_container => {
            format!("{} with {}", kind.noun(), found.kind.noun())
        }
        _ => kind.noun().to_owned(),
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
        Some(What::PushRequest(found)) => write_push_request(found, now, out)?,
        Some(What::Token(found)) => write_token(found, now, out)?,
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
            What::PushRequest(_) | What::Token(_) => other.kind().noun().to_owned(),
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

/// What should be known of a push request at this moment.
fn request_findings(request: &PushRequest, now: DateTime<Utc>) -> Vec<String> {
    request.findings_at(now)
}

fn write_push_request(found: &PushRequest, now: DateTime<Utc>, out: &mut dyn Write) -> std::io::Result<()> {
    if let Some(request) = &found.request {
        line(out, "subject", &request.subject)?;
        line(out, "key", &request.key.name)?;
    }
    if let Some(vendor) = found.vendor.and_then(|place| found.chain.get(place)) {
        let name = vendor.common_name.as_ref().unwrap_or(&vendor.subject);
        line(out, "vendor", &format!("{name}, {}", until(vendor.not_after, now)))?;
    }
    let signature = match found.signature {
        Signature::Good => "good".to_owned(),
        Signature::GoodSha1 => "good, with SHA-1".to_owned(),
        Signature::Bad => "it fits no certificate of the chain".to_owned(),
        Signature::NotChecked(why) => format!("not checked: {why}"),
    };
    line(out, "signed", &signature)?;
    let chain = if found.chain_is_whole { "whole, up to the root" } else { "not whole" };
    line(out, "chain", &format!("{}, {chain}", counted(found.chain.len() as u64, "certificate")))?;
    request_findings(found, now).iter().try_for_each(|finding| line(out, "note", finding))
}

/// What should be known of a token at this moment.
fn token_findings(token: &Token, now: DateTime<Utc>) -> Vec<String> {
    let ended = token.not_after().filter(|end| *end <= now);
    let ended = ended.map(|end| format!("{}: fetch a new one from Apple and upload it to the MDM", until(end, now)));
    ended.into_iter().chain(token.findings()).collect()
}

fn write_token(found: &Token, now: DateTime<Utc>, out: &mut dyn Write) -> std::io::Result<()> {
    match found {
        Token::Ade(AdeToken { form, recipient, .. }) => {
            let form = match form {
                AdeForm::Mime => "as Apple gives it (S/MIME), encrypted for the MDM",
                AdeForm::Der => "DER, encrypted for the MDM",
                AdeForm::Pem => "PEM, encrypted for the MDM",
                AdeForm::Decrypted => "decrypted",
            };
            line(out, "form", form)?;
            if let Some(recipient) = recipient {
                line(out, "for", &format!("the key of the certificate {} of {}", recipient.serial, recipient.issuer))?;
            }
        }
        Token::Vpp(VppToken { organisation, .. }) => {
            if let Some(organisation) = organisation {
                line(out, "of", organisation)?;
            }
        }
    }
    if let Some(end) = found.not_after() {
        line(out, "to", &format!("{}, {}", shown(end), until(end, now)))?;
    }
    token_findings(found, now).iter().try_for_each(|finding| line(out, "note", finding))
}

fn shown(moment: DateTime<Utc>) -> String {
    moment.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

fn write_certificate(certificate: &Certificate, now: DateTime<Utc>, out: &mut dyn Write) -> std::io::Result<()> {
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
