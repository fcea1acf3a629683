//! A password in the forms in which programs feed it to a key derivation.

use zeroize::Zeroizing;

/// One password in every form worth a try.
///
/// PKCS#12's own derivation takes UTF-16, big end first, with two zero bytes behind (RFC 7292, B.1). Two things are
/// done otherwise in the field. Of the empty password some programs feed the two zero bytes and some nothing at all.
/// And old OpenSSL as well as `LibreSSL`, which macOS has as `openssl`, put a zero in front of every byte that was typed,
/// which is something else where a character takes several.
pub(super) struct Passwords {
    /// Whether there was one, an empty one counted.
    pub(super) is_given: bool,
    /// For PBKDF2 (RFC 8018): the bytes of UTF-8.
    pub(super) utf8: Zeroizing<Vec<u8>>,
    /// For the derivation of PKCS#12, the likeliest first. Never empty.
    pub(super) wide: Vec<Zeroizing<Vec<u8>>>,
}

impl Passwords {
    /// No password is as an empty one.
    pub(super) fn new(password: Option<&str>) -> Self {
        let text = password.unwrap_or_default();
        let mut wide = vec![];
        if text.is_empty() {
            wide.push(Zeroizing::new(vec![]));
        }
        wide.push(widened(text.len(), text.encode_utf16()));
        if !text.is_ascii() {
            wide.push(widened(text.len(), text.bytes().map(u16::from)));
        }
        Self { is_given: password.is_some(), utf8: Zeroizing::new(text.as_bytes().to_vec()), wide }
    }

    /// Puts the form that turned out to be right in front.
    pub(super) fn prefer(&mut self, nth: usize) {
        self.wide.swap(0, nth);
    }
}

/// Two bytes for each of at most `count` units, and two zero bytes. Reserved whole, so that growing leaves no copy.
fn widened(count: usize, units: impl Iterator<Item = u16>) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(Vec::with_capacity(2 * count + 2));
    for unit in units.chain([0]) {
        out.extend_from_slice(&unit.to_be_bytes());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wide(password: Option<&str>) -> Vec<Vec<u8>> {
        Passwords::new(password).wide.iter().map(|form| form.to_vec()).collect()
    }

    #[test]
    fn every_form_is_tried() {
        assert_eq!(wide(None), [vec![], vec![0, 0]]);
        assert_eq!(wide(Some("")), wide(None));
        assert_eq!(wide(Some("ab")), [[0, b'a', 0, b'b', 0, 0]]);
        assert_eq!(wide(Some("\u{fc}")), [vec![0, 0xfc, 0, 0], vec![0, 0xc3, 0, 0xbc, 0, 0]]);
        // Beyond the basic plane: a pair of surrogates.
        assert_eq!(wide(Some("\u{1f511}"))[0], [0xd8, 0x3d, 0xdd, 0x11, 0, 0]);
        assert!(!Passwords::new(None).is_given);
        assert!(Passwords::new(Some("")).is_given);
    }

    #[test]
    fn no_form_outgrows_what_was_reserved() {
        for text in ["", "abc", "\u{fc}\u{20ac}\u{1f511}"] {
            let forms = [widened(text.len(), text.encode_utf16()), widened(text.len(), text.bytes().map(u16::from))];
            assert!(forms.iter().all(|form| form.capacity() == 2 * text.len() + 2), "{text}");
        }
    }
}
