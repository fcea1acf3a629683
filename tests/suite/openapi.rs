//! The description of the API, held against the code and against what a running program answers.

mod judge;

use std::collections::{BTreeMap, BTreeSet};

use apnswatch::certificate::Kind;
use apnswatch::certificate::preflight::Verdict;
use apnswatch::demo::intune::Answer;
use apnswatch::evaluate::Level;
use apnswatch::evaluate::answers::Standing;
use apnswatch::model::{
    Attestation, DrillSeverity, Family, Finding, HumanStep, IpVersion, LetterEvent, MdmKind, Notice, Phase, PinChange,
    PinOrigin, Precision, ProbeReason, Question, Reason, Role, Source, Statement, Step, TenantName, Tier, TokenKind,
};
use apnswatch::store::Desk;
use serde_json::{Value, json};

use crate::access::hash;
use crate::support::{
    Answered, Daemon, SOON, Site, answer, document, eventually, filed, now, pem, project, request, request_with, send,
    told, topic,
};
use judge::Judge;

const OPENAPI: &str = "/api/v1/openapi.json";
const PREFLIGHT: &str = "/api/v1/preflight";

/// Fields that no test on loopback can bring about, and why.
const UNSEEN: [(&str, &str); 1] =
    [("Target.outside_apple", "names of Apple's are asked of the resolver, and here are none")];

fn shipped() -> Value {
    serde_json::from_str(&document("src/web/assets/openapi.json")).unwrap()
}

/// The JSON of an answer, after a look at its status and type.
fn read(answered: &Answered, status: u16) -> Value {
    assert_eq!(answered.status, status, "{}\n{}", answered.head, answered.body);
    let kind = if status == 200 { "application/json" } else { "application/problem+json" };
    assert!(answered.head.contains(&format!("content-type: {kind}\r\n")), "{}", answered.head);
    serde_json::from_str(&answered.body).unwrap_or_else(|_| panic!("no JSON: {}", answered.body))
}

fn form(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, content) in parts {
        body.extend(
            format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"x\"\r\n\r\n").as_bytes(),
        );
        body.extend(*content);
        body.extend(b"\r\n");
    }
    body.extend(b"--b--\r\n");
    body
}

async fn post(daemon: &Daemon, body: &[u8]) -> Answered {
    let headers = "Host: localhost\r\nContent-Type: multipart/form-data; boundary=b";
    send(daemon.address, "POST", PREFLIGHT, headers, body).await
}

/// The path of a tenant's document.
fn path_of(name: &str) -> String {
    use std::fmt::Write as _;
    name.bytes().fold("/api/v1/tenants/".to_owned(), |mut path, byte| {
        let _ = write!(path, "%{byte:02X}");
        path
    })
}

/// Judges the status document, and the document of every tenant in it; gives the former.
async fn judge_state(daemon: &Daemon, judge: &mut Judge) -> Value {
    let status = read(&daemon.get("/api/v1/status").await, 200);
    judge.judge("Status", &[("the status".to_owned(), status.clone())]);
    let mut tenants = Vec::new();
    for tenant in status["tenants"].as_array().unwrap() {
        let name = tenant["name"].as_str().unwrap();
        let document = read(&daemon.get(&path_of(name)).await, 200);
        assert_eq!(document["tenant"]["name"], name);
        tenants.push((name.to_owned(), document));
    }
    judge.judge("TenantDocument", &tenants);
    status
}

#[test]
fn every_list_of_words_is_the_one_in_the_code() {
    let lists: [(&str, Vec<&str>); 21] = [
        ("Level", Level::ALL.map(Level::as_str).to_vec()),
        ("Phase", Phase::ALL.map(Phase::as_str).to_vec()),
        ("Finding", Finding::ALL.map(Finding::as_str).to_vec()),
        ("Question", Question::ALL.map(Question::as_str).to_vec()),
        ("Standing", Standing::ALL.map(Standing::as_str).to_vec()),
        ("Source", Source::ALL.map(Source::as_str).to_vec()),
        ("MdmKind", MdmKind::ALL.map(MdmKind::as_str).to_vec()),
        ("Tier", Tier::ALL.map(Tier::as_str).to_vec()),
        ("Precision", Precision::ALL.map(Precision::as_str).to_vec()),
        ("PinOrigin", PinOrigin::ALL.map(PinOrigin::as_str).to_vec()),
        ("Notice", Notice::ALL.map(Notice::as_str).to_vec()),
        ("TokenKind", TokenKind::ALL.map(TokenKind::as_str).to_vec()),
        ("Family", Family::ALL.map(Family::as_str).to_vec()),
        ("Reason", Reason::ALL.map(Reason::as_str).to_vec()),
        ("Role", Role::ALL.map(Role::as_str).to_vec()),
        ("Step", Step::ALL.map(Step::as_str).to_vec()),
        ("ProbeReason", ProbeReason::ALL.map(ProbeReason::as_str).to_vec()),
        ("IpVersion", IpVersion::ALL.map(IpVersion::as_str).to_vec()),
        ("DrillSeverity", DrillSeverity::ALL.map(DrillSeverity::as_str).to_vec()),
        ("Verdict", Verdict::ALL.map(Verdict::as_str).to_vec()),
        ("FileKind", Kind::ALL.map(Kind::as_str).to_vec()),
    ];
    let right: BTreeMap<String, Value> =
        lists.into_iter().map(|(name, words)| (format!("/components/schemas/{name}"), json!(words))).collect();
    let mut found = BTreeMap::new();
    enums(&shipped(), "", &mut found);
    assert_eq!(found, right);
}

/// Every list of words in the document, by where it stands.
fn enums(value: &Value, at: &str, found: &mut BTreeMap<String, Value>) {
    if let Some(list) = value.get("enum") {
        found.insert(at.to_owned(), list.clone());
    }
    for (key, value) in value.as_object().into_iter().flatten() {
        enums(value, &format!("{at}/{key}"), found);
    }
    for (index, value) in value.as_array().into_iter().flatten().enumerate() {
        enums(value, &format!("{at}/{index}"), found);
    }
}

/// What the code of the web side says of routes below `/api`: path and method.
fn routes() -> BTreeSet<(String, String)> {
    let mut open = vec![project("src/web.rs"), project("src/web")];
    let mut found = BTreeSet::new();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        for rest in text.split(".route(").skip(1) {
            let call = rest.split(".route(").next().unwrap().lines().take(3).collect::<String>();
            // A path that is a constant is the calendar's, which is no part of the API.
            let Some(route) = call.split('"').nth(1) else {
                assert!(call.starts_with("access::CALENDAR") || call.contains("calendar"), "{call}");
                continue;
            };
            let methods = ["get", "post", "put", "patch", "delete"];
            let has = |method: &&str| [" ", "."].iter().any(|before| call.contains(&format!("{before}{method}(")));
            if route.starts_with("/api") {
                found.extend(methods.into_iter().filter(has).map(|method| (route.to_owned(), method.to_owned())));
            }
        }
    }
    found
}

#[test]
fn every_route_is_described_and_the_reverse() {
    let document = shipped();
    let described = document["paths"].as_object().unwrap().iter().flat_map(|(path, methods)| {
        let methods = methods.as_object().unwrap().keys();
        methods.map(move |method| (path.clone(), method.clone()))
    });
    let described: BTreeSet<_> = described.collect();
    assert_eq!(described, routes());
    assert_eq!(described.len(), 4);
    // Whoever asks may be asked for a login and may use a wrong name, everywhere.
    for (path, method) in described {
        let responses = &document["paths"][&path][&method]["responses"];
        assert!(responses["200"].is_object() && responses["401"].is_object() && responses["421"].is_object(), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_program_answers_is_what_is_described() {
    let demo = Daemon::demo().await;
    let mut judge = Judge::new(&shipped());
    let served = read(&demo.get(OPENAPI).await, 200);
    let mut right = shipped();
    right["info"]["version"] = json!(env!("CARGO_PKG_VERSION"));
    assert_eq!(served, right);

    // From the first answer on, when nobody was asked yet, to the last scene.
    judge_state(&demo, &mut judge).await;
    demo.until("every finding", |scrape| {
        let shown = scrape.all("apns_finding", &[]).into_iter().filter(|sample| sample.value != 0.0);
        let shown: BTreeSet<_> = shown.map(|sample| sample.labels["finding"].as_str()).collect();
        shown.len() == Finding::ALL.len() && scrape.reason("valley").is_some()
    })
    .await;
    let status = judge_state(&demo, &mut judge).await;
    let phases: BTreeSet<_> =
        status["tenants"].as_array().unwrap().iter().map(|tenant| tenant["phase"].as_str()).collect();
    assert_eq!(phases, Phase::ALL.into_iter().map(|phase| Some(phase.as_str())).collect());

    let mut verdicts = Vec::new();
    for (what, file) in [
        ("another topic", pem(&topic("nobody"), "0C02", 365).into_bytes()),
        ("a page", b"<!DOCTYPE html><html>Sign in</html>".to_vec()),
        ("nothing", Vec::new()),
        ("noise", vec![0, 1, 2, 3]),
        ("JSON", b"{}".to_vec()),
    ] {
        let verdict = read(&post(&demo, &form(&[("tenant", b"acme"), ("file", &file)])).await, 200);
        verdicts.push((what.to_owned(), verdict));
    }
    judge.judge("Preflight", &verdicts);
    demo.stop().await;

    // What people say, and a renewal that was seen.
    let site = Site::new().await;
    let head = "web: { listen: '127.0.0.1:0', reload: true }\nnotify:\n  smtp: { server: '127.0.0.1:9', tls: none, from: \
                watch@example.com, to: [it@example.com] }\n  letter: { to: [it@example.com] }\naccounts:\n  - id: shared\n    address: apns@example.com\n    \
                duties: { sign_in: { every: 90d }, rehearsal: { every: 3650d } }\n";
    let file = site.certificate("east.pem", &topic("east"), "0C01", 20);
    let tenants = [
        site.intune("acme", answer("acme", 20), "    account: shared\n"),
        filed("\"><script>alert(1)</script>/..%2f", &file),
    ];
    site.configure(head, &tenants);
    // One letter that was read, and its successor.
    let mut desk = Desk::open(&apnswatch::config::Store::Sqlite(site.path("state.db"))).await.unwrap();
    let (code, at, to) = ("c0de".to_owned(), now(), vec!["it@example.com".to_owned()]);
    for event in [
        LetterEvent::Due { number: 1, code: code.clone(), at },
        LetterEvent::Confirmed { number: 1, at, by: "kim".to_owned() },
        LetterEvent::Due { number: 2, code, at },
        LetterEvent::Sent { number: 2, at, to },
    ] {
        desk.tell_letter(&event).await.unwrap();
    }
    desk.close().await;
    let daemon = site.serve().await;
    daemon.until("the topics are pinned", |scrape| scrape.all("apns_topic_pin_info", &[]).len() == 2).await;
    for command in [
        &["pin", "confirm", "--tenant", "acme", "--topic", &topic("acme"), "--by", "kim"][..],
        &["confirm", "--tenant", "acme", "--serial", "0C01", "--by", "kim", "--note", "on the phone"],
        &["duty", "done", "sign_in", "--account", "shared", "--by", "kim"],
        &["duty", "done", "rehearsal", "--account", "shared", "--by", "kim"],
        &["drill", "--severity", "critical", "--by", "kim"],
    ] {
        let ended = site.run(command).await;
        // The drill looks for a daemon at the configured address; that it is written is what counts here.
        assert!(ended.status == Some(0) || command[0] == "drill", "{ended:?}");
    }
    // What is said on the page, where there is a second admin and a ticket.
    let mut desk = Desk::open(&apnswatch::config::Store::Sqlite(site.path("state.db"))).await.unwrap();
    let word = Attestation {
        statement: Statement::Verified { step: HumanStep::Mac },
        at: now(),
        by: "kim".to_owned(),
        note: None,
        witness: Some("sam".to_owned()),
        ticket: Some("CHG-7".to_owned()),
    };
    desk.attest(&TenantName::parse("acme").unwrap(), &[word], &PinChange::Keep).await.unwrap();
    desk.close().await;
    let mut renewed = told("acme", 364);
    renewed.serial = "0C08".to_owned();
    site.set("acme", Answer::Certificate(renewed));
    eventually("the renewal and what people said are told", SOON, async || {
        let status = read(&daemon.get("/api/v1/status").await, 200);
        let acme = status["tenants"].as_array().unwrap().iter().find(|tenant| tenant["name"] == "acme").unwrap();
        let is_told = acme["certificate"]["renewed"].is_string() && acme["pin"]["by"] == "kim";
        (is_told && status["drills"][0]["by"] == "kim").then_some(())
    })
    .await;
    judge_state(&daemon, &mut judge).await;
    let good =
        post(&daemon, &form(&[("tenant", b"acme"), ("file", pem(&topic("acme"), "0C09", 400).as_bytes())])).await;
    judge.judge("Preflight", &[("a renewal".to_owned(), read(&good, 200))]);
    daemon.stop().await;

    assert!(judge.judged() > 100, "{}", judge.judged());
    let mut unseen = judge.unseen();
    unseen.retain(|field| !field.starts_with("Problem."));
    assert_eq!(unseen, UNSEEN.into_iter().map(|(field, _)| field.to_owned()).collect());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_is_a_problem_document() {
    let site = Site::new().await;
    let file = site.certificate("acme.pem", &topic("acme"), "0C01", 20);
    site.configure("", &[filed("acme", &file)]);
    let daemon = site.serve().await;
    daemon.ready().await;
    let at = daemon.address;
    let pem = pem(&topic("acme"), "0C02", 365);
    let key = format!("{pem}-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    let big = vec![b'x'; 1100 * 1024];
    let mut problems = Vec::new();
    let mut take = |what: &str, answered: Answered, status: u16| {
        let problem = read(&answered, status);
        assert_eq!(problem["status"], status);
        problems.push((what.to_owned(), problem));
    };
    for path in [
        "/api",
        "/api/",
        "/api/v1",
        "/api/v1/",
        "/api/v2/status",
        "/api/v1/status/",
        "/api/v1/tenants/",
        "/api/v1/tenants/a/b",
    ] {
        take(path, daemon.get(path).await, 404);
    }
    take("an unknown tenant", daemon.get("/api/v1/tenants/nobody").await, 404);
    take("an escape that is no UTF-8", daemon.get("/api/v1/tenants/%ff").await, 400);
    for (method, path) in [
        ("POST", "/api/v1/status"),
        ("PUT", "/api/v1/status"),
        ("DELETE", "/api/v1/tenants/acme"),
        ("GET", PREFLIGHT),
        ("POST", OPENAPI),
        ("BREW", "/api/v1/status"),
    ] {
        let answered = request(at, method, path, "localhost").await;
        assert!(answered.head.contains("\r\nallow: "), "{}", answered.head);
        take(&format!("{method} {path}"), answered, 405);
    }
    for path in ["/api/v1/status", "/api/v1/tenants/acme", OPENAPI, "/api/nowhere"] {
        take("a foreign host", request(at, "GET", path, "evil.example.com").await, 421);
    }
    take("no form", request(at, "POST", PREFLIGHT, "localhost").await, 400);
    take("another form", request_with(at, "POST", PREFLIGHT, "Host: localhost\r\nContent-Type: text/plain").await, 400);
    for (what, parts, status) in [
        ("no tenant", &[("file", pem.as_bytes())][..], 400),
        ("no file", &[("tenant", b"acme")], 400),
        ("two files", &[("file", b"a"), ("file", b"b")], 400),
        ("another part", &[("note", b"a")], 400),
        ("an unknown tenant", &[("tenant", b"nobody"), ("file", pem.as_bytes())], 404),
        ("a private key", &[("tenant", b"acme"), ("file", key.as_bytes())], 422),
        ("too much", &[("tenant", b"acme"), ("file", &big)], 413),
    ] {
        take(what, post(&daemon, &form(parts)).await, status);
    }
    daemon.stop().await;

    site.write("web.yml", format!("basic_auth_users: {{ kim: '{}' }}\n", hash()));
    site.configure("web: { config_file: web.yml }", &[filed("acme", &file)]);
    let daemon = site.serve().await;
    for path in ["/api/v1/status", "/api/v1/tenants/acme", "/api/v1/tenants/nobody", OPENAPI, "/api/nowhere"] {
        for login in ["", "\r\nAuthorization: Basic a2ltOndyb25n", "\r\nAuthorization: Bearer x"] {
            let answered = request_with(daemon.address, "GET", path, &format!("Host: localhost{login}")).await;
            assert!(answered.head.contains("\r\nwww-authenticate: basic "), "{}", answered.head);
            assert!(answered.head.contains("content-security-policy: "), "{}", answered.head);
            take("no login", answered, 401);
        }
    }
    // Elsewhere it stays a line for people.
    let page = daemon.get("/").await;
    assert_eq!((page.status, page.body.as_str()), (401, "log in\n"));
    daemon.stop().await;

    let mut judge = Judge::new(&shipped());
    judge.judge("Problem", &problems);
    assert!(!judge.unseen().iter().any(|field| field.starts_with("Problem.")));
    assert!(judge.judged() > 30, "{}", judge.judged());
}
