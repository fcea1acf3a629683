//! BER made DER (X.690, 8 and 10), as far as containers need it: definite lengths in their shortest form, and each
//! OCTET STRING in one piece.
//!
//! Apple's older keychain and everything built on NSS write containers with indefinite lengths and in chunks. What is
//! DER already is not copied. Nothing is trusted: every length is checked against what is there, depth has an end, and
//! each byte is looked at twice at most: once to measure, once to write. What lies within an OCTET STRING is not
//! looked at.

use std::borrow::Cow;

/// What is wrong, as it is told.
type Wrong = &'static str;

/// How deep fields may lie within each other. A container needs about thirty with all its bags within bags.
const MAX_DEPTH: usize = 64;

const OCTETS: u8 = 0x04;
const CONSTRUCTED: u8 = 0x20;

const CUT_OFF: Wrong = "it is cut off, or its lengths are wrong";
const TOO_DEEP: Wrong = "its fields lie too deep within each other";
const LONG_TAG: Wrong = "a tag of several bytes is in it";
const ODD_CHUNK: Wrong = "an octet string is built of something else";
const STRAY_END: Wrong = "an end mark is where none belongs";
const BEHIND: Wrong = "something follows behind it";

/// One field as DER, and nothing behind it. Borrowed if it is DER already.
///
/// What is new is never longer than what came, but for fields of an indefinite length that hold 64 KiB or more: they
/// gain a byte each. It may hold secrets if `bytes` do; wiping it is the caller's.
///
/// # Errors
///
/// Says what is wrong with the lengths or tags; never what stands there.
pub(super) fn to_der(bytes: &[u8]) -> Result<Cow<'_, [u8]>, Wrong> {
    let (der, behind) = first_to_der(bytes)?;
    if behind.is_empty() { Ok(der) } else { Err(BEHIND) }
}

/// The first field as DER as in [`to_der`], and the bytes behind it as they are.
///
/// # Errors
///
/// As [`to_der`].
pub(super) fn first_to_der(bytes: &[u8]) -> Result<(Cow<'_, [u8]>, &[u8]), Wrong> {
    let mut measure = Measure { reader: Reader { bytes, at: 0 }, lengths: vec![], is_der: true };
    let length = measure.field(bytes.len(), 0)?;
    let (whole, behind) = bytes.split_at(measure.reader.at);
    if measure.is_der {
        return Ok((Cow::Borrowed(whole), behind));
    }
    // Reserved whole, so that growing leaves no copy behind that nobody could wipe.
    let out = Vec::with_capacity(length);
    let lengths = measure.lengths.into_iter();
    let mut write = Write { reader: Reader { bytes: whole, at: 0 }, lengths, out };
    write.field(whole.len())?;
    Ok((Cow::Owned(write.out), behind))
}

/// A tag, and where its content ends; `None` for an indefinite length, which ends at an end mark.
struct Header {
    tag: u8,
    end: Option<usize>,
    /// Whether the length is written as DER would have it.
    is_der: bool,
}

impl Header {
    fn is_chunked(&self) -> bool {
        self.tag == OCTETS | CONSTRUCTED
    }
}

/// A place in BER.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn byte(&mut self) -> Result<u8, Wrong> {
        let byte = *self.bytes.get(self.at).ok_or(CUT_OFF)?;
        self.at += 1;
        Ok(byte)
    }

    /// The header of a field that ends at `limit` at the latest.
    fn header(&mut self, limit: usize) -> Result<Header, Wrong> {
        let tag = self.byte()?;
        if tag & 0x1f == 0x1f {
            return Err(LONG_TAG);
        }
        if tag == 0 {
            return Err(STRAY_END);
        }
        let first = self.byte()?;
        let start = self.at;
        let length = match first {
            0x80 if tag & CONSTRUCTED != 0 => return Ok(Header { tag, end: None, is_der: false }),
            0..0x80 => usize::from(first),
            0x81..=0x88 => {
                let mut length = 0usize;
                for _ in 0x80..first {
                    let byte = usize::from(self.byte()?);
                    length = length.checked_mul(256).and_then(|length| length.checked_add(byte)).ok_or(CUT_OFF)?;
                }
                length
            }
            _ => return Err(CUT_OFF),
        };
        let end = self.at.checked_add(length).filter(|end| *end <= limit).ok_or(CUT_OFF)?;
        let is_der = 1 + self.at - start == width(length);
        Ok(Header { tag, end: Some(end), is_der })
    }

    /// Whether another field follows within a field that ends at `end`; its end mark is stepped over.
    fn has_more(&mut self, end: Option<usize>, limit: usize) -> Result<bool, Wrong> {
        match end {
            Some(end) => Ok(self.at < end),
            None => {
                let next = self.bytes.get(self.at..limit).unwrap_or_default();
                let is_end = next.starts_with(&[0, 0]);
                if is_end {
                    self.at += 2;
                } else if next.is_empty() {
                    return Err(CUT_OFF);
                }
                Ok(!is_end)
            }
        }
    }
}

/// How many bytes DER takes to write a length.
fn width(length: usize) -> usize {
    if length < 0x80 { 1 } else { 1 + length.ilog2() as usize / 8 + 1 }
}

/// The first pass: checks everything and finds how long fields will be.
struct Measure<'a> {
    reader: Reader<'a>,
    /// The length of each constructed field's content, in the order in which the fields begin. Chunks of a chunked
    /// OCTET STRING have none.
    lengths: Vec<usize>,
    /// Whether nothing was met so far that DER would write otherwise.
    is_der: bool,
}

impl Measure<'_> {
    /// Steps over a field. Gives its length as it will be, its header counted.
    fn field(&mut self, limit: usize, depth: usize) -> Result<usize, Wrong> {
        if depth > MAX_DEPTH {
            return Err(TOO_DEEP);
        }
        let header = self.reader.header(limit)?;
        self.is_der &= header.is_der && !header.is_chunked();
        let length = if header.tag & CONSTRUCTED == 0 {
            let end = header.end.ok_or(CUT_OFF)?;
            let length = end - self.reader.at;
            self.reader.at = end;
            length
        } else {
            let slot = self.lengths.len();
            self.lengths.push(0);
            let length = if header.is_chunked() {
                self.chunks(header.end, limit, depth + 1)?
            } else {
                let mut length = 0;
                while self.reader.has_more(header.end, limit)? {
                    length += self.field(header.end.unwrap_or(limit), depth + 1)?;
                }
                length
            };
            if let Some(kept) = self.lengths.get_mut(slot) {
                *kept = length;
            }
            length
        };
        Ok(1 + width(length) + length)
    }

    /// Steps over chunks until their end. Gives how long they are together, headers not counted.
    fn chunks(&mut self, end: Option<usize>, limit: usize, depth: usize) -> Result<usize, Wrong> {
        if depth > MAX_DEPTH {
            return Err(TOO_DEEP);
        }
        let mut length = 0;
        while self.reader.has_more(end, limit)? {
            let limit = end.unwrap_or(limit);
            let chunk = self.reader.header(limit)?;
            length += match (chunk.tag, chunk.end) {
                (OCTETS, Some(end)) => {
                    let length = end - self.reader.at;
                    self.reader.at = end;
                    length
                }
                _ if chunk.is_chunked() => self.chunks(chunk.end, limit, depth + 1)?,
                _ => return Err(ODD_CHUNK),
            };
        }
        Ok(length)
    }
}

/// The second pass. What it reads was checked by the first, its depth too.
struct Write<'a> {
    reader: Reader<'a>,
    lengths: std::vec::IntoIter<usize>,
    out: Vec<u8>,
}

impl Write<'_> {
    fn field(&mut self, limit: usize) -> Result<(), Wrong> {
        let header = self.reader.header(limit)?;
        if header.tag & CONSTRUCTED == 0 {
            let end = header.end.ok_or(CUT_OFF)?;
            self.header(header.tag, end - self.reader.at);
            self.copy(end);
            return Ok(());
        }
        let length = self.lengths.next().ok_or(CUT_OFF)?;
        if header.is_chunked() {
            self.header(OCTETS, length);
            return self.chunks(header.end, limit);
        }
        self.header(header.tag, length);
        while self.reader.has_more(header.end, limit)? {
            self.field(header.end.unwrap_or(limit))?;
        }
        Ok(())
    }

    fn chunks(&mut self, end: Option<usize>, limit: usize) -> Result<(), Wrong> {
        while self.reader.has_more(end, limit)? {
            let limit = end.unwrap_or(limit);
            let chunk = self.reader.header(limit)?;
            match (chunk.tag, chunk.end) {
                (OCTETS, Some(end)) => self.copy(end),
                _ => self.chunks(chunk.end, limit)?,
            }
        }
        Ok(())
    }

    fn header(&mut self, tag: u8, length: usize) {
        self.out.push(tag);
        let width = width(length);
        if width == 1 {
            self.out.push(length as u8);
        } else {
            let bytes = length.to_be_bytes();
            self.out.push(0x80 | (width - 1) as u8);
            self.out.extend_from_slice(&bytes[bytes.len() - (width - 1)..]);
        }
    }

    fn copy(&mut self, end: usize) {
        self.out.extend_from_slice(&self.reader.bytes[self.reader.at..end]);
        self.reader.at = end;
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

    /// A length in four bytes, whatever it is.
    fn wide(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = u32::try_from(content.len()).unwrap().to_be_bytes();
        [&[tag, 0x84], &length[..], content].concat()
    }

    #[test]
    fn der_is_borrowed() {
        for length in [0, 1, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x1_0000] {
            let der = field(0x30, &field(OCTETS, &vec![7; length]));
            assert!(matches!(to_der(&der), Ok(Cow::Borrowed(same)) if same == der), "{length}");
        }
        let der = field(2, &[1]);
        let long = [&der[..], b"\n"].concat();
        assert_eq!(to_der(&long), Err(BEHIND));
        assert_eq!(first_to_der(&long), Ok((Cow::Borrowed(&der[..]), &b"\n"[..])));
    }

    #[test]
    fn lengths_become_definite_and_chunks_one() {
        let content = (0..70_000u32).map(|n| n as u8).collect::<Vec<_>>();
        for length in [0, 1, 0x7f, 0x80, 0xff, 0x100, 0xffff, 70_000] {
            let content = &content[..length];
            let der = field(0x30, &[field(2, &[1]), field(0xa0, &field(OCTETS, content)), field(5, &[])].concat());
            let pieces = content.chunks(999).map(|piece| field(OCTETS, piece)).collect::<Vec<_>>().concat();
            for wrap in [field, indefinite, wide] {
                let nested = [wrap(0x24, &pieces), wrap(0x24, &[])].concat();
                for octets in [wrap(0x24, &pieces), wrap(0x24, &nested), wide(OCTETS, content)] {
                    let ber = wrap(0x30, &[wide(2, &[1]), wrap(0xa0, &octets), field(5, &[])].concat());
                    let found = to_der(&ber).unwrap();
                    assert_eq!(found, der, "{length}");
                    assert!(matches!(found, Cow::Owned(_)));
                    // A byte each for the two fields of 64 KiB.
                    assert!(found.len() <= ber.len() + 2);
                }
            }
        }
    }

    #[test]
    fn what_lies_in_octets_is_left_alone() {
        let inside = indefinite(0x30, &field(2, &[1]));
        let ber = indefinite(0x30, &indefinite(0x24, &field(OCTETS, &inside)));
        assert_eq!(to_der(&ber).unwrap(), field(0x30, &field(OCTETS, &inside)));
    }

    #[test]
    fn what_is_wrong_is_told() {
        for (bytes, wrong) in [
            (&b""[..], CUT_OFF),
            (&[0x30], CUT_OFF),
            (&[0x30, 0x80], CUT_OFF),
            (&[0x30, 0x80, 0], STRAY_END),
            (&[0x30, 2, 2, 1], CUT_OFF),
            (&[0x30, 2, 2, 1, 5], CUT_OFF),
            (&[0x04, 0x80, 0, 0], CUT_OFF),
            (&[0x30, 0xff], CUT_OFF),
            (&[0x30, 0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], CUT_OFF),
            (&[0x30, 4, 0x30, 0x80, 0, 0, 0, 0], BEHIND),
            (&[0x30, 3, 0x30, 0x80, 0, 0], STRAY_END),
            (&[0x30, 2, 0, 0], STRAY_END),
            (&[0x3f, 0x81, 1, 0], LONG_TAG),
            (&[0x24, 3, 2, 1, 5], ODD_CHUNK),
        ] {
            assert_eq!(to_der(bytes).unwrap_err(), wrong, "{bytes:x?}");
        }
    }

    #[test]
    fn depth_has_an_end() {
        for (wrap, tag) in [(field as fn(u8, &[u8]) -> _, 0x30), (indefinite, 0x30), (field, 0x24), (indefinite, 0x24)]
        {
            let deep = |levels| (0..levels).fold(field(OCTETS, b"x"), |inside, _| wrap(tag, &inside));
            assert!(to_der(&deep(MAX_DEPTH - 1)).is_ok());
            assert_eq!(to_der(&deep(10_000)), Err(TOO_DEEP));
        }
    }

    #[test]
    fn every_cut_and_every_flipped_byte_ends_without_a_panic() {
        let chunks = [field(OCTETS, b"abc"), indefinite(0x24, &field(OCTETS, b"def"))].concat();
        let ber = indefinite(0x30, &[field(2, &[1]), indefinite(0xa0, &indefinite(0x24, &chunks))].concat());
        assert!(to_der(&ber).is_ok());
        for cut in 0..ber.len() {
            assert!(to_der(&ber[..cut]).is_err(), "{cut}");
        }
        for at in 0..ber.len() {
            for flip in 1..=0xff {
                let mut broken = ber.clone();
                broken[at] ^= flip;
                if let Ok(der) = to_der(&broken) {
                    assert!(matches!(to_der(&der), Ok(Cow::Borrowed(_))), "what came out is DER");
                }
            }
        }
    }
}
