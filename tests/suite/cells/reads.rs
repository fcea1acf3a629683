//! No request was ever other than the documented reads and logins.

use std::collections::BTreeSet;

use apnswatch::demo::{intune, jamf, kandji, mosyle, world};
use apnswatch::provider::mosyle::Product;

use super::site::{Vendors, beating, blueprint, days, enrolling, macs, set, up};
use crate::support::{SECRET, answer, now, tenant, topic};

const USER: &str = "watcher";

/// What was asked of Microsoft: `METHOD path`, ids as `{...}`. Of a query only known words may be there.
fn of_intune(seen: &intune::Seen) -> String {
    let (path, query) = seen.path.split_once('?').unwrap_or((&seen.path, ""));
    let is_page = query.starts_with("%24skiptoken=");
    let is_devices = path.ends_with("/managedDevices") && query.starts_with("%24select=operatingSystem");
    assert!(query.is_empty() || is_page || is_devices, "{seen:?}");
    // A token that was revoked belongs to nobody.
    let path = match &seen.directory {
        Some(directory) => path.replace(directory.as_str(), "{directory}"),
        None => path.to_owned(),
    };
    format!("{} {path}", seen.method)
}

fn of_jamf(seen: &jamf::Seen) -> String {
    let path = seen.path.replace("/mobile-device-enrollment-profile/7/", "/mobile-device-enrollment-profile/{id}/");
    assert_eq!(seen.cookie, None, "{seen:?}");
    assert!(seen.method == "GET" || seen.query.is_empty(), "{seen:?}");
    format!("{} {path}", seen.method)
}

fn of_kandji(seen: &kandji::Seen) -> String {
    let path = seen.target.split('?').next().unwrap();
    format!("{} {}", seen.method, path.replace(&blueprint("").id, "{id}"))
}

fn of_mosyle(seen: &mosyle::Seen) -> String {
    // Business tells by a word in the body what it wants.
    let operation = seen.operation.as_ref().map(|operation| format!(" {operation}")).unwrap_or_default();
    format!("{} {}{operation}", seen.method, seen.path)
}

/// Everything is switched on, every product and every login there is.
fn configure(vendors: &Vendors) {
    let site = &vendors.site;
    let acme = site.intune("acme", answer("acme", 300), "");
    site.microsoft.change(&world::directory("acme"), |directory| {
        let tokens = (0..3).map(|id| intune::server_token(&format!("a{id}"), "enrolment", days(200)));
        directory.server_tokens = intune::Answer::List(intune::List::paged(tokens, 1));
        let devices = (0..5).map(|_| intune::managed_device("iOS", "iPhone 15", now()));
        directory.devices = intune::Answer::List(intune::List::paged(devices, 2));
    });
    let profile = ", enrolment_profile: true";
    let devices: Vec<_> = (1..=250).map(|id| jamf::device(id, "iPad12,1", now())).collect();
    let busy = enrolling(&topic("south")).with(jamf::Resource::Devices, jamf::Answer::List(devices));
    let mut older = enrolling(&topic("older"));
    older.token_paths = jamf::TokenPaths::Older;
    let mut user = enrolling(&topic("user"));
    user.credential = jamf::Credential::User(USER.to_owned(), SECRET.into());
    vendors.jamf.set_clock(now());
    vendors.jamf.set_server("/user", user);
    let user = format!(
        "    mdm: {{ kind: jamf, url: '{}', username: {USER}, password_file: {}{profile} }}\n",
        vendors.jamf.url("/user"),
        site.path("secret").display()
    );
    let east = kandji::Tenant {
        integrations: vec![kandji::Integration::new("e1", "main", days(200))],
        devices: macs(400, 3),
        blueprints: vec![blueprint(&topic("east"))],
        ..kandji::Tenant::default()
    };
    site.configure(
        "",
        &[
            acme,
            vendors.jamf("south", busy, profile, ""),
            vendors.jamf("older", older, profile, ""),
            tenant("user", &user),
            vendors.kandji("east", east, profile, ""),
            vendors.mosyle("works", beating(150, 3), ", push: true", ""),
            vendors.mosyle_of(Product::Manager, "school", beating(150, 3), ", push: true", ""),
        ],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_but_documented_reads_and_logins_is_ever_asked_for() {
    let vendors = Vendors::new().await;
    configure(&vendors);
    let site = &vendors.site;
    let daemon = site.serve().await;
    let all = ["acme", "south", "older", "user", "east", "works", "school"];
    let known = |scrape: &crate::support::Scrape| {
        all.iter().all(|tenant| {
            let polled = scrape.all("apns_source_up", &[("tenant", tenant)]).len();
            polled > 0 && up(scrape, tenant).len() == polled
        })
    };
    daemon.until("everything answered", known).await;
    // Logins that die are made again.
    site.microsoft.revoke_tokens();
    vendors.jamf.revoke_tokens();
    vendors.mosyle.revoke_tokens();
    site.reads_reach("acme", site.reads("acme") + 8).await;
    daemon.stop().await;
    let access = site.run(&["access"]).await;
    assert_eq!(access.status, Some(0), "{}", access.stdout);
    site.run(&["once"]).await;
    site.run(&["check-config"]).await;

    let asked = |words: Vec<String>| words.into_iter().collect::<BTreeSet<String>>();
    assert_eq!(
        asked(site.microsoft.requests().iter().map(of_intune).collect()),
        set([
            "POST /{directory}/oauth2/v2.0/token",
            "GET /v1.0/deviceManagement/applePushNotificationCertificate",
            "GET /beta/deviceManagement/depOnboardingSettings",
            "GET /v1.0/deviceAppManagement/vppTokens",
            "GET /v1.0/deviceManagement/managedDevices",
        ])
    );
    assert_eq!(
        asked(vendors.jamf.requests().iter().map(of_jamf).collect()),
        set([
            "POST /api/v1/oauth/token",
            "POST /api/oauth/token",
            "POST /api/v1/auth/token",
            "GET /api/v1/notifications",
            "GET /api/v1/device-enrollments",
            "GET /api/v1/volume-purchasing-locations",
            "GET /api/v1/apns-client-push-status",
            "GET /api/v2/mobile-devices/detail",
            "GET /JSSResource/mobiledeviceenrollmentprofiles",
            "GET /api/v1/mobile-device-enrollment-profile/{id}/download-profile",
        ])
    );
    assert_eq!(
        asked(vendors.kandji.requests().iter().map(of_kandji).collect()),
        set([
            "GET /api/v1/integrations/apple/ade",
            "GET /api/v1/prism/device_information",
            "GET /api/v1/blueprints",
            "GET /api/v1/blueprints/{id}/ota-enrollment-profile",
        ])
    );
    assert_eq!(
        asked(vendors.mosyle.requests().iter().map(of_mosyle).collect()),
        set(["POST /v1/login", "POST /v1/devices list", "POST /v2/login", "POST /v2/listdevices"])
    );
}
