//! The content of CMS `SignedData` (RFC 5652, 5.1), whom an `EnvelopedData` (6.1) is for, and nothing else of them.
//!
//! Written by hand because Apple's own tools sign in BER: indefinite lengths, the content in chunks, chunks within
//! chunks. The readers of DER that are to be had refuse that, and all that is needed here is to step over tags and
//! lengths (X.690, 8.1). Nothing is trusted: every length is checked against what is there, nothing is recursive
//! but the nesting of chunks, and that has an end.

use zeroize::Zeroizing;

/// What is wrong, as it is told.
type Wrong = &'static str;

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const INTEGER: u8 = 0x02;
const OID: u8 = 0x06;
const OCTETS: u8 = 0x04;
const CONSTRUCTED: u8 = 0x20;
/// `[0]`, constructed: what follows a content type.
const EXPLICIT_0: u8 = 0xa0;

/// 1.2.840.113549.1.7, the types of CMS.
const PKCS7: [u8; 8] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07];
/// The last number of `signedData`.
const SIGNED_DATA: u8 = 2;
/// The last number of `envelopedData`.
const ENVELOPED_DATA: u8 = 3;

/// How deep chunks may lie within chunks.
const MAX_DEPTH: usize = 16;

const CUT_OFF: Wrong = "it is cut off, or its lengths are wrong";
const UNEXPECTED: Wrong = "it is not built as signed data is";

/// Whether `bytes` begin like CMS of any type.
pub(super) fn is_cms(bytes: &[u8]) -> bool {
    kind(bytes).is_ok()
}

/// Whether `bytes` begin like CMS that is encrypted for somebody.
pub(in crate::certificate) fn is_enveloped(bytes: &[u8]) -> bool {
    kind(bytes) == Ok(ENVELOPED_DATA)
}

fn kind(bytes: &[u8]) -> Result<u8, Wrong> {
    let mut reader = Reader { bytes, at: 0 };
    reader.enter(SEQUENCE)?;
    reader.cms_type()
}

/// Whether the outermost field is there to its end.
pub(in crate::certificate) fn is_whole(bytes: &[u8]) -> bool {
    Reader { bytes, at: 0 }.step_over(SEQUENCE).is_ok()
}

/// The first recipient of enveloped data: the name of the issuer (a DER `Name`) and the content of the serial number
/// of the certificate it was encrypted for. Recipients that are named by a key identifier have neither.
///
/// # Errors
///
/// Says what is not there or not as it should be.
pub(in crate::certificate) fn recipient(bytes: &[u8]) -> Result<(&[u8], &[u8]), Wrong> {
    let mut reader = Reader { bytes, at: 0 };
    reader.enter(SEQUENCE)?;
    if reader.cms_type()? != ENVELOPED_DATA {
        return Err("it is not encrypted");
    }
    reader.enter(EXPLICIT_0)?;
    reader.enter(SEQUENCE)?;
    reader.step_over(INTEGER)?;
    if reader.peek() == Some(EXPLICIT_0) {
        // Certificates of the sender.
        reader.step_over(EXPLICIT_0)?;
    }
    reader.enter(SET)?;
    reader.enter(SEQUENCE)?;
    reader.step_over(INTEGER)?;
    reader.enter(SEQUENCE)?;
    let start = reader.at;
    reader.step_over(SEQUENCE)?;
    let issuer = &bytes[start..reader.at];
    let end = reader.enter(INTEGER)?.ok_or(UNEXPECTED)?;
    Ok((issuer, &bytes[reader.at..end]))
}

/// The content that was signed.
pub(super) fn content(bytes: &[u8]) -> Result<Zeroizing<Vec<u8>>, Wrong> {
    let mut reader = Reader { bytes, at: 0 };
    reader.enter(SEQUENCE)?;
    if reader.cms_type()? != SIGNED_DATA {
        return Err("it is encrypted or something else, not signed data");
    }
    reader.enter(EXPLICIT_0)?;
    reader.enter(SEQUENCE)?;
    reader.step_over(INTEGER)?;
    reader.step_over(SET)?;
    let inner = reader.enter(SEQUENCE)?;
    reader.step_over(OID)?;
    // Where the inner field ends here, by its length or by an end mark, the content stands elsewhere.
    if inner.is_some_and(|end| reader.at >= end) || reader.peek() == Some(0) {
        return Err("nothing is in it: the signature or the certificates were saved without the profile");
    }
    let outer = reader.enter(EXPLICIT_0)?;
    // Reserved whole, so that growing leaves no unwiped copy behind.
    let mut content = Zeroizing::new(Vec::with_capacity(bytes.len()));
    reader.octets(outer.unwrap_or(bytes.len()), 0, &mut content)?;
    Ok(content)
}

/// A place in BER.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// A tag and where its content ends; `None` for an indefinite length, which ends at an end mark.
struct Header {
    tag: u8,
    end: Option<usize>,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn byte(&mut self) -> Result<u8, Wrong> {
        let byte = self.peek().ok_or(CUT_OFF)?;
        self.at += 1;
        Ok(byte)
    }

    fn header(&mut self) -> Result<Header, Wrong> {
        let tag = self.byte()?;
        if tag & 0x1f == 0x1f {
            // Tags of several bytes occur nowhere in front of the content.
            return Err(UNEXPECTED);
        }
        let first = self.byte()?;
        let length = match first {
            0x80 if tag & CONSTRUCTED != 0 => return Ok(Header { tag, end: None }),
            0..0x80 => usize::from(first),
            0x81..=0x88 => {
                let mut length = 0usize;
                for _ in 0x80..first {
                    let byte = usize::from(self.byte()?);
                    length = length.checked_mul(256).and_then(|length| length.checked_add(byte)).ok_or(CUT_OFF)?;
                }
                length
            }
            _ => return Err(UNEXPECTED),
        };
        let end = self.at.checked_add(length).filter(|end| *end <= self.bytes.len()).ok_or(CUT_OFF)?;
        Ok(Header { tag, end: Some(end) })
    }

    /// Goes into a field with this tag.
    fn enter(&mut self, tag: u8) -> Result<Option<usize>, Wrong> {
        let header = self.header()?;
        if header.tag == tag { Ok(header.end) } else { Err(UNEXPECTED) }
    }

    /// Reads an object identifier below [`PKCS7`] and gives its last number.
    fn cms_type(&mut self) -> Result<u8, Wrong> {
        let end = self.enter(OID)?.ok_or(UNEXPECTED)?;
        let oid = &self.bytes[self.at..end];
        self.at = end;
        match oid.strip_prefix(&PKCS7) {
            Some([last]) => Ok(*last),
            _ => Err(UNEXPECTED),
        }
    }

    /// Steps over a field with this tag, whatever is in it.
    fn step_over(&mut self, tag: u8) -> Result<(), Wrong> {
        let header = self.header()?;
        if header.tag != tag {
            return Err(UNEXPECTED);
        }
        if let Some(end) = header.end {
            self.at = end;
            return Ok(());
        }
        // Within an indefinite length only further ones have to be looked into.
        let mut open = 1usize;
        while open > 0 {
            match self.header()? {
                Header { tag: 0, end: Some(end) } if end == self.at => open -= 1,
                Header { end: Some(end), .. } => self.at = end,
                Header { end: None, .. } => open += 1,
            }
        }
        Ok(())
    }

    /// Appends an OCTET STRING: in one piece, or built of further ones.
    fn octets(&mut self, limit: usize, depth: usize, out: &mut Vec<u8>) -> Result<(), Wrong> {
        if depth > MAX_DEPTH {
            return Err("its chunks lie too deep within each other");
        }
        let Header { tag, end } = self.header()?;
        if end.is_some_and(|end| end > limit) {
            return Err(CUT_OFF);
        }
        match (tag, end) {
            (OCTETS, Some(end)) => {
                out.extend_from_slice(&self.bytes[self.at..end]);
                self.at = end;
                Ok(())
            }
            (tag, Some(end)) if tag == OCTETS | CONSTRUCTED => {
                while self.at < end {
                    self.octets(end, depth + 1, out)?;
                }
                Ok(())
            }
            (tag, None) if tag == OCTETS | CONSTRUCTED => {
                while self.peek() != Some(0) {
                    self.octets(limit, depth + 1, out)?;
                }
                match self.header()? {
                    Header { tag: 0, end: Some(end) } if end == self.at && end <= limit => Ok(()),
                    _ => Err(UNEXPECTED),
                }
            }
            _ => Err(UNEXPECTED),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificate::sample::field;

    const END: [u8; 2] = [0, 0];

    fn indefinite(tag: u8, content: &[u8]) -> Vec<u8> {
        [&[tag, 0x80], content, &END].concat()
    }

    fn oid(last: u8) -> Vec<u8> {
        field(OID, &[&PKCS7[..], &[last]].concat())
    }

    /// Signed data around a content, built with `wrap`.
    fn signed(wrap: fn(u8, &[u8]) -> Vec<u8>, content: &[u8]) -> Vec<u8> {
        let algorithms = wrap(SET, &wrap(SEQUENCE, &field(OID, &[0x60, 0x86, 0x48])));
        let inner = wrap(SEQUENCE, &[oid(1), wrap(EXPLICIT_0, content)].concat());
        let all = [field(INTEGER, &[1]), algorithms, inner, field(SET, b"the signers")].concat();
        wrap(SEQUENCE, &[oid(2), wrap(EXPLICIT_0, &wrap(SEQUENCE, &all))].concat())
    }

    #[test]
    fn chunks_are_put_together_however_they_are_nested() {
        let one = field(OCTETS, b"abcdef");
        let two = [field(OCTETS, b"abc"), field(OCTETS, b""), field(OCTETS, b"def")].concat();
        let nested = [indefinite(0x24, &field(OCTETS, b"ab")), field(0x24, &field(OCTETS, b"cdef"))].concat();
        for wrap in [field, indefinite] {
            for content in [&one, &wrap(0x24, &two), &wrap(0x24, &nested), &indefinite(0x24, &nested)] {
                let bytes = signed(wrap, content);
                assert!(is_cms(&bytes));
                assert_eq!(content_of(&bytes), Ok(b"abcdef".to_vec()));
            }
        }
    }

    fn content_of(bytes: &[u8]) -> Result<Vec<u8>, Wrong> {
        content(bytes).map(|content| content.to_vec())
    }

    #[test]
    fn what_is_not_signed_data_is_told() {
        let detached = {
            let inner = field(SEQUENCE, &oid(1));
            let all = [field(INTEGER, &[1]), field(SET, &[]), inner, field(SET, &[])].concat();
            field(SEQUENCE, &[oid(2), field(EXPLICIT_0, &field(SEQUENCE, &all))].concat())
        };
        assert!(content_of(&detached).unwrap_err().starts_with("nothing is in it"));
        let enveloped = field(SEQUENCE, &[oid(3), field(EXPLICIT_0, &[])].concat());
        assert!(is_cms(&enveloped));
        assert!(content_of(&enveloped).unwrap_err().starts_with("it is encrypted"));
        for other in [&b""[..], b"0", &[0x30, 0x80], &[0x30, 3, 2, 1, 9], b"plain text"] {
            assert!(!is_cms(other));
        }
    }

    #[test]
    fn every_cut_and_every_flipped_byte_ends_without_a_panic() {
        let chunks = [field(OCTETS, b"abc"), indefinite(0x24, &field(OCTETS, b"def"))].concat();
        for bytes in [signed(field, &field(0x24, &chunks)), signed(indefinite, &indefinite(0x24, &chunks))] {
            let whole = content_of(&bytes).unwrap();
            for cut in 0..bytes.len() {
                assert!(content_of(&bytes[..cut]).map_or(true, |content| content == whole));
            }
            for at in 0..bytes.len() {
                for flip in [1, 0x20, 0x80, 0xff] {
                    let mut broken = bytes.clone();
                    broken[at] ^= flip;
                    let _ = content_of(&broken);
                }
            }
        }
    }

    #[test]
    fn depth_has_an_end() {
        let deep = |levels: usize| (0..levels).fold(field(OCTETS, b"x"), |inside, _| indefinite(0x24, &inside));
        assert!(content_of(&signed(indefinite, &deep(MAX_DEPTH))).is_ok());
        assert!(content_of(&signed(indefinite, &deep(100_000))).unwrap_err().contains("too deep"));
        // In what is stepped over, depth costs nothing.
        let open = [0x30, 0x80].repeat(100_000);
        let bytes =
            [&field(SEQUENCE, &[])[..0], &[SEQUENCE, 0x80], &oid(2), &[EXPLICIT_0, 0x80, SEQUENCE, 0x80]].concat();
        let bytes = [bytes, field(INTEGER, &[1]), vec![SET, 0x80], open].concat();
        assert_eq!(content_of(&bytes), Err(CUT_OFF));
    }
}
