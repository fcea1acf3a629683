//! The check that a file is what the holder of the password wrote (RFC 7292, 4; RFC 9579).

use aws_lc_rs::{digest, hmac};

use super::Pkcs12Error;
use super::fields::{Fields, NULL, OCTETS, SEQUENCE, dotted, oids};
use super::kdf::{self, Budget, Pbkdf2, Pkcs12, Purpose};
use super::password::Passwords;

/// What a key for PBMAC1 may have in bytes: RFC 9579, 8, wants 20 at least, and no hash has a block longer than this.
const PBMAC1_KEY: std::ops::RangeInclusive<u64> = 20..=128;

/// Whether the `MacData` in `fields` is right for `content` and one form of the password, which is then put first.
///
/// # Errors
///
/// `TooCostly`, `Unsupported`, `Damaged`.
pub(super) fn verify(
    mut fields: Fields<'_>,
    content: &[u8],
    passwords: &mut Passwords,
    budget: &mut Budget,
) -> Result<bool, Pkcs12Error> {
    let mut info = fields.enter(SEQUENCE)?;
    let mut algorithm = info.enter(SEQUENCE)?;
    let told = info.take(OCTETS)?;
    let kind = algorithm.oid()?;
    if kind == oids::PBMAC1 {
        // The salt and the iterations behind it say nothing then.
        return pbmac1(algorithm.enter(SEQUENCE)?, content, told, passwords, budget);
    }
    let hashes = [
        (oids::SHA1, &digest::SHA1_FOR_LEGACY_USE_ONLY, hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY),
        (oids::SHA224, &digest::SHA224, hmac::HMAC_SHA224),
        (oids::SHA256, &digest::SHA256, hmac::HMAC_SHA256),
        (oids::SHA384, &digest::SHA384, hmac::HMAC_SHA384),
        (oids::SHA512, &digest::SHA512, hmac::HMAC_SHA512),
    ];
    let Some((_, hash, keyed)) = hashes.into_iter().find(|(oid, ..)| *oid == kind) else {
        return Err(Pkcs12Error::Unsupported(format!("the integrity check {}", dotted(&kind))));
    };
    let salt = kdf::salt(&mut fields)?;
    let iterations = if fields.is_empty() { 1 } else { fields.unsigned()? };
    let derivation = Pkcs12 { hash, salt, iterations };
    for form in 0..passwords.wide.len() {
        let key = derivation.derive(Purpose::Mac, &passwords.wide[form], hash.output_len(), budget)?;
        if hmac::verify(&hmac::Key::new(keyed, &key), content, told).is_ok() {
            passwords.prefer(form);
            return Ok(true);
        }
    }
    Ok(false)
}

/// The parameters of PBMAC1 (RFC 8018, A.5).
fn pbmac1(
    mut fields: Fields<'_>,
    content: &[u8],
    told: &[u8],
    passwords: &Passwords,
    budget: &mut Budget,
) -> Result<bool, Pkcs12Error> {
    let derivation = Pbkdf2::read(fields.enter(SEQUENCE)?)?;
    let mut scheme = fields.enter(SEQUENCE)?;
    let kind = scheme.oid()?;
    scheme.maybe(NULL)?;
    let keyed = [
        (oids::HMAC_SHA1, hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY),
        (oids::HMAC_SHA224, hmac::HMAC_SHA224),
        (oids::HMAC_SHA256, hmac::HMAC_SHA256),
        (oids::HMAC_SHA384, hmac::HMAC_SHA384),
        (oids::HMAC_SHA512, hmac::HMAC_SHA512),
    ]
    .into_iter()
    .find(|(oid, _)| *oid == kind)
    .map(|(_, keyed)| keyed)
    .ok_or_else(|| Pkcs12Error::Unsupported(format!("PBMAC1 with the check {}", dotted(&kind))))?;
    let length = derivation.length.filter(|length| PBMAC1_KEY.contains(length));
    let length = length.and_then(|length| usize::try_from(length).ok());
    let length = length.ok_or(Pkcs12Error::Damaged("the key of its integrity check has no fit length"))?;
    let key = derivation.derive(&passwords.utf8, length, budget)?;
    Ok(hmac::verify(&hmac::Key::new(keyed, &key), content, told).is_ok())
}
