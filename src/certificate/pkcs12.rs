//! Containers behind a password: `.p12` and `.pfx` files (RFC 7292), down to the certificates in them.
//!
//! ```text
//! bytes -> DER -> MAC checked -> parts -> decrypted -> bags -> certificates, and a count of keys
//! ```
//!
//! Private keys are only counted: no key bag is decrypted and none is looked into. An encrypted part is decrypted as a
//! whole, for there is no other way to the certificates in it. Everything decrypted, every derived key and every form
//! of the password is wiped; what the hash functions leave on the stack is out of reach.
//!
//! The structure is walked by hand: that takes few lines, it has to begin with BER, and limits can be where they are
//! needed. The readers that are to be had put no limit to the iterations that a file asks for, and know one form of
//! the empty password only. The cryptography is from libraries: hashes, PBKDF2, HMAC and AES from `aws-lc-rs`, which
//! TLS brings along; Triple DES and RC2, which it keeps away or does not have, from `des`, `rc2` and `cbc`. What is
//! written here of it is the loop around a hash that RFC 7292 calls key derivation (see `kdf`).
//!
//! Any bytes may come. Time is bounded by the length of the input and by a number of iterations for the whole file.

mod bags;
mod cipher;
mod fields;
mod kdf;
mod mac;
mod password;

use self::bags::Bags;
use self::cipher::Scheme;
use self::fields::{Der, EXPLICIT_0, Fields, IMPLICIT_0, INTEGER, OCTETS, SEQUENCE, der, dotted, oids};
use self::kdf::Budget;
use self::password::Passwords;
use super::ber;
use crate::words::counted;

/// More parts than any container has a reason for: programs write one or two.
const MAX_PARTS: usize = 1000;

/// What a container holds, its private keys only counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// The X.509 certificates, DER, in the order of the file. Whether they are sound is not known.
    pub certificates: Vec<Vec<u8>>,
    /// How many private keys there are, a doubled one counted twice.
    pub keys: usize,
    /// Whether the password proved that nothing was changed. False if there is no MAC to prove it.
    pub is_authenticated: bool,
    /// What a person should know: lower case, no full stop.
    pub notes: Vec<String>,
}

/// Why a container was not opened. Never tells what is in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Pkcs12Error {
    /// None was given, and the empty password in neither of its forms opens it.
    #[error("it is protected by a password, and none was given")]
    PasswordNeeded,
    /// The password that was given does not open it. Where a MAC was checked, the file may have been changed instead.
    #[error("the password is wrong, or the file was changed")]
    WrongPassword,
    /// To try the password would take that many iterations, `u64::MAX` if they cannot be counted. Either one part asks
    /// for too many, or all of them together.
    #[error("to try its password takes {0} iterations or more, which is too costly")]
    TooCostly(u64),
    /// Something that is not read here, with its name.
    #[error("it uses {0}, which is not supported")]
    Unsupported(String),
    /// It is not built as it should be.
    #[error("a PKCS#12 file that cannot be read: {0}")]
    Damaged(&'static str),
}

/// Whether `bytes` begin like a container. The rest may be damaged or missing.
#[must_use]
pub fn is_pkcs12(bytes: &[u8]) -> bool {
    // The header of a SEQUENCE is a tag and a length of one byte, or of several that the first one counts.
    let content = |bytes: &[u8]| match bytes {
        [SEQUENCE, length @ 0..=0x80, ..] if *length != 0 => Some(2),
        [SEQUENCE, length @ 0x81..=0x88, ..] => Some(2 + usize::from(length - 0x80)),
        _ => None,
    };
    let Some(version) = content(bytes).and_then(|start| bytes.get(start..)) else { return false };
    let Some(inner) = version.strip_prefix(&[INTEGER, 1, 3]) else { return false };
    let Some(kind) = content(inner).and_then(|start| inner.get(start..)) else { return false };
    let is = |oid: &[u8]| kind.get(2..).is_some_and(|kind| kind.starts_with(oid));
    kind.starts_with(&[fields::OID, 9]) && (is(oids::DATA.as_bytes()) || is(oids::SIGNED_DATA.as_bytes()))
}

/// Opens a container. Without a password, and with an empty one, both forms of the empty password are tried.
///
/// Takes time in proportion to the length, and up to a few seconds more if the file asks for many iterations. How long
/// a file may be is the caller's to say.
///
/// # Errors
///
/// See [`Pkcs12Error`]. If there is a MAC and it does not fit, that is a wrong password, whatever the reason.
pub fn open(bytes: &[u8], password: Option<&str>) -> Result<Container, Pkcs12Error> {
    let (pfx, behind) = ber::first_to_der(bytes).map_err(Pkcs12Error::Damaged)?;
    let pfx = Der::from(pfx);
    let mut pfx = Fields::new(&pfx).enter(SEQUENCE)?;
    let version = pfx.unsigned()?;
    if version != 3 {
        return Err(Pkcs12Error::Unsupported(format!("version {version}")));
    }
    let mut content = pfx.enter(SEQUENCE)?;
    let kind = content.oid()?;
    if kind == oids::SIGNED_DATA {
        return Err(Pkcs12Error::Unsupported("a signature instead of a password for its integrity".to_owned()));
    } else if kind != oids::DATA {
        return Err(Pkcs12Error::Unsupported(format!("the content {}", dotted(&kind))));
    }
    let content = content.enter(EXPLICIT_0)?.take(OCTETS)?;

    let mut opener = Opener { passwords: Passwords::new(password), is_authenticated: false, budget: Budget::default() };
    if !pfx.is_empty() {
        let mac = pfx.enter(SEQUENCE)?;
        opener.is_authenticated = mac::verify(mac, content, &mut opener.passwords, &mut opener.budget)?;
        if !opener.is_authenticated {
            return Err(opener.refused());
        }
    }
    let bags = opener.parts(content)?;
    let mut notes = bags.notes();
    if !opener.is_authenticated {
        notes.push("its integrity is not protected: it has no MAC".to_owned());
    }
    // A line feed behind DER comes from an editor.
    if !behind.iter().all(u8::is_ascii_whitespace) {
        notes.push(format!("{} behind it left out", counted(behind.len() as u64, "byte")));
    }
    Ok(Container { keys: bags.keys, certificates: bags.certificates, is_authenticated: opener.is_authenticated, notes })
}

/// What it takes to open parts.
struct Opener {
    passwords: Passwords,
    /// Whether the password fitted the MAC.
    is_authenticated: bool,
    budget: Budget,
}

impl Opener {
    /// What is told if the password does not fit.
    fn refused(&self) -> Pkcs12Error {
        if self.passwords.is_given { Pkcs12Error::WrongPassword } else { Pkcs12Error::PasswordNeeded }
    }

    /// Reads all parts (`AuthenticatedSafe`).
    fn parts(&mut self, content: &[u8]) -> Result<Bags, Pkcs12Error> {
        let content = der(content)?;
        let mut parts = Fields::new(&content).enter(SEQUENCE)?;
        let mut bags = Bags::default();
        let mut count = 0;
        while !parts.is_empty() {
            if count == MAX_PARTS {
                return Err(Pkcs12Error::Unsupported(format!("more than {MAX_PARTS} parts")));
            }
            count += 1;
            let mut part = parts.enter(SEQUENCE)?;
            let kind = part.oid()?;
            let mut value = part.enter(EXPLICIT_0)?;
            let found = if kind == oids::DATA {
                bags.read(value.take(OCTETS)?)?
            } else if kind == oids::ENCRYPTED_DATA {
                self.encrypted(value.enter(SEQUENCE)?, &bags)?
            } else if kind == oids::ENVELOPED_DATA {
                return Err(Pkcs12Error::Unsupported("a public key instead of a password".to_owned()));
            } else {
                return Err(Pkcs12Error::Unsupported(format!("a part of the kind {}", dotted(&kind))));
            };
            bags.absorb(found);
        }
        Ok(bags)
    }

    /// Reads an encrypted part (`EncryptedData`, RFC 5652, 8).
    fn encrypted(&mut self, mut fields: Fields<'_>, bags: &Bags) -> Result<Bags, Pkcs12Error> {
        fields.unsigned()?;
        let mut fields = fields.enter(SEQUENCE)?;
        let kind = fields.oid()?;
        if kind != oids::DATA {
            return Err(Pkcs12Error::Unsupported(format!("encrypted contents of the kind {}", dotted(&kind))));
        }
        let scheme = Scheme::read(fields.enter(SEQUENCE)?)?;
        // In BER it may stand in chunks, which only the meaning of this field tells from a field within a field.
        let data = if fields.peek() == Some(EXPLICIT_0) {
            let mut chunks = fields.enter(EXPLICIT_0)?;
            let mut data = vec![];
            while !chunks.is_empty() {
                data.extend_from_slice(chunks.take(OCTETS)?);
            }
            Der::Made(data.into())
        } else {
            Der::Found(fields.take(IMPLICIT_0)?)
        };
        let mut told = "its contents do not open with the password that fits its MAC";
        for form in 0..scheme.forms(&self.passwords) {
            let Some(plain) = scheme.decrypt(&data, &self.passwords, form, &mut self.budget)? else { continue };
            match bags.read(&plain) {
                // Padding alone says little: what comes out of a wrong password ends as if padded now and then.
                Err(Pkcs12Error::Damaged(wrong)) => told = wrong,
                told => return told,
            }
        }
        Err(if self.is_authenticated { Pkcs12Error::Damaged(told) } else { self.refused() })
    }
}

#[cfg(test)]
mod tests;
