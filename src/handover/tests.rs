use super::*;
use crate::evaluate::evaluate;
use crate::evaluate::learn::{Expectations, expect, learn};
use crate::evaluate::report::{Moment, Snapshot};
use crate::model::{Attestation, Facts, Outcome, Presence, PushCertificate, Source, Statement};

const TOPIC: &str = "com.apple.mgmt.External.11111111-0000-4000-8000-000000000001";
const OTHER: &str = "com.apple.mgmt.External.22222222-0000-4000-8000-000000000002";

fn at(day: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + 86_400 * day, 0).unwrap()
}

fn installation() -> Installation {
    Installation {
        host: Some("vm-7".to_owned()),
        program: "/usr/bin/apnswatch".into(),
        config: "/etc/apnswatch/apnswatch.yaml".into(),
        unit: Some("apnswatch.service".to_owned()),
        store_owner: Some("apnswatch".to_owned()),
        listen: None,
        overrides: vec!["APNSWATCH__WEB__LISTEN".to_owned()],
        has_memory: true,
    }
}

fn config(yaml: &str) -> Config {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("apnswatch.yaml");
    std::fs::write(&path, format!("store: sqlite:///var/lib/apnswatch/state.db\n{yaml}")).unwrap();
    config::load(&path, &BTreeMap::new(), None).unwrap()
}

/// Two tenants: one with all that can be noted, one with nothing.
fn small() -> Config {
    config(&format!(
        "site: hq\n\
         web: {{ external_url: 'https://watch.example.com/' }}\n\
         network: {{ proxy: 'http://proxy.example.com:3128/' }}\n\
         accounts:\n  - id: shared\n    address: it-apns@example.com\n    owner: it-operations\n    \
         vault_item: Vault > Apple > APNs\n    second_factor: [desk phone, second admin]\n    \
         duties: {{ sign_in: {{ every: 90d, last: 2027-01-10 }} }}\n\
         tenants:\n  - name: acme\n    account: shared\n    mdm:\n      kind: intune\n      \
         directory: 00000000-0000-4000-8000-000000000001\n      client_id: 00000000-0000-4000-8000-000000000002\n      \
         client_secret_file: /run/secrets/intune\n      credential_expires: 2027-09-01\n    \
         certificate: {{ expected_topic: {TOPIC}, files: [{{ path: /srv/push.p12, password_file: /run/secrets/p12 }}] }}\n    \
         tokens: [{{ kind: vpp, name: main, not_after: 2027-03-01 }}]\n  \
         - name: north\n    mdm: {{ kind: kandji, url: 'https://north.api.kandji.io', token_file: /run/secrets/kandji }}\n"
    ))
}

fn certificate(topic: &str, serial: &str, ends: i64) -> PushCertificate {
    PushCertificate {
        topic: Topic::parse(topic),
        serial: Serial::parse_hex(serial),
        not_after: Some(at(ends)),
        ..PushCertificate::default()
    }
}

/// What Intune told of acme, on these days, where the configuration expects the topic.
fn told(certificates: &[(i64, PushCertificate)]) -> BTreeMap<TenantName, Arc<Memory>> {
    told_to(Some(TOPIC), certificates)
}

fn told_to(expected: Option<&str>, certificates: &[(i64, PushCertificate)]) -> BTreeMap<TenantName, Arc<Memory>> {
    let mut memory = Memory::default();
    expect(&mut memory, expected.and_then(Topic::parse).as_ref(), at(0));
    let expectations = Expectations { sources: vec![Source::Api], may_pin: true };
    for (day, certificate) in certificates {
        let facts = Facts { certificate: Some(Presence::from(certificate.clone())), ..Facts::default() };
        learn(&mut memory, &expectations, Source::Api, "intune", Outcome::success(facts), at(*day));
    }
    BTreeMap::from([(TenantName::parse("acme").unwrap(), Arc::new(memory))])
}

fn report(config: &Config, memory: &BTreeMap<TenantName, Arc<Memory>>, now: DateTime<Utc>) -> Report {
    let snapshot = Snapshot { tenants: memory.clone(), store_up: true, ..Snapshot::default() };
    evaluate(&snapshot, config, Moment { now, built: at(-1000) })
}

fn sheet(config: &Config, memory: &BTreeMap<TenantName, Arc<Memory>>) -> Handover {
    compose(&installation(), config, &report(config, memory, at(5)), memory, Scope::Everything)
}

/// The text with every run of blanks and line ends as one blank, so that a broken line hides nothing.
fn flat(handover: &Handover) -> String {
    text(handover).split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn what_is_known_stands_there_with_who_says_so() {
    let memory = told(&[(1, certificate(TOPIC, "0A01", 300))]);
    let handover = sheet(&small(), &memory);
    let text = flat(&handover);
    for known in [
        "apnswatch on vm-7, site hq, as of 2027-01-20 08:00 UTC",
        "2027-11-11 push certificate ends acme exact (source api, 2027-01-16)",
        "2027-03-01 vpp token main ends acme as configured",
        "2027-09-01 login of apnswatch at the MDM ends acme as configured",
        "2027-04-10 duty sign_in is due shared last done 2027-01-10, as configured",
        "acme (Microsoft Intune)",
        "MDM Entra directory 00000000-0000-4000-8000-000000000001",
        "renew with it-apns@example.com",
        "1111 1111 - 0000 - 4000 - 8000 - 0000 0000 0001",
        "as the configuration expects",
        "serial 0A01, ends 2027-11-11 08:00 UTC",
        "password in Vault > Apple > APNs",
        "second factor desk phone, second admin",
        "configuration /etc/apnswatch/apnswatch.yaml",
        "the variables APNSWATCH__WEB__LISTEN",
        "/var/lib/apnswatch/state.db, owned by apnswatch",
        "for people at https://watch.example.com/",
        "MDMs are asked through proxy.example.com",
        "/run/secrets/intune (client_secret_file of acme)",
        "/run/secrets/kandji (token_file of north)",
        "/run/secrets/p12 (password_file of acme)",
        "/srv/push.p12 (certificate.files of acme)",
        "2027-01-16 acme source api first told of a certificate with serial 0A01, ends 2027-11-11",
        guide::UNDO,
    ] {
        assert!(text.contains(known), "{known}\n{text}");
    }
    // The nearest date that is to come.
    assert_eq!(handover.print_again_by.date_naive().to_string(), "2027-03-01");
}

#[test]
fn where_secrets_lie_is_told_to_those_who_logged_in_only() {
    let (config, memory) = (small(), told(&[]));
    let forms = |scope| {
        let handover = compose(&installation(), &config, &report(&config, &memory, at(5)), &memory, scope);
        [flat(&handover), html::file(&handover), serde_json::to_string(&handover).unwrap()]
    };
    for (all, open) in forms(Scope::Everything).iter().zip(forms(Scope::WithoutSecretPlaces)) {
        assert!(all.contains("/run/secrets/intune") && all.contains("/run/secrets/p12"), "{all}");
        assert!(!open.contains("/run/secrets") && open.contains("/srv/push.p12"), "{open}");
    }
    assert!(forms(Scope::WithoutSecretPlaces)[0].contains("not told on a page without a login"));
}

#[test]
fn what_nobody_knows_is_said_and_never_guessed() {
    let text = flat(&sheet(&small(), &told(&[])));
    for unknown in [
        "! Nobody knows when the push certificate ends: acme, north.",
        "! Nobody knows when the login of apnswatch at the MDM ends (credential_expires is not set): north.",
        "! Nobody knows whether there are tokens (ADE, Apps and Books), and when they end: north.",
        "nobody noted the account",
        "topic not known: read it on an enrolled device",
        "its end and its serial number are not known",
        "! No account is noted for north.",
        "when the certificate ends for every tenant",
        "whether pushes get out for every tenant",
        "Nothing that is remembered.",
    ] {
        assert!(text.contains(unknown), "{unknown}\n{text}");
    }
    assert!(!text.contains("1970") && !text.contains("0001-01-01"), "{text}");
    let blind = Installation { has_memory: false, host: None, unit: None, store_owner: None, ..installation() };
    let (config, memory) = (small(), told(&[]));
    let handover = compose(&blind, &config, &report(&config, &memory, at(5)), &memory, Scope::Everything);
    let text = flat(&handover);
    for unknown in
        ["There was no store at /var/lib/apnswatch/state.db", "a machine without a name", "no unit of systemd found"]
    {
        assert!(text.contains(unknown), "{unknown}\n{text}");
    }
}

#[test]
fn a_clock_that_cannot_be_right_makes_the_sheet_doubtful() {
    let (config, memory) = (small(), told(&[]));
    let handover = compose(&installation(), &config, &report(&config, &memory, at(-2000)), &memory, Scope::Everything);
    assert!(handover.doubts[0].contains("clock"), "{:?}", handover.doubts);
}

#[test]
fn a_wrong_certificate_is_no_row_to_look_for() {
    let memory = told(&[(1, certificate(OTHER, "0B02", 360))]);
    let handover = sheet(&small(), &memory);
    let text = flat(&handover);
    assert!(text.contains(&format!("WRONG TOPIC in use {OTHER}: see the last part")), "{text}");
    assert!(text.contains("its end and its serial number are not known"), "{text}");
    assert_eq!(handover.tenants[0].serial, None);
}

#[test]
fn an_unconfirmed_topic_is_told_as_such() {
    let config = config(
        "tenants: [{ name: acme, mdm: { kind: intune, directory: 00000000-0000-4000-8000-000000000001, client_id: a, \
         client_secret_file: /s } }]",
    );
    let memory = told_to(None, &[(1, certificate(TOPIC, "0A01", 300))]);
    assert!(flat(&sheet(&config, &memory)).contains("UNCONFIRMED: never"));
}

#[test]
fn a_topic_that_was_only_typed_is_told_as_such() {
    let config = config(&format!("tenants: [{{ name: acme, certificate: {{ declared: {{ topic: {TOPIC} }} }} }}]"));
    let handover = sheet(&config, &BTreeMap::new());
    assert!(
        flat(&handover).contains(&format!("topic {TOPIC} (only typed in the configuration)")),
        "{}",
        text(&handover)
    );
    assert_eq!(handover.tenants[0].topic, None);
}

#[test]
fn only_the_last_things_are_told_and_one_certificate_once() {
    let memory = told(&[(1, certificate(TOPIC, "0A01", 30)), (2, certificate(TOPIC, "0A01", 30))]);
    let mut known = Memory::clone(memory.values().next().unwrap());
    let statement = Statement::Uploaded { serial: Serial::parse_hex("0A01"), sha256: None };
    for day in 2..22 {
        known.attestations.push(Attestation {
            statement: statement.clone(),
            at: at(day) - TimeDelta::hours(1),
            by: "kim".to_owned(),
            note: None,
            witness: None,
            ticket: None,
        });
    }
    let name = TenantName::parse("acme").unwrap();
    let handover = sheet(&small(), &BTreeMap::from([(name.clone(), Arc::new(known))]));
    assert_eq!(handover.history.len(), past::MOST);
    assert_eq!(
        (handover.history[0].at, handover.history[0].by.as_deref()),
        (at(21) - TimeDelta::hours(1), Some("kim"))
    );
    let handover = sheet(&small(), &memory);
    assert_eq!(handover.history.len(), 1, "{:?}", handover.history);
}

#[test]
fn thousands_of_tenants_are_counted_and_the_document_has_them_all() {
    let mut yaml = String::from("tenants:\n");
    for index in 0..2000 {
        let end = at(100 + index).format("%Y-%m-%d");
        yaml.push_str(&format!(
            "  - {{ name: t{index:04}, mdm: {{ kind: kandji, url: 'https://t{index}.api.kandji.io', token_file: \
             /run/secrets/t{index} }}, certificate: {{ declared: {{ not_after: {end} }} }} }}\n"
        ));
    }
    let handover = sheet(&config(&yaml), &BTreeMap::new());
    let text = flat(&handover);
    for counted in [
        "There are 2000 tenants, too many for one sheet.",
        "Kandji",
        "no account noted 2000",
        "These are the next 20 of 2000.",
        "/tenants.csv of the page, or apnswatch handover --json",
        "t0000, t0001, t0002, t0003, t0004, t0005 and 1994 more",
        "and 1980 more files",
    ] {
        assert!(text.contains(counted), "{counted}\n{text}");
    }
    assert!(text.contains("push certificate ends t0019") && !text.contains("push certificate ends t0020"), "{text}");
    assert!(super::text(&handover).lines().count() < 120, "two sheets at most");
    let json = serde_json::to_value(&handover).unwrap();
    assert_eq!(json["tenants"].as_array().unwrap().len(), 2000);
    assert_eq!((json["dates"].as_array().unwrap().len(), &json["schema"]), (2000, &SCHEMA.into()));
}

#[test]
fn foreign_text_moves_no_cursor_and_is_no_markup() {
    let config = config(
        "accounts: [{ id: odd, address: \"a\\e[2J<b>@example.com\", vault_item: \"<script>alert(1)</script>\\u202e\" }]\n\
         tenants: [{ name: \"\\\"><script>alert(2)</script>\", account: odd, mdm: { kind: none } }]",
    );
    let handover = sheet(&config, &BTreeMap::new());
    let text = text(&handover);
    assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'), "{text}");
    assert!(text.contains("\\u{1b}[2J"), "{text}");
    let html = html::file(&handover);
    assert!(!html.contains("<script") && !html.contains("<b>") && html.contains("&lt;script&gt;alert(2)"), "{html}");
    assert!(html.contains("default-src 'none'"));
}
