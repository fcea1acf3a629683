//! What people say on the page: who may, what is kept, and what is not.

use std::collections::BTreeMap;
use std::path::Path;

use apnswatch::model::{PinOrigin, Statement, TenantName};
use apnswatch::store::{Contents, peek};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;

use crate::access::hash;
use crate::support::{Answered, Daemon, Site, filed, now, pem, send, tenant, topic};
use crate::upload::{BOUNDARY, form};

/// Somebody with a browser.
pub(crate) struct Person<'d> {
    daemon: &'d Daemon,
    login: String,
}

impl<'d> Person<'d> {
    pub(crate) fn new(daemon: &'d Daemon, user: &str) -> Self {
        Self { daemon, login: format!("Authorization: Basic {}", STANDARD.encode(format!("{user}:s3cret"))) }
    }

    pub(crate) async fn get(&self, path: &str) -> Answered {
        send(self.daemon.address, "GET", path, &format!("Host: localhost\r\n{}", self.login), b"").await
    }

    /// The token that stands in the forms of a page.
    async fn token(&self, path: &str) -> String {
        let page = self.get(path).await;
        let (_, rest) = page.body.split_once("name=\"token\" value=\"").expect("a form");
        rest.split('"').next().unwrap().to_owned()
    }

    pub(crate) async fn post(&self, path: &str, headers: &str, parts: &[(&str, &[u8])]) -> Answered {
        let headers = format!("{headers}\r\n{}\r\nContent-Type: multipart/form-data; boundary={BOUNDARY}", self.login);
        send(self.daemon.address, "POST", path, &headers, &form(parts)).await
    }

    /// Says something with the right token, from the right page.
    pub(crate) async fn say(&self, path: &str, parts: &[(&str, &str)]) -> Answered {
        let token = self.token(path.split("/said/").next().unwrap()).await;
        let mut all: Vec<(&str, &[u8])> = vec![("token", token.as_bytes())];
        all.extend(parts.iter().map(|(name, value)| (*name, value.as_bytes())));
        self.post(path, "Host: localhost\r\nOrigin: http://localhost\r\nSec-Fetch-Site: same-origin", &all).await
    }
}

fn lead(answered: &Answered) -> &str {
    let line = answered.head.lines().find_map(|line| line.strip_prefix("location: "));
    line.unwrap_or_else(|| panic!("{}: {}", answered.status, answered.body))
}

async fn site() -> Site {
    let site = Site::new().await;
    site.write("web.yml", format!("basic_auth_users: {{ kim: {hash}, sam: {hash} }}\n", hash = hash()));
    let file = site.certificate("acme.pem", &topic("acme"), "0C01", 20);
    let plan = site.certificate("west.pem", &topic("west"), "0D01", 100);
    let tenants = [
        filed("acme", &file).replace("    certificate", "    account: shared\n    certificate"),
        filed("west", &plan),
        tenant("blind", "    mdm: { kind: none }\n"),
    ];
    site.configure(
        "web: { config_file: web.yml, actions: true, external_url: 'https://apns.example.com/' }\n\
         accounts: [{ id: shared, address: it@example.com, duties: { sign_in: { every: 90d } } }]",
        &tenants,
    );
    site
}

async fn contents(site: &Site) -> Contents {
    peek(&apnswatch::config::Store::Sqlite(site.path("state.db"))).await.unwrap()
}

/// How many words the store has of anybody.
async fn words(site: &Site) -> usize {
    let contents = contents(site).await;
    contents.tenants.values().map(|memory| memory.attestations.len()).sum::<usize>()
        + contents.duties.values().map(Vec::len).sum::<usize>()
}

async fn started(site: &Site) -> Daemon {
    let daemon = site.serve().await;
    let login = Person::new(&daemon, "kim");
    crate::support::eventually("the topics are pinned", crate::support::SOON, || async {
        let page = login.get("/metrics").await;
        (page.body.matches("apns_topic_pin_info{").count() == 2).then_some(())
    })
    .await;
    daemon
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_says_anything_without_a_login_a_token_and_a_page_of_this_server() {
    let site = site().await;
    let daemon = started(&site).await;
    let (kim, sam) = (Person::new(&daemon, "kim"), Person::new(&daemon, "sam"));
    let nobody = Person { daemon: &daemon, login: "X-Nothing: 1".to_owned() };
    let wrong = Person { daemon: &daemon, login: format!("Authorization: Basic {}", STANDARD.encode("kim:guess")) };
    let path = "/tenants/acme/said/verified";
    let (mine, theirs) = (kim.token("/tenants/acme/renewal").await, sam.token("/tenants/acme/renewal").await);
    assert_ne!(mine, theirs);
    let step: (&str, &[u8]) = ("step", b"mac");
    let token = |token: &'static str| ("token", token.as_bytes());
    let own: (&str, &[u8]) = ("token", mine.as_bytes());
    let host = "Host: localhost";
    for (person, headers, parts, status) in [
        (&nobody, host, vec![own, step], 401),
        (&wrong, host, vec![own, step], 401),
        (&kim, host, vec![step], 403),
        (&kim, host, vec![token(""), step], 403),
        (&kim, host, vec![token("0000"), step], 403),
        (&kim, host, vec![("token", theirs.as_bytes()), step], 403),
        (&kim, "Host: evil.example.com", vec![own, step], 421),
        (&kim, "Host: localhost\r\nOrigin: https://evil.example.com", vec![own, step], 403),
        (&kim, "Host: localhost\r\nOrigin: null", vec![own, step], 403),
        (&kim, "Host: localhost\r\nSec-Fetch-Site: cross-site", vec![own, step], 403),
        // A proxy that was made to carry a form of another site here.
        (
            &kim,
            "Host: localhost\r\nX-Forwarded-Host: apns.example.com\r\nOrigin: https://evil.example.com",
            vec![own, step],
            403,
        ),
        (&kim, host, vec![own, step, ("more", b"")], 400),
        (&kim, host, vec![own, own, step], 400),
    ] {
        let answered = person.post(path, headers, &parts).await;
        assert_eq!(answered.status, status, "{headers} {parts:?}: {}", answered.body);
        let duty = person.post("/accounts/shared/duties/sign_in", headers, &parts[..parts.len() - 1]).await;
        assert!([status, 400].contains(&duty.status), "{headers} {parts:?}: {}", duty.body);
        assert_ne!(duty.status, 303, "{headers} {parts:?}");
    }
    let plain = send(daemon.address, "POST", path, &format!("{host}\r\n{}", kim.login), b"token=1&step=mac").await;
    assert_eq!(plain.status, 400, "{}", plain.body);
    for method in ["GET", "PUT", "DELETE"] {
        let answered = send(daemon.address, method, path, &format!("{host}\r\n{}", kim.login), b"").await;
        assert_eq!(answered.status, 405, "{method}");
    }
    // A target as for a proxy, with another host beside it.
    let target = format!("http://localhost{path}");
    let evil = "Host: evil.example.com\r\nOrigin: http://evil.example.com";
    assert_eq!(kim.post(&target, evil, &[own, step]).await.status, 421);
    assert_eq!(words(&site).await, 0, "nothing was kept");

    // And with all of it.
    let answered = kim.post(path, "Host: localhost\r\nOrigin: http://localhost", &[own, step]).await;
    assert_eq!((answered.status, lead(&answered)), (303, "/tenants/acme"));
    let behind = "Host: 127.0.0.1:12197\r\nOrigin: https://apns.example.com\r\nSec-Fetch-Site: same-origin";
    let answered = kim.post(path, behind, &[own, ("step", b"mobile"), ("room", b"renewal")]).await;
    assert_eq!((answered.status, lead(&answered)), (303, "/tenants/acme/renewal"));
    assert_eq!(words(&site).await, 2);
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_actions_are_off_there_is_no_form_and_no_way() {
    let site = site().await;
    let yaml = std::fs::read_to_string(site.path("apnswatch.yaml")).unwrap();
    site.write("apnswatch.yaml", yaml.replace("actions: true", "actions: false"));
    let daemon = started(&site).await;
    let kim = Person::new(&daemon, "kim");
    for page in ["/tenants/acme", "/tenants/acme/renewal", "/tenants/blind"] {
        let body = kim.get(page).await.body;
        assert!(!body.contains("/said/") && !body.contains("/duties/") && !body.contains("token"), "{page}");
    }
    let answered = kim.post("/tenants/acme/said/verified", "Host: localhost", &[("step", b"mac")]).await;
    assert_eq!(answered.status, 403);
    assert!(answered.body.contains("web.actions is off"), "{}", answered.body);
    assert_eq!(words(&site).await, 0);
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_is_said_from_the_first_file_to_the_last_confirmation() {
    let site = site().await;
    let daemon = started(&site).await;
    let kim = Person::new(&daemon, "kim");

    // The verdict offers to keep what was judged; keeping it confirms nothing.
    let new = pem(&topic("acme"), "0C02", 360);
    let judged = kim.post("/tenants/acme/renewal", "Host: localhost", &[("file", new.as_bytes())]).await;
    assert_eq!(judged.status, 200);
    let (_, der) = judged.body.split_once("name=\"der\" value=\"").expect("a form to keep it");
    let der = der.split('"').next().unwrap().to_owned();
    let kept = kim.say("/tenants/acme/said/certificate", &[("der", &der), ("room", "renewal")]).await;
    assert_eq!(lead(&kept), "/tenants/acme/renewal");
    let page = kim.get("/tenants/acme/renewal").await.body;
    assert!(page.contains("Kept: ") && !page.contains("counts from now on"), "it hides no end: {page}");
    daemon_until(
        &daemon,
        "the daemon looks at it",
        "apns_finding{tenant=\"acme\",mdm=\"none\",finding=\"renewal_unconfirmed\"} 1",
    )
    .await;
    let wrong = kim
        .post("/tenants/acme/renewal", "Host: localhost", &[("file", pem(&topic("west"), "0C03", 360).as_bytes())])
        .await;
    assert!(wrong.body.contains("do_not_upload") && !wrong.body.contains("name=\"der\""), "{}", wrong.body);

    // The upload, with a second admin.
    let uploaded = kim
        .say(
            "/tenants/acme/said/uploaded",
            &[("serial", "0c:02"), ("witness", " sam "), ("ticket", "CHG-7"), ("note", ""), ("room", "renewal")],
        )
        .await;
    assert_eq!(lead(&uploaded), "/tenants/acme/renewal");
    let page = kim.get("/tenants/acme/renewal").await.body;
    assert!(page.contains("Kept: ") && page.contains("the certificate with serial 0C02 was uploaded"), "{page}");
    daemon_until(&daemon, "it is in force", "serial=\"0C02\"").await;
    for step in ["console", "mobile", "mac"] {
        let answered = kim.say("/tenants/acme/said/verified", &[("step", step), ("room", "renewal")]).await;
        assert_eq!(answered.status, 303, "{}", answered.body);
    }
    let page = kim.get("/tenants/acme/renewal").await.body;
    assert_eq!(page.matches(", says kim on ").count(), 3, "{page}");
    let history = kim.get("/tenants/acme").await.body;
    assert!(history.contains("sam looked on") && history.contains("ticket CHG-7"), "{history}");
    let document: serde_json::Value = serde_json::from_str(&kim.get("/api/v1/tenants/acme").await.body).unwrap();
    let said = document["history"].as_array().unwrap().iter().find(|event| event["ticket"] == "CHG-7").unwrap();
    assert_eq!((&said["by"], &said["witness"]), (&"kim".into(), &"sam".into()), "{said}");

    // Whoever was killed has kept it all, and an old form still counts.
    let token = kim.token("/tenants/acme").await;
    daemon.signal("KILL").await;
    let daemon = started(&site).await;
    let kim = Person::new(&daemon, "kim");
    assert_eq!(kim.token("/tenants/acme").await, token);
    let memory = &contents(&site).await.tenants[&TenantName::parse("acme").unwrap()];
    let statements: Vec<&Statement> = memory.attestations.iter().map(|word| &word.statement).collect();
    assert!(matches!(statements[..], [Statement::CertificateAdded { .. }, Statement::Uploaded { .. }, ..]));
    assert_eq!(memory.attestations[1].by, "kim");
    daemon.stop().await;
}

async fn daemon_until(daemon: &Daemon, what: &str, wanted: &str) {
    let login = Person::new(daemon, "kim");
    crate::support::eventually(what, crate::support::SOON, || async {
        login.get("/metrics").await.body.contains(wanted).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_not_be_said_is_refused_on_the_page_where_it_was_said() {
    let site = site().await;
    let daemon = started(&site).await;
    let kim = Person::new(&daemon, "kim");
    let other = topic("elsewhere");
    let (copied, dashed) = (format!("{} (Topic)", topic("acme")), other.replacen('-', "\u{2013}", 1));
    let past = (now() - TimeDelta::days(1)).format("%Y-%m-%d").to_string();
    // The certificate ends 100 days and an hour from now, which may be on another day than 100 days from now.
    let before_the_end = |days: i64| {
        let end = now() + TimeDelta::days(100) + TimeDelta::hours(1);
        (end - TimeDelta::days(days)).format("%Y-%m-%d").to_string()
    };
    let (late, close) = (before_the_end(-1), before_the_end(2));
    let soon = (now() + TimeDelta::days(3)).format("%Y-%m-%d").to_string();
    let wests = pem(&topic("west"), "0E03", 365);
    let foreign = pem(&other, "0E01", 365);
    let with_key =
        format!("{}-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", pem(&topic("acme"), "0E02", 365));
    for (path, parts, status, why) in [
        ("acme/said/pin", vec![("topic", other.as_str())], 409, "is pinned to"),
        ("acme/said/pin", vec![("topic", "nonsense")], 422, "The topic is what the device prints"),
        ("acme/said/pin", vec![("topic", "com.apple.mgmt.")], 422, "The topic is what the device prints"),
        ("acme/said/pin", vec![("topic", copied.as_str())], 422, "The topic is what the device prints"),
        ("blind/said/pin", vec![("topic", dashed.as_str())], 422, "The topic is what the device prints"),
        ("acme/said/pin", vec![], 422, "The topic is what the device prints"),
        ("acme/said/uploaded", vec![("serial", "0C99")], 409, "no certificate file with serial 0C99"),
        ("acme/said/uploaded", vec![("serial", "what")], 422, "hexadecimal"),
        ("blind/said/uploaded", vec![], 409, "give its serial number"),
        ("acme/said/verified", vec![("step", "watch")], 422, "not said what was seen"),
        ("acme/said/certificate", vec![("file", foreign.as_str())], 409, "must not be uploaded"),
        ("blind/said/certificate", vec![("file", wests.as_str())], 409, "is the one of &quot;west&quot;"),
        ("acme/said/certificate", vec![("file", with_key.as_str())], 422, "private key"),
        ("acme/said/certificate", vec![("file", "<html>Sign in")], 422, "no MDM push certificate"),
        ("acme/said/certificate", vec![("der", "!")], 422, "damaged"),
        ("acme/said/removed", vec![("serial", "0C01")], 409, "no certificate with serial 0C01 is kept"),
        ("west/said/planned", vec![("on", past.as_str()), ("who", "sam")], 409, "is past"),
        ("west/said/planned", vec![("on", late.as_str()), ("who", "sam")], 409, "plan a day before that"),
        ("west/said/planned", vec![("on", close.as_str()), ("who", "sam")], 409, "with two days in between"),
        ("west/said/planned", vec![("on", soon.as_str()), ("who", "sam"), ("tier", "warning")], 409, "look again"),
        (
            "west/said/planned",
            vec![("on", soon.as_str()), ("who", "sam"), ("tier", "all")],
            422,
            "nothing of this name",
        ),
        ("west/said/planned", vec![("on", soon.as_str()), ("who", " ")], 409, "nobody is named"),
        ("west/said/planned", vec![("on", "soon"), ("who", "sam")], 422, "no date"),
        ("blind/said/planned", vec![("on", soon.as_str()), ("who", "sam")], 409, "phase unknown"),
        ("acme/said/nonsense", vec![], 404, "nothing of this kind"),
    ] {
        let answered = kim.say(&format!("/tenants/{path}"), &parts).await;
        assert_eq!(answered.status, status, "{path} {parts:?}: {}", answered.body);
        let (told, body) = (why.to_lowercase(), answered.body.to_lowercase());
        assert!(body.contains(&told) && body.contains("nothing was kept"), "{path} {parts:?}: {}", answered.body);
        assert!(answered.body.contains("role=\"alert\"") && answered.body.contains("The certificate"), "{path}");
        let (_, alert) = answered.body.split_once("role=\"alert\"").unwrap();
        let alert = alert.split("</p>").next().unwrap();
        assert!(!alert.contains("--") && !alert.contains("apnswatch"), "there is a form for it: {alert}");
    }
    let token = kim.token("/tenants/acme").await;
    let parts: [(&str, &[u8]); 1] = [("token", token.as_bytes())];
    assert_eq!(kim.post("/tenants/nobody/said/unplanned", "Host: localhost", &parts).await.status, 404);
    for (path, parts, status) in [
        ("/accounts/nobody/duties/sign_in", vec![], 409),
        ("/accounts/shared/duties/nothing", vec![], 409),
        ("/accounts/shared/duties/sign_in", vec![("on", "2999-01-01")], 409),
    ] {
        let token = kim.token("/tenants/acme").await;
        let mut all: Vec<(&str, &[u8])> = vec![("token", token.as_bytes())];
        all.extend(parts.iter().map(|(name, value): &(&str, &str)| (*name, value.as_bytes())));
        let answered = kim.post(path, "Host: localhost", &all).await;
        assert_eq!(answered.status, status, "{path}: {}", answered.body);
    }
    assert_eq!(words(&site).await, 0, "nothing was kept");
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_typed_into_a_form_that_was_refused_is_still_in_it_and_in_no_other() {
    let site = site().await;
    let daemon = started(&site).await;
    let kim = Person::new(&daemon, "kim");
    let pin = kim.say("/tenants/acme/said/pin", &[("topic", "\"><script>alert(1)</script>")]).await;
    assert!(pin.body.contains("value=\"&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;\""), "{}", pin.body);
    assert!(!pin.body.contains("<script>alert"), "{}", pin.body);
    let parts = [("serial", "0C99"), ("witness", "sam"), ("ticket", "CHG-7"), ("note", "by hand"), ("room", "renewal")];
    let uploaded = kim.say("/tenants/west/said/uploaded", &parts).await;
    for (name, value) in &parts[..4] {
        let field = format!("name=\"{name}\" value=\"{value}\"");
        assert!(uploaded.body.contains(&field), "{field}: {}", uploaded.body);
    }
    let parts = [("on", "2020-01-01"), ("who", "sam"), ("serial", "0C99"), ("note", "by hand"), ("room", "renewal")];
    let planned = kim.say("/tenants/west/said/planned", &parts).await;
    assert!(planned.body.contains("value=\"2020-01-01\"") && planned.body.contains("name=\"who\" value=\"sam\""));
    assert!(planned.body.contains("<details open><summary>Not today?"), "{}", planned.body);
    // Another form has fields of the same names.
    assert!(!planned.body.contains("0C99") && !planned.body.contains("by hand"), "{}", planned.body);
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pin_a_plan_a_duty_and_a_first_certificate() {
    let site = site().await;
    let daemon = started(&site).await;
    let (kim, sam) = (Person::new(&daemon, "kim"), Person::new(&daemon, "sam"));

    // The pin.
    let page = kim.get("/tenants/acme").await.body;
    assert!(page.contains("/said/pin"), "{page}");
    assert_eq!(kim.say("/tenants/acme/said/pin", &[("topic", &topic("acme").to_lowercase())]).await.status, 303);
    let page = kim.get("/tenants/acme").await.body;
    assert!(page.contains("Confirmed by kim") && !page.contains("/said/pin"), "{page}");
    let pins: BTreeMap<_, _> =
        contents(&site).await.tenants.into_iter().filter_map(|(n, m)| Some((n, m.pin?))).collect();
    assert_eq!(pins[&TenantName::parse("acme").unwrap()].origin, PinOrigin::Confirmed);

    // The plan.
    let on = (now() + TimeDelta::days(3)).date_naive();
    let said = sam
        .say(
            "/tenants/west/said/planned",
            &[("on", &on.to_string()), ("who", "<b>kim</b>"), ("tier", "info"), ("room", "renewal")],
        )
        .await;
    assert_eq!(lead(&said), "/tenants/west/renewal");
    let metric = |body: &str| {
        let line = body.lines().find(|line| line.starts_with("apns_renewal_planned_timestamp_seconds{"));
        line.map(ToOwned::to_owned)
    };
    let until = (on + chrono::Days::new(1)).and_time(chrono::NaiveTime::MIN).and_utc().timestamp();
    let told = metric(&kim.get("/metrics").await.body).unwrap();
    assert_eq!(
        told,
        format!("apns_renewal_planned_timestamp_seconds{{tenant=\"west\",mdm=\"none\",tier=\"info\"}} {until}")
    );
    let page = kim.get("/tenants/west").await.body;
    assert!(page.contains("&lt;b&gt;kim&lt;/b&gt;") && page.contains(", says sam."), "{page}");
    assert!(kim.get("/").await.body.contains(&format!("planned for {on}")));
    assert_eq!(kim.say("/tenants/west/said/unplanned", &[]).await.status, 303);
    assert_eq!(metric(&kim.get("/metrics").await.body), None);

    // The duty.
    let token = kim.token("/tenants/acme").await;
    let parts: [(&str, &[u8]); 3] = [("token", token.as_bytes()), ("tenant", b"acme"), ("note", b"by hand")];
    let done = kim.post("/accounts/shared/duties/sign_in", "Host: localhost", &parts).await;
    assert_eq!(lead(&done), "/tenants/acme");
    let page = kim.get("/tenants/acme").await.body;
    assert!(page.contains(" by kim"), "{page}");
    // What was said last, and not the pin of a moment ago.
    assert!(page.contains("Kept: </strong>duty sign_in was done, says kim"), "{page}");
    let page = sam.get("/tenants/acme").await.body;
    assert!(!page.contains("Kept: "), "it was not sam who said so: {page}");
    let duties = contents(&site).await.duties;
    let done = &duties.values().next().unwrap()[0];
    assert_eq!((done.by.as_str(), done.note.as_deref()), ("kim", Some("by hand")));

    // Nobody can date it, until somebody hands over its certificate.
    let page = kim.get("/tenants/blind").await.body;
    assert!(page.contains("<details open") && page.contains("Nobody knows when it ends"), "{page}");
    let file = pem(&topic("blind"), "0F01", 50);
    assert_eq!(kim.say("/tenants/blind/said/certificate", &[("file", &file)]).await.status, 303);
    let page = kim.get("/tenants/blind").await.body;
    assert!(page.contains("its end counts from now on, uploaded or not"), "{page}");
    daemon_until(&daemon, "its end counts", "apns_certificate_phase{tenant=\"blind\",mdm=\"none\",phase=\"plan\"} 1")
        .await;
    let page = kim.get("/tenants/blind").await.body;
    assert!(page.contains("handed over by kim on "), "{page}");
    assert!(page.contains("its end counts from now on, uploaded or not"), "also after it was looked at: {page}");
    assert_eq!(kim.say("/tenants/blind/said/removed", &[("serial", "0F01")]).await.status, 303);
    let page = kim.get("/tenants/blind").await.body;
    assert!(page.contains("still keeps the topic") && page.contains("taken at first sight"), "{page}");
    assert!(!page.contains("counts from now on"), "{page}");
    daemon_until(
        &daemon,
        "it counts no more",
        "apns_certificate_phase{tenant=\"blind\",mdm=\"none\",phase=\"unknown\"} 1",
    )
    .await;
    assert!(!log_has(&daemon, "s3cret"));
    assert!(log_has(&daemon, "said on the page by kim"));
    daemon.stop().await;
}

fn log_has(daemon: &Daemon, text: &str) -> bool {
    daemon.log().contains(text)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_disk_does_not_keep_is_not_said_to_be_kept() {
    let site = site().await;
    let daemon = started(&site).await;
    let kim = Person::new(&daemon, "kim");
    for file in ["state.db", "state.db-wal", "state.db-shm"] {
        let path: &Path = &site.path(file);
        if path.exists() {
            std::fs::remove_file(path).unwrap();
        }
    }
    let answered = kim.say("/tenants/acme/said/pin", &[("topic", &topic("acme"))]).await;
    assert_eq!(answered.status, 503, "{}", answered.body);
    assert!(answered.body.contains("so nothing was kept"), "{}", answered.body);
    assert!(kim.get("/tenants/acme").await.body.contains("unconfirmed"));
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_lets_people_act_behind_a_login_that_it_prints() {
    let mut command = crate::support::program();
    command.args(["demo", "--actions", "--listen", "127.0.0.1:0"]);
    let demo = Daemon::start(command).await;
    let told = crate::support::eventually("it prints the login", crate::support::SOON, || async {
        demo.log()
            .split_once("Log in as demo with the password ")
            .map(|(_, rest)| rest.lines().next().unwrap().to_owned())
    })
    .await;
    assert_eq!(demo.get("/").await.status, 401);
    let login = format!("Authorization: Basic {}", STANDARD.encode(format!("demo:{told}")));
    let demo_user = Person { daemon: &demo, login };
    assert_eq!(demo_user.get("/").await.status, 200);
    let page = demo_user.get("/tenants/acme").await;
    assert!(page.body.contains("name=\"token\""), "{}", page.body);
    demo.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_not_uploaded_yet_hides_no_end() {
    let site = site().await;
    // Its topic is fixed, its end is only declared, and no file of it is watched.
    let soon = (now() + TimeDelta::days(9)).format("%Y-%m-%d");
    let yaml = std::fs::read_to_string(site.path("apnswatch.yaml")).unwrap();
    let declared = format!(
        "    mdm: {{ kind: none }}\n    certificate: {{ expected_topic: {}, declared: {{ not_after: {soon} }} }}\n",
        topic("typed")
    );
    site.write("apnswatch.yaml", yaml + &tenant("typed", &declared));
    let daemon = site.serve().await;
    let kim = Person::new(&daemon, "kim");
    daemon_until(&daemon, "it is known", "apns_certificate_phase{tenant=\"typed\",mdm=\"none\",phase=\"renew\"} 1")
        .await;
    let new = pem(&topic("typed"), "0901", 364);
    let judged = kim.post("/tenants/typed/renewal", "Host: localhost", &[("file", new.as_bytes())]).await;
    assert_eq!(judged.status, 200, "{}", judged.body);
    assert!(judged.body.contains("badge renewal") || judged.body.contains("badge warning"), "{}", judged.body);
    assert!(!judged.body.contains("name=\"der\"") && judged.body.contains("not kept here yet"), "{}", judged.body);
    let early = kim.say("/tenants/typed/said/certificate", &[("file", &new), ("room", "renewal")]).await;
    assert_eq!(early.status, 409, "{}", early.body);
    assert_eq!(words(&site).await, 0, "the end of nine days must stay");
    // On the page of the tenant it is said that the MDM has it.
    assert_eq!(kim.say("/tenants/typed/said/certificate", &[("file", &new)]).await.status, 303);
    // Once is enough, and is told so.
    let again = kim.say("/tenants/typed/said/certificate", &[("file", &new)]).await;
    assert!(again.status == 409 && again.body.contains("is kept already"), "{}", again.body);
    assert_eq!(words(&site).await, 1);
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn actions_without_anybody_who_could_log_in_end_the_start() {
    let site = site().await;
    site.write("web.yml", "http_server_config: { headers: { X-Frame-Options: deny } }\n");
    for command in ["serve", "check-config"] {
        let ended = site.run(&[command]).await;
        assert_eq!(ended.status, Some(64), "{command}: {}", ended.stderr);
        assert!(ended.stderr.contains("web.actions: needs basic_auth_users"), "{command}: {}", ended.stderr);
    }
}

/// What the button of the console says, beside which it stands.
async fn console(kim: &Person<'_>) -> Option<String> {
    let page = kim.get("/tenants/acme/renewal").await.body;
    let (_, rest) = page.split_once("name=\"sha256\" value=\"")?;
    let (sha256, rest) = rest.split_once('"').unwrap();
    assert!(rest.contains("counts as uploaded"), "{page}");
    Some(sha256.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_looks_at_an_old_page_says_nothing_of_a_newer_file() {
    let site = site().await;
    let daemon = started(&site).await;
    let kim = Person::new(&daemon, "kim");
    // What is in force needs nobody's word, and an old file is not the one that was uploaded now.
    assert_eq!(console(&kim).await, None);
    site.certificate("acme.pem", &topic("acme"), "0C02", 360);
    let unconfirmed = "apns_finding{tenant=\"acme\",mdm=\"none\",finding=\"renewal_unconfirmed\"} 1";
    daemon_until(&daemon, "the new file is seen", unconfirmed).await;
    let shown = console(&kim).await.expect("the new file is shown");
    // While the page is looked at, a newer one comes.
    let newer = pem(&topic("acme"), "0C03", 364);
    assert_eq!(kim.say("/tenants/acme/said/certificate", &[("file", &newer)]).await.status, 303);
    let seen = [("step", "console"), ("sha256", shown.as_str()), ("room", "renewal")];
    let late = kim.say("/tenants/acme/said/verified", &seen).await;
    assert_eq!(late.status, 409, "{}", late.body);
    assert!(late.body.contains("Another file is the newest by now"), "{}", late.body);
    assert_eq!(words(&site).await, 1, "the certificate alone");
    // A word without a file is one, and confirms none.
    let shown = console(&kim).await.expect("the newer file is shown");
    assert_eq!(kim.say("/tenants/acme/said/verified", &[("step", "console")]).await.status, 303);
    daemon_until(&daemon, "nothing is confirmed", unconfirmed).await;
    let seen = [("step", "console"), ("sha256", shown.as_str())];
    assert_eq!(kim.say("/tenants/acme/said/verified", &seen).await.status, 303);
    daemon_until(&daemon, "it is in force", "serial=\"0C03\"").await;
    daemon.stop().await;
}
