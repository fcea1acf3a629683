//! Stepping through the fields of DER, and the numbers that PKCS#12 gives to things.

use std::borrow::Cow;
use std::ops::Deref;

use x509_parser::asn1_rs::Oid;
use zeroize::Zeroizing;

use super::Pkcs12Error;
use crate::certificate::ber;
pub(super) use crate::certificate::name::dotted;

/// Tags of DER (X.690, 8.1.2).
pub(super) const INTEGER: u8 = 0x02;
pub(super) const OCTETS: u8 = 0x04;
pub(super) const NULL: u8 = 0x05;
pub(super) const OID: u8 = 0x06;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;
/// `[0]` around one field.
pub(super) const EXPLICIT_0: u8 = 0xa0;
/// `[0]` instead of the tag of an OCTET STRING.
pub(super) const IMPLICIT_0: u8 = 0x80;

const UNEXPECTED: Pkcs12Error = Pkcs12Error::Damaged("it is not built as such a file is");

/// DER that is wiped if it had to be copied.
pub(super) enum Der<'a> {
    /// It stood there like that.
    Found(&'a [u8]),
    /// It was BER.
    Made(Zeroizing<Vec<u8>>),
}

impl<'a> From<Cow<'a, [u8]>> for Der<'a> {
    fn from(der: Cow<'a, [u8]>) -> Self {
        match der {
            Cow::Borrowed(found) => Self::Found(found),
            Cow::Owned(made) => Self::Made(Zeroizing::new(made)),
        }
    }
}

impl Deref for Der<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Found(found) => found,
            Self::Made(made) => made,
        }
    }
}

/// One field of BER as DER.
///
/// # Errors
///
/// [`Pkcs12Error::Damaged`].
pub(super) fn der(bytes: &[u8]) -> Result<Der<'_>, Pkcs12Error> {
    ber::to_der(bytes).map(Der::from).map_err(Pkcs12Error::Damaged)
}

/// The fields that are left of a constructed one. What [`ber::to_der`] gave is well-formed all through; nothing here
/// relies on it. Every error is [`Pkcs12Error::Damaged`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// The fields within `content`.
    pub(super) fn new(content: &'a [u8]) -> Self {
        Self { rest: content }
    }

    /// Whether none is left.
    pub(super) fn is_empty(self) -> bool {
        self.rest.is_empty()
    }

    /// The tag of the next one.
    pub(super) fn peek(self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// The content of the next one, which has this tag.
    pub(super) fn take(&mut self, tag: u8) -> Result<&'a [u8], Pkcs12Error> {
        let (found, rest) = self.rest.split_first().ok_or(UNEXPECTED)?;
        let (first, rest) = rest.split_first().ok_or(UNEXPECTED)?;
        if *found != tag {
            return Err(UNEXPECTED);
        }
        let (length, rest) = match usize::from(*first) {
            short @ 0..0x80 => (short, rest),
            long => {
                let (digits, rest) = rest.split_at_checked(long - 0x80).ok_or(UNEXPECTED)?;
                (usize::try_from(number(digits)).map_err(|_| UNEXPECTED)?, rest)
            }
        };
        let (content, rest) = rest.split_at_checked(length).ok_or(UNEXPECTED)?;
        self.rest = rest;
        Ok(content)
    }

    /// The content of the next one if it has this tag.
    pub(super) fn maybe(&mut self, tag: u8) -> Result<Option<&'a [u8]>, Pkcs12Error> {
        if self.peek() == Some(tag) { self.take(tag).map(Some) } else { Ok(None) }
    }

    /// The fields of the next one, which has this tag.
    pub(super) fn enter(&mut self, tag: u8) -> Result<Self, Pkcs12Error> {
        self.take(tag).map(Self::new)
    }

    /// An OBJECT IDENTIFIER.
    pub(super) fn oid(&mut self) -> Result<Oid<'a>, Pkcs12Error> {
        self.take(OID).map(|content| Oid::new(Cow::Borrowed(content)))
    }

    /// An INTEGER that is not negative. One that is too large is `u64::MAX`.
    pub(super) fn unsigned(&mut self) -> Result<u64, Pkcs12Error> {
        let digits = self.take(INTEGER)?;
        if digits.first().is_none_or(|first| *first >= 0x80) {
            return Err(Pkcs12Error::Damaged("one of its numbers is negative or empty"));
        }
        Ok(number(digits))
    }
}

/// The number that digits to the base of 256 make up; one that is too large is `u64::MAX`.
fn number(digits: &[u8]) -> u64 {
    let zeros = digits.iter().take_while(|digit| **digit == 0).count();
    let digits = &digits[zeros..];
    if digits.len() > 8 { u64::MAX } else { digits.iter().fold(0, |sum, digit| sum << 8 | u64::from(*digit)) }
}

/// Object identifiers.
pub(super) mod oids {
    use x509_parser::asn1_rs::{Oid, oid};

    // RFC 5652, 4, 5 and 8.
    pub(in super::super) const DATA: Oid<'static> = oid!(1.2.840.113549.1.7.1);
    pub(in super::super) const SIGNED_DATA: Oid<'static> = oid!(1.2.840.113549.1.7.2);
    pub(in super::super) const ENVELOPED_DATA: Oid<'static> = oid!(1.2.840.113549.1.7.3);
    pub(in super::super) const ENCRYPTED_DATA: Oid<'static> = oid!(1.2.840.113549.1.7.6);

    // RFC 7292, 4.2: bags.
    pub(in super::super) const KEY_BAG: Oid<'static> = oid!(1.2.840.113549.1.12.10.1.1);
    pub(in super::super) const SHROUDED_KEY_BAG: Oid<'static> = oid!(1.2.840.113549.1.12.10.1.2);
    pub(in super::super) const CERT_BAG: Oid<'static> = oid!(1.2.840.113549.1.12.10.1.3);
    pub(in super::super) const SAFE_CONTENTS_BAG: Oid<'static> = oid!(1.2.840.113549.1.12.10.1.6);
    pub(in super::super) const X509_CERTIFICATE: Oid<'static> = oid!(1.2.840.113549.1.9.22.1);
    pub(in super::super) const LOCAL_KEY_ID: Oid<'static> = oid!(1.2.840.113549.1.9.21);

    // RFC 7292, appendix C: encryption.
    pub(in super::super) const SHA1_RC4_128: Oid<'static> = oid!(1.2.840.113549.1.12.1.1);
    pub(in super::super) const SHA1_RC4_40: Oid<'static> = oid!(1.2.840.113549.1.12.1.2);
    pub(in super::super) const SHA1_3DES_3: Oid<'static> = oid!(1.2.840.113549.1.12.1.3);
    pub(in super::super) const SHA1_3DES_2: Oid<'static> = oid!(1.2.840.113549.1.12.1.4);
    pub(in super::super) const SHA1_RC2_128: Oid<'static> = oid!(1.2.840.113549.1.12.1.5);
    pub(in super::super) const SHA1_RC2_40: Oid<'static> = oid!(1.2.840.113549.1.12.1.6);

    // RFC 8018, appendix C.
    pub(in super::super) const PBKDF2: Oid<'static> = oid!(1.2.840.113549.1.5.12);
    pub(in super::super) const PBES2: Oid<'static> = oid!(1.2.840.113549.1.5.13);
    pub(in super::super) const PBMAC1: Oid<'static> = oid!(1.2.840.113549.1.5.14);
    pub(in super::super) const HMAC_SHA1: Oid<'static> = oid!(1.2.840.113549.2.7);
    pub(in super::super) const HMAC_SHA224: Oid<'static> = oid!(1.2.840.113549.2.8);
    pub(in super::super) const HMAC_SHA256: Oid<'static> = oid!(1.2.840.113549.2.9);
    pub(in super::super) const HMAC_SHA384: Oid<'static> = oid!(1.2.840.113549.2.10);
    pub(in super::super) const HMAC_SHA512: Oid<'static> = oid!(1.2.840.113549.2.11);
    pub(in super::super) const DES_EDE3_CBC: Oid<'static> = oid!(1.2.840.113549.3.7);
    // RFC 7914, 7.
    pub(in super::super) const SCRYPT: Oid<'static> = oid!(1.3.6.1.4.1.11591.4.11);

    // RFC 3565, 4.1.
    pub(in super::super) const AES_128_CBC: Oid<'static> = oid!(2.16.840.1.101.3.4.1.2);
    pub(in super::super) const AES_192_CBC: Oid<'static> = oid!(2.16.840.1.101.3.4.1.22);
    pub(in super::super) const AES_256_CBC: Oid<'static> = oid!(2.16.840.1.101.3.4.1.42);

    // RFC 8017, appendix B.1.
    pub(in super::super) const SHA1: Oid<'static> = oid!(1.3.14.3.2.26);
    pub(in super::super) const SHA256: Oid<'static> = oid!(2.16.840.1.101.3.4.2.1);
    pub(in super::super) const SHA384: Oid<'static> = oid!(2.16.840.1.101.3.4.2.2);
    pub(in super::super) const SHA512: Oid<'static> = oid!(2.16.840.1.101.3.4.2.3);
    pub(in super::super) const SHA224: Oid<'static> = oid!(2.16.840.1.101.3.4.2.4);
}
