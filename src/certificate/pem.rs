//! Finding PEM blocks in a text, whatever happened to it on its way.
//!
//! Markers are looked for everywhere and not only at the start of a line: files without a last newline get joined
//! into `-----END CERTIFICATE----------BEGIN CERTIFICATE-----`, and web forms turn line feeds into blanks. One pass,
//! and every look ahead is bounded, so that a hostile megabyte costs no more than a friendly one.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

use crate::words::clean;

/// Padding and the unused last bits are not what a person should have to care about.
pub(super) const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

const DASHES: &[u8] = b"-----";

/// Longer than any label in use ("ENCRYPTED PRIVATE KEY" has 21).
const MAX_LABEL: usize = 80;

/// One block, or what is left of one.
pub(super) struct Block<'a> {
    /// Which one in the file, from 1.
    pub(super) number: usize,
    /// The line of its BEGIN marker, from 1.
    pub(super) line: usize,
    /// The label, blanks around it cut, fit to be shown.
    pub(super) label: String,
    /// What stands between the markers.
    body: &'a [u8],
    /// Whether the END marker of the same label followed.
    ending: Ending,
}

enum Ending {
    Closed,
    Missing,
    Other(String),
}

/// A marker that belongs to no block.
pub(super) struct Stray {
    /// Its line, from 1.
    pub(super) line: usize,
    /// What is wrong with it.
    pub(super) message: String,
}

impl Block<'_> {
    /// Whether it is a private key of any sort.
    pub(super) fn is_private_key(&self) -> bool {
        self.label.contains("PRIVATE KEY")
    }

    /// Whether an old-style header says that the body is encrypted. The key itself is not looked at.
    pub(super) fn has_encrypted_header(&self) -> bool {
        let head = &self.body[..self.body.len().min(120)];
        head.windows(11).any(|window| window == b"4,ENCRYPTED")
    }

    /// The bytes of the block. Not for a private key.
    ///
    /// # Errors
    ///
    /// As [`Self::decode_secret`].
    pub(super) fn decode(&self) -> Result<Vec<u8>, String> {
        self.decode_secret().map(|mut bytes| std::mem::take(&mut *bytes))
    }

    /// The bytes of the block, wiped when dropped, and so is every copy on the way.
    ///
    /// # Errors
    ///
    /// Says what is wrong and in which line, never what stands there.
    pub(super) fn decode_secret(&self) -> Result<Zeroizing<Vec<u8>>, String> {
        match &self.ending {
            Ending::Closed => {}
            Ending::Missing => return Err("cut off: its END line is missing".to_owned()),
            Ending::Other(label) => return Err(format!("closed by END {label}")),
        }
        if self.body.contains(&b'\\') && self.body.windows(2).any(|pair| matches!(pair, b"\\n" | b"\\r")) {
            return Err("its line feeds are escaped: replace each \\n by a real line feed".to_owned());
        }
        let mut digits = Zeroizing::new(Vec::with_capacity(self.body.len()));
        for (line, text) in (self.line..).zip(lines(self.body)) {
            // A header of RFC 1421, such as "Proc-Type: 4,CLEAR".
            if text.contains(&b':') {
                continue;
            }
            for word in text.split(u8::is_ascii_whitespace) {
                if !word.iter().all(|byte| is_digit(*byte)) {
                    return Err(format!("line {line} has a character in it that is not base64"));
                }
                digits.extend_from_slice(word);
            }
        }
        if digits.is_empty() {
            return Err("there is nothing between its markers".to_owned());
        }
        // Long enough from the start, so that nothing grows and leaves a copy behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(digits.len()));
        BASE64
            .decode_vec(&*digits, &mut bytes)
            .map_err(|_| "its base64 is damaged: characters are missing or doubled".to_owned())?;
        Ok(bytes)
    }
}

fn is_digit(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

/// All blocks of a text, and the markers that belong to none.
pub(super) fn blocks(text: &[u8]) -> (Vec<Block<'_>>, Vec<Stray>) {
    let mut blocks: Vec<Block<'_>> = Vec::new();
    let mut strays = Vec::new();
    let mut markers = markers(text).into_iter().peekable();
    while let Some(marker) = markers.next() {
        let Marker { line, label, .. } = marker;
        match marker.sort {
            Sort::Broken => {
                strays.push(Stray { line, message: "a BEGIN or END marker is not closed by five hyphens".to_owned() });
            }
            Sort::End => strays.push(Stray { line, message: format!("END {label} without a BEGIN") }),
            Sort::Begin => {
                let stop = markers.peek().map_or(text.len(), |next| next.start);
                let ending = match markers.next_if(|next| next.sort == Sort::End) {
                    Some(end) if end.label == label => Ending::Closed,
                    Some(end) => Ending::Other(end.label),
                    None => Ending::Missing,
                };
                let body = text.get(marker.stop..stop).unwrap_or_default();
                blocks.push(Block { number: blocks.len() + 1, line, label, body, ending });
            }
        }
    }
    (blocks, strays)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    Begin,
    End,
    Broken,
}

struct Marker {
    sort: Sort,
    label: String,
    /// The first of its hyphens.
    start: usize,
    /// Just behind the last of its hyphens.
    stop: usize,
    line: usize,
}

fn markers(text: &[u8]) -> Vec<Marker> {
    let mut out = Vec::new();
    let (mut at, mut line, mut counted) = (0, 1, 0);
    while at < text.len() {
        let rest = &text[at..];
        let Some(inner) = rest.strip_prefix(DASHES) else {
            // At least the byte that is no hyphen here; most files are nothing else for thousands of bytes.
            at += rest[1..].iter().position(|byte| *byte == b'-').map_or(rest.len(), |next| next + 1);
            continue;
        };
        let (sort, inner) = if let Some(inner) = inner.strip_prefix(b"BEGIN ") {
            (Sort::Begin, inner)
        } else if let Some(inner) = inner.strip_prefix(b"END ") {
            (Sort::End, inner)
        } else {
            at += 1;
            continue;
        };
        line += line_ends(&text[counted..at], rest);
        counted = at;
        let inner_at = at + rest.len() - inner.len();
        let window = &inner[..inner.len().min(MAX_LABEL + DASHES.len())];
        let window = &window[..window.iter().position(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(window.len())];
        let Some(length) = window.windows(DASHES.len()).position(|five| five == DASHES) else {
            out.push(Marker { sort: Sort::Broken, label: String::new(), start: at, stop: inner_at, line });
            at = inner_at;
            continue;
        };
        let label = clean(String::from_utf8_lossy(&window[..length]).trim(), MAX_LABEL);
        out.push(Marker { sort, label, start: at, stop: inner_at + length + DASHES.len(), line });
        // Not behind the closing hyphens: the next marker may share them.
        at = inner_at + length;
    }
    out
}

/// Lines ended by LF, CRLF or a bare CR.
fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let Some(end) = text.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
            rest = None;
            return Some(text);
        };
        let width = if text[end..].starts_with(b"\r\n") { 2 } else { 1 };
        rest = Some(&text[end + width..]);
        Some(&text[..end])
    })
}

/// How many lines end in `text`; `next` is what follows it.
fn line_ends(text: &[u8], next: &[u8]) -> usize {
    let carriage =
        |(index, byte): &(usize, &u8)| **byte == b'\r' && text.get(index + 1).or_else(|| next.first()) != Some(&b'\n');
    text.iter().filter(|byte| **byte == b'\n').count() + text.iter().enumerate().filter(carriage).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(text: &str) -> Vec<Result<Vec<u8>, String>> {
        blocks(text.as_bytes()).0.iter().map(Block::decode).collect()
    }

    #[test]
    fn line_ends_and_blanks_do_not_count() {
        for text in [
            "-----BEGIN X-----\nQUJD\nREVG\n-----END X-----\n",
            "-----BEGIN X-----\r\nQUJD\r\nREVG\r\n-----END X-----\r\n",
            "-----BEGIN X-----\rQUJD\rREVG\r-----END X-----",
            "-----BEGIN X-----  \nQUJD\r\n\nREVG \n-----END X-----   \n\n\n",
            "-----BEGIN X----- QUJD REVG -----END X-----",
            "-----BEGIN X -----\nComment: y\n\nQUJDREVG\n-----END X-----",
        ] {
            assert_eq!(decoded(text), [Ok(b"ABCDEF".to_vec())], "{text:?}");
        }
    }

    #[test]
    fn markers_may_be_fused() {
        for seam in ["----------", "-----", "------------", "-----\u{20}-----"] {
            let text = format!("-----BEGIN X-----\nQUJD\n-----END X{seam}BEGIN Y-----\nREVG\n-----END Y-----");
            assert_eq!(decoded(&text), [Ok(b"ABC".to_vec()), Ok(b"DEF".to_vec())], "{seam}");
        }
    }

    #[test]
    fn what_is_broken_is_named_with_its_line() {
        let text = "x\r\ny\rz\n-----BEGIN A-----\nQUJD\n-----BEGIN B-----\nQ!JD\n-----END B-----\n-----END C-----\n\
                    -----BEGIN D----\n-----BEGIN E-----\nQUJD\n-----END F-----\n-----BEGIN G-----\n\n-----END G-----";
        let (found, strays) = blocks(text.as_bytes());
        let told: Vec<_> = found.iter().map(|b| (b.number, b.line, b.decode().unwrap_err())).collect();
        assert_eq!(told[0], (1, 4, "cut off: its END line is missing".to_owned()));
        assert_eq!(told[1], (2, 6, "line 7 has a character in it that is not base64".to_owned()));
        assert_eq!(told[2], (3, 11, "closed by END F".to_owned()));
        assert_eq!(told[3], (4, 14, "there is nothing between its markers".to_owned()));
        assert_eq!(strays.iter().map(|stray| stray.line).collect::<Vec<_>>(), [9, 10]);
    }

    #[test]
    fn escaped_line_feeds_get_a_hint() {
        let error = decoded(r"-----BEGIN X-----\nQUJD\n-----END X-----\n").remove(0).unwrap_err();
        assert!(error.contains("line feeds are escaped"), "{error}");
    }
}
