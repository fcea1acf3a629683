//! What is asked, with the privilege that each read needs.
//!
//! Paths and privileges are those of Jamf Pro 11.30.1 (its own `/api/schema`) and of
//! <https://developer.jamf.com/jamf-pro/docs/privileges-and-deprecations>.

use std::fmt;

use crate::model::Source;

/// One read.
#[derive(Debug)]
pub(super) struct Endpoint {
    /// The source that needs it.
    pub(super) source: Source,
    /// Its path below the server's address; `{id}` stands for what another read told.
    pub(super) path: &'static [&'static str],
    /// The vendor's name of the privilege; empty where any login may read.
    pub(super) privilege: &'static str,
    /// What nobody knows without it.
    pub(super) lost: &'static str,
    /// Whether older servers lack it, so that 404 is no fault.
    pub(super) is_optional: bool,
}

/// The notices. Any login may read them; which ones are in the list may depend on its rights.
pub(super) const NOTIFICATIONS: Endpoint = Endpoint {
    source: Source::Api,
    path: &["api", "v1", "notifications"],
    privilege: "",
    lost: "the warnings on the push certificate",
    is_optional: false,
};

/// Server tokens of Automated Device Enrolment.
pub(super) const ENROLLMENTS: Endpoint = Endpoint {
    source: Source::Tokens,
    path: &["api", "v1", "device-enrollments"],
    privilege: "Read Device Enrollment Program Instances",
    lost: "the ends of the server tokens of Automated Device Enrolment",
    is_optional: false,
};

/// Content tokens.
pub(super) const LOCATIONS: Endpoint = Endpoint {
    source: Source::Tokens,
    path: &["api", "v1", "volume-purchasing-locations"],
    privilege: "Read Volume Purchasing Locations",
    lost: "the ends of the content tokens of Apps and Books",
    is_optional: false,
};

/// Clients with push off; since 11.25.
pub(super) const PUSH_STATUS: Endpoint = Endpoint {
    source: Source::Push,
    path: &["api", "v1", "apns-client-push-status"],
    privilege: "View MDM command information in Jamf Pro API",
    lost: "for how many devices Jamf has switched push off",
    is_optional: true,
};

/// Contact times of mobile devices.
pub(super) const DEVICES: Endpoint = Endpoint {
    source: Source::Push,
    path: &["api", "v2", "mobile-devices", "detail"],
    privilege: "Read Mobile Devices",
    lost: "when mobile devices were last in contact",
    is_optional: false,
};

/// Enrolment profiles, by the Classic API; the only list that gives their ids.
pub(super) const PROFILES: Endpoint = Endpoint {
    source: Source::Profile,
    path: &["JSSResource", "mobiledeviceenrollmentprofiles"],
    privilege: "Read Enrollment Profiles",
    lost: "the topic with which devices are enrolled",
    is_optional: false,
};

/// One enrolment profile.
pub(super) const DOWNLOAD: Endpoint = Endpoint {
    source: Source::Profile,
    path: &["api", "v1", "mobile-device-enrollment-profile", "{id}", "download-profile"],
    privilege: "Read Enrollment Profiles",
    lost: "the topic with which devices are enrolled",
    is_optional: true,
};

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GET /{}", self.path.join("/"))
    }
}
