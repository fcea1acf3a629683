//! The commands that say what a login may read, what a team owes its accounts, and what a configuration cannot know.

use std::collections::BTreeMap;

use apnswatch::demo::{intune, jamf, kandji, mosyle, world};
use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use serde_json::Value;

use crate::cells::site::{
    Vendors, beating, blind, blueprint, days, enrolling, kandji_token, macs, seconds, server, set,
};
use crate::support::{APP, Ended, SECRET, Scrape, answer, filed, now, tenant, topic};

/// One tenant of each kind that can be asked, each with everything it may read.
async fn four() -> Vendors {
    let vendors = Vendors::new().await;
    let east = kandji::Tenant {
        integrations: vec![kandji::Integration::new("e1", "main", days(200))],
        devices: macs(12, 0),
        blueprints: vec![blueprint(&topic("east"))],
        ..kandji::Tenant::default()
    };
    let profile = ", enrolment_profile: true";
    vendors.site.configure(
        "",
        &[
            vendors.site.intune("acme", answer("acme", 300), ""),
            vendors.kandji("east", east, profile, ""),
            vendors.mosyle("school", beating(12, 0), ", push: true", ""),
            vendors.jamf("south", enrolling(&topic("south")), profile, ""),
            filed("desk", &vendors.site.certificate("desk.pem", &topic("desk"), "0A01", 200)),
        ],
    );
    vendors
}

impl Vendors {
    /// Runs `access` as text and as a document: the same status and no secret, each time.
    async fn access(&self, more: &[&str]) -> (Ended, Value) {
        let text = self.site.run(&[&["access"], more].concat()).await;
        let document = self.site.run(&[&["access", "--json"], more].concat()).await;
        assert_eq!(text.status, document.status, "{text:?} {document:?}");
        for told in [&text.stdout, &text.stderr, &document.stdout, &document.stderr] {
            for secret in [SECRET, "s3cret", "NeverShown", "made-up", "simulated-", "Bearer"] {
                assert!(!told.contains(secret), "{secret}: {told}");
            }
        }
        let parsed = serde_json::from_str(&document.stdout).unwrap_or_else(|error| panic!("{error}: {document:?}"));
        (text, parsed)
    }
}

/// The verdict on each endpoint of a tenant.
fn verdicts(document: &Value, tenant: &str) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let tenants = document["tenants"].as_array().unwrap();
    let found = tenants.iter().find(|found| found["name"] == tenant).unwrap_or_else(|| panic!("{tenant}: {document}"));
    let access = found["access"].as_array().unwrap();
    access.iter().map(|access| (text(&access["endpoint"]), text(&access["verdict"]))).collect()
}

fn words<'a>(verdicts: &'a BTreeMap<String, String>) -> Vec<&'a str> {
    let mut words: Vec<&'a str> = verdicts.values().map(String::as_str).collect();
    words.sort_unstable();
    words.dedup();
    words
}

#[tokio::test(flavor = "multi_thread")]
async fn access_says_what_each_login_may_read() {
    let vendors = four().await;
    let (text, document) = vendors.access(&[]).await;
    assert_eq!((text.status, text.stderr.as_str()), (Some(0), ""), "{}", text.stdout);
    assert_eq!(document["schema"], "apnswatch.access.v1");
    assert_eq!(document["tenants"].as_array().unwrap().len(), 5, "desk is listed, though nobody can be asked for it");
    for (tenant, endpoints) in [("acme", 4), ("east", 4), ("school", 1), ("south", 7)] {
        let verdicts = verdicts(&document, tenant);
        assert_eq!((verdicts.len(), words(&verdicts)), (endpoints, vec!["allowed"]), "{tenant}: {verdicts:?}");
    }
    for name in ["acme (intune)", "east (kandji)", "school (mosyle)", "south (jamf)"] {
        assert!(text.stdout.contains(name), "{name}: {}", text.stdout);
    }
    assert!(!text.stdout.contains("privilege to add"), "nothing has to be done: {}", text.stdout);
    assert!(vendors.site.store().is_empty(), "nothing is learnt");

    let before = vendors.kandji.requests().len();
    let (text, document) = vendors.access(&["--tenant", "south"]).await;
    assert_eq!((text.status, document["tenants"].as_array().unwrap().len()), (Some(0), 1));
    assert_eq!(vendors.kandji.requests().len(), before, "nobody else is asked");
    let stranger = vendors.site.run(&["access", "--tenant", "South"]).await;
    assert!(stranger.status == Some(1) && stranger.stderr.contains("South"), "{stranger:?}");
    assert_eq!(vendors.site.run(&["access", "--tenants", "south"]).await.status, Some(64));
}

#[tokio::test(flavor = "multi_thread")]
async fn access_names_the_privilege_that_is_missing_and_what_is_lost() {
    let vendors = four().await;
    vendors.site.microsoft.change(&world::directory("acme"), |directory| {
        directory.roles.retain(|role| !role.contains("ManagedDevices"));
    });
    vendors.jamf.set_answer("/south", jamf::Resource::Enrollments, jamf::Answer::Error(403, None));
    vendors.jamf.set_answer("/south", jamf::Resource::PushStatus, jamf::Answer::Html(404));
    vendors.kandji.change(&kandji_token("east"), |tenant| {
        tenant.permissions.remove(&kandji::Resource::Devices);
    });
    vendors.mosyle.change(&format!("access-school-{SECRET}"), |account| {
        account.lists.insert("mac".to_owned(), mosyle::Answer::Status(403, None));
        account.lists.insert("ios".to_owned(), mosyle::Answer::Status(403, None));
    });
    let (text, document) = vendors.access(&[]).await;
    assert_eq!(text.status, Some(1), "{}", text.stdout);
    let verdict = |tenant, endpoint: &str| verdicts(&document, tenant)[endpoint].clone();
    assert_eq!(words(&verdicts(&document, "acme")), ["allowed", "denied"]);
    assert_eq!(verdict("south", "GET /api/v1/device-enrollments"), "denied");
    assert_eq!(verdict("south", "GET /api/v1/apns-client-push-status"), "unsupported");
    assert_eq!(verdict("east", "GET /api/v1/prism/device_information"), "denied");
    for line in [
        "privilege to add: DeviceManagementManagedDevices.Read.All",
        "privilege to add: Read Device Enrollment Program Instances",
        "privilege to add: GET /api/v1/prism/device_information",
        "privilege to add: Device View",
        "this server does not have it",
        "without it nobody knows for how many devices Jamf has switched push off",
        "without it nobody knows the ends of the server tokens of Automated Device Enrolment",
        "without it nobody knows whether pushes arrive",
    ] {
        assert!(text.stdout.contains(line), "{line}: {}", text.stdout);
    }
    assert_eq!(text.stdout.matches("privilege to add").count(), 4, "an older server lacks no privilege");
}

#[tokio::test(flavor = "multi_thread")]
async fn access_tells_by_its_status_a_refused_login_from_a_vendor_that_is_not_reached() {
    let mut vendors = four().await;
    // The read of the certificate is what all is about.
    vendors.site.set("acme", intune::Answer::Forbidden);
    let (text, document) = vendors.access(&["--tenant", "acme"]).await;
    assert_eq!((text.status, words(&verdicts(&document, "acme"))), (Some(2), vec!["allowed", "denied"]));
    vendors.site.set("acme", answer("acme", 300));

    // Logins, each in its way.
    let microsoft = &vendors.site.microsoft;
    microsoft.set_login(&world::directory("acme"), intune::LoginAnswer::Refuse(401, 7_000_222));
    vendors.jamf.set_server("/south", jamf::Server::new(jamf::Credential::Client(APP.to_owned(), "other".into())));
    vendors.kandji.revoke(&kandji_token("east"));
    vendors.mosyle.change(&format!("access-school-{SECRET}"), |account| account.password = "other".to_owned());
    for tenant in ["acme", "south", "east", "school"] {
        let (text, document) = vendors.access(&["--tenant", tenant]).await;
        assert_eq!((text.status, words(&verdicts(&document, tenant))), (Some(2), vec!["refused"]), "{tenant}");
        assert!(!text.stdout.contains("privilege to add"), "no privilege helps here: {}", text.stdout);
        assert_eq!(document["tenants"][0]["access"][0]["reason"], "auth");
    }

    // No answer, and a useless one.
    vendors.jamf.set_server("/south", server().with(jamf::Resource::Notifications, jamf::Answer::Error(500, None)));
    let (text, document) = vendors.access(&["--tenant", "south"]).await;
    let found = verdicts(&document, "south");
    assert_eq!((text.status, found["GET /api/v1/notifications"].as_str()), (Some(3), "unreached"), "{}", text.stdout);
    vendors.kandji.stop().await;
    let (text, document) = vendors.access(&["--tenant", "east"]).await;
    assert_eq!((text.status, words(&verdicts(&document, "east"))), (Some(3), vec!["unreached"]));
    // Of all together the worst is told.
    assert_eq!(vendors.access(&[]).await.0.status, Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_that_is_missing_does_not_look_like_a_vendor_that_is_not_reached() {
    let vendors = four().await;
    vendors.kandji.change(&kandji_token("east"), |tenant| {
        tenant.permissions.remove(&kandji::Resource::Blueprints);
    });
    let (text, document) = vendors.access(&["--tenant", "east"]).await;
    let found = verdicts(&document, "east");
    assert_eq!(found["GET /api/v1/blueprints"], "denied");
    let profile = found.iter().find(|(endpoint, _)| endpoint.contains("ota-enrollment-profile"));
    assert_eq!(profile.map(|(_, verdict)| verdict.as_str()), Some("denied"), "it cannot be tried without the list");
    assert_eq!(text.status, Some(1), "{}", text.stdout);
    assert_eq!(text.stdout.matches("privilege to add").count(), 1, "perhaps it has the other one: {}", text.stdout);
}

const DUE: &str = "apns_duty_due_timestamp_seconds";

fn due(scrape: &Scrape, duty: &str) -> f64 {
    scrape.one(DUE, &[("account", "shared"), ("duty", duty)])
}

fn midnight(date: NaiveDate) -> DateTime<Utc> {
    date.and_time(NaiveTime::MIN).and_utc()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_duty_that_was_done_is_seen_at_the_next_scrape_and_survives_a_kill() {
    let vendors = Vendors::new().await;
    let site = &vendors.site;
    let head = "poll: { interval: 1h, timeout: 5s }\n\
                policy: { account_domains: [example.com] }\n\
                accounts:\n  - id: shared\n    address: mdm@example.com\n    second_factor: [desk phone, second admin]\n    \
                duties: { sign_in: { every: 90d }, second_factor_audit: { every: 365d, last: 2026-01-02 } }\n  \
                - { id: idle, address: idle@example.com }\n";
    let acme = site.intune("acme", answer("acme", 300), "    account: shared\n");
    site.configure(head, &[acme]);
    let before = now().date_naive();
    let daemon = site.serve().await;
    let scrape = daemon.until("an answer", |scrape| scrape.up("acme") == Some(1.0)).await;
    let today = due(&scrape, "sign_in");
    assert!(today == seconds(midnight(before)) || today == seconds(midnight(now().date_naive())), "never done: today");
    let audited: NaiveDate = "2026-01-02".parse().unwrap();
    assert_eq!(due(&scrape, "second_factor_audit"), seconds(midnight(audited) + TimeDelta::days(365)));
    assert_eq!(scrape.all(DUE, &[]).len(), 2, "an account without duties owes nothing");
    assert!(blind(&scrape, "acme").contains("renewable"));

    let text = site.run(&["duty", "list"]).await;
    assert_eq!((text.status, text.stderr.as_str()), (Some(0), ""));
    let line = |text: &str, duty: &str| text.lines().find(|line| line.contains(duty)).unwrap().to_owned();
    let never = line(&text.stdout, "sign_in");
    assert!(never.contains("shared") && never.contains("overdue") && never.contains("never"), "{never}");

    let earlier = (before - TimeDelta::days(10)).to_string();
    let done = ["duty", "done", "sign_in", "--account", "shared"];
    let said = site.run(&[&done[..], &["--on", &earlier, "--by", "kim", "--note", "ticket 4711"]].concat()).await;
    assert_eq!(said.status, Some(0), "{said:?}");
    assert!(said.stdout.contains(&earlier) && said.stdout.contains("kim"), "{}", said.stdout);
    let scrape = daemon.scrape().await;
    assert_eq!(due(&scrape, "sign_in"), seconds(midnight(before - TimeDelta::days(10)) + TimeDelta::days(90)));
    // Killed when the command has returned.
    let moment = now();
    let said = site.run(&[&done[..], &["--by", "lee"]].concat()).await;
    daemon.kill().await;
    assert_eq!(said.status, Some(0), "{said:?}");
    let audit = site.run(&["duty", "done", "second_factor_audit", "--account", "shared"]).await;
    assert_eq!(audit.status, Some(0), "also while no daemon runs: {audit:?}");
    let daemon = site.serve().await;
    let scrape = daemon.until("an answer", |scrape| scrape.drift("acme") == Some(0.0)).await;
    assert!(due(&scrape, "sign_in") >= seconds(moment + TimeDelta::days(90)));
    assert_eq!(blind(&scrape, "acme"), set(["arrival", "way_out"]), "each check of the row holds now");

    let text = site.run(&["duty", "list"]).await.stdout;
    assert!(line(&text, "sign_in").contains("in time") && line(&text, "sign_in").contains("by lee"), "{text}");
    let document: Value = serde_json::from_str(&site.run(&["duty", "list", "--json"]).await.stdout).unwrap();
    assert_eq!(document["schema"], "apnswatch.duties.v1");
    assert_eq!(document["accounts"].as_array().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_duty_that_is_none_is_refused() {
    let vendors = Vendors::new().await;
    let site = &vendors.site;
    site.configure(
        "accounts:\n  - { id: shared, address: mdm@example.com, duties: { sign_in: { every: 90d } } }\n  \
         - { id: idle, address: idle@example.com }\n",
        &[],
    );
    let future = (now().date_naive() + TimeDelta::days(2)).to_string();
    for (arguments, status, word) in [
        (&["sign_in", "--account", "stranger"][..], 1, "stranger"),
        (&["sign-in", "--account", "shared"], 1, "it has sign_in"),
        (&["sign_in", "--account", "idle"], 1, "it has none"),
        (&["sign_in", "--account", "shared", "--on", &future], 1, "future"),
        (&["sign_in"], 64, "--account"),
        (&["--account", "shared"], 64, "DUTY"),
        (&["sign_in", "--account", "shared", "--on", "yesterday"], 64, "--on"),
        (&["sign_in", "--account", "shared", "--when", "now"], 64, "--when"),
    ] {
        let ended = site.run(&[&["duty", "done"], arguments].concat()).await;
        assert_eq!(ended.status, Some(status), "{arguments:?}: {ended:?}");
        assert!(ended.stderr.contains(word) && ended.stdout.is_empty(), "{arguments:?}: {ended:?}");
    }
    assert_eq!(site.run(&["duty"]).await.status, Some(64));
    assert!(site.store().is_empty(), "nothing was kept");
}

const MAC: &str = "system_profiler SPConfigurationProfileDataType";

/// The lines on one tenant of what `check-config` prints.
fn lines_of<'a>(text: &'a str, tenant: &str) -> Vec<&'a str> {
    let lines = text.lines().skip_while(|line| !line.starts_with(&format!("{tenant} (")));
    lines.take_while(|line| !line.is_empty()).collect()
}

/// What nobody watches of a tenant, with what would close it.
fn gaps<'a>(text: &'a str, tenant: &str) -> Vec<&'a str> {
    lines_of(text, tenant).into_iter().filter_map(|line| line.trim().strip_prefix("nobody watches ")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn check_config_names_the_sources_that_would_close_each_blind_spot() {
    const RENEWABLE: &str = "whether it could be renewed: add account, policy.account_domains, duty sign_in of the \
                             account, duty second_factor_audit of the account, second_factor of the account, held by two";
    const WAY_OUT: &str = "the way to Apple: add probe, with the role device and, if the MDM runs here, server";
    const EXPIRY: &str = "when it ends: add certificate.files, or at least certificate.declared.not_after";
    const BY_PROFILE: &str = "the topic: add certificate.files, certificate.profiles or certificate.device_topics, or \
                              set mdm.enrolment_profile";
    const BY_FILE: &str = "the topic: add certificate.files, certificate.profiles or certificate.device_topics";
    let vendors = Vendors::new().await;
    let site = &vendors.site;
    let nothing = kandji::Tenant::default;
    let acme = site.intune("acme", answer("acme", 300), "");
    let full = "    account: shared\n    certificate: { files: ['full.pem'] }\n";
    let partly =
        "    mdm: { kind: none }\n    account: partly\n    certificate: { profiles: ['enrol.mobileconfig'] }\n";
    site.configure(
        "policy: { account_domains: [example.com] }\n\
         accounts:\n  - id: shared\n    address: mdm@example.com\n    second_factor: [desk phone, second admin]\n    \
         duties: { sign_in: { every: 90d }, second_factor_audit: { every: 365d } }\n  \
         - { id: partly, address: mdm@example.com, second_factor: [desk phone], duties: { sign_in: { every: 90d } } }\n",
        &[
            acme,
            vendors.jamf("south", server(), "", ""),
            vendors.kandji("east", nothing(), ", push: false", ""),
            vendors.kandji("full", nothing(), "", full),
            vendors.mosyle("school", beating(0, 0), "", ""),
            tenant("bare", "    mdm: { kind: none }\n    policy: { account_domains: [] }\n"),
            tenant("partly", partly),
        ],
    );
    let ended = site.run(&["check-config"]).await;
    assert_eq!((ended.status, ended.stderr.as_str()), (Some(0), ""), "{ended:?}");
    let gaps = |tenant| gaps(&ended.stdout, tenant);
    let with_domains = RENEWABLE.replace("policy.account_domains, ", "");
    let other_way = "whether pushes arrive: this MDM does not tell which devices are alive by another way than pushes";
    assert_eq!(gaps("acme"), [WAY_OUT, other_way, &with_domains]);
    assert_eq!(gaps("south"), [EXPIRY, BY_PROFILE, WAY_OUT, other_way, &with_domains]);
    // It asks for tokens, and that watches neither.
    assert_eq!(gaps("east"), [EXPIRY, BY_PROFILE, WAY_OUT, "whether pushes arrive: set mdm.push", &with_domains]);
    assert_eq!(gaps("full"), [WAY_OUT]);
    let weak = "whether pushes arrive: set mdm.push, which is a weak sign";
    assert_eq!(gaps("school"), [EXPIRY, BY_FILE, WAY_OUT, weak, &with_domains]);
    let nobody = "whether pushes arrive: no MDM is asked; only kandji and mosyle tell which devices are alive";
    assert_eq!(gaps("bare"), [EXPIRY, BY_FILE, WAY_OUT, nobody, RENEWABLE]);
    let half = "whether it could be renewed: add duty second_factor_audit of the account, second_factor of the \
                account, held by two";
    assert_eq!(gaps("partly"), [EXPIRY, WAY_OUT, nobody, half]);
    assert_eq!(ended.stdout.matches(MAC).count(), 1, "once for all: {}", ended.stdout);
    assert!(ended.stdout.trim_end().ends_with("{36}'"), "the command stands alone: {}", ended.stdout);
    assert!(!ended.stdout.contains(SECRET));
    assert_eq!(vendors.kandji.requests().len() + vendors.jamf.requests().len(), 0, "nothing is asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_config_shows_how_to_read_a_topic_where_one_is_open() {
    let vendors = Vendors::new().await;
    let site = &vendors.site;
    let file = site.certificate("desk.pem", &topic("desk"), "0A01", 200);
    let desk = |more: &str| {
        let certificate = format!("    mdm: {{ kind: none }}\n    certificate: {{ {more} }}\n");
        site.configure("", &[tenant("desk", &certificate)])
    };
    let (file, pinned) = (format!("files: ['{}']", file.display()), format!("expected_topic: {}", topic("desk")));
    for (certificate, times) in [(format!("{file}, {pinned}"), 0), (file, 1), (pinned, 1)] {
        desk(&certificate);
        let ended = site.run(&["check-config"]).await;
        assert_eq!((ended.status, ended.stdout.matches(MAC).count()), (Some(0), times), "{certificate}");
    }
    site.configure("", &[tenant("gone", "    mdm: { kind: none }\n    retired: true\n")]);
    assert!(!site.run(&["check-config"]).await.stdout.contains(MAC), "nobody looks after a retired one");
}
