//! Telling binary files apart by their first few fields.

/// Tags of DER (X.690, 8.1.2).
const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const OID: u8 = 0x06;

/// What binary content that is neither a certificate nor a request looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// A private key: PKCS#1, PKCS#8 or SEC 1.
    PrivateKey,
    /// A private key behind a password: PKCS#8.
    EncryptedPrivateKey,
    /// PKCS#12.
    Pkcs12,
    /// CMS, also called PKCS#7.
    Cms,
    /// DER of some other kind, or damaged.
    Other,
    /// Not DER at all.
    NotDer,
}

/// Looks at the outer fields only; no byte of a key is touched.
pub(super) fn shape(bytes: &[u8]) -> Shape {
    // CMS is often written in BER with an indefinite length.
    if bytes.starts_with(&[SEQUENCE, 0x80, OID, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07]) {
        return Shape::Cms;
    }
    let Some((SEQUENCE, content, _)) = field(bytes) else { return Shape::NotDer };
    let first = field(content);
    let second = first.and_then(|(_, _, rest)| field(rest));
    match (first, second) {
        // Version 0, then an algorithm (PKCS#8) or a modulus (PKCS#1).
        (Some((INTEGER, [0 | 1], _)), Some((SEQUENCE | INTEGER, _, _))) => Shape::PrivateKey,
        (Some((INTEGER, [1], _)), Some((OCTETS, _, _))) => Shape::PrivateKey,
        (Some((INTEGER, [3], _)), Some((SEQUENCE, _, _))) => Shape::Pkcs12,
        (Some((SEQUENCE, _, _)), Some((OCTETS, _, []))) => Shape::EncryptedPrivateKey,
        (Some((OID, [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, ..], _)), _) => Shape::Cms,
        _ => Shape::Other,
    }
}

/// Whether `bytes` begin like DER but promise more than there is.
pub(super) fn is_cut_off(bytes: &[u8]) -> bool {
    bytes.first() == Some(&SEQUENCE) && header(bytes).is_some_and(|(start, length)| bytes.len() < start + length)
}

/// The tag, the content and what follows.
fn field(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (start, length) = header(bytes)?;
    let content = bytes.get(start..start + length)?;
    Some((*bytes.first()?, content, &bytes[start + length..]))
}

/// Where the content begins and how long it is said to be: at most four bytes of length, as nothing here is larger.
fn header(bytes: &[u8]) -> Option<(usize, usize)> {
    let first = usize::from(*bytes.get(1)?);
    if first < 0x80 {
        return Some((2, first));
    }
    let width = first & 0x7f;
    if !(1..=4).contains(&width) {
        return None;
    }
    let length = bytes.get(2..2 + width)?.iter().fold(0usize, |sum, byte| sum << 8 | usize::from(*byte));
    Some((2 + width, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_containers_are_told_apart() {
        for (bytes, told) in [
            (&[0x30, 6, 2, 1, 0, 0x30, 1, 5][..], Shape::PrivateKey),
            (&[0x30, 6, 2, 1, 0, 2, 1, 5], Shape::PrivateKey),
            (&[0x30, 6, 2, 1, 1, 4, 1, 5], Shape::PrivateKey),
            (&[0x30, 6, 2, 1, 3, 0x30, 1, 5], Shape::Pkcs12),
            (&[0x30, 6, 0x30, 1, 0, 4, 1, 5], Shape::EncryptedPrivateKey),
            (&[0x30, 3, 2, 1, 9], Shape::Other),
            (&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 0], Shape::NotDer),
            (b"text", Shape::NotDer),
            (&[], Shape::NotDer),
        ] {
            assert_eq!(shape(bytes), told, "{bytes:?}");
        }
        assert!(is_cut_off(&[0x30, 0x82, 1, 0, 0]));
    }
}
