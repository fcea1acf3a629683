//! Any file an admin may hold, turned into facts. No I/O, no clock, and no input makes it fail: what is wrong with a
//! file is part of the answer.
//!
//! Content decides, never a name. [`read`] takes the bytes of a whole file and returns [`Contents`]: the items it
//! understood and the flaws it met, both with their place. A good certificate beside a damaged one is a good
//! certificate and a flaw. A private key is noticed and left alone: its bytes are neither decoded nor kept nor shown.
//!
//! ```text
//! bytes -> text   (marks, UTF-16) -> pem (blocks) -> x509 (facts) -> findings (sentences)
//!       \-> DER ------------------------------------/
//! ```

mod bare;
mod ber;
mod contents;
mod der;
mod facts;
mod findings;
pub mod key;
mod kind;
mod name;
mod pem;
pub mod pkcs12;
pub mod portal;
pub mod preflight;
pub mod profile;
pub mod push_request;
mod text;
pub mod token;
mod x509;

use zeroize::Zeroizing;

pub use self::contents::{Contents, Flaw, Item, Place, What};
use self::der::Shape;
pub use self::facts::{Certificate, KeyProtection, PublicKey, Request};
pub use self::findings::SHORT_LIFE;
pub use self::kind::Kind;
pub use self::profile::{Profile, ProfileError};
use self::text::Text;

/// More blocks than any file has a reason for. The rest is a flaw, so that memory stays in bounds.
const MAX_ITEMS: usize = 4096;

/// What every label of a private key ends with.
const KEY: &[u8] = b"PRIVATE KEY-";

/// Reads a whole file. Takes time in proportion to its length; how long a file may be is the caller's to say.
#[must_use]
pub fn read(bytes: &[u8]) -> Contents {
    read_with(bytes, None)
}

/// Reads a whole file, with the password of the container that it may be. Opening a container takes up to a second or
/// two: its author says how much work it is, and only a bound is set here.
#[must_use]
pub fn read_with(bytes: &[u8], password: Option<&str>) -> Contents {
    let mut out = Contents {
        items: vec![],
        flaws: vec![],
        private_key: None,
        notes: vec![],
        is_container: false,
        otherwise: Kind::Unknown,
    };
    if pkcs12::is_pkcs12(bytes) {
        read_container(bytes, password, &mut out);
        return out;
    }
    // Told first and at once, for there are many of them, and nothing else begins like one.
    if let Some(first) = starts_like_der(bytes).then(|| x509::certificate(bytes)).and_then(Result::ok) {
        read_der(bytes, Some(first), &mut out);
        return out;
    }
    let text = text::decode(bytes);
    if matches!(text, Text::Utf16(_)) {
        out.notes.push("UTF-16 text".to_owned());
    }
    let (blocks, strays) = pem::blocks(text.bytes());
    if may_be_wrapped(&text, &blocks) && read_wrapped(bytes, &mut out) {
        return out;
    }
    if blocks.is_empty() && read_profile(bytes, &mut out) {
        return out;
    }
    // The first byte of DER is also the digit 0, with which a text in front of a block may begin.
    if starts_like_der(bytes) && blocks.is_empty() && read_der(bytes, None, &mut out) {
        return out;
    }
    for block in &blocks {
        read_block(block, &mut out);
    }
    out.flaws.extend(strays.into_iter().map(|stray| Flaw { place: Place::Line(stray.line), message: stray.message }));
    out.flaws.sort_by_key(|flaw| flaw.place.line());
    out.flaws.truncate(MAX_ITEMS);
    out.otherwise = if blocks.is_empty() { look(&text, &mut out) } else { guise(&text) };
    out
}

/// Reads a file that comes from elsewhere and must not hold a private key.
///
/// # Errors
///
/// If there is one in it, or may be, for a PKCS#12 container is not opened to find out. Says so in a sentence.
pub fn read_public(bytes: &[u8]) -> Result<Contents, &'static str> {
    if pkcs12::is_pkcs12(bytes) || der::shape(bytes) == Shape::Pkcs12 {
        return Err("a PKCS#12 container is refused unopened, for there may be a private key in it");
    }
    let contents = read(bytes);
    // Also one that nobody read as such: behind the bytes of a certificate, or between damaged markers.
    let is_named = text::decode(bytes).bytes().windows(KEY.len()).any(|part| part == KEY);
    match contents.private_key.or_else(|| is_named.then_some(KeyProtection::Unknown)) {
        Some(_) => Err("a private key is in the file, and has no business here"),
        None => Ok(contents),
    }
}

/// Opens a container. Its keys are counted and left alone.
fn read_container(bytes: &[u8], password: Option<&str>, out: &mut Contents) {
    out.is_container = true;
    let container = match pkcs12::open(bytes, password) {
        Ok(container) => container,
        Err(why) => {
            out.flaws.push(Flaw { place: Place::Whole, message: why.to_string() });
            return;
        }
    };
    // Some are bare in their bag, and nobody looks; what protects them is the password of the file.
    out.private_key = (container.keys > 0).then_some(KeyProtection::Encrypted);
    out.notes.extend(container.notes);
    for (index, der) in container.certificates.iter().enumerate().take(MAX_ITEMS) {
        match x509::certificate(der) {
            Ok((found, _)) => {
                out.items.push(Item { place: Place::Whole, what: What::Certificate(Box::new(found)) });
            }
            Err(why) => {
                let message = format!("certificate {} in the container cannot be read: {why}", index + 1);
                out.flaws.push(Flaw { place: Place::Whole, message });
            }
        }
    }
}

/// Whether the first byte is that of DER. It is the digit 0, too.
fn starts_like_der(bytes: &[u8]) -> bool {
    bytes.first() == Some(&0x30)
}

/// Whether it is worth looking for a push request or a token: never in a text of certificates, of which there are many, and
/// where a token stands beside a certificate, the certificate is what is wanted.
fn may_be_wrapped(text: &Text<'_>, blocks: &[pem::Block<'_>]) -> bool {
    let start = text.bytes().trim_ascii_start();
    let is_plist = start.starts_with(b"<") || start.starts_with(b"bplist");
    let is_token = |block: &pem::Block<'_>| profile::is_cms_label(&block.label) || block.label == "MESSAGE";
    let has_certificate = blocks.iter().any(is_certificate);
    is_plist || blocks.is_empty() || !has_certificate && blocks.iter().any(is_token)
}

/// Reads what Apple and the vendors wrap once more: push requests and tokens. False if it is none of them.
fn read_wrapped(bytes: &[u8], out: &mut Contents) -> bool {
    let what = match push_request::read(bytes) {
        Some(Ok(found)) => What::PushRequest(Box::new(found)),
        Some(Err(why)) => {
            out.otherwise = Kind::PushRequest;
            out.flaws.push(Flaw { place: Place::Whole, message: why });
            return true;
        }
        None => match token::read(bytes) {
            Some(token) => What::Token(token),
            None => return false,
        },
    };
    // Its own findings say that of a push request.
    out.notes.clear();
    out.items.push(Item { place: Place::Whole, what });
    true
}

/// TRUSTED CERTIFICATE is a certificate and then OpenSSL's own settings, which say nothing here.
fn is_certificate(block: &pem::Block<'_>) -> bool {
    matches!(block.label.as_str(), "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE")
}

fn read_block(block: &pem::Block<'_>, out: &mut Contents) {
    let place = Place::Block { number: block.number, line: block.line };
    if block.is_private_key() {
        let protection = match block.label.as_str() {
            "OPENSSH PRIVATE KEY" => KeyProtection::Unknown,
            label if label.contains("ENCRYPTED") || block.has_encrypted_header() => KeyProtection::Encrypted,
            _ => KeyProtection::Plain,
        };
        out.private_key = out.private_key.max(Some(protection));
        return;
    }
    let flaw = |message: String| Flaw { place, message };
    if out.items.len() >= MAX_ITEMS {
        out.flaws.push(flaw(format!("more than {MAX_ITEMS} blocks, the rest was not read")));
        return;
    }
    let read = match block.label.as_str() {
        _ if is_certificate(block) => block.decode().and_then(|der| {
            let (mut certificate, taken) = x509::certificate(&der)?;
            if taken < der.len() && block.label != "TRUSTED CERTIFICATE" {
                certificate.findings.push(format!("{} bytes behind it were left out", der.len() - taken));
            }
            Ok(What::Certificate(Box::new(certificate)))
        }),
        "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => {
            block.decode().and_then(|der| x509::request(&der)).map(|(request, _)| What::Request(request))
        }
        label => {
            let signed = profile::is_cms_label(label).then(|| block.decode().map(Zeroizing::new));
            match signed {
                Some(Ok(cms)) if profile::read(&cms).is_ok() => {
                    _ = read_profile(&cms, out);
                }
                _ => out.flaws.push(flaw(format!("one block labelled {label} is not supported"))),
            }
            return;
        }
    };
    match read {
        Ok(what) => out.items.push(Item { place, what }),
        Err(message) => out.flaws.push(flaw(format!("the block labelled {} cannot be read: {message}", block.label))),
    }
}

/// Reads a profile, signed or not. False if it is none, so that something else may find out what it is.
fn read_profile(bytes: &[u8], out: &mut Contents) -> bool {
    match profile::read(bytes) {
        Ok(found) => out.items.push(Item { place: Place::Whole, what: What::Profile(found) }),
        Err(why @ (ProfileError::OddTopic | ProfileError::Plist(_))) => {
            out.flaws.push(Flaw { place: Place::Whole, message: why.to_string() });
        }
        // Certificates come in CMS without content, too.
        Err(_) => return false,
    }
    true
}

/// Reads certificates one after the other, or a request, or names what else it is. False if it is not DER. Takes the
/// certificate at the start and its length if they are known.
fn read_der(bytes: &[u8], mut first: Option<(Certificate, usize)>, out: &mut Contents) -> bool {
    let mut at = 0;
    while at < bytes.len() && out.items.len() < MAX_ITEMS {
        let rest = &bytes[at..];
        let place = if at == 0 { Place::Whole } else { Place::Byte(at) };
        let certificate = first.take().map_or_else(|| x509::certificate(rest), Ok);
        let (what, taken) = match (certificate, der::shape(rest)) {
            (Ok((found, taken)), _) => (What::Certificate(Box::new(found)), taken),
            (Err(_), Shape::PrivateKey) => {
                out.private_key = out.private_key.max(Some(KeyProtection::Plain));
                return true;
            }
            (Err(_), Shape::EncryptedPrivateKey) => {
                out.private_key = out.private_key.max(Some(KeyProtection::Encrypted));
                return true;
            }
            (Err(why), shape) => match x509::request(rest) {
                Ok((found, taken)) => (What::Request(found), taken),
                Err(_) => return unread_der(rest, place, shape, why, out),
            },
        };
        out.items.push(Item { place, what });
        at += taken;
        // A line feed behind DER comes from an editor.
        if bytes[at..].iter().all(u8::is_ascii_whitespace) {
            break;
        }
    }
    true
}

fn unread_der(rest: &[u8], place: Place, shape: Shape, why: String, out: &mut Contents) -> bool {
    // Everything worth reading is longer than 127 bytes, so its length takes more than one; in a text that begins
    // with the digit 0 the second byte is a character.
    let is_text = rest.get(1).is_none_or(|byte| *byte < 0x80);
    let is_vague = matches!(shape, Shape::NotDer | Shape::Other);
    if out.items.is_empty() && is_text && is_vague {
        return false;
    }
    let message = match shape {
        Shape::NotDer if !der::is_cut_off(rest) => format!("{} bytes could not be read", rest.len()),
        Shape::Pkcs12 => "it looks like a PKCS#12 container, damaged".to_owned(),
        Shape::Cms => "it looks like CMS (PKCS#7), which is not read here".to_owned(),
        Shape::NotDer | Shape::Other | Shape::PrivateKey | Shape::EncryptedPrivateKey => {
            format!("binary data, {why}")
        }
    };
    out.flaws.push(Flaw { place, message });
    true
}

/// What a text without any block is, with a hint where one helps.
fn look(text: &Text<'_>, out: &mut Contents) -> Kind {
    let bytes = text.bytes();
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Kind::Empty;
    }
    if bytes.iter().all(|byte| *byte == 0) {
        let message = "nothing but zero bytes: the file was cut off by a crash or a full disk".to_owned();
        out.flaws.push(Flaw { place: Place::Whole, message });
        return Kind::Unknown;
    }
    let guise = guise(text);
    match guise {
        Kind::Unknown => {}
        Kind::Html => {
            out.notes.extend(portal::page(bytes).map(|title| format!("its title is \"{title}\"")));
            return guise;
        }
        _ => {
            out.notes.extend(portal::answer(bytes).map(|answer| format!("the push portal says in it: {answer}")));
            return guise;
        }
    }
    let mut hint = |message: &str| out.flaws.push(Flaw { place: Place::Whole, message: message.to_owned() });
    let start = String::from_utf8_lossy(&bytes[..bytes.len().min(4096)]);
    if start.contains("BEGIN CERTIFICATE") {
        hint("a BEGIN line is damaged: it needs five plain hyphens on either side");
    } else if start.trim_start().starts_with("MII") {
        hint("base64 without BEGIN and END lines");
    } else if start.contains("<plist") || start.starts_with("bplist") {
        hint("a property list, and neither a profile nor a push request");
    }
    Kind::Unknown
}

/// HTML or JSON by how it begins; `Unknown` otherwise.
fn guise(text: &Text<'_>) -> Kind {
    let bytes = text.bytes().trim_ascii_start();
    let is_html = || {
        let start = String::from_utf8_lossy(&bytes[..bytes.len().min(1024)]).to_ascii_lowercase();
        start.contains("<html") || start.contains("<!doctype html")
    };
    let is_json = || serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok();
    match bytes.first() {
        Some(b'<') if is_html() => Kind::Html,
        Some(b'{' | b'[') if is_json() => Kind::Json,
        _ => Kind::Unknown,
    }
}

#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod tests;
