//! Certificate serial numbers, written in one way whatever way they came.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A certificate's serial number.
///
/// Shown as `openssl x509 -serial` prints it: upper-case hexadecimal, whole bytes, no separators, `-` in front of a
/// negative one. Leading zero bytes are not part of the number, so the nine DER bytes of a serial with its top bit
/// set, an API's upper-case hex and a console's colon form all compare equal. A copy is cheap.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Serial {
    negative: bool,
    magnitude: Arc<[u8]>,
}

impl Serial {
    /// From the content bytes of a DER INTEGER (two's complement, big endian). `None` for no bytes at all.
    #[must_use]
    pub fn from_der_integer(bytes: &[u8]) -> Option<Self> {
        let first = *bytes.first()?;
        let negative = first & 0x80 != 0;
        let magnitude = if negative {
            // Two's complement: invert, then add one from the end.
            let mut out: Vec<u8> = bytes.iter().map(|byte| !byte).collect();
            for byte in out.iter_mut().rev() {
                let (sum, carry) = byte.overflowing_add(1);
                *byte = sum;
                if !carry {
                    break;
                }
            }
            out
        } else {
            bytes.to_vec()
        };
        Some(Self::new(negative, &magnitude))
    }

    /// From hexadecimal as people and APIs write it: any case, an optional `0x`, blanks, colons or hyphens between.
    /// `None` if anything else is in it, or nothing.
    #[must_use]
    pub fn parse_hex(text: &str) -> Option<Self> {
        let text = text.trim();
        let (negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let text = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
        let mut digits: String = text.chars().filter(|c| !matches!(c, ':' | ' ' | '-')).collect();
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        if digits.len() % 2 == 1 {
            digits.insert(0, '0');
        }
        hex::decode(digits).ok().map(|bytes| Self::new(negative, &bytes))
    }

    /// Zero and negative serials break RFC 5280 (4.1.2.2) and some programs; they are watched all the same.
    #[must_use]
    pub fn is_positive(&self) -> bool {
        !self.negative && !self.magnitude.is_empty()
    }

    fn new(negative: bool, magnitude: &[u8]) -> Self {
        let start = magnitude.iter().position(|byte| *byte != 0).unwrap_or(magnitude.len());
        let magnitude: Arc<[u8]> = Arc::from(&magnitude[start..]);
        Self { negative: negative && !magnitude.is_empty(), magnitude }
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.negative {
            f.write_str("-")?;
        }
        if self.magnitude.is_empty() {
            return f.write_str("00");
        }
        // Written at every scrape, where the general formatting of a byte is most of what a serial costs.
        let digit = |half: u8| char::from(b"0123456789ABCDEF"[usize::from(half)]);
        self.magnitude.iter().try_for_each(|byte| {
            f.write_char(digit(byte >> 4))?;
            f.write_char(digit(byte & 0x0f))
        })
    }
}

impl fmt::Debug for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Serial({self})")
    }
}

impl TryFrom<String> for Serial {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse_hex(&text).ok_or("a serial number is hexadecimal")
    }
}

impl From<Serial> for String {
    fn from(serial: Serial) -> Self {
        serial.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_one_serial() {
        let api = Serial::parse_hex("0552818DF267903F").unwrap();
        for other in ["05:52:81:8d:f2:67:90:3f", "552818df267903f", "0x0552818DF267903F", "00 05 52 81 8D F2 67 90 3F"]
        {
            assert_eq!(Serial::parse_hex(other).unwrap(), api, "{other}");
        }
        assert_eq!(Serial::from_der_integer(&[0x05, 0x52, 0x81, 0x8d, 0xf2, 0x67, 0x90, 0x3f]).unwrap(), api);
        assert_eq!(api.to_string(), "0552818DF267903F");
    }

    #[test]
    fn the_sign_byte_is_not_shown() {
        let serial = Serial::from_der_integer(&[0, 0xc7, 0xf6]).unwrap();
        assert_eq!(serial.to_string(), "C7F6");
        assert!(serial.is_positive());
    }

    #[test]
    fn odd_serials_have_a_stable_form() {
        for (der, shown) in [(&[0u8][..], "00"), (&[0xff], "-01"), (&[0x80], "-80"), (&[0xff, 0x00], "-0100")] {
            let serial = Serial::from_der_integer(der).unwrap();
            assert_eq!(serial.to_string(), shown);
            assert_eq!(Serial::parse_hex(shown).unwrap(), serial);
            assert!(!serial.is_positive());
        }
        assert_eq!(Serial::from_der_integer(&[]), None);
        assert_eq!(Serial::parse_hex("xyz"), None);
        assert_eq!(Serial::parse_hex(" "), None);
    }
}
