//! Decrypting what a password protects.

use aws_lc_rs::cipher::{
    AES_128, AES_192, AES_256, Algorithm, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey,
};
use aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY;
use aws_lc_rs::iv::FixedLength;
use cbc::Decryptor;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockCipherDecrypt, BlockModeDecrypt, InnerIvInit, KeyInit};
use des::{TdesEde2, TdesEde3};
use rc2::Rc2;
use zeroize::Zeroizing;

use super::Pkcs12Error;
use super::fields::{Fields, OCTETS, SEQUENCE, dotted, oids};
use super::kdf::{self, Budget, Pbkdf2, Pkcs12, Purpose};
use super::password::Passwords;

const DAMAGED: Pkcs12Error = Pkcs12Error::Damaged("its encrypted contents are cut off, or their settings are wrong");

/// A block cipher, chained (CBC).
#[derive(Clone, Copy)]
enum Cipher {
    Aes(&'static Algorithm, usize),
    /// Triple DES with three keys.
    Des3,
    /// Triple DES, the third key being the first.
    Des2,
    /// RC2 and its key in bytes, all bits of which count.
    Rc2(usize),
}

impl Cipher {
    /// How many bytes its key has.
    fn key_length(self) -> usize {
        match self {
            Self::Aes(_, length) | Self::Rc2(length) => length,
            Self::Des3 => 24,
            Self::Des2 => 16,
        }
    }

    /// How many bytes a block has, and so its initial vector.
    fn block_length(self) -> usize {
        if matches!(self, Self::Aes(..)) { 16 } else { 8 }
    }

    /// Decrypts; `None` if the padding shows that the key is another.
    fn decrypt(self, key: &[u8], iv: &[u8], data: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>, Pkcs12Error> {
        if data.is_empty() || !data.len().is_multiple_of(self.block_length()) {
            return Err(DAMAGED);
        }
        let mut buffer = Zeroizing::new(data.to_vec());
        let length = match self {
            Self::Aes(algorithm, _) => {
                let iv = FixedLength::try_from(iv).map_err(|_| DAMAGED)?;
                let key = UnboundCipherKey::new(algorithm, key).and_then(PaddedBlockDecryptingKey::cbc_pkcs7);
                let key = key.map_err(|_| DAMAGED)?;
                key.decrypt(&mut buffer, DecryptionContext::Iv128(iv)).ok().map(|plain| plain.len())
            }
            Self::Des3 => chained(TdesEde3::new_from_slice(key).map_err(|_| DAMAGED)?, iv, &mut buffer)?,
            Self::Des2 => chained(TdesEde2::new_from_slice(key).map_err(|_| DAMAGED)?, iv, &mut buffer)?,
            Self::Rc2(_) => chained(Rc2::new_from_slice(key).map_err(|_| DAMAGED)?, iv, &mut buffer)?,
        };
        Ok(length.map(|length| {
            buffer.truncate(length);
            buffer
        }))
    }
}

/// Decrypts in place. Gives the length without padding.
fn chained<C: BlockCipherDecrypt>(cipher: C, iv: &[u8], buffer: &mut [u8]) -> Result<Option<usize>, Pkcs12Error> {
    let chained = Decryptor::inner_iv_slice_init(cipher, iv).map_err(|_| DAMAGED)?;
    Ok(chained.decrypt_padded::<Pkcs7>(buffer).ok().map(<[u8]>::len))
}

/// Where key and initial vector come from.
enum Source<'a> {
    /// Both from the derivation of PKCS#12.
    Pkcs12(Pkcs12<'a>),
    /// PBES2: the key is derived, the vector is written down.
    Pbes2(Pbkdf2<'a>, &'a [u8]),
}

/// How something is encrypted.
pub(super) struct Scheme<'a> {
    cipher: Cipher,
    source: Source<'a>,
}

impl<'a> Scheme<'a> {
    /// Reads the identifier of an encryption with its parameters.
    ///
    /// # Errors
    ///
    /// `Unsupported` for what is not decrypted here, `Damaged`.
    pub(super) fn read(mut algorithm: Fields<'a>) -> Result<Self, Pkcs12Error> {
        let kind = algorithm.oid()?;
        if kind == oids::PBES2 {
            return Self::pbes2(algorithm.enter(SEQUENCE)?);
        }
        let ciphers = [
            (oids::SHA1_3DES_3, Cipher::Des3),
            (oids::SHA1_3DES_2, Cipher::Des2),
            (oids::SHA1_RC2_128, Cipher::Rc2(16)),
            (oids::SHA1_RC2_40, Cipher::Rc2(5)),
        ];
        let Some((_, cipher)) = ciphers.into_iter().find(|(oid, _)| *oid == kind) else {
            let is_rc4 = [oids::SHA1_RC4_128, oids::SHA1_RC4_40].contains(&kind);
            let name = if is_rc4 { "RC4".to_owned() } else { dotted(&kind) };
            return Err(Pkcs12Error::Unsupported(format!("the encryption {name}")));
        };
        let mut fields = algorithm.enter(SEQUENCE)?;
        let salt = kdf::salt(&mut fields)?;
        let iterations = fields.unsigned()?;
        let source = Source::Pkcs12(Pkcs12 { hash: &SHA1_FOR_LEGACY_USE_ONLY, salt, iterations });
        Ok(Self { cipher, source })
    }

    /// The parameters of PBES2 (RFC 8018, A.4).
    fn pbes2(mut fields: Fields<'a>) -> Result<Self, Pkcs12Error> {
        let derivation = Pbkdf2::read(fields.enter(SEQUENCE)?)?;
        let mut encryption = fields.enter(SEQUENCE)?;
        let kind = encryption.oid()?;
        let ciphers = [
            (oids::AES_128_CBC, Cipher::Aes(&AES_128, 16)),
            (oids::AES_192_CBC, Cipher::Aes(&AES_192, 24)),
            (oids::AES_256_CBC, Cipher::Aes(&AES_256, 32)),
            (oids::DES_EDE3_CBC, Cipher::Des3),
        ];
        let cipher = ciphers.into_iter().find(|(oid, _)| *oid == kind).map(|(_, cipher)| cipher);
        let cipher =
            cipher.ok_or_else(|| Pkcs12Error::Unsupported(format!("the encryption {} in PBES2", dotted(&kind))))?;
        let iv = encryption.take(OCTETS)?;
        let is_odd = derivation.length.is_some_and(|length| length != cipher.key_length() as u64);
        if is_odd || iv.len() != cipher.block_length() {
            return Err(DAMAGED);
        }
        Ok(Self { cipher, source: Source::Pbes2(derivation, iv) })
    }

    /// How many forms of the password are worth a try.
    pub(super) fn forms(&self, passwords: &Passwords) -> usize {
        match self.source {
            Source::Pkcs12(_) => passwords.wide.len(),
            Source::Pbes2(..) => 1,
        }
    }

    /// Decrypts with one form of the password; `None` if the padding shows that it is wrong. One wrong password in
    /// about 250 gets through.
    ///
    /// # Errors
    ///
    /// `TooCostly`, `Damaged`.
    pub(super) fn decrypt(
        &self,
        data: &[u8],
        passwords: &Passwords,
        form: usize,
        budget: &mut Budget,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, Pkcs12Error> {
        let (key_length, block_length) = (self.cipher.key_length(), self.cipher.block_length());
        match &self.source {
            Source::Pkcs12(derivation) => {
                let Some(password) = passwords.wide.get(form) else { return Ok(None) };
                let key = derivation.derive(Purpose::Key, password, key_length, budget)?;
                let iv = derivation.derive(Purpose::Iv, password, block_length, budget)?;
                self.cipher.decrypt(&key, &iv, data)
            }
            Source::Pbes2(derivation, iv) => {
                let key = derivation.derive(&passwords.utf8, key_length, budget)?;
                self.cipher.decrypt(&key, iv, data)
            }
        }
    }
}
