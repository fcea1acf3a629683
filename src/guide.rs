//! The walkthrough of a renewal, as data: which steps there are, in which order, and what each says.
//!
//! Pure. The command line prints it and the page can show the same steps. What is the same everywhere stands in
//! `common`; what one MDM does in its own way stands in one file of its own, as a `Mdm`.

mod common;
mod intune;
mod jamf;
mod kandji;
mod mosyle;
mod none;
mod values;

#[cfg(test)]
mod tests;

pub use values::{Values, groups};

use crate::certificate::preflight::Baseline;
use crate::config::Config;
use crate::evaluate::{Report, baseline};
use crate::model::{MdmKind, Memory, TenantName, Topic};
use crate::provider;

/// The whole walkthrough in one sentence, for whoever has no time.
pub const IN_SHORT: &str = "The same account, the same row, Renew and nothing else; try the file before you upload it.";

/// Apple's portal.
pub const PORTAL: &str = "https://identity.apple.com/pushcert";

/// How the certificate in use is taken from Apple's portal. `docs/start-mac-admin.md` says the same.
pub const DOWNLOAD: [&str; 4] = [
    "Open https://identity.apple.com/pushcert and sign in with the Apple Account of the certificate.",
    "Find the row of your MDM. Several may look alike: what a device listens on proves which one it is.",
    "Press Download in that row. Press nothing else: not Renew, not Revoke, not Create.",
    "Bring the file to this machine. It holds no private key.",
];

/// The way back after a wrong upload, for those who have no time to read docs/recovery.md.
pub const UNDO: &str = "Stop enrolment. Sign in with the original account, press Renew on the original row (the one with \
                        the topic to keep) with a fresh request from the MDM, and upload that to the same entry. Never \
                        Create, never Revoke, delete nothing, and enrol no device again before this was tried.";

/// How a topic is read on a Mac. By its pattern, and not by a column, because the layout changes between systems.
pub const MAC_COMMAND: &str =
    r"system_profiler SPConfigurationProfileDataType | grep -Eo 'com\.apple\.mgmt\.[A-Za-z]+\.[0-9A-Fa-f-]{36}'";

/// One step of the walkthrough.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Which one.
    pub id: StepId,
    /// What is done in it.
    pub title: String,
    /// How, from top to bottom.
    pub parts: Vec<Part>,
}

impl Step {
    /// Whether only a person can do it and see that it was done. The others have a command that says how it went.
    #[must_use]
    pub fn is_human(&self) -> bool {
        !matches!(self.id, StepId::Preflight | StepId::Verify)
    }
}

/// The steps, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StepId {
    /// Keep the certificate that is in use.
    Keep,
    /// Get the request out of the MDM.
    Request,
    /// Sign in to Apple's portal.
    SignIn,
    /// Find the row.
    Row,
    /// Press Renew.
    Renew,
    /// Write the note for next year.
    Note,
    /// Upload the request, download the certificate.
    Exchange,
    /// Try the certificate before the upload.
    Preflight,
    /// Upload it to the MDM.
    Upload,
    /// Let apnswatch look.
    Verify,
    /// Look with one's own eyes.
    Look,
    /// Say that it was done.
    Attest,
}

impl StepId {
    /// Every step, in the order in which they are taken.
    pub const ALL: [Self; 12] = [
        Self::Keep,
        Self::Request,
        Self::SignIn,
        Self::Row,
        Self::Renew,
        Self::Note,
        Self::Exchange,
        Self::Preflight,
        Self::Upload,
        Self::Verify,
        Self::Look,
        Self::Attest,
    ];

    /// The word in documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Request => "request",
            Self::SignIn => "sign_in",
            Self::Row => "row",
            Self::Renew => "renew",
            Self::Note => "note",
            Self::Exchange => "exchange",
            Self::Preflight => "preflight",
            Self::Upload => "upload",
            Self::Verify => "verify",
            Self::Look => "look",
            Self::Attest => "attest",
        }
    }
}

/// A piece of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// A paragraph.
    Text(String),
    /// One thing to do or to heed.
    Item(String),
    /// A command to type as it stands.
    Command(String),
    /// Lines to compare or to copy, never wrapped.
    Verbatim(Vec<String>),
}

/// What one MDM does in its own way. Every paragraph says where it is known from, or that it is not confirmed.
#[derive(Debug)]
struct Mdm {
    /// Its kind.
    kind: MdmKind,
    /// Its name, as people know it.
    product: &'static str,
    /// Whether it hands out the certificate that is in use.
    keep: &'static str,
    /// Where the renewal begins, and which file it gives.
    request: &'static [&'static str],
    /// Where the new certificate is put in.
    upload: &'static [&'static str],
    /// What its console shows afterwards.
    look: &'static str,
    /// How a login for this program is made, up to the rights that it needs.
    grant: &'static [&'static str],
    /// How it is made, after those.
    hand: &'static [&'static str],
    /// What to look at when it is refused, to follow "see".
    credential: &'static str,
}

/// How a login is made that only reads: where to click, the rights to grant, and what to take along.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// What to do up to the rights; nothing where no MDM is asked.
    pub grant: &'static [&'static str],
    /// The rights, each privilege once, by the vendor's exact name.
    pub rights: Vec<(&'static str, String)>,
    /// The rights that only `enrolment_profile: true` needs.
    pub extra: Vec<(&'static str, String)>,
    /// What to do after the rights were granted.
    pub hand: &'static [&'static str],
    /// What to look at when the login is refused, to follow "see".
    pub credential: &'static str,
}

/// What is said of an MDM that is not known to hand out the certificate in use.
const NOT_HANDED_OUT: &str = "No page of this MDM is known here that hands out this file: take it from Apple's portal, \
                              once you are signed in.";

/// The one place where a kind meets its file.
fn mdm(kind: MdmKind) -> &'static Mdm {
    match kind {
        MdmKind::Intune => &intune::MDM,
        MdmKind::Jamf => &jamf::MDM,
        MdmKind::Kandji => &kandji::MDM,
        MdmKind::Mosyle => &mosyle::MDM,
        MdmKind::None => &none::MDM,
    }
}

/// The name of an MDM, as people know it.
#[must_use]
pub fn product(kind: MdmKind) -> &'static str {
    mdm(kind).product
}

/// How a login for an MDM is made. `docs/start-mac-admin.md` says the same for Jamf.
#[must_use]
pub fn login(kind: MdmKind) -> Login {
    let mdm = mdm(kind);
    let of = |is_extra: bool| {
        let mut rights: Vec<(&'static str, String)> = Vec::new();
        for right in provider::rights(kind).into_iter().filter(|right| right.is_extra == is_extra) {
            match rights.iter_mut().find(|(privilege, _)| *privilege == right.privilege) {
                Some((_, lost)) => *lost = format!("{lost}; {}", right.lost),
                None => rights.push((right.privilege, right.lost.to_owned())),
            }
        }
        rights
    };
    Login { grant: mdm.grant, rights: of(false), extra: of(true), hand: mdm.hand, credential: mdm.credential }
}

/// Where an MDM takes the new certificate, in one paragraph for a verdict that has no room for the walkthrough.
#[must_use]
pub fn upload(kind: MdmKind) -> String {
    mdm(kind).upload.join(" ")
}

/// What a new certificate of a tenant is compared with, and where its MDM takes it: [`baseline::of`] with
/// [`Baseline::upload`].
#[must_use]
pub fn baseline(report: &Report, memory: &Memory, config: &Config, name: &TenantName, new: Option<&Topic>) -> Baseline {
    let tenant = report.tenants.iter().find(|tenant| tenant.name == *name);
    let upload = tenant.map(|tenant| upload(tenant.mdm));
    Baseline { upload, ..baseline::of(report, memory, config, name, new) }
}

/// The walkthrough for an MDM, filled with what is known of a tenant. Where nothing is known it says where to look.
#[must_use]
pub fn steps(kind: MdmKind, values: &Values) -> Vec<Step> {
    StepId::ALL.into_iter().map(|id| common::step(id, mdm(kind), values)).collect()
}
