//! Names that come from the configuration.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A tenant: one certificate lineage of one organisation in one MDM. 1 to 128 characters, no control characters.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TenantName(Arc<str>);

impl TenantName {
    /// Checks a name from the config or the command line.
    ///
    /// # Errors
    ///
    /// Says what a name must be when it is empty, longer than 128 characters, or has a control character in it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        check(text)?;
        Ok(Self(text.into()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An entry of `accounts`: the `id` by which tenants and label values refer to an Apple Account.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccountId(Arc<str>);

impl AccountId {
    /// Checks an id from the config. The rules are those of [`TenantName`].
    ///
    /// # Errors
    ///
    /// As [`TenantName::parse`].
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        check(text)?;
        Ok(Self(text.into()))
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn check(text: &str) -> Result<(), &'static str> {
    let length = text.chars().count();
    if !(1..=128).contains(&length) {
        return Err("must have 1 to 128 characters");
    }
    if text.chars().any(char::is_control) {
        return Err("must not contain control characters");
    }
    Ok(())
}

macro_rules! name {
    ($($type:ident),*) => {$(
        impl TryFrom<String> for $type {
            type Error = &'static str;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                Self::parse(&text)
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> Self {
                name.0.as_ref().to_owned()
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &self.0)
            }
        }
    )*};
}

name!(TenantName, AccountId);

/// The MDMs that can be configured: the value of `mdm.kind` and of the label `mdm`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MdmKind {
    /// Microsoft Intune, by Microsoft Graph.
    Intune,
    /// Jamf Pro.
    Jamf,
    /// Kandji, now Iru Endpoint.
    Kandji,
    /// Mosyle Business and Mosyle Manager.
    Mosyle,
    /// No MDM to ask: what is known comes from files and from what was declared.
    None,
}

impl MdmKind {
    /// Every kind that is built.
    pub const ALL: [Self; 5] = [Self::Intune, Self::Jamf, Self::Kandji, Self::Mosyle, Self::None];

    /// The label value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Intune => "intune",
            Self::Jamf => "jamf",
            Self::Kandji => "kandji",
            Self::Mosyle => "mosyle",
            Self::None => "none",
        }
    }

    /// Whether the check-ins that an MDM of this kind tells are those of all its devices, so that a family that is not
    /// among them is not managed. Jamf's are those of mobile devices.
    #[must_use]
    pub fn tells_every_family(self) -> bool {
        match self {
            Self::Intune | Self::Kandji | Self::Mosyle => true,
            Self::Jamf | Self::None => false,
        }
    }

    /// Whether an MDM of this kind tells the end, the topic and the serial of its certificate (design, 3).
    #[must_use]
    pub fn tells_certificate(self) -> bool {
        match self {
            Self::Intune => true,
            Self::Jamf | Self::Kandji | Self::Mosyle | Self::None => false,
        }
    }
}

impl fmt::Display for MdmKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_bounds() {
        assert!(TenantName::parse("Schule \u{fc}ber \"alles\"").is_ok());
        assert!(TenantName::parse("").is_err());
        assert!(TenantName::parse(&"x".repeat(128)).is_ok());
        assert!(TenantName::parse(&"x".repeat(129)).is_err());
        assert!(TenantName::parse("a\nb").is_err());
    }
}
