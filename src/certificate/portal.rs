//! What Apple's push portal gives in the place of a certificate: its answer in JSON, or a web page.
//!
//! The portal's own page asks in the background and gets an answer such as
//! `{"ErrorCode":-80018,"ErrorMessage":"Certificate Signature Verification failed","ErrorDescription":"... because the
//! <a href=...>signature</a> is invalid."}` (seen in micromdm/micromdm issue 723). That a browser which does not do that
//! saves the same text as a `.json` file is what admins tell of; no such file was seen, so it is **not confirmed**. The
//! service behind the portal answers programs with the same keys in `Response`, `Status` (seen as a property list in
//! freswa/dovecot-xaps-daemon issue 43); as JSON that form is **not confirmed** either, and read all the same.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::text;
use crate::words::clean;

/// How much of an error is shown, in characters.
const MAX_ERROR: usize = 300;
/// How much of a page is looked at, in bytes.
const MAX_PAGE: usize = 8 * 1024;
/// How much of a title is shown, in characters.
const MAX_TITLE: usize = 80;

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow, rename = "ErrorCode")]
    code: Option<&'a RawValue>,
    #[serde(borrow, rename = "ErrorMessage")]
    message: Option<&'a RawValue>,
    #[serde(borrow, rename = "ErrorDescription")]
    description: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Wrapped<'a> {
    #[serde(borrow, rename = "Response")]
    response: Response<'a>,
}

#[derive(Deserialize)]
struct Response<'a> {
    #[serde(borrow, rename = "Status")]
    status: Answer<'a>,
}

/// The error in an answer of the portal, for people: "Certificate Signature Verification failed: ... (error -80018)".
/// `None` if the JSON is none of its answers, or one without an error.
#[must_use]
pub fn answer(json: &[u8]) -> Option<String> {
    let text = text::decode(json);
    let text = text.bytes().trim_ascii();
    // Most JSON is something else, and an array could be read as the struct.
    if !text.starts_with(b"{") || serde_json::from_slice::<IgnoredAny>(text).is_err() {
        return None;
    }
    let wrapped = serde_json::from_slice::<Wrapped<'_>>(text).map(|wrapped| wrapped.response.status);
    let answer = wrapped.or_else(|_| serde_json::from_slice(text)).ok()?;
    let words = |raw: Option<&RawValue>| {
        let text = raw.and_then(|raw| serde_json::from_str::<String>(raw.get()).ok())?;
        Some(plain(&text)).filter(|text| !text.is_empty())
    };
    let code = answer.code.and_then(|raw| serde_json::from_str::<i64>(raw.get()).ok()).filter(|code| *code != 0);
    let mut out = match (words(answer.message), words(answer.description)) {
        // The description mostly begins with the message.
        (Some(message), Some(description)) if description.starts_with(&message) => description,
        (Some(message), Some(description)) => format!("{message}: {description}"),
        (Some(only), None) | (None, Some(only)) => only,
        (None, None) => return code.map(|code| format!("error {code}")),
    };
    out.truncate(out.trim_end_matches('.').len());
    let out = clean(&out, MAX_ERROR);
    Some(match code {
        Some(code) => format!("{out} (error {code})"),
        None => out,
    })
}

/// The title of a web page, for people. `None` if it has none in its first 8 KiB.
#[must_use]
pub fn page(html: &[u8]) -> Option<String> {
    let text = text::decode(&html[..html.len().min(MAX_PAGE)]);
    let text = String::from_utf8_lossy(text.bytes());
    // Of the same length, for only ASCII changes.
    let lower = text.to_ascii_lowercase();
    let tag = lower.match_indices("<title").map(|(at, tag)| at + tag.len()).find(|at| {
        // <title> or <title lang="en">, and not the <titlebar> of somebody's own.
        lower[*at..].starts_with(|c: char| c == '>' || c.is_ascii_whitespace())
    })?;
    let start = tag + lower[tag..].find('>')? + 1;
    let end = start + lower[start..].find("</title")?;
    let title = clean(&plain(text.get(start..end)?), MAX_TITLE);
    (!title.is_empty()).then_some(title)
}

/// Text out of HTML: tags dropped, the common entities replaced, white space made single.
fn plain(html: &str) -> String {
    let mut out = String::with_capacity(html.len());
    let mut is_tag = false;
    for c in html.chars() {
        match c {
            '<' => is_tag = true,
            '>' if is_tag => is_tag = false,
            c if !is_tag => out.push(c),
            _ => {}
        }
    }
    // The ampersand last, or "&amp;lt;" would become "<".
    let entities = [("&nbsp;", " "), ("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
    let out = entities.iter().fold(out, |text, (entity, c)| text.replace(entity, c));
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(json: &str) -> Option<String> {
        answer(json.as_bytes())
    }

    #[test]
    fn the_error_of_the_portal_is_told_without_its_html() {
        let seen = r#"{"ErrorCode":-80018,"ErrorMessage":"Certificate Signature Verification failed","ErrorDescription":
            "Certificate Signature Verification failed because the <a href=\"http://www.apple.com/business/mdm\" target=\"_blank\">signature</a> is invalid."}"#;
        let words = "Certificate Signature Verification failed because the signature is invalid (error -80018)";
        assert_eq!(told(seen).unwrap(), words);
        assert_eq!(answer(&[b"\xef\xbb\xbf\r\n", seen.as_bytes()].concat()).unwrap(), words);
        let le: Vec<u8> = seen.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(answer(&[b"\xff\xfe", &le[..]].concat()).unwrap(), words);
        let wrapped = r#"{"Response":{"Status":{"ErrorDescription":"","ErrorMessage":"ServiceType is Invalid.","ErrorCode":-80010}},"Header":{}}"#;
        assert_eq!(told(wrapped).unwrap(), "ServiceType is Invalid (error -80010)");
        assert_eq!(told(r#"{"ErrorMessage":"a","ErrorDescription":"b"}"#).unwrap(), "a: b");
        assert_eq!(told(r#"{"ErrorCode":-1}"#).unwrap(), "error -1");
        assert_eq!(told(r#"{"ErrorMessage":"a\u001b[2J"}"#).unwrap(), "a\\u{1b}[2J");
        let long = told(&format!(r#"{{"ErrorMessage":"{}"}}"#, "x".repeat(9999))).unwrap();
        assert_eq!(long.chars().count(), MAX_ERROR + 1);
    }

    #[test]
    fn other_json_is_none_of_its_answers() {
        for other in [
            "",
            "{}",
            "[]",
            "[-1,\"a\",\"b\"]",
            "null",
            "{\"ErrorCode\":0}",
            "{\"ErrorCode\":\"x\"}",
            "{\"ErrorMessage\":7}",
            "{\"ErrorMessage\":\" \"}",
            "{\"ErrorMessage\":\"a\"",
            "{\"error\":\"a\"}",
            "text",
        ] {
            assert_eq!(told(other), None, "{other}");
        }
    }

    #[test]
    fn a_page_is_told_by_its_title() {
        let title = |html: &str| page(html.as_bytes());
        assert_eq!(title("<html><TITLE\n lang=en> Apple\r\n Push &amp; more</Title>").unwrap(), "Apple Push & more");
        assert_eq!(title("<titlebar>x</titlebar><title>&amp;lt;</title>").unwrap(), "&lt;");
        assert_eq!(title(&format!("<title>{}</title>", "\u{fc}".repeat(200))).unwrap().chars().count(), 81);
        assert_eq!(title("<title>\u{1b}[2J</title>").unwrap(), "\\u{1b}[2J");
        for none in ["", "<html>", "<title>", "<title>x", "<title></title>", "<title", "<title <b></title>"] {
            assert_eq!(title(none), None, "{none}");
        }
        let far = format!("{}<title>x</title>", " ".repeat(MAX_PAGE));
        assert_eq!(title(&far), None);
    }

    #[test]
    fn no_cut_and_no_flipped_byte_makes_it_panic() {
        let json = br#"{"ErrorCode":-80018,"ErrorMessage":"a<b>\u00fc","ErrorDescription":"b"}"#;
        let html = "<!DOCTYPE html><title a>\u{fc}&lt;x</title>".as_bytes();
        for file in [&json[..], html] {
            for at in 0..file.len() {
                let _ = (answer(&file[..at]), page(&file[..at]));
                for flip in [1, 0x20, 0x80, 0xff] {
                    let mut broken = file.to_vec();
                    broken[at] ^= flip;
                    let _ = (answer(&broken), page(&broken));
                }
            }
        }
    }
}
