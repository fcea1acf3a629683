//! What is weighed beside the topic: the request, the private key, the CA, and what else is in the file.

use super::{Baseline, Preflight, Verdict, newest};
use crate::certificate::key::KeyError;
use crate::certificate::{Certificate, Contents, KeyProtection, PublicKey, What, x509};
use crate::words::clean;

/// What is at hand beside the new certificate.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// The public key of the request with which it was made.
    pub request: Option<Given<PublicKey>>,
    /// The public half of the private key that belongs to it.
    pub key: Option<Given<PublicKey>>,
    /// The certificates of the CA that must have signed it.
    pub push_ca: Option<Given<Vec<Certificate>>>,
}

/// Something that was given, or why it cannot be used: the rest of "the request cannot be used: ...".
pub type Given<T> = Result<T, String>;

impl Evidence {
    /// The key of the request in a file.
    pub fn request_in(contents: &Contents) -> Given<PublicKey> {
        let mut keys = contents.items.iter().filter_map(|item| match &item.what {
            What::Request(request) => Some(&request.key),
            What::PushRequest(found) => found.request.as_ref().map(|request| &request.key),
            What::Certificate(_) | What::Profile(_) | What::Token(_) => None,
        });
        keys.next().cloned().ok_or_else(|| format!("the file {}", contents.description()))
    }

    /// The key of the private key in a file.
    pub fn key_in(key: Result<PublicKey, KeyError>) -> Given<PublicKey> {
        key.map_err(|error| error.to_string())
    }

    /// The certificates of the CA in a file.
    pub fn push_ca_in(contents: &Contents) -> Given<Vec<Certificate>> {
        let cas: Vec<Certificate> = contents.certificates().filter(|found| found.is_ca).cloned().collect();
        if cas.is_empty() { Err(format!("the file {}", contents.description())) } else { Ok(cas) }
    }
}

/// What the evidence adds.
#[derive(Default)]
struct Weighed {
    /// Whatever it is, it must not be uploaded.
    against: Vec<String>,
    warnings: Vec<String>,
    notes: Vec<String>,
}

/// Adds what the evidence says to a verdict. It makes a verdict worse, never better.
pub(super) fn weigh(verdict: Preflight, new: &Contents, baseline: &Baseline, evidence: &Evidence) -> Preflight {
    let mut weighed = Weighed::default();
    // A CA sent in the place of the certificate has a key too, and people compare it.
    let certificate = newest(new).or_else(|| new.certificates().next());
    if let Some(certificate) = certificate {
        weighed.keys(certificate, baseline, evidence);
        if newest(new).is_some() {
            weighed.signature(certificate, evidence);
        }
    }
    if newest(new).is_some() {
        weighed.company(new);
    }
    weighed.apply(verdict)
}

impl Weighed {
    fn keys(&mut self, certificate: &Certificate, baseline: &Baseline, evidence: &Evidence) {
        let given = [("request", &evidence.request), ("private key", &evidence.key)];
        for (name, key) in given {
            match key {
                None => {}
                Some(Ok(key)) if *key == certificate.key => {
                    self.notes.push(format!("its key is that of the {name}"));
                }
                Some(Ok(key)) => self.against.push(format!(
                    "its key is not that of the {name}: SHA-256 of the public key is {} in the certificate and {} in the \
                     {name}",
                    certificate.key.sha256, key.sha256
                )),
                Some(Err(why)) => self.warnings.push(format!("the {name} could not be compared: {}", clean(why, 1000))),
            }
        }
        if given.iter().all(|(_, key)| key.is_none()) {
            self.notes.push(
                "whether its key is that of the request was not checked: give the request (--csr) or the key (--key)"
                    .to_owned(),
            );
        }
        if baseline.key.as_ref() == Some(&certificate.key) {
            self.notes.push("its key is the one of the certificate in use, which is allowed".to_owned());
        }
    }

    fn signature(&mut self, certificate: &Certificate, evidence: &Evidence) {
        match &evidence.push_ca {
            None => {}
            Some(Ok(cas)) => match cas.iter().find(|ca| x509::is_signed_by(&certificate.der, &ca.der)) {
                Some(ca) => {
                    self.notes.push(format!("it is signed by {}", ca.common_name.as_ref().unwrap_or(&ca.subject)))
                }
                None => self.against.push(format!(
                    "it is not issued by the push CA that was given, although its issuer calls itself {}",
                    certificate.issuer.name
                )),
            },
            Some(Err(why)) => self.warnings.push(format!("the push CA could not be used: {}", clean(why, 1000))),
        }
    }

    /// What else is in the file.
    fn company(&mut self, new: &Contents) {
        if new.is_container {
            self.warnings.push(
                "it is a PKCS#12 container, and an MDM asks for the .pem file as the push portal gives it".to_owned(),
            );
            return;
        }
        match new.private_key {
            Some(KeyProtection::Plain | KeyProtection::Unknown) => self.warnings.push(
                "a private key is in the file, and the portal's file has none: upload the certificate alone, unless the MDM \
                 asks for both"
                    .to_owned(),
            ),
            Some(KeyProtection::Encrypted) => {
                self.notes.push("an encrypted private key is in the file; the portal's file has none".to_owned());
            }
            None => {}
        }
    }

    fn apply(self, mut verdict: Preflight) -> Preflight {
        let Self { against, warnings, notes } = self;
        if against.is_empty() {
            if verdict.verdict == Verdict::Renewal && !warnings.is_empty() {
                verdict.verdict = Verdict::Warning;
            }
            match verdict.verdict {
                Verdict::Renewal | Verdict::Warning => {
                    verdict.reasons.splice(0..0, warnings);
                    verdict.reasons.extend(notes);
                }
                Verdict::DoNotUpload | Verdict::CannotTell => verdict.reasons.extend(warnings),
            }
            return verdict;
        }
        if verdict.verdict == Verdict::DoNotUpload {
            verdict.reasons.extend(against);
        } else {
            verdict.verdict = Verdict::DoNotUpload;
            verdict.reasons.splice(0..0, against);
            verdict.next =
                "Find the file that belongs together with what was given: the certificate that was downloaded last, \
                            from the row that was renewed with this request."
                    .to_owned();
        }
        verdict
    }
}
