//! What is known of a file: the items in it, the flaws, and where they stood.

use std::fmt;

use super::push_request::PushRequest;
use super::token::Token;
use super::{Certificate, KeyProtection, Kind, Profile, Request};

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
    /// Whether all of it stood in a PKCS#12 container.
    pub is_container: bool,
    /// What the file is when nothing in it was understood.
    pub(super) otherwise: Kind,
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
    /// A configuration profile, signed or not.
    Profile(Profile),
    /// A push request.
    PushRequest(Box<PushRequest>),
    /// A token of Apple's, encrypted or not.
    Token(Token),
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

impl Contents {
    /// Every certificate, in the order of the file.
    pub fn certificates(&self) -> impl Iterator<Item = &Certificate> {
        self.items.iter().filter_map(|item| match &item.what {
            What::Certificate(certificate) => Some(&**certificate),
            What::Request(_) | What::Profile(_) | What::PushRequest(_) | What::Token(_) => None,
        })
    }

    /// Every MDM push certificate, in the order of the file. The dates of CAs and of anything else are not theirs.
    pub fn push_certificates(&self) -> impl Iterator<Item = &Certificate> {
        self.certificates().filter(|certificate| certificate.kind == Kind::MdmPushCertificate)
    }

    /// Whether there are different push certificates; one and the same twice is one.
    #[must_use]
    pub fn has_several_push_certificates(&self) -> bool {
        let mut ders = self.push_certificates().map(|certificate| &certificate.der);
        ders.next().is_some_and(|first| ders.any(|other| other != first))
    }

    /// The item that the file is about: the push certificate that ends last, else the first of the rarest kind.
    #[must_use]
    pub fn main(&self) -> Option<&Item> {
        let rank = |item: &Item| match item.kind() {
            Kind::MdmPushCertificate => 0,
            Kind::AppPushCertificate => 1,
            Kind::MdmVendorCertificate => 2,
            Kind::PassCertificate => 3,
            Kind::DeviceIdentity => 4,
            Kind::Certificate => 5,
            Kind::CaCertificate => 6,
            _ => 7,
        };
        self.items.iter().min_by_key(|item| {
            let end = match &item.what {
                What::Certificate(found) if found.kind == Kind::MdmPushCertificate => -found.not_after.timestamp(),
                What::Certificate(_) | What::Request(_) | What::Profile(_) | What::PushRequest(_) | What::Token(_) => 0,
            };
            (rank(item), end)
        })
    }

    /// What the file is: the kind of its main item, else what it looks like.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match (self.main(), self.private_key) {
            _ if self.is_container => Kind::Pkcs12,
            (Some(item), _) => item.kind(),
            (None, Some(_)) => Kind::PrivateKey,
            (None, None) => self.otherwise,
        }
    }

    /// Whether something stood there that nobody could read, and nothing that anybody could.
    #[must_use]
    pub fn is_unreadable(&self) -> bool {
        matches!(self.kind(), Kind::Empty | Kind::Unknown)
            || self.is_container && self.items.is_empty() && !self.flaws.is_empty()
    }

    /// What the file is, to follow its name: "is an app push certificate (dev.example.app)", "is HTML: ...".
    #[must_use]
    pub fn description(&self) -> String {
        let mut out = match (self.kind(), self.main()) {
            (kind, Some(Item { what: What::Certificate(found), .. })) => {
                let around = if kind == Kind::Pkcs12 { "a PKCS#12 container with " } else { "" };
                let name = found.common_name.as_deref().unwrap_or(&found.subject);
                format!("is {around}{} ({name})", found.kind.noun())
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
            What::Profile(_) => Kind::Profile,
            What::PushRequest(_) => Kind::PushRequest,
            What::Token(Token::Ade(_)) => Kind::AdeToken,
            What::Token(Token::Vpp(_)) => Kind::VppToken,
        }
    }
}
