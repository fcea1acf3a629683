//! Whose certificate is it? There are two worlds: couriers have certificates of Apple's private CA, the API has public
//! ones. Checked against the machine's roots alone, every healthy courier would count as intercepted.

use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime};
use sha2::{Digest as _, Sha256};
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, Error, KeyUsage, anchor_from_trusted_cert};
use x509_parser::prelude::{FromDer as _, X509Certificate, X509Name};

use super::Settings;
use crate::model::{ProbeFailure, ProbeReason, Role};
use crate::words;

/// SHA-256 of Apple Root CA (to 2035) and of Apple Server Authentication CA (to 2029), the CAs of couriers.
const PINNED: [&str; 2] = [
    "b0b1730ecbc7ff4505142c49f1295e6eda6bcaed7e2c68c5be91b5a11001f024",
    "efd0c3352e8f5cc6c7678a5cb48370c341db58d39fc0569d5e106f02c4fcaceb",
];

/// The organisation of Apple's own CAs, private and public.
const APPLE: &str = "Apple Inc.";

/// No more certificates than this are looked at.
const LONGEST: usize = 16;

/// Who is trusted, as the files of this machine say now.
#[derive(Debug, Default)]
pub(super) struct Trust {
    couriers: Vec<CertificateDer<'static>>,
    api: Vec<CertificateDer<'static>>,
    machine: Vec<CertificateDer<'static>>,
    /// What could not be read, to follow a verdict.
    notes: Vec<String>,
}

/// Why a certificate is not taken for Apple's.
#[derive(Debug)]
pub(super) struct Objection {
    pub(super) failure: ProbeFailure,
    /// Who issued it.
    pub(super) issuer: Option<String>,
}

impl Trust {
    /// Reads the files. Blocks.
    pub(super) fn load(courier_file: Option<&PathBuf>, api_file: Option<&PathBuf>) -> Self {
        let mut trust = Self::default();
        let mut read = |file: Option<&PathBuf>, key: &str| {
            let Some(file) = file else { return Vec::new() };
            read(file).unwrap_or_else(|why| {
                trust.notes.push(format!("{key} gives nothing: {why}"));
                Vec::new()
            })
        };
        trust.couriers = read(courier_file, "courier_ca_file");
        trust.api = read(api_file, "api_ca_file");
        trust.machine = rustls_native_certs::load_native_certs().certs;
        trust
    }

    /// Nothing could be read in time.
    pub(super) fn unread() -> Self {
        Self { notes: vec!["the files with CAs could not be read in time".to_owned()], ..Self::default() }
    }

    /// The paths of the files that [`Self::load`] takes.
    pub(super) fn files(settings: &Settings) -> (Option<PathBuf>, Option<PathBuf>) {
        (settings.courier_ca_file.clone(), settings.api_ca_file.clone())
    }
}

fn read(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(file).map_err(|error| error.to_string())?.collect();
    let certificates = certificates.map_err(|error| error.to_string())?;
    if certificates.is_empty() { Err("there is no certificate in it".to_owned()) } else { Ok(certificates) }
}

/// Judges the certificates that were presented under `name`.
pub(super) fn judge(
    role: Role,
    chain: &[CertificateDer<'_>],
    name: &str,
    trust: &Trust,
    now: DateTime<Utc>,
) -> Result<(), Objection> {
    let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(now.timestamp().try_into().unwrap_or(0)));
    let presented = Presented { chain: &chain[..chain.len().min(LONGEST)], name, now };
    let error = match presented.of(role, trust) {
        Ok(()) => return Ok(()),
        Err(error) => error,
    };
    // Past its time, or before it: whose it is can still be told, at a moment at which it was good.
    let then = match &error {
        Error::CertExpired { not_after, .. } => Some(*not_after),
        Error::CertNotValidYet { not_before, .. } => Some(*not_before),
        _ => None,
    };
    let was_good = then.is_some_and(|now| Presented { now, ..presented }.of(role, trust).is_ok());
    Err(presented.objection(&error, was_good, &trust.notes))
}

/// What was presented, to whom, and when.
#[derive(Clone, Copy)]
struct Presented<'a> {
    chain: &'a [CertificateDer<'a>],
    name: &'a str,
    now: UnixTime,
}

impl Presented<'_> {
    fn of(&self, role: Role, trust: &Trust) -> Result<(), Error> {
        match role {
            Role::Device => self.of_courier(trust),
            Role::Server => self.of_api(trust),
        }
    }

    fn of_courier(&self, trust: &Trust) -> Result<(), Error> {
        let is_pinned = |der: &&CertificateDer<'_>| PINNED.contains(&hex::encode(Sha256::digest(der)).as_str());
        let presented = self.chain.iter().filter(is_pinned);
        self.valid(&anchors(presented.chain(&trust.couriers)))
    }

    /// A public CA is fine, and so is one that the configuration names. One that only this machine knows is fine if it
    /// is Apple's by name: a public set that is built in can drop a root before Apple leaves it. Any other was put there
    /// to break connections open.
    fn of_api(&self, trust: &Trust) -> Result<(), Error> {
        let public = self.valid(webpki_roots::TLS_SERVER_ROOTS);
        let configured = self.valid(&anchors(trust.api.iter()));
        let of_machine = if self.is_of_apple() { self.valid(&anchors(trust.machine.iter())) } else { public.clone() };
        let results = [configured, of_machine, public];
        if results.iter().any(Result::is_ok) {
            return Ok(());
        }
        // Of a chain that leads somewhere, the name is what is wrong.
        let told = |error: &Error| matches!(error, Error::CertNotValidForName(_));
        let errors: Vec<Error> = results.into_iter().filter_map(Result::err).collect();
        Err(errors.iter().find(|error| told(error)).or_else(|| errors.last()).cloned().unwrap_or(Error::UnknownIssuer))
    }

    /// Whether the chain leads to one of these anchors, at this moment, and is for the name.
    fn valid(&self, anchors: &[TrustAnchor<'_>]) -> Result<(), Error> {
        let [leaf, intermediates @ ..] = self.chain else { return Err(Error::BadDer) };
        let leaf = EndEntityCert::try_from(leaf)?;
        leaf.verify_for_usage(
            ALL_VERIFICATION_ALGS,
            anchors,
            intermediates,
            self.now,
            KeyUsage::server_auth(),
            None,
            None,
        )?;
        let name = ServerName::try_from(self.name).map_err(|_| Error::MalformedDnsIdentifier)?;
        leaf.verify_is_valid_for_subject_name(&name)
    }

    /// Whether the certificate says that Apple issued it, and not itself.
    fn is_of_apple(&self) -> bool {
        self.with_leaf(|leaf| {
            let is_apple = leaf.issuer().iter_organization().any(|name| name.as_str() == Ok(APPLE));
            is_apple && leaf.issuer() != leaf.subject()
        })
        .unwrap_or_default()
    }

    fn with_leaf<T>(&self, look: impl FnOnce(&X509Certificate<'_>) -> T) -> Option<T> {
        let (_, leaf) = X509Certificate::from_der(self.chain.first()?).ok()?;
        Some(look(&leaf))
    }

    fn objection(&self, error: &Error, was_good: bool, notes: &[String]) -> Objection {
        let issuer = self.with_leaf(|leaf| name_of(leaf.issuer()));
        let shown = issuer.as_deref().unwrap_or("nobody");
        let (reason, message) = match error {
            Error::CertNotValidForName(_) => {
                (ProbeReason::WrongHost, format!("the certificate is not for {}", self.name))
            }
            _ if was_good => (
                ProbeReason::Untrusted,
                format!("the certificate of '{shown}' is not in its time now, by the clock of this machine: {error}"),
            ),
            _ if self.is_of_apple() => (
                ProbeReason::Untrusted,
                format!("the certificate says that it was issued by '{shown}' of Apple, and nothing shows it: {error}"),
            ),
            _ => (ProbeReason::Intercepted, format!("the certificate was issued by '{shown}', which is not Apple's")),
        };
        let notes: String = notes.iter().map(|note| format!("; {note}")).collect();
        let issuer = issuer.filter(|_| reason != ProbeReason::WrongHost);
        Objection { failure: ProbeFailure::new(reason, format!("{message}{notes}")), issuer }
    }
}

/// What cannot be an anchor is none.
fn anchors<'a>(certificates: impl Iterator<Item = &'a CertificateDer<'a>>) -> Vec<TrustAnchor<'a>> {
    certificates.filter_map(|certificate| anchor_from_trusted_cert(certificate).ok()).collect()
}

/// The name by which people know a CA, fit to be shown.
fn name_of(name: &X509Name<'_>) -> String {
    let text = name.iter_common_name().chain(name.iter_organization()).find_map(|part| part.as_str().ok());
    words::clean(text.unwrap_or(&name.to_string()), 128)
}

#[cfg(test)]
mod tests;
