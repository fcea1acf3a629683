//! The public half of a private key: does a certificate belong to it? The key is read, its public half kept, and the
//! rest wiped.

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P521_SHA512_ASN1_SIGNING, EcdsaKeyPair,
    KeyPair,
};

use super::der::Shape;
use super::{PublicKey, der, pem, text, x509};

/// Why there is nothing to compare with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// A password protects it, and none is asked for here.
    #[error("the key is encrypted, a password is needed")]
    Encrypted,
    /// There is no private key in the file.
    #[error("no private key is in it")]
    Missing,
    /// There is one, damaged or of a kind that is not compared.
    #[error("{0}")]
    Unreadable(String),
}

/// The public half of the private key in a file: PKCS#1 (RFC 8017), PKCS#8 (RFC 5208) or SEC 1 (RFC 5915), in PEM or
/// DER.
///
/// # Errors
///
/// Says why it cannot be told, never what stands in the file.
pub fn public_half(bytes: &[u8]) -> Result<PublicKey, KeyError> {
    let text = text::decode(bytes);
    let (blocks, _) = pem::blocks(text.bytes());
    let Some(block) = blocks.iter().find(|block| block.is_private_key()) else {
        return match der::shape(bytes) {
            Shape::PrivateKey => of_der(bytes),
            Shape::EncryptedPrivateKey => Err(KeyError::Encrypted),
            Shape::Pkcs12 => Err(KeyError::Unreadable(
                "a PKCS#12 container is not opened for its key: give the key as PEM".to_owned(),
            )),
            Shape::Cms | Shape::Other | Shape::NotDer => Err(KeyError::Missing),
        };
    };
    if block.label.contains("ENCRYPTED") || block.has_encrypted_header() {
        return Err(KeyError::Encrypted);
    }
    if block.label == "OPENSSH PRIVATE KEY" {
        return Err(KeyError::Unreadable("a key of OpenSSH is no key of a certificate".to_owned()));
    }
    let der = block.decode_secret().map_err(KeyError::Unreadable)?;
    match der::shape(&der) {
        Shape::EncryptedPrivateKey => Err(KeyError::Encrypted),
        _ => of_der(&der),
    }
}

fn of_der(der: &[u8]) -> Result<PublicKey, KeyError> {
    let rsa = rsa::KeyPair::from_pkcs8(der).or_else(|_| rsa::KeyPair::from_der(der));
    let public = match rsa {
        Ok(pair) => pair.public_key().as_der().ok().map(|public| public.as_ref().to_vec()),
        Err(_) => [&ECDSA_P256_SHA256_ASN1_SIGNING, &ECDSA_P384_SHA384_ASN1_SIGNING, &ECDSA_P521_SHA512_ASN1_SIGNING]
            .into_iter()
            .find_map(|kind| EcdsaKeyPair::from_private_key_der(kind, der).ok())
            .and_then(|pair| pair.public_key().as_der().ok().map(|public| public.as_ref().to_vec())),
    };
    public.as_deref().and_then(x509::public_key).ok_or_else(|| {
        KeyError::Unreadable(
            "the key is damaged, or neither RSA of 2048 bits or more nor of an elliptic curve".to_owned(),
        )
    })
}
