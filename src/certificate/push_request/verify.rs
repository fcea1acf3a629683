//! RSA signatures, PKCS#1 v1.5: the only ones that Apple asks for in a push request and uses in its own chain.

use aws_lc_rs::signature::{
    RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
    RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA384, RsaParameters, UnparsedPublicKey,
};
use x509_parser::asn1_rs::{Oid, oid};
use x509_parser::x509::{AlgorithmIdentifier, SubjectPublicKeyInfo};

const RSA: Oid<'static> = oid!(1.2.840.113549.1.1.1);

/// What is hashed with before it is signed.
#[derive(Clone, Copy)]
pub(super) enum Digest {
    /// Of old requests, and of Apple's own root.
    Sha1,
    /// Of nearly all others.
    Sha256,
    /// Seldom.
    Sha384,
    /// Seldom.
    Sha512,
}

impl Digest {
    /// By the algorithm of a signature (RFC 8017, appendix C); `None` for any but RSA.
    fn of(algorithm: &AlgorithmIdentifier<'_>) -> Option<Self> {
        static KNOWN: [(Oid<'static>, Digest); 4] = [
            (oid!(1.2.840.113549.1.1.5), Digest::Sha1),
            (oid!(1.2.840.113549.1.1.11), Digest::Sha256),
            (oid!(1.2.840.113549.1.1.12), Digest::Sha384),
            (oid!(1.2.840.113549.1.1.13), Digest::Sha512),
        ];
        KNOWN.iter().find(|(oid, _)| *oid == algorithm.algorithm).map(|(_, digest)| *digest)
    }

    /// Keys of 1024 bits are allowed: that they are too short is a finding of its own.
    fn parameters(self) -> &'static RsaParameters {
        match self {
            Self::Sha1 => &RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => &RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
            Self::Sha384 => &RSA_PKCS1_2048_8192_SHA384,
            Self::Sha512 => &RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
        }
    }
}

/// Whether signatures of this key can be checked: RSA of 1024 to 8192 bits, 2048 at least for SHA-384, told by the
/// length of its DER (140 bytes for 1024 bits, 270 for 2048, 1038 for 8192).
pub(super) fn is_checkable(key: &SubjectPublicKeyInfo<'_>, digest: Digest) -> bool {
    let shortest = if matches!(digest, Digest::Sha384) { 264 } else { 136 };
    key.algorithm.algorithm == RSA && (shortest..=1100).contains(&key.subject_public_key.data.len())
}

/// Whether the signature is that of this key over this message. False for a key that cannot be checked.
pub(super) fn fits(key: &SubjectPublicKeyInfo<'_>, digest: Digest, message: &[u8], signature: &[u8]) -> bool {
    is_checkable(key, digest)
        && UnparsedPublicKey::new(digest.parameters(), &key.subject_public_key.data).verify(message, signature).is_ok()
}

/// Whether a signed structure was signed by this key; `None` if it is signed with something that is not checked here.
pub(super) fn is_signed_by(
    key: &SubjectPublicKeyInfo<'_>,
    algorithm: &AlgorithmIdentifier<'_>,
    message: &[u8],
    signature: &[u8],
) -> Option<bool> {
    let digest = Digest::of(algorithm).filter(|digest| is_checkable(key, *digest));
    digest.map(|digest| fits(key, digest, message, signature))
}
