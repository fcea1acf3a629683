//! Base64 that is a whole file, without BEGIN and END lines: push requests and content tokens come so.

use base64::Engine;
use zeroize::Zeroizing;

use super::pem::BASE64;

/// What a text in base64 decodes to. Wiped when dropped, for it may be a token.
pub(super) struct Bare {
    /// All bytes, or those in front of the damage.
    pub(super) bytes: Zeroizing<Vec<u8>>,
    /// What is wrong with the text and in which line, never what stands there.
    pub(super) damage: Option<String>,
}

/// Decodes a text, however its lines are wrapped. `None` if it does not begin with base64.
pub(super) fn decode(text: &[u8]) -> Option<Bare> {
    // Both reserved whole, so that growing leaves no unwiped copy behind.
    let mut digits = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut damage = None;
    let (mut line, mut is_padded) = (1, false);
    for (index, byte) in text.iter().enumerate() {
        match byte {
            b'\n' => line += 1,
            b'\r' if text.get(index + 1) != Some(&b'\n') => line += 1,
            byte if byte.is_ascii_whitespace() => {}
            b'=' => is_padded = true,
            byte if !is_padded && (byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')) => digits.push(*byte),
            _ => {
                let what =
                    if is_padded { "goes on behind its end" } else { "has a character in it that is not base64" };
                damage = Some(format!("line {line} {what}"));
                break;
            }
        }
    }
    if digits.is_empty() {
        return None;
    }
    let rest = digits.len() % 4;
    if damage.is_none() && rest == 1 {
        damage = Some("its base64 is cut off, or characters are missing".to_owned());
    }
    if damage.is_some() {
        let whole = digits.len() - rest;
        digits.truncate(whole);
    }
    let mut bytes = Zeroizing::new(vec![0; digits.len() / 4 * 3 + 3]);
    let length = BASE64.decode_slice(&*digits, &mut bytes).ok()?;
    bytes.truncate(length);
    Some(Bare { bytes, damage })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Option<(Vec<u8>, Option<String>)> {
        decode(text.as_bytes()).map(|bare| (bare.bytes.to_vec(), bare.damage))
    }

    #[test]
    fn lines_may_be_wrapped_in_any_way() {
        for text in ["QUJDREU=", "QUJD\r\nREU=\r\n", " QUJD\rREU", "Q\nU\nJ\nD\nR\nE\nU\n=", "QUJDREU==="] {
            assert_eq!(told(text), Some((b"ABCDE".to_vec(), None)), "{text:?}");
        }
    }

    #[test]
    fn damage_is_told_with_its_line() {
        let told = |text| told(text).map(|(bytes, damage)| (bytes, damage.unwrap()));
        let odd = "has a character in it that is not base64";
        assert_eq!(told("QUJD\nRE!F"), Some((b"ABC".to_vec(), format!("line 2 {odd}"))));
        assert_eq!(told("QUJD\r\n\rR!"), Some((b"ABC".to_vec(), format!("line 3 {odd}"))));
        assert_eq!(told("QUI=QUJD").unwrap().1, "line 1 goes on behind its end");
        assert!(told("QUJDR").unwrap().1.contains("cut off"));
        for none in ["", "\n", "!QUJD", "="] {
            assert!(decode(none.as_bytes()).is_none(), "{none}");
        }
    }
}
