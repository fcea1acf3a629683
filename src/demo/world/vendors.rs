//! What the simulated vendors tell of the tenants of the demo.

use chrono::TimeDelta;
use serde_json::json;

use super::builder::{ADMINISTRATOR, Builder, CLIENT, Entry, SECRET};
use super::{directory, serial, topic};
use crate::demo::intune::{
    self, Answer, Certificate, Credential, Directory, List, content_token, managed_device, server_token,
};
use crate::demo::jamf::{self, Resource, Server};
use crate::demo::kandji::{Blueprint, Device, Integration, Tenant, enrolment_profile};
use crate::demo::mosyle::{self, Account, Fleet};
use crate::provider::mosyle::Product;

/// The account that the demo's Intune shows.
const ACCOUNT: &str = "apns@example.com";

/// So many Macs are enough to judge a fleet by.
const MACS: usize = 14;

impl Builder<'_> {
    /// What Intune tells of a certificate with so many days left.
    pub(super) fn told(&self, name: &str, generation: u8, days: i64) -> Answer {
        let mut certificate = Certificate::new(topic(name), self.end(days));
        certificate.serial = serial(name, generation);
        certificate.account = ACCOUNT.to_owned();
        Answer::Certificate(certificate)
    }

    /// The same with another account.
    pub(super) fn told_with_account(&self, name: &str, days: i64, account: &str) -> Answer {
        let mut certificate = Certificate::new(topic(name), self.end(days));
        certificate.serial = serial(name, 1);
        certificate.account = account.to_owned();
        Answer::Certificate(certificate)
    }

    /// A tenant in Intune, answered so.
    pub(super) fn intune(&self, name: &str, answer: Answer) -> Entry {
        self.intune_with(name, answer, |_| {})
    }

    /// The same, its directory changed.
    pub(super) fn intune_with(&self, name: &str, answer: Answer, change: impl FnOnce(&mut Directory)) -> Entry {
        let certificate = Certificate::new(topic(name), self.now);
        let mut told = Directory::new(CLIENT, Credential::Secret(SECRET.to_owned()), certificate);
        told.answer = answer;
        told.server_tokens = Answer::List(List::of([server_token("ade", "enrolment", self.end(200))]));
        told.content_tokens = Answer::List(List::of([content_token("vpp", "Example", self.end(150), "valid")]));
        let devices = [("iOS", "iPhone 15"), ("iOS", "iPad Air"), ("macOS", "MacBook Air")];
        let seen = self.now - TimeDelta::minutes(20);
        told.devices = Answer::List(List::of(devices.map(|(system, model)| managed_device(system, model, seen))));
        change(&mut told);
        self.simulators.intune.set_directory(&directory(name), told);
        Entry::of(format!("kind: intune, directory: {}", directory(name)))
    }

    /// A tenant in Jamf Pro that shows this notice, if any.
    pub(super) fn jamf(&self, name: &str, notice: Option<(&str, Option<i64>)>) -> Entry {
        let notices =
            notice.map_or_else(|| jamf::Answer::List(Vec::new()), |(kind, days)| jamf::Answer::notice(kind, days));
        let devices = [("iPhone14,6", 1), ("iPad12,1", 2), ("iPad12,1", 3)];
        let devices = devices.into_iter().zip(1..).map(|((model, hours), id)| jamf::device(id, model, self.ago(hours)));
        let credential = jamf::Credential::Client(CLIENT.to_owned(), SECRET.as_bytes().to_vec());
        let server = Server::new(credential)
            .with(Resource::Notifications, notices)
            .with(Resource::Enrollments, jamf::Answer::List(vec![jamf::enrollment(1, "enrolment", self.end(200))]))
            .with(Resource::Locations, jamf::Answer::List(vec![jamf::location(1, "Example", self.end(150), false)]))
            .with(Resource::Devices, jamf::Answer::List(devices.collect()));
        let base = format!("/{name}");
        self.simulators.jamf.set_server(&base, server);
        Entry::of(format!("kind: jamf, url: {}", self.simulators.jamf.url(&base)))
    }

    /// A tenant in Jamf Pro that gives out its enrolment profile and has switched push off for two clients.
    pub(super) fn jamf_with_profile(&self, name: &str) -> Entry {
        let entry = self.jamf(name, None).mdm("enrolment_profile: true");
        let answer = |resource, answer| self.simulators.jamf.set_answer(&format!("/{name}"), resource, answer);
        answer(Resource::Profiles, jamf::Answer::List(vec![json!({ "id": 1, "name": "Example" })]));
        answer(Resource::Profile(1), jamf::Answer::Bytes(enrolment_profile(Some(&topic(name)))));
        let off = |id: u32| json!({ "managementId": format!("00000000-0000-4000-8000-0000000000{id:02}") });
        answer(Resource::PushStatus, jamf::Answer::List([1, 2].map(off).to_vec()));
        entry
    }

    /// A tenant in Kandji whose Macs are alive and last checked in so many hours ago.
    pub(super) fn kandji(&mut self, name: &str, hours: i64, change: impl FnOnce(&mut Tenant)) -> anyhow::Result<Entry> {
        let token = format!("demo-token-{name}");
        let integrations = vec![Integration::new("1", "enrolment", self.end(200))];
        let mut tenant = Tenant { integrations, ..Tenant::default() };
        change(&mut tenant);
        self.simulators.kandji.set_tenant(&token, tenant);
        self.write(&format!("{name}/token"), &token)?;
        self.keep_alive(Box::new(move |simulators, now| {
            let mac = Device::new("Mac", Some(now), Some(now - TimeDelta::hours(hours)));
            simulators.kandji.change(&token, |tenant| tenant.devices = vec![mac; MACS]);
        }));
        Ok(Entry::of("kind: kandji"))
    }

    /// A tenant in Mosyle that is asked for check-ins, and whose Macs are well.
    pub(super) fn mosyle(&mut self, name: &str) -> anyhow::Result<Entry> {
        let token = format!("demo-token-{name}");
        self.simulators.mosyle.set_account(&token, Account::new(Product::Business, ADMINISTRATOR, SECRET));
        self.write(&format!("{name}/token"), &token)?;
        self.keep_alive(Box::new(move |simulators, now| {
            let answered = Some(now - TimeDelta::hours(20));
            let macs = (0..MACS).map(|index| mosyle::device(&format!("mac-{index}"), "Mac14,2", Some(now), answered));
            let macs = mosyle::Answer::Fleet(Fleet::of(macs));
            simulators.mosyle.change(&token, |account| {
                account.lists.insert("mac".to_owned(), macs);
            });
        }));
        Ok(Entry::of("kind: mosyle, push: true"))
    }
}

/// A blueprint that enrols with this topic.
pub(super) fn blueprint(topic: &str) -> Blueprint {
    Blueprint { id: "1".to_owned(), code: "000000".to_owned(), profile: enrolment_profile(Some(topic)) }
}

/// An MDM that broke down after its first answers.
pub(super) fn break_down(directory: &mut Directory) {
    directory.server_tokens = Answer::Status(500, None);
    directory.content_tokens = Answer::Status(500, None);
    directory.devices = Answer::Status(500, None);
}

/// A login that is refused because the secret has expired.
pub(super) fn refuse(directory: &mut Directory) {
    directory.login = intune::LoginAnswer::Refuse(401, 7_000_222);
}

/// What an inventory read on devices: ten with the topic that they should have and three with another.
pub(super) fn device_topics(kept: &str, other: &str) -> String {
    let lines = (0..13).map(|index| format!("MADEUP{index:06},{}\n", if index < 10 { kept } else { other }));
    format!("serial,topic\n{}", lines.collect::<String>())
}
