//! Certificates that a person hands over, kept as if they were files of the tenant.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};

use super::{Case, Kept, Refusal};
use crate::certificate::preflight::newest;
use crate::certificate::{self, Certificate};
use crate::model::{
    Attestation, KeptCertificate, Memory, PinChange, PinOrigin, Serial, Source, Statement, TenantName, Topic,
};
use crate::words::until;

/// Why a certificate that was judged before its upload is not kept where no other is known.
pub const TOO_EARLY: &str = "the certificate in the MDM is not known here, so the end of this one would count at once: hand \
                             it over on the page of the tenant when the MDM has it, and not before";

/// What is told of a certificate that is kept where no other is known.
const FIRST: &str = "It is the first one that is known, so its end counts from now on, uploaded or not: if it is not in the MDM \
                     yet, take it away again until it is.";

/// The one push certificate in the bytes of a file.
///
/// # Errors
///
/// If there is a private key with it, none, more than one topic, or no topic: a sentence that begins with `shown`, the name
/// of the file.
pub fn found_in(bytes: &[u8], shown: &str) -> Result<Certificate, Refusal> {
    let contents = certificate::read_public(bytes)
        .map_err(|why| Refusal::new(format!("{shown}: {why}: hand over the certificate alone; nothing was kept")))?;
    let Some(found) = newest(&contents) else {
        let what = contents.description();
        return Err(Refusal::new(format!("{shown} {what}, and no MDM push certificate; nothing was kept")));
    };
    if contents.push_certificates().any(|other| other.topic() != found.topic()) {
        return Err(Refusal::new(format!(
            "{shown} holds certificates of several topics: hand over one; nothing was kept"
        )));
    }
    if found.topic().is_none() {
        return Err(Refusal::new(format!("{shown} holds a push certificate without a single topic; nothing was kept")));
    }
    Ok(found.clone())
}

/// What a certificate that was handed over is.
#[must_use]
pub fn of_kept(kept: &KeptCertificate) -> Option<Certificate> {
    let contents = certificate::read(&STANDARD.decode(&kept.der).ok()?);
    newest(&contents).cloned()
}

impl Case<'_> {
    /// "Keep this certificate as if it were a file of the tenant." `remembered` is what is remembered of each other tenant.
    ///
    /// # Errors
    ///
    /// If it has another topic than the one that must stay, or none must yet and it is the one of another: what is kept once stays in
    /// the history, and a wrong one must not come in.
    pub fn add_certificate<'m>(
        &self,
        found: &Certificate,
        remembered: impl Fn(&TenantName) -> Option<&'m Memory>,
    ) -> Result<Kept, Refusal> {
        let name = self.name;
        let serial = found.serial.as_ref().map_or_else(|| "unknown".to_owned(), ToString::to_string);
        let said =
            format!("{name:?}: the certificate with serial {serial}, which {}", until(found.not_after, self.now));
        let kept = self.memory.kept();
        if kept.iter().any(|known| known.sha256 == found.sha256) {
            return Ok(Kept {
                statements: Vec::new(),
                pin: PinChange::Keep,
                told: format!("{said}, is kept already."),
            });
        }
        if let (Some(topic), Some(pinned)) = (found.topic(), self.must_stay())
            && topic != pinned
        {
            return Err(Refusal::new(format!(
                "this certificate has the topic {topic}, and {name:?} must keep {pinned}: it is no renewal, and must not be \
                 uploaded. Nothing was kept. The verdict before an upload (preflight) says more"
            )));
        }
        if self.must_stay().is_none()
            && let Some(owner) = found.topic().and_then(|topic| self.owner(topic, remembered))
        {
            return Err(Refusal::new(format!(
                "this certificate is the one of {owner:?}, which keeps its topic: it was handed over for the wrong tenant. \
                 Nothing was kept. If both have the same one, set expected_topic for {name:?} first"
            )));
        }
        let is_first = self.would_count_at_once(found);
        let more = if is_first { FIRST } else { "Whether the MDM has it is another question: see confirm." };
        let statement = Statement::CertificateAdded { der: STANDARD.encode(&found.der), sha256: found.sha256.clone() };
        Ok(Kept::of(statement, PinChange::Keep, format!("{said}, is kept. {more}")))
    }

    /// "Keep this certificate, which may not be uploaded yet."
    ///
    /// # Errors
    ///
    /// If its end would hide that of the one in use, or as for [`Case::add_certificate`].
    pub fn add_judged<'m>(
        &self,
        found: &Certificate,
        remembered: impl Fn(&TenantName) -> Option<&'m Memory>,
    ) -> Result<Kept, Refusal> {
        if self.would_count_at_once(found) {
            return Err(Refusal::new(TOO_EARLY));
        }
        self.add_certificate(found, remembered)
    }

    /// Whether the end of this certificate would count from the moment it is kept, uploaded or not: nothing stands in its way,
    /// no certificate before it of the topic that must stay, and no MDM that told its own.
    #[must_use]
    pub fn would_count_at_once(&self, found: &Certificate) -> bool {
        self.is_first(found, None)
    }

    /// The same of one that was kept `since` then: what was seen or kept of it from that moment on is itself.
    fn is_first(&self, found: &Certificate, since: Option<DateTime<Utc>>) -> bool {
        let is_itself = |sha256: Option<&str>, at: DateTime<Utc>| {
            sha256 == Some(found.sha256.as_str()) && since.is_some_and(|since| at >= since)
        };
        let topic = self.must_stay();
        let is_lineage = |known: Option<&Topic>| topic.is_none() || known == topic;
        let seen = self.memory.sources.get(&Source::File).into_iter().flat_map(|files| &files.seen);
        let is_seen = seen
            .filter(|seen| !is_itself(seen.certificate.sha256.as_deref(), seen.first_seen))
            .any(|seen| is_lineage(seen.certificate.topic.as_ref()));
        let kept = self.memory.kept();
        let kept = kept.iter().filter(|kept| !is_itself(Some(&kept.sha256), kept.at));
        let is_kept = kept.filter_map(of_kept).any(|known| is_lineage(known.topic()));
        // An MDM that could tell and never did stands in nobody's way.
        let is_told = self.memory.sources.get(&Source::Api).and_then(|api| api.last_good.as_ref());
        let is_told = is_told.is_some_and(|told| told.facts.certificate.is_some());
        is_lineage(found.topic()) && !is_seen && !is_kept && !is_told
    }

    /// "That certificate was none of the tenant's."
    ///
    /// # Errors
    ///
    /// If none with this serial number is kept.
    pub fn remove_certificate(&self, serial: &Serial) -> Result<Kept, Refusal> {
        let name = self.name;
        let is_meant =
            |known: &&KeptCertificate| of_kept(known).is_some_and(|found| found.serial.as_ref() == Some(serial));
        let kept = self.memory.kept();
        let Some(known) = kept.iter().find(is_meant) else {
            return Err(Refusal::new(format!("no certificate with serial {serial} is kept for {name:?}")));
        };
        let pin = self.left_pin().map(|left| format!("\n{left}")).unwrap_or_default();
        let told = format!("{name:?}: the certificate with serial {serial} is kept no more.{pin}");
        Ok(Kept::of(Statement::CertificateRemoved { sha256: known.sha256.clone() }, PinChange::Keep, told))
    }

    /// What is told where a topic was taken at first sight, and the certificate that it may come from is kept no more.
    fn left_pin(&self) -> Option<String> {
        let pin = self.memory.pin.as_ref().filter(|pin| pin.origin == PinOrigin::FirstSeen)?;
        Some(format!(
            "Its tenant still keeps the topic {}, taken at first sight. If that came from this certificate and is wrong, run \
             apnswatch pin forget.",
            pin.topic
        ))
    }

    /// What a person should know beyond that it was kept: of what the tenant's memory has already.
    #[must_use]
    pub fn warning_of(&self, said: &Attestation) -> Option<String> {
        match &said.statement {
            Statement::CertificateAdded { sha256, .. } => {
                let kept = self.memory.kept().into_iter().find(|kept| kept.sha256 == *sha256)?;
                self.is_first(&of_kept(&kept)?, Some(kept.at)).then(|| FIRST.to_owned())
            }
            Statement::CertificateRemoved { .. } => self.left_pin(),
            _ => None,
        }
    }
}
