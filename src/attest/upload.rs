//! The upload of a certificate, and what a person saw afterwards.

use super::certificate::of_kept;
use super::{Case, Kept, Refusal};
use crate::evaluate::report::has_files;
use crate::model::{HumanStep, PinChange, PushCertificate, Serial, Source, Statement, Topic};
use crate::words::clean;

impl Case<'_> {
    /// "This certificate was uploaded to the MDM." Without a serial number it is the newest file that was seen.
    ///
    /// # Errors
    ///
    /// If nobody can say which certificate is meant, or it has another topic than the one that must stay.
    pub fn uploaded(&self, serial: Option<&Serial>) -> Result<Kept, Refusal> {
        let name = self.name;
        // Where no file is watched, nobody here can look the certificate up: the person read its serial in the console.
        let is_blind = self.is_without_files();
        let certificate = match serial {
            Some(serial) if is_blind => PushCertificate { serial: Some(serial.clone()), ..PushCertificate::default() },
            // What was added once and taken away again must not count as uploaded.
            None if is_blind => {
                return Err(Refusal::new(format!(
                    "no certificate file of {name:?} is watched, so nobody here can say which certificate was uploaded: \
                     give its serial number"
                )));
            }
            serial => self.file_with(serial)?,
        };
        if let Some(kept) = self.must_stay().filter(|_| !is_blind)
            && certificate.topic.as_ref() != Some(kept)
        {
            let topic = certificate.topic.as_ref().map_or("no topic", Topic::as_str);
            return Err(Refusal::new(format!(
                "this certificate has {topic}, and {name:?} must keep {kept}: it is no renewal, and uploading it cuts off \
                 every enrolled device. Nothing was confirmed. Renew the row of {kept} with the account it was made with, and \
                 upload that"
            )));
        }
        let PushCertificate { serial, sha256, not_after, .. } = certificate;
        let shown =
            serial.as_ref().map_or_else(|| "without a serial".to_owned(), |serial| format!("with serial {serial}"));
        let end = not_after.map(|end| format!(", which ends {}", end.format("%Y-%m-%d %H:%M UTC"))).unwrap_or_default();
        let told = format!("{name:?}: the certificate {shown}{end}, counts as uploaded, says {}.", clean(self.by, 128));
        Ok(Kept::of(Statement::Uploaded { serial, sha256 }, PinChange::Keep, told))
    }

    /// "After the renewal I saw this." Whoever saw the new end in the MDM's console says by it that `file`, the newest one of
    /// the topic that must stay, was uploaded.
    #[must_use]
    pub fn verified(&self, step: HumanStep, file: Option<PushCertificate>) -> Kept {
        let file = file.filter(|_| step == HumanStep::Console);
        let uploaded = file.map(|file| Statement::Uploaded { serial: file.serial, sha256: file.sha256 });
        let told = format!("{:?}: {}, says {}.", self.name, step.sentence(), clean(self.by, 128));
        let statements = uploaded.into_iter().chain([Statement::Verified { step }]).collect();
        Kept { statements, pin: PinChange::Keep, told }
    }

    /// As [`Case::verified`], by somebody who was shown that the file with this SHA-256 counts as uploaded then.
    ///
    /// # Errors
    ///
    /// If another file is the newest by now: nobody was asked about that one.
    pub fn verified_as_shown(&self, step: HumanStep, shown: Option<&str>) -> Result<Kept, Refusal> {
        let Some(shown) = shown.filter(|_| step == HumanStep::Console) else { return Ok(self.verified(step, None)) };
        match self.newest_file().filter(|file| file.sha256.as_deref() == Some(shown)) {
            Some(file) => Ok(self.verified(step, Some(file))),
            None => Err(Refusal::new(
                "another file is the newest by now than the one that was shown: compare its end with the MDM's console, and \
                 say it again",
            )),
        }
    }

    /// The newest certificate file, if it is not in force yet, as far as anybody knows; `in_force` is the one that is.
    #[must_use]
    pub fn awaited_file(&self, in_force: Option<&PushCertificate>) -> Option<PushCertificate> {
        self.newest_file().filter(|file| in_force.is_none_or(|known| !known.is_same_as(file)))
    }

    /// Whether no certificate file of it is watched or was handed over.
    #[must_use]
    pub fn is_without_files(&self) -> bool {
        self.tenant().is_some_and(|tenant| !has_files(tenant, Some(self.memory)))
    }

    /// The newest certificate file, if it has the topic that must stay.
    #[must_use]
    pub fn newest_file(&self) -> Option<PushCertificate> {
        // What was added and taken away again is no file any more, and nobody saw that in the console.
        self.tenant().filter(|tenant| has_files(tenant, Some(self.memory)))?;
        let file = self.newest()?;
        self.must_stay().is_none_or(|kept| file.topic.as_ref() == Some(kept)).then_some(file)
    }

    /// The newest file. One that was handed over counts at once, also before the daemon has looked at it: else the one
    /// before it would be meant.
    fn newest(&self) -> Option<PushCertificate> {
        let kept =
            self.memory.kept().iter().filter_map(of_kept).map(|found| found.to_push_certificate()).collect::<Vec<_>>();
        let file = self.memory.sources.get(&Source::File).and_then(|files| files.present()).cloned();
        kept.into_iter().chain(file).max_by_key(|known| known.not_after)
    }

    fn file_with(&self, serial: Option<&Serial>) -> Result<PushCertificate, Refusal> {
        let Some(serial) = serial else {
            return self.newest().ok_or_else(|| {
                Refusal::new(
                    "no certificate file of this tenant was seen yet: is certificate.files set, and did the daemon look there?",
                )
            });
        };
        let files = self.memory.sources.get(&Source::File);
        let seen = files
            .into_iter()
            .flat_map(|files| files.seen.iter().rev())
            .map(|seen| PushCertificate::clone(&seen.certificate));
        let kept = self.memory.kept();
        let kept = kept.iter().filter_map(of_kept).map(|found| found.to_push_certificate());
        seen.chain(kept)
            .find(|known| known.serial.as_ref() == Some(serial))
            .ok_or_else(|| Refusal::new(format!("no certificate file with serial {serial} was seen for this tenant")))
    }
}
