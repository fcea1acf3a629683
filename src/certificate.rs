//! Any file an admin may hold, turned into facts. No I/O, no clock, and no input makes it fail: what is wrong with a
//! file is part of the answer.
//!
//! Content decides, never a name. [`read`] takes the bytes of a whole file and returns [`Contents`]: the items it
//! understood and the flaws it met, both with their place. A good certificate beside a damaged one is a good
//! certificate and a flaw. A private key is noticed and left alone: its bytes are neither decoded nor kept nor shown.
//!
//! ```text
//! bytes -> text   (marks, UTF-16) -> pem (blocks) -> x509 (facts) -> findings (sentences)
//!       \-> DER ------------------------------------/
//! ```

mod der;
mod findings;
mod kind;
mod name;
mod pem;
mod text;
mod x509;

use std::fmt;

use chrono::{DateTime, Utc};

pub use kind::Kind;

use self::der::Shape;
use self::text::Text;
use crate::model::{Issuer, PushCertificate, Serial, Topic};

/// More blocks than any file has a reason for. The rest is a flaw, so that memory stays in bounds.
const MAX_ITEMS: usize = 4096;

/// What a file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// What was understood, in the order of the file.
    pub items: Vec<Item>,
    /// What was met and could not be read, in the order of the file.
    pub flaws: Vec<Flaw>,
    /// Whether there is a private key, and what protects it.
    pub private_key: Option<KeyProtection>,
    /// What should be known about the file as a whole, such as "UTF-16 text".
    pub notes: Vec<String>,
    /// What the file is when nothing in it was understood.
    otherwise: Kind,
}

/// Something understood, and where it stood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Where in the file.
    pub place: Place,
    /// What it is.
    pub what: What,
}

/// What was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A certificate of any kind.
    Certificate(Box<Certificate>),
    /// A certificate request.
    Request(Request),
}

/// Something that could not be read. Never holds a byte of the file, a block's label excepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// Where in the file.
    pub place: Place,
    /// What is wrong: lower case, no full stop.
    pub message: String,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Place::Whole => f.write_str(&self.message),
            place => write!(f, "{place}: {}", self.message),
        }
    }
}

/// A place in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The file as a whole.
    Whole,
    /// A PEM block.
    Block {
        /// Which one, from 1, blocks of every label counted.
        number: usize,
        /// The line of its BEGIN marker, from 1.
        line: usize,
    },
    /// A line outside a block, from 1.
    Line(usize),
    /// The byte at which a piece of DER begins, from 0.
    Byte(usize),
}

impl Place {
    /// The line, where there are lines.
    #[must_use]
    pub fn line(self) -> Option<usize> {
        match self {
            Self::Block { line, .. } | Self::Line(line) => Some(line),
            Self::Whole | Self::Byte(_) => None,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => f.write_str("the file"),
            Self::Block { number, line } => write!(f, "block {number} at line {line}"),
            Self::Line(line) => write!(f, "line {line}"),
            Self::Byte(byte) => write!(f, "byte {byte}"),
        }
    }
}

/// What protects a private key that was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyProtection {
    /// A password.
    Encrypted,
    /// It cannot be told without reading the key.
    Unknown,
    /// Nothing: whoever has the file has the key.
    Plain,
}

/// The facts of one certificate. Texts are fit to be shown: valid UTF-8, control characters escaped, bounded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// What it is.
    pub kind: Kind,
    /// The different UIDs (0.9.2342.19200300.100.1.1) of the subject as found, case not counted as a difference.
    pub uids: Vec<Topic>,
    /// How many further UIDs are no readable text of at most 256 characters.
    pub odd_uids: usize,
    /// The serial number; missing only if its INTEGER has no content.
    pub serial: Option<Serial>,
    /// The content bytes of its INTEGER, sign byte and all.
    pub serial_der: Vec<u8>,
    /// The first second in which it is valid.
    pub not_before: DateTime<Utc>,
    /// The last second in which it is valid.
    pub not_after: DateTime<Utc>,
    /// Who issued it, by name: no signature was checked.
    pub issuer: Issuer,
    /// The subject for people.
    pub subject: String,
    /// The first common name.
    pub common_name: Option<String>,
    /// The country. Not always that of anybody: it comes from the request.
    pub country: Option<String>,
    /// The first organisation of the subject.
    pub organisation: Option<String>,
    /// The public key, such as "RSA 2048" or "EC P-256".
    pub key: String,
    /// SHA-256 of the DER bytes, upper-case hexadecimal without separators.
    pub sha256: String,
    /// Whether extension 1.2.840.113635.100.6.3.2 is there. Pass certificates have it too.
    pub apns_marker: bool,
    /// Whether the GUID of the UID is that of a common name `APSP:<guid>`; `None` if the common name is another.
    pub guid_matches: Option<bool>,
    /// Whether it may issue others.
    pub is_ca: bool,
    /// Whether its extended key usage allows client authentication.
    pub client_auth: bool,
    /// Its extended key usages for people.
    pub extended_key_usages: Vec<String>,
    /// What a person should know, the gravest first: lower case, no full stop.
    pub findings: Vec<String>,
}

/// A certificate request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The subject for people.
    pub subject: String,
    /// The public key, such as "RSA 2048".
    pub key: String,
}

impl Certificate {
    /// The topic, if the subject has one UID and it can be that of an MDM push certificate. Whether it is one is
    /// for [`Self::kind`] to say.
    #[must_use]
    pub fn topic(&self) -> Option<&Topic> {
        self.uids.first().filter(|uid| uid.is_mdm() && !self.topic_ambiguous())
    }

    /// Whether the subject has different UIDs, one of them an MDM topic.
    #[must_use]
    pub fn topic_ambiguous(&self) -> bool {
        self.uids.len() + self.odd_uids > 1 && self.uids.iter().any(Topic::is_mdm)
    }

    /// The part that every source can tell, in the words of the model.
    #[must_use]
    pub fn to_push_certificate(&self) -> PushCertificate {
        PushCertificate {
            topic: self.topic().cloned(),
            topic_ambiguous: self.topic_ambiguous(),
            serial: self.serial.clone(),
            not_before: Some(self.not_before),
            not_after: Some(self.not_after),
            issuer: Some(self.issuer.clone()),
            sha256: Some(self.sha256.clone()),
        }
    }
}

impl Contents {
    /// Every certificate, in the order of the file.
    pub fn certificates(&self) -> impl Iterator<Item = &Certificate> {
        self.items.iter().filter_map(|item| match &item.what {
            What::Certificate(certificate) => Some(&**certificate),
            What::Request(_) => None,
        })
    }

    /// Every MDM push certificate, in the order of the file. The dates of CAs and of anything else are not theirs.
    pub fn push_certificates(&self) -> impl Iterator<Item = &Certificate> {
        self.certificates().filter(|certificate| certificate.kind == Kind::MdmPushCertificate)
    }

    /// The item that the file is about: the push certificate that ends last, else the first of the rarest kind.
    #[must_use]
    pub fn main(&self) -> Option<&Item> {
        let rank = |item: &Item| match item.kind() {
            Kind::MdmPushCertificate => 0,
            Kind::AppPushCertificate => 1,
            Kind::MdmVendorCertificate => 2,
            Kind::PassCertificate => 3,
            Kind::Certificate => 4,
            Kind::CaCertificate => 5,
            _ => 6,
        };
        self.items.iter().min_by_key(|item| {
            let end = match &item.what {
                What::Certificate(found) if found.kind == Kind::MdmPushCertificate => -found.not_after.timestamp(),
                What::Certificate(_) | What::Request(_) => 0,
            };
            (rank(item), end)
        })
    }

    /// What the file is: the kind of its main item, else what it looks like.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match (self.main(), self.private_key) {
            (Some(item), _) => item.kind(),
            (None, Some(_)) => Kind::PrivateKey,
            (None, None) => self.otherwise,
        }
    }

    /// What the file is, to follow its name: "is an app push certificate (dev.example.app)", "is HTML: ...".
    #[must_use]
    pub fn description(&self) -> String {
        let mut out = match (self.kind(), self.main()) {
            (kind, Some(Item { what: What::Certificate(found), .. })) => {
                format!("is {} ({})", kind.noun(), found.common_name.as_deref().unwrap_or(&found.subject))
            }
            (Kind::Unknown, _) if !self.flaws.is_empty() => "holds nothing that could be read".to_owned(),
            (Kind::Unknown, _) => "is neither PEM nor DER".to_owned(),
            (Kind::Html, _) => "is HTML: a web page, such as the portal's error page".to_owned(),
            (kind, _) => format!("is {}", kind.noun()),
        };
        for note in &self.notes {
            out.push_str("; ");
            out.push_str(note);
        }
        if let Some(flaw) = self.flaws.first() {
            out.push_str(&format!("; {flaw}"));
            if self.flaws.len() > 1 {
                out.push_str(&format!(" (and {} more)", self.flaws.len() - 1));
            }
        }
        out
    }
}

impl Item {
    /// What it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match &self.what {
            What::Certificate(certificate) => certificate.kind,
            What::Request(_) => Kind::Csr,
        }
    }
}

/// Reads a whole file. Takes time in proportion to its length; how long a file may be is the caller's to say.
#[must_use]
pub fn read(bytes: &[u8]) -> Contents {
    let mut out = Contents { items: vec![], flaws: vec![], private_key: None, notes: vec![], otherwise: Kind::Unknown };
    let text = text::decode(bytes);
    if matches!(text, Text::Utf16(_)) {
        out.notes.push("UTF-16 text".to_owned());
    }
    let (blocks, strays) = pem::blocks(text.bytes());
    // The first byte of DER is also the digit 0, with which a text in front of a block may begin.
    let may_be_der = bytes.first() == Some(&0x30) && (blocks.is_empty() || x509::certificate(bytes).is_ok());
    if may_be_der && read_der(bytes, &mut out) {
        return out;
    }
    for block in &blocks {
        read_block(block, &mut out);
    }
    out.flaws.extend(strays.into_iter().map(|stray| Flaw { place: Place::Line(stray.line), message: stray.message }));
    out.flaws.sort_by_key(|flaw| flaw.place.line());
    out.flaws.truncate(MAX_ITEMS);
    out.otherwise = if blocks.is_empty() { look(&text, &mut out) } else { guise(&text) };
    out
}

fn read_block(block: &pem::Block<'_>, out: &mut Contents) {
    let place = Place::Block { number: block.number, line: block.line };
    if block.is_private_key() {
        let protection = match block.label.as_str() {
            "OPENSSH PRIVATE KEY" => KeyProtection::Unknown,
            label if label.contains("ENCRYPTED") || block.has_encrypted_header() => KeyProtection::Encrypted,
            _ => KeyProtection::Plain,
        };
        out.private_key = out.private_key.max(Some(protection));
        return;
    }
    let flaw = |message: String| Flaw { place, message };
    if out.items.len() >= MAX_ITEMS {
        out.flaws.push(flaw(format!("more than {MAX_ITEMS} blocks, the rest was not read")));
        return;
    }
    let read = match block.label.as_str() {
        // TRUSTED CERTIFICATE is a certificate and then OpenSSL's own settings, which say nothing here.
        "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE" => block.decode().and_then(|der| {
            let (mut certificate, taken) = x509::certificate(&der)?;
            if taken < der.len() && block.label != "TRUSTED CERTIFICATE" {
                certificate.findings.push(format!("{} bytes behind it were left out", der.len() - taken));
            }
            Ok(What::Certificate(Box::new(certificate)))
        }),
        "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => {
            block.decode().and_then(|der| x509::request(&der)).map(|(request, _)| What::Request(request))
        }
        label => {
            out.flaws.push(flaw(format!("one block labelled {label} is not supported")));
            return;
        }
    };
    match read {
        Ok(what) => out.items.push(Item { place, what }),
        Err(message) => out.flaws.push(flaw(format!("the block labelled {} cannot be read: {message}", block.label))),
    }
}

/// Reads certificates one after the other, or a request, or names what else it is. False if it is not DER.
fn read_der(bytes: &[u8], out: &mut Contents) -> bool {
    let mut at = 0;
    while at < bytes.len() && out.items.len() < MAX_ITEMS {
        let rest = &bytes[at..];
        let place = if at == 0 { Place::Whole } else { Place::Byte(at) };
        let (what, taken) = match (x509::certificate(rest), der::shape(rest)) {
            (Ok((found, taken)), _) => (What::Certificate(Box::new(found)), taken),
            (Err(_), Shape::PrivateKey) => {
                out.private_key = out.private_key.max(Some(KeyProtection::Plain));
                return true;
            }
            (Err(_), Shape::EncryptedPrivateKey) => {
                out.private_key = out.private_key.max(Some(KeyProtection::Encrypted));
                return true;
            }
            (Err(why), shape) => match x509::request(rest) {
                Ok((found, taken)) => (What::Request(found), taken),
                Err(_) => return unread_der(rest, place, shape, why, out),
            },
        };
        out.items.push(Item { place, what });
        at += taken;
        // A line feed behind DER comes from an editor.
        if bytes[at..].iter().all(u8::is_ascii_whitespace) {
            break;
        }
    }
    true
}

fn unread_der(rest: &[u8], place: Place, shape: Shape, why: String, out: &mut Contents) -> bool {
    // Everything worth reading is longer than 127 bytes, so its length takes more than one; in a text that begins
    // with the digit 0 the second byte is a character.
    let is_text = rest.get(1).is_none_or(|byte| *byte < 0x80);
    let is_vague = matches!(shape, Shape::NotDer | Shape::Other);
    if out.items.is_empty() && is_text && is_vague {
        return false;
    }
    let message = match shape {
        Shape::NotDer if !der::is_cut_off(rest) => format!("{} bytes could not be read", rest.len()),
        Shape::Pkcs12 => {
            "it looks like PKCS#12, which is not read here: export the certificate alone as PEM".to_owned()
        }
        Shape::Cms => "it looks like CMS (PKCS#7), which is not read here".to_owned(),
        Shape::NotDer | Shape::Other | Shape::PrivateKey | Shape::EncryptedPrivateKey => {
            format!("binary data, {why}")
        }
    };
    out.flaws.push(Flaw { place, message });
    true
}

/// What a text without any block is, with a hint where one helps.
fn look(text: &Text<'_>, out: &mut Contents) -> Kind {
    let bytes = text.bytes();
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Kind::Empty;
    }
    let mut hint = |message: &str| out.flaws.push(Flaw { place: Place::Whole, message: message.to_owned() });
    if bytes.iter().all(|byte| *byte == 0) {
        hint("nothing but zero bytes: the file was cut off by a crash or a full disk");
        return Kind::Unknown;
    }
    let guise = guise(text);
    if guise != Kind::Unknown {
        return guise;
    }
    let start = String::from_utf8_lossy(&bytes[..bytes.len().min(4096)]);
    if start.contains("BEGIN CERTIFICATE") {
        hint("a BEGIN line is damaged: it needs five plain hyphens on either side");
    } else if start.trim_start().starts_with("MII") {
        hint("base64 without BEGIN and END lines");
    } else if start.contains("<plist") || start.starts_with("bplist") {
        hint("a property list, such as a profile or a push request, which is not read here");
    }
    Kind::Unknown
}

/// HTML or JSON by how it begins; `Unknown` otherwise.
fn guise(text: &Text<'_>) -> Kind {
    let bytes = text.bytes().trim_ascii_start();
    let start = String::from_utf8_lossy(&bytes[..bytes.len().min(1024)]).to_ascii_lowercase();
    let is_html = start.starts_with('<') && (start.contains("<html") || start.contains("<!doctype html"));
    if is_html {
        Kind::Html
    } else if matches!(bytes.first(), Some(b'{' | b'['))
        && serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok()
    {
        Kind::Json
    } else {
        Kind::Unknown
    }
}

#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod tests;
