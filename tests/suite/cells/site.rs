//! A site with a simulator of every vendor.

use std::collections::BTreeSet;

use apnswatch::demo::kandji::enrolment_profile;
use apnswatch::demo::{jamf, kandji, mosyle};
use apnswatch::provider::mosyle::Product;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::support::{APP, SECRET, Scrape, Site, now, tenant};

pub(crate) const END: &str = "apns_certificate_not_after_timestamp_seconds";
pub(crate) const INFO: &str = "apns_certificate_info";
pub(crate) const TOKEN_END: &str = "apple_token_not_after_timestamp_seconds";
pub(crate) const USABLE: &str = "apple_token_usable";
pub(crate) const RATIO: &str = "apns_push_silent_ratio";
pub(crate) const CHECKIN: &str = "apns_push_last_checkin_timestamp_seconds";
pub(crate) const DEVICES: &str = "apns_push_devices";
pub(crate) const FINDING: &str = "apns_finding";
pub(crate) const NOTICE: &str = "apns_mdm_notice";
pub(crate) const DRIFT: &str = "apns_topic_drift";

/// The administrator of the simulated Mosyle.
pub(crate) const EMAIL: &str = "apnswatch@example.com";

/// A folder with a configuration, and the four vendors.
pub(crate) struct Vendors {
    pub(crate) site: Site,
    pub(crate) jamf: jamf::Simulator,
    pub(crate) kandji: kandji::Simulator,
    pub(crate) mosyle: mosyle::Simulator,
}

impl Vendors {
    pub(crate) async fn new() -> Self {
        Self {
            site: Site { asks_for_lists: true, ..Site::new().await },
            jamf: jamf::Simulator::start().await.unwrap(),
            kandji: kandji::Simulator::start().await.unwrap(),
            mosyle: mosyle::Simulator::start().await.unwrap(),
        }
    }

    /// A Jamf Pro below a base path of the tenant's name.
    pub(crate) fn jamf(&self, name: &str, server: jamf::Server, mdm: &str, more: &str) -> String {
        let base = format!("/{name}");
        self.jamf.set_server(&base, server);
        let url = self.jamf.url(&base);
        let secret = self.site.path("secret");
        let mdm = format!(
            "    mdm: {{ kind: jamf, url: '{url}', client_id: {APP}, client_secret_file: {}{mdm} }}\n{more}",
            secret.display()
        );
        tenant(name, &mdm)
    }

    /// A tenant of Kandji, known by a token of its name.
    pub(crate) fn kandji(&self, name: &str, what: kandji::Tenant, mdm: &str, more: &str) -> String {
        self.kandji.set_tenant(&kandji_token(name), what);
        let file = self.site.write(&format!("{name}.token"), kandji_token(name));
        let url = self.kandji.url();
        tenant(name, &format!("    mdm: {{ kind: kandji, url: '{url}', token_file: {}{mdm} }}\n{more}", file.display()))
    }

    /// An account of Mosyle Business.
    pub(crate) fn mosyle(&self, name: &str, fleet: mosyle::Fleet, mdm: &str, more: &str) -> String {
        self.mosyle_of(Product::Business, name, fleet, mdm, more)
    }

    pub(crate) fn mosyle_of(
        &self,
        product: Product,
        name: &str,
        fleet: mosyle::Fleet,
        mdm: &str,
        more: &str,
    ) -> String {
        let access = format!("access-{name}-{SECRET}");
        let account = mosyle::Account::new(product, EMAIL, SECRET).with("mac", mosyle::Answer::Fleet(fleet));
        self.mosyle.set_account(&access, account);
        let file = self.site.write(&format!("{name}.access"), access);
        let word = match product {
            Product::Business => "business",
            Product::Manager => "manager",
        };
        let (url, folder) = (self.mosyle.url(product), self.site.folder.path().display());
        let mdm = format!(
            "    mdm: {{ kind: mosyle, product: {word}, url: '{url}', access_token_file: {}, email: {EMAIL}, \
             password_file: {folder}/secret{mdm} }}\n{more}",
            file.display()
        );
        tenant(name, &mdm)
    }
}

pub(crate) fn kandji_token(name: &str) -> String {
    format!("00000000-0000-4000-8000-{name}-s3cret")
}

/// A Jamf Pro that has nothing.
pub(crate) fn server() -> jamf::Server {
    jamf::Server::new(jamf::Credential::Client(APP.to_owned(), SECRET.into()))
}

/// A Jamf Pro whose only enrolment profile has this topic.
pub(crate) fn enrolling(topic: &str) -> jamf::Server {
    let entry = json!({ "id": 7, "name": "Enrol", "invitation": "s3cret-invitation" });
    server()
        .with(jamf::Resource::Profiles, jamf::Answer::List(vec![entry]))
        .with(jamf::Resource::Profile(7), jamf::Answer::Bytes(enrolment_profile(Some(topic))))
}

/// A blueprint of Kandji whose enrolment profile has this topic.
pub(crate) fn blueprint(topic: &str) -> kandji::Blueprint {
    kandji::Blueprint {
        id: "00000000-0000-4000-8000-0000000000b1".to_owned(),
        code: "made-up-code".to_owned(),
        profile: enrolment_profile(Some(topic)),
    }
}

/// So many living Macs of Kandji, of which some do not answer.
pub(crate) fn macs(alive: i64, silent: i64) -> Vec<kandji::Device> {
    (0..alive).map(|mac| kandji::Device::new("Mac", ago(1), ago(if mac < silent { 100 } else { 5 }))).collect()
}

/// So many living Macs of Mosyle, of which some do not answer.
pub(crate) fn beating(alive: i64, silent: i64) -> mosyle::Fleet {
    let device = |mac: i64| -> Value {
        mosyle::device(&format!("mac-{mac}"), "Mac14,2", ago(1), ago(if mac < silent { 100 } else { 5 }))
    };
    mosyle::Fleet::of((0..alive).map(device))
}

pub(crate) fn ago(hours: i64) -> Option<DateTime<Utc>> {
    Some(whole(now()) - TimeDelta::hours(hours))
}

/// So many days from now, to the second.
pub(crate) fn days(days: i64) -> DateTime<Utc> {
    whole(now()) + TimeDelta::days(days) + TimeDelta::hours(1)
}

fn whole(moment: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp(moment.timestamp(), 0).unwrap()
}

/// The moment as a sample has it.
#[allow(clippy::cast_precision_loss, reason = "2^53 seconds are far away")]
pub(crate) fn seconds(moment: DateTime<Utc>) -> f64 {
    moment.timestamp() as f64
}

/// The questions that nothing answers for a tenant.
pub(crate) fn blind(scrape: &Scrape, tenant: &str) -> BTreeSet<String> {
    let spots = scrape.all("apns_blind_spot", &[("tenant", tenant)]);
    spots.iter().map(|spot| spot.labels["question"].clone()).collect()
}

/// The findings of a tenant.
pub(crate) fn findings(scrape: &Scrape, tenant: &str) -> BTreeSet<String> {
    let found = scrape.all(FINDING, &[("tenant", tenant)]);
    found.iter().map(|finding| finding.labels["finding"].clone()).collect()
}

/// The phase of a tenant; there is one at every moment.
pub(crate) fn phase(scrape: &Scrape, tenant: &str) -> String {
    let phases = scrape.all("apns_certificate_phase", &[("tenant", tenant)]);
    assert_eq!(phases.len(), 1, "{phases:?}");
    phases[0].labels["phase"].clone()
}

/// The sources that are polled for a tenant and answered well.
pub(crate) fn up(scrape: &Scrape, tenant: &str) -> BTreeSet<String> {
    let sources = scrape.all("apns_source_up", &[("tenant", tenant)]);
    sources.iter().filter(|sample| sample.value == 1.0).map(|sample| sample.labels["source"].clone()).collect()
}

/// A sample of a tenant with one more label.
pub(crate) fn of(scrape: &Scrape, series: &str, tenant: &str, label: &str, value: &str) -> Option<f64> {
    scrape.value(series, &[("tenant", tenant), (label, value)])
}

pub(crate) fn set<const N: usize>(words: [&str; N]) -> BTreeSet<String> {
    words.map(str::to_owned).into()
}

/// Whether any series of a tenant has a name that begins so.
pub(crate) fn has_any(scrape: &Scrape, tenant: &str, start: &str) -> bool {
    scrape.of_tenant(tenant).iter().any(|sample| sample.name.starts_with(start))
}

/// The labels of the effective certificate: source, topic, serial, precision.
pub(crate) fn info(scrape: &Scrape, tenant: &str) -> Option<[String; 4]> {
    let found = scrape.all(INFO, &[("tenant", tenant)]);
    assert!(found.len() <= 1, "{found:?}");
    found.first().map(|sample| ["source", "topic", "serial", "precision"].map(|label| sample.labels[label].clone()))
}

pub(crate) fn info_of(parts: [&str; 4]) -> Option<[String; 4]> {
    Some(parts.map(str::to_owned))
}
