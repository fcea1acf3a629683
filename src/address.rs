//! Where the pages are, as every face that leads to one says it.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::model::TenantName;

/// What needs no escape in a piece of a path (RFC 3986, 2.3).
const PIECE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A text as a piece of a path, or as a value in a query.
#[must_use]
pub fn piece(text: &str) -> String {
    utf8_percent_encode(text, PIECE).to_string()
}

/// The page of a tenant, below where the pages are.
#[must_use]
pub fn of_tenant(name: &TenantName) -> String {
    format!("/tenants/{}", piece(name.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leads_elsewhere() {
        for (name, address) in [
            ("acme-1.x_y~z", "/tenants/acme-1.x_y~z"),
            ("a/../b?c#d%", "/tenants/a%2F..%2Fb%3Fc%23d%25"),
            ("\u{fc} \"<'", "/tenants/%C3%BC%20%22%3C%27"),
        ] {
            assert_eq!(of_tenant(&TenantName::parse(name).unwrap()), address);
        }
    }
}
