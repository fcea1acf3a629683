//! Keys out of passwords, and how much work that may be.

use std::num::NonZeroU32;

use aws_lc_rs::digest::{self, Context};
use aws_lc_rs::pbkdf2;
use zeroize::Zeroizing;

use super::Pkcs12Error;
use super::fields::{Fields, INTEGER, NULL, OCTETS, SEQUENCE, dotted, oids};

/// The most iterations of one derivation. Programs write 1 to 600,000.
pub(super) const MAX_ITERATIONS: u64 = 1_000_000;

/// The most iterations for a whole file, those of passwords that turn out to be wrong counted: a few seconds.
pub(super) const MAX_TOTAL: u64 = 4_000_000;

/// The longest salt in bytes. Programs write 8 to 64.
const MAX_SALT: usize = 1024;

/// What one file has cost so far. A file may hold hundreds of parts with a derivation each.
#[derive(Default)]
pub(super) struct Budget {
    /// In iterations.
    spent: u64,
}

impl Budget {
    /// Asks for a derivation of so many iterations for each of so many blocks of output.
    ///
    /// # Errors
    ///
    /// [`Pkcs12Error::TooCostly`]: it must not be done.
    fn spend(&mut self, iterations: u64, blocks: usize) -> Result<NonZeroU32, Pkcs12Error> {
        if iterations > MAX_ITERATIONS {
            return Err(Pkcs12Error::TooCostly(iterations));
        }
        let granted = u32::try_from(iterations).ok().and_then(NonZeroU32::new);
        let granted = granted.ok_or(Pkcs12Error::Damaged("a key is derived in no iterations at all"))?;
        let total = self.spent.saturating_add(iterations.saturating_mul(blocks as u64));
        if total > MAX_TOTAL {
            return Err(Pkcs12Error::TooCostly(total));
        }
        self.spent = total;
        Ok(granted)
    }
}

/// Reads a salt.
///
/// # Errors
///
/// [`Pkcs12Error::Unsupported`] if nobody would write one that long.
pub(super) fn salt<'a>(fields: &mut Fields<'a>) -> Result<&'a [u8], Pkcs12Error> {
    let salt = fields.take(OCTETS)?;
    if salt.len() > MAX_SALT {
        return Err(Pkcs12Error::Unsupported(format!("a salt of more than {MAX_SALT} bytes")));
    }
    Ok(salt)
}

/// What a key of PKCS#12's own derivation is for (RFC 7292, B.3).
#[derive(Clone, Copy)]
pub(super) enum Purpose {
    /// To decrypt.
    Key = 1,
    /// To begin decrypting.
    Iv = 2,
    /// To check integrity.
    Mac = 3,
}

/// The derivation of PKCS#12 (RFC 7292, B.2).
pub(super) struct Pkcs12<'a> {
    /// The hash.
    pub(super) hash: &'static digest::Algorithm,
    /// The salt, from [`salt`].
    pub(super) salt: &'a [u8],
    /// How often the hash is applied.
    pub(super) iterations: u64,
}

impl Pkcs12<'_> {
    /// Derives `length` bytes.
    ///
    /// # Errors
    ///
    /// Those of the budget.
    pub(super) fn derive(
        &self,
        purpose: Purpose,
        password: &[u8],
        length: usize,
        budget: &mut Budget,
    ) -> Result<Zeroizing<Vec<u8>>, Pkcs12Error> {
        let (width, block) = (self.hash.output_len(), self.hash.block_len());
        let iterations = budget.spend(self.iterations, length.div_ceil(width))?.get();
        // Salt and password, each repeated up to whole blocks; of nothing it stays nothing.
        let filled = |bytes: &[u8]| bytes.len().div_ceil(block) * block;
        let mut input = Zeroizing::new(Vec::with_capacity(filled(self.salt) + filled(password)));
        input.extend(self.salt.iter().cycle().take(filled(self.salt)));
        input.extend(password.iter().cycle().take(filled(password)));

        let mut out = Zeroizing::new(Vec::with_capacity(length));
        loop {
            let mut context = Context::new(self.hash);
            context.update(&vec![purpose as u8; block]);
            context.update(&input);
            let mut hash = context.finish();
            for _ in 1..iterations {
                hash = digest::digest(self.hash, hash.as_ref());
            }
            let hash = hash.as_ref();
            let wanted = width.min(length - out.len());
            out.extend_from_slice(&hash[..wanted]);
            if out.len() == length {
                return Ok(out);
            }
            // Each block of the input plus the hash, repeated, plus one, as numbers, what overflows dropped.
            for chunk in input.chunks_mut(block) {
                let mut carry = 1;
                for (at, byte) in chunk.iter_mut().enumerate().rev() {
                    let sum = u16::from(*byte) + u16::from(hash[at % width]) + carry;
                    *byte = sum as u8;
                    carry = sum >> 8;
                }
            }
        }
    }
}

/// PBKDF2 (RFC 8018, 5.2 and A.2).
pub(super) struct Pbkdf2<'a> {
    salt: &'a [u8],
    iterations: u64,
    /// How long the key is to be in bytes, if that is said.
    pub(super) length: Option<u64>,
    function: pbkdf2::Algorithm,
    /// How many bytes come out of one round.
    width: usize,
}

impl<'a> Pbkdf2<'a> {
    /// Reads the identifier of a derivation with its parameters.
    ///
    /// # Errors
    ///
    /// `Unsupported` for another one, `Damaged`.
    pub(super) fn read(mut algorithm: Fields<'a>) -> Result<Self, Pkcs12Error> {
        let kind = algorithm.oid()?;
        if kind == oids::SCRYPT {
            return Err(Pkcs12Error::Unsupported("the key derivation scrypt".to_owned()));
        } else if kind != oids::PBKDF2 {
            return Err(Pkcs12Error::Unsupported(format!("the key derivation {}", dotted(&kind))));
        }
        let mut fields = algorithm.enter(SEQUENCE)?;
        let salt = salt(&mut fields)?;
        let iterations = fields.unsigned()?;
        let length = if fields.peek() == Some(INTEGER) { Some(fields.unsigned()?) } else { None };
        let (function, width) = match fields.maybe(SEQUENCE)? {
            None => (pbkdf2::PBKDF2_HMAC_SHA1, 20),
            Some(function) => {
                let mut function = Fields::new(function);
                let name = function.oid()?;
                function.maybe(NULL)?;
                [
                    (oids::HMAC_SHA1, pbkdf2::PBKDF2_HMAC_SHA1, 20),
                    (oids::HMAC_SHA256, pbkdf2::PBKDF2_HMAC_SHA256, 32),
                    (oids::HMAC_SHA384, pbkdf2::PBKDF2_HMAC_SHA384, 48),
                    (oids::HMAC_SHA512, pbkdf2::PBKDF2_HMAC_SHA512, 64),
                ]
                .into_iter()
                .find(|(oid, ..)| *oid == name)
                .map(|(_, function, width)| (function, width))
                .ok_or_else(|| Pkcs12Error::Unsupported(format!("PBKDF2 with the function {}", dotted(&name))))?
            }
        };
        Ok(Self { salt, iterations, length, function, width })
    }

    /// Derives `length` bytes.
    ///
    /// # Errors
    ///
    /// Those of the budget.
    pub(super) fn derive(
        &self,
        password: &[u8],
        length: usize,
        budget: &mut Budget,
    ) -> Result<Zeroizing<Vec<u8>>, Pkcs12Error> {
        let iterations = budget.spend(self.iterations, length.div_ceil(self.width))?;
        let mut out = Zeroizing::new(vec![0; length]);
        pbkdf2::derive(self.function, iterations, self.salt, password, &mut out);
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_has_an_end() {
        let mut budget = Budget::default();
        assert_eq!(budget.spend(0, 1).unwrap_err(), Pkcs12Error::Damaged("a key is derived in no iterations at all"));
        assert_eq!(budget.spend(u64::MAX, 1).unwrap_err(), Pkcs12Error::TooCostly(u64::MAX));
        assert_eq!(budget.spend(MAX_ITERATIONS + 1, 1).unwrap_err(), Pkcs12Error::TooCostly(MAX_ITERATIONS + 1));
        assert!(budget.spend(MAX_ITERATIONS, 4).is_ok());
        assert_eq!(budget.spend(1, 1).unwrap_err(), Pkcs12Error::TooCostly(MAX_TOTAL + 1));
    }
}
