//! What encoding a text file is in, before anything is looked for in it.

use zeroize::Zeroizing;

/// The text of a file. What was decoded is wiped when dropped, for there may be a private key in it.
pub(super) enum Text<'a> {
    /// As it stands in the file, a UTF-8 byte-order mark cut. Not necessarily UTF-8: a friendly name in front of a
    /// block may be in any code page, and does no harm there.
    Plain(&'a [u8]),
    /// Decoded from UTF-16.
    Utf16(Zeroizing<String>),
}

impl Text<'_> {
    /// The bytes to look for blocks in.
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::Plain(bytes) => bytes,
            Self::Utf16(text) => text.as_bytes(),
        }
    }
}

/// Windows programs save text as UTF-16 or put a byte-order mark in front; both are read.
pub(super) fn decode(bytes: &[u8]) -> Text<'_> {
    if let Some(rest) = bytes.strip_prefix(b"\xef\xbb\xbf") {
        return Text::Plain(rest);
    }
    if let Some(rest) = bytes.strip_prefix(b"\xff\xfe") {
        return utf16(rest, u16::from_le_bytes);
    }
    if let Some(rest) = bytes.strip_prefix(b"\xfe\xff") {
        return utf16(rest, u16::from_be_bytes);
    }
    // Without a mark it is obvious only when every other byte is zero and the rest is ASCII. DER never looks so.
    let start = &bytes[..bytes.len().min(64) & !1];
    let ascii = |byte: u8| matches!(byte, b'\t' | b'\n' | b'\r' | 0x20..=0x7e);
    if start.len() >= 4 && start.chunks_exact(2).all(|pair| ascii(pair[0]) && pair[1] == 0) {
        return utf16(bytes, u16::from_le_bytes);
    }
    if start.len() >= 4 && start.chunks_exact(2).all(|pair| pair[0] == 0 && ascii(pair[1])) {
        return utf16(bytes, u16::from_be_bytes);
    }
    Text::Plain(bytes)
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Text<'_> {
    let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    // Reserved whole, so that growing leaves no unwiped copy behind: a UTF-16 unit is at most three bytes of UTF-8.
    let mut text = Zeroizing::new(String::with_capacity(bytes.len() / 2 * 3));
    text.extend(char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)));
    Text::Utf16(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mark_is_understood_and_none_is_needed() {
        let text = "-----BEGIN \u{fc}\u{1f600}";
        let le: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let be: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        for bytes in [[&b"\xff\xfe"[..], &le].concat(), [&b"\xfe\xff"[..], &be].concat()] {
            assert_eq!(decode(&bytes).bytes(), text.as_bytes());
            assert!(matches!(decode(&bytes), Text::Utf16(_)));
        }
        let plain = "-----BEGIN CERTIFICATE-----\n".repeat(3);
        let le: Vec<u8> = plain.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(decode(&le).bytes(), plain.as_bytes());
        assert!(matches!(decode(b"\xef\xbb\xbfabc"), Text::Plain(b"abc")));
        assert!(matches!(decode(&[0x30, 0x82, 0, 0, 0, 0]), Text::Plain(_)));
        assert!(matches!(decode(&[0; 64]), Text::Plain(_)));
    }
}
