//! The certificates of doors that speak TLS, made anew.

use std::sync::Arc;

use chrono::{DateTime, Datelike as _, TimeDelta, Utc};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;

use super::kinds::Fault;
use crate::support::now;

/// Below this are the names of vendors.
pub(super) const DOMAIN: &str = "faults.test";

/// The TLS sides of a door, good and bad.
pub(super) struct Identities {
    good: Arc<ServerConfig>,
    other_name: Arc<ServerConfig>,
    expired: Arc<ServerConfig>,
    stranger: Arc<ServerConfig>,
    /// The authority that the daemon trusts, PEM.
    pub(super) ca: String,
    /// The one of the stranger.
    pub(super) other_ca: String,
}

impl Identities {
    pub(super) fn new() -> Self {
        let (ours, ca) = authority("Simulated CA");
        let (theirs, other_ca) = authority("Unknown CA");
        let names = ["localhost", &format!("*.{DOMAIN}")];
        let end = now() + TimeDelta::days(30);
        Self {
            good: identity(&ours, &names, end),
            other_name: identity(&ours, &["elsewhere.example.com"], end),
            expired: identity(&ours, &names, now() - TimeDelta::days(2)),
            stranger: identity(&theirs, &names, end),
            ca,
            other_ca,
        }
    }

    /// What a door with this fault presents.
    pub(super) fn of(&self, fault: Fault) -> Arc<ServerConfig> {
        Arc::clone(match fault {
            Fault::OtherName => &self.other_name,
            Fault::Expired => &self.expired,
            Fault::Stranger => &self.stranger,
            _ => &self.good,
        })
    }
}

fn authority(name: &str) -> (Issuer<'static, KeyPair>, String) {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let pem = params.self_signed(&key).unwrap().pem();
    (Issuer::new(params, key), pem)
}

fn identity(issuer: &Issuer<'static, KeyPair>, names: &[&str], end: DateTime<Utc>) -> Arc<ServerConfig> {
    let mut params = CertificateParams::new(names.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap();
    let day = |moment: DateTime<Utc>| {
        let [month, day] = [moment.month(), moment.day()].map(|number| u8::try_from(number).unwrap());
        rcgen::date_time_ymd(moment.year(), month, day)
    };
    (params.not_before, params.not_after) = (day(end - TimeDelta::days(90)), day(end));
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, issuer).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap());
    Arc::new(config.unwrap())
}
