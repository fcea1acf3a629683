//! What a file can be, and what that is for.

use std::fmt;

use serde::Serialize;

/// What a file or a part of it is: the value of `kind` in `inspect --json`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An APNs MDM push certificate: the topic in its subject starts with `com.apple.mgmt.` and it is allowed for
    /// client authentication. Who issued it is not part of the question, see [`crate::model::IssuerLevel`].
    MdmPushCertificate,
    /// An APNs certificate of an app. It has a UID in its subject too: the bundle id.
    AppPushCertificate,
    /// The certificate with which an MDM vendor signs requests.
    MdmVendorCertificate,
    /// A Pass Type ID certificate of Wallet.
    PassCertificate,
    /// The certificate of one device, with which it proves to its MDM who it is: what `IdentityCertificateUUID` of an
    /// enrolment profile points to. Told by what it is allowed for, client authentication alone, so that other
    /// certificates of clients count as this, too.
    DeviceIdentity,
    /// A certificate that issues others.
    CaCertificate,
    /// Any other certificate.
    Certificate,
    /// A certificate request.
    Csr,
    /// A certificate request that an MDM vendor has signed for the push portal.
    PushRequest,
    /// A container with a certificate, mostly with its private key.
    Pkcs12,
    /// A server token of Automated Device Enrolment.
    AdeToken,
    /// A content token of Apps and Books (VPP).
    VppToken,
    /// A configuration profile, such as the one that enrols devices.
    Profile,
    /// A private key, seen and not read.
    PrivateKey,
    /// A web page, nearly always an error or a login.
    Html,
    /// JSON.
    Json,
    /// Nothing, or nothing but white space.
    Empty,
    /// None of these.
    Unknown,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 18] = [
        Self::MdmPushCertificate,
        Self::AppPushCertificate,
        Self::MdmVendorCertificate,
        Self::PassCertificate,
        Self::DeviceIdentity,
        Self::CaCertificate,
        Self::Certificate,
        Self::Csr,
        Self::PushRequest,
        Self::Pkcs12,
        Self::AdeToken,
        Self::VppToken,
        Self::Profile,
        Self::PrivateKey,
        Self::Html,
        Self::Json,
        Self::Empty,
        Self::Unknown,
    ];

    /// The value in documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MdmPushCertificate => "mdm_push_certificate",
            Self::AppPushCertificate => "app_push_certificate",
            Self::MdmVendorCertificate => "mdm_vendor_certificate",
            Self::PassCertificate => "pass_certificate",
            Self::DeviceIdentity => "device_identity",
            Self::CaCertificate => "ca_certificate",
            Self::Certificate => "certificate",
            Self::Csr => "csr",
            Self::PushRequest => "push_request",
            Self::Pkcs12 => "pkcs12",
            Self::AdeToken => "ade_token",
            Self::VppToken => "vpp_token",
            Self::Profile => "profile",
            Self::PrivateKey => "private_key",
            Self::Html => "html",
            Self::Json => "json",
            Self::Empty => "empty",
            Self::Unknown => "unknown",
        }
    }

    /// What it is, to follow "it is".
    #[must_use]
    pub fn noun(self) -> &'static str {
        match self {
            Self::MdmPushCertificate => "an MDM push certificate",
            Self::AppPushCertificate => "an app push certificate",
            Self::MdmVendorCertificate => "an MDM vendor certificate",
            Self::PassCertificate => "a Pass Type ID certificate",
            Self::DeviceIdentity => "a device identity certificate",
            Self::CaCertificate => "a CA certificate",
            Self::Certificate => "a certificate",
            Self::Csr => "a certificate request",
            Self::PushRequest => "a signed push request",
            Self::Pkcs12 => "a PKCS#12 container",
            Self::AdeToken => "a server token of Automated Device Enrolment",
            Self::VppToken => "a content token of Apps and Books",
            Self::Profile => "a configuration profile",
            Self::PrivateKey => "a private key",
            Self::Html => "HTML",
            Self::Json => "JSON",
            Self::Empty => "empty",
            Self::Unknown => "not recognised",
        }
    }

    /// What it is for, or what to do with it, in a few words.
    #[must_use]
    pub fn purpose(self) -> &'static str {
        match self {
            Self::MdmPushCertificate => "an MDM shows it to Apple's push service to reach its devices",
            Self::AppPushCertificate => "for notifications of one app, of no use to an MDM",
            Self::MdmVendorCertificate => {
                "signs the requests that go to the push portal, never talks to Apple's push service"
            }
            Self::PassCertificate => "signs passes for Wallet, of no use to an MDM",
            Self::DeviceIdentity => {
                "a device, or another client, proves by it who it is; people take it for the push certificate"
            }
            Self::CaCertificate => "issues other certificates, its dates say nothing about a push certificate",
            Self::Certificate => "not one for MDM push",
            Self::Csr => "goes to whoever signs it, the certificate comes back from the push portal",
            Self::PushRequest => {
                "goes to the push portal (identity.apple.com/pushcert), behind Renew of the row it is for; never to an MDM"
            }
            Self::Pkcs12 => "a certificate and mostly its private key, behind a password",
            Self::AdeToken => "lets an MDM see the devices that Apple enrols by itself, runs out after a year",
            Self::VppToken => "lets an MDM hand out apps and books, runs out after a year",
            Self::Profile => "tells devices their MDM and the topic they listen on",
            Self::PrivateKey => "keep it secret, nothing here needs it",
            Self::Html => "a web page, most likely an error or a login that was saved instead of the file",
            Self::Json => "not a certificate",
            Self::Empty => "there is nothing in it",
            Self::Unknown => "neither PEM nor DER with anything known in it",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
