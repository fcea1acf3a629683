//! What lies in a container: certificates to take along, keys to count (RFC 7292, 4.2).

use std::collections::HashSet;

use super::Pkcs12Error;
use super::fields::{EXPLICIT_0, Fields, OCTETS, SEQUENCE, SET, der, oids};
use crate::words::counted;

/// More bags than any container has a reason for.
pub(super) const MAX_BAGS: usize = 1000;

/// How deep bags may lie within bags. Nobody is known to nest them at all.
pub(super) const MAX_NESTING: usize = 8;

/// The longest mark of a key that is compared, in bytes. Programs write 1 to 32.
const MAX_KEY_ID: usize = 64;

/// What was found.
#[derive(Default)]
pub(super) struct Bags {
    /// DER, in order.
    pub(super) certificates: Vec<Vec<u8>>,
    /// How many private keys.
    pub(super) keys: usize,
    /// The marks of the private keys.
    key_ids: HashSet<Vec<u8>>,
    /// Whether a mark was met a second time.
    has_doubled_key: bool,
    /// How many bags hold something else: CRLs, secrets, certificates that are not X.509.
    others: usize,
    /// How many bags there were of any kind, in earlier parts too.
    count: usize,
}

impl Bags {
    /// Reads one part on its own, so that nothing is kept of one that was decrypted to rubbish.
    ///
    /// # Errors
    ///
    /// `Damaged`; `Unsupported` if there are too many bags together with those that are here, or they lie too deep.
    pub(super) fn read(&self, contents: &[u8]) -> Result<Self, Pkcs12Error> {
        let contents = der(contents)?;
        let mut part = Self { count: self.count, ..Self::default() };
        part.safe_contents(Fields::new(&contents).enter(SEQUENCE)?, 0)?;
        Ok(part)
    }

    /// Takes over what [`Self::read`] gave.
    pub(super) fn absorb(&mut self, part: Self) {
        self.certificates.extend(part.certificates);
        self.keys += part.keys;
        self.has_doubled_key |= part.has_doubled_key;
        for id in part.key_ids {
            self.has_doubled_key |= !self.key_ids.insert(id);
        }
        self.others += part.others;
        self.count = part.count;
    }

    fn safe_contents(&mut self, mut bags: Fields<'_>, depth: usize) -> Result<(), Pkcs12Error> {
        if depth > MAX_NESTING {
            return Err(Pkcs12Error::Unsupported(format!("bags within more than {MAX_NESTING} others")));
        }
        while !bags.is_empty() {
            if self.count == MAX_BAGS {
                return Err(Pkcs12Error::Unsupported(format!("more than {MAX_BAGS} bags")));
            }
            self.count += 1;
            let mut bag = bags.enter(SEQUENCE)?;
            let kind = bag.oid()?;
            let mut value = bag.enter(EXPLICIT_0)?;
            if kind == oids::CERT_BAG {
                self.certificate(value.enter(SEQUENCE)?)?;
            } else if kind == oids::KEY_BAG || kind == oids::SHROUDED_KEY_BAG {
                // Its value is left alone.
                self.keys += 1;
                if let Some(id) = bag.maybe(SET)?.map(key_id).transpose()?.flatten() {
                    self.has_doubled_key |= !self.key_ids.insert(id.to_vec());
                }
            } else if kind == oids::SAFE_CONTENTS_BAG {
                self.safe_contents(value.enter(SEQUENCE)?, depth + 1)?;
            } else {
                self.others += 1;
            }
        }
        Ok(())
    }

    fn certificate(&mut self, mut bag: Fields<'_>) -> Result<(), Pkcs12Error> {
        if bag.oid()? == oids::X509_CERTIFICATE {
            self.certificates.push(bag.enter(EXPLICIT_0)?.take(OCTETS)?.to_vec());
        } else {
            self.others += 1;
        }
        Ok(())
    }

    /// What a person should know: lower case, no full stop.
    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes = vec![];
        if self.certificates.is_empty() {
            notes.push("no certificate is in it".to_owned());
        }
        if self.keys == 0 {
            notes.push("no private key is in it".to_owned());
        } else if self.has_doubled_key {
            notes.push(format!("{} are in it, the same one more than once", counted(self.keys as u64, "private key")));
        } else if self.keys > 1 {
            notes.push(format!("{} are in it", counted(self.keys as u64, "private key")));
        }
        if self.others > 0 {
            notes.push(format!("{} of another kind left out", counted(self.others as u64, "bag")));
        }
        notes
    }
}

/// The mark that says which key belongs to which certificate, if there is one (RFC 2985, 5.5.2).
fn key_id(attributes: &[u8]) -> Result<Option<&[u8]>, Pkcs12Error> {
    let mut attributes = Fields::new(attributes);
    while !attributes.is_empty() {
        let mut attribute = attributes.enter(SEQUENCE)?;
        if attribute.oid()? == oids::LOCAL_KEY_ID {
            let id = attribute.enter(SET)?.take(OCTETS)?;
            return Ok(Some(id).filter(|id| id.len() <= MAX_KEY_ID));
        }
    }
    Ok(None)
}
