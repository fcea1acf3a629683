//! Names in certificates: attributes by OID, in whatever string type they were written.

use x509_parser::asn1_rs::{Any, Oid, Tag, oid};
use x509_parser::x509::X509Name;

use crate::words::clean;

/// RFC 4519, 2.39. Missing from most tables of short names, which is why it is never looked up in one.
static UID: Oid<'static> = oid!(0.9.2342.19200300.100.1.1);
static COMMON_NAME: Oid<'static> = oid!(2.5.4.3);
static COUNTRY: Oid<'static> = oid!(2.5.4.6);
static ORGANISATION: Oid<'static> = oid!(2.5.4.10);

/// X.520 allows 64 for most attributes and 256 for a UID; more is cut where it is shown.
const MAX_SHOWN: usize = 256;

/// Longer than any object identifier in use, in bytes. Written out, one of a megabyte would be three.
const MAX_OID: usize = 32;

/// The names by which people know the attributes, short ones as openssl prints them.
static SHORT: [(Oid<'static>, &str); 10] = [
    (oid!(0.9.2342.19200300.100.1.1), "UID"),
    (oid!(2.5.4.3), "CN"),
    (oid!(2.5.4.6), "C"),
    (oid!(2.5.4.10), "O"),
    (oid!(2.5.4.11), "OU"),
    (oid!(2.5.4.7), "L"),
    (oid!(2.5.4.8), "ST"),
    (oid!(2.5.4.5), "serialNumber"),
    (oid!(1.2.840.113549.1.9.1), "emailAddress"),
    (oid!(0.9.2342.19200300.100.1.25), "DC"),
];

/// An attribute's value.
pub(super) struct Value {
    /// As text; what could not be decoded stands there as U+FFFD.
    pub(super) text: String,
    /// Whether that happened.
    pub(super) lossy: bool,
}

/// Every UID of a subject, in any RDN.
pub(super) fn uids(name: &X509Name<'_>) -> Vec<Value> {
    values(name, &UID).collect()
}

/// The common name, for people.
pub(super) fn common_name(name: &X509Name<'_>) -> Option<String> {
    first(name, &COMMON_NAME)
}

/// The country, for people.
pub(super) fn country(name: &X509Name<'_>) -> Option<String> {
    first(name, &COUNTRY)
}

/// The organisation, for people.
pub(super) fn organisation(name: &X509Name<'_>) -> Option<String> {
    first(name, &ORGANISATION)
}

/// Whether every organisation in the name is exactly Apple Inc., and there is one.
pub(super) fn is_apple(name: &X509Name<'_>) -> bool {
    let mut organisations = values(name, &ORGANISATION).peekable();
    organisations.peek().is_some() && organisations.all(|value| !value.lossy && value.text == "Apple Inc.")
}

/// The whole name in the order of its bytes, to be read by people and never parsed again.
pub(super) fn shown(name: &X509Name<'_>) -> String {
    let rdns = name.iter_rdn().map(|rdn| {
        let attributes = rdn.iter().map(|attribute| {
            let oid = attribute.attr_type();
            let value = clean(&decode(attribute.attr_value()).text, MAX_SHOWN);
            let value = if value.contains([',', '+', '"', '\\', ';', '=']) {
                format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
            } else {
                value
            };
            match SHORT.iter().find(|(known, _)| known == oid) {
                Some((_, short)) => format!("{short}={value}"),
                None => format!("{}={value}", dotted(oid)),
            }
        });
        attributes.collect::<Vec<_>>().join("+")
    });
    clean(&rdns.collect::<Vec<_>>().join(", "), 1024)
}

/// An object identifier for people.
pub(super) fn dotted(oid: &Oid<'_>) -> String {
    let is_short = oid.as_bytes().len() <= MAX_OID;
    if is_short { clean(&oid.to_id_string(), 100) } else { "(an overlong number)".to_owned() }
}

fn first(name: &X509Name<'_>, oid: &Oid<'static>) -> Option<String> {
    values(name, oid).next().map(|value| clean(&value.text, MAX_SHOWN))
}

fn values<'n>(name: &'n X509Name<'_>, oid: &'n Oid<'static>) -> impl Iterator<Item = Value> + 'n {
    name.iter_attributes().filter(move |attribute| attribute.attr_type() == oid).map(|a| decode(a.attr_value()))
}

/// BMP strings are UTF-16. T61 has code pages nobody implements: its ASCII is read and the rest replaced. All others
/// are read as UTF-8, of which ASCII is a part, also where their alphabet is smaller on paper.
fn decode(value: &Any<'_>) -> Value {
    let text: String = match value.tag() {
        Tag::BmpString => {
            let units = value.data.chunks(2).map(|pair| match pair {
                [high, low] => u16::from_be_bytes([*high, *low]),
                _ => 0xfffd,
            });
            char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
        }
        Tag::T61String => {
            let ascii = |byte: &u8| if byte.is_ascii() { char::from(*byte) } else { char::REPLACEMENT_CHARACTER };
            value.data.iter().map(ascii).collect()
        }
        _ => String::from_utf8_lossy(value.data).into_owned(),
    };
    Value { lossy: text.contains(char::REPLACEMENT_CHARACTER), text }
}
