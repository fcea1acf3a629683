use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;

use super::*;
use crate::config::load;
use crate::evaluate::report::{Moment, Snapshot};
use crate::evaluate::tenant::Verdict;
use crate::evaluate::tokens::TokenReport;
use crate::evaluate::{Planned, evaluate};
use crate::model::{Plan, Precision, Source, Tier, Topic};

const CONFIG: &str = "
accounts:
  - { id: shared, address: it-apns@example.com, duties: { sign_in: { every: 90d, last: 2027-01-01 }, rehearse: { every: 30d } } }
tenants:
  - name: acme
    account: shared
    labels: { team: mac }
    certificate: { declared: { not_after: 2027-06-01 } }
    tokens: [{ kind: vpp, name: main, not_after: 2027-03-01 }]
    mdm: { kind: kandji, url: 'https://acme.api.example.com', token_file: t, credential_expires: 2027-09-01 }
  - name: nobody
    labels: { team: ios }
";

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn report_of(config: &str, now: &str) -> Report {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("apnswatch.yaml");
    std::fs::write(&path, config).unwrap();
    let config = load(&path, &BTreeMap::new(), None).unwrap();
    evaluate(&Snapshot::default(), &config, Moment { now: at(now), built: at("2026-01-01T00:00:00Z") })
}

fn report() -> Report {
    report_of(CONFIG, "2027-01-15T10:00:00Z")
}

fn written(report: &Report) -> String {
    let base = Url::parse("https://watch.example.com/mdm/").unwrap();
    calendar(report, &Filter::default(), Some(&base)).unwrap()
}

/// The events: each its properties by name, unfolded.
fn events(text: &str) -> Vec<BTreeMap<String, String>> {
    let text = text.replace("\r\n ", "");
    let event = |part: &str| {
        let lines = part.split("\r\nEND:VEVENT\r\n").next().unwrap().trim().split("\r\n");
        let line = |line: &str| line.split_once(':').map(|(name, value)| (name.to_owned(), value.to_owned()));
        lines.map(|text| line(text).unwrap_or_else(|| panic!("{text}"))).collect()
    };
    text.split("BEGIN:VEVENT\r\n").skip(1).map(event).collect()
}

fn of<'e>(events: &'e [BTreeMap<String, String>], words: &str) -> &'e BTreeMap<String, String> {
    let found: Vec<_> = events.iter().filter(|event| event["SUMMARY"].contains(words)).collect();
    assert_eq!(found.len(), 1, "{words}: {events:?}");
    found[0]
}

/// Day and number by identity.
fn dates(text: &str) -> BTreeMap<String, (String, i64)> {
    let events = events(text);
    let all: BTreeMap<_, _> = events
        .iter()
        .map(|event| (event["UID"].clone(), (event["DTSTART;VALUE=DATE"].clone(), event["SEQUENCE"].parse().unwrap())))
        .collect();
    assert_eq!(all.len(), events.len(), "an identity is there twice");
    all
}

#[test]
fn a_tenant_with_another_name_keeps_its_events() {
    let renamed = |names: &str| report_of(&CONFIG.replace("name: acme", names), "2027-01-15T10:00:00Z");
    let before = written(&report());
    let once = renamed("name: acme-north\n    formerly: [acme]");
    let after = written(&once);
    assert_eq!(dates(&after), dates(&before));
    assert!(after.contains("acme-north"), "{after}");
    assert_eq!(dates(&written(&renamed("name: north\n    formerly: [acme, acme-north]"))), dates(&before));
    // Whoever subscribed to it alone, too.
    let of = |tenant: &str| calendar(&once, &Filter { tenant: Some(tenant.to_owned()), team: None }, None);
    assert_eq!(dates(&of("acme").unwrap()), dates(&of("acme-north").unwrap()));
    assert_eq!(of("acm"), None);
}

#[test]
fn each_date_is_an_event_that_says_who_says_so() {
    let text = written(&report());
    let events = events(&text);
    for (words, day, source) in [
        (
            "acme: plan the renewal of the push certificate\\, 180 days left (only declared)",
            "20261203",
            "nobody checked",
        ),
        ("acme: renew the push certificate\\, 30 days left (only declared)", "20270502", "nobody checked"),
        ("acme: push certificate ends (only declared)", "20270601", "nobody checked"),
        ("acme: VPP token main ends (only declared)", "20270301", "nobody checked"),
        ("acme: the login of apnswatch at the MDM ends (only declared)", "20270901", "nobody checked"),
        ("Apple Account shared: sign_in is due", "20270401", "Last done 2027-01-01"),
        ("Apple Account shared: rehearse is due", "20270115", "Nobody ever said"),
    ] {
        let event = of(&events, words);
        assert_eq!(event["DTSTART;VALUE=DATE"], day, "{words}");
        assert!(event["DESCRIPTION"].contains(source), "{event:?}");
        assert_eq!((event["TRANSP"].as_str(), event["DTSTAMP"].as_str()), ("TRANSPARENT", "20270115T000000Z"));
    }
    assert_eq!(events.len(), 7);
    let end = of(&events, "push certificate ends");
    assert_eq!((end["DTEND;VALUE=DATE"].as_str(), end["STATUS"].as_str()), ("20270602", "TENTATIVE"));
    assert_eq!(end["URL"], "https://watch.example.com/mdm/tenants/acme");
    assert_eq!(end["CATEGORIES"], "apnswatch,certificate");
    assert!(text.contains("\r\nX-WR-CALNAME:apnswatch\r\n") && text.ends_with("END:VCALENDAR\r\n"), "{text}");
    assert!(!text.contains("it-apns@example.com"), "an address is nobody else's business");
}

#[test]
fn silence_is_told_and_what_nobody_knows_has_no_event() {
    let mut report = report();
    let told = |report: &Report| written(report).replace("\r\n ", "");
    assert!(told(&report).contains("Of 1 tenant nobody knows when the push certificate ends"));
    assert!(!told(&report).contains("nobody: "));
    report.tenants[1].phase = Phase::None;
    assert!(told(&report).contains("Of 1 tenant the MDM says that there is no push certificate"));
    let filter = |tenant: Option<&str>, team: Option<&str>| Filter {
        tenant: tenant.map(str::to_owned),
        team: team.map(str::to_owned),
    };
    for (filter, count) in [
        (filter(Some("acme"), None), Some(7)),
        (filter(None, Some("mac")), Some(7)),
        (filter(Some("nobody"), None), Some(0)),
        (filter(Some("acme"), Some("ios")), None),
        (filter(Some("Acme"), None), None),
        (filter(None, Some("")), None),
    ] {
        let text = calendar(&report, &filter, None);
        assert_eq!(text.as_ref().map(|text| events(text).len()), count, "{filter:?}");
        assert!(text.is_none_or(|text| !text.contains("URL")));
    }
    let nothing = report_of("site: hq", "2027-01-15T10:00:00Z");
    assert!(told(&nothing).contains("due for 0 tenants"));
}

#[test]
fn of_whose_login_and_tokens_nobody_knows_is_told() {
    let mdm = "mdm: { kind: kandji, url: 'https://acme.api.example.com', token_file: t }";
    let config = format!("tenants: [{{ name: acme, {mdm} }}, {{ name: none, mdm: {{ kind: none }} }}]");
    let mut report = report_of(&config, "2027-01-15T10:00:00Z");
    let told = |report: &Report| written(report).replace("\r\n ", "");
    assert!(told(&report).contains("Of 1 tenant nobody knows when the login of apnswatch at the MDM ends."));
    assert!(told(&report).contains("Of 2 tenants nobody knows whether there are tokens."));
    report.tenants[0].credential_not_after = Some(at("2027-09-01T00:00:00Z"));
    assert!(!told(&report).contains("nobody knows when the login"));
    // So many that some have no event.
    let one = self::report().tenants[0].tokens[0].clone();
    let label = |number: usize| TokenReport { label: number.to_string(), ..one.clone() };
    report.tenants[0].tokens = (0..MOST + 2).map(label).collect();
    let text = told(&report);
    assert_eq!(events(&text).iter().filter(|event| event["SUMMARY"].contains("VPP token")).count(), MOST);
    assert!(text.contains("Of 1 tenant nobody knows whether there are tokens."));
    assert!(text.contains("Of 2 tokens there is no event\\, for only the 20 most urgent"), "{text}");
}

#[test]
fn a_renewal_moves_the_events_and_makes_no_other() {
    let mut report = report();
    let before = dates(&written(&report));
    report.whole.now += TimeDelta::minutes(1);
    assert_eq!(dates(&written(&report)), before, "nothing has changed");
    let known = report.tenants[0].effective.as_mut().unwrap();
    (known.not_after, known.source, known.precision) = (at("2028-06-02T03:04:05Z"), Source::Api, Precision::Exact);
    let after = dates(&written(&report));
    assert!(before.keys().eq(after.keys()));
    let moved: BTreeSet<_> = after.iter().filter(|(uid, event)| before[*uid] != **event).collect();
    assert_eq!(moved.len(), 3, "plan, renew and the end");
    for (uid, (day, number)) in moved {
        assert!(*day > before[uid].0 && *number > before[uid].1, "{day} {number} {:?}", before[uid]);
    }
    // A date that comes earlier again (somebody rolled back) wins from the next day on.
    report.whole.now += TimeDelta::days(1);
    report.tenants[0].effective.as_mut().unwrap().not_after = at("2027-06-01T00:00:00Z");
    for (uid, (_, number)) in dates(&written(&report)) {
        assert!(number > after[&uid].1);
        assert!(i32::try_from(number).is_ok(), "programs have 31 bits for it");
    }
}

#[test]
fn the_day_that_somebody_has_taken_on_is_there_while_they_have() {
    let mut report = report();
    assert!(!written(&report).contains("renewal planned"));
    let known = report.tenants[0].effective.clone().unwrap();
    let plan = Plan {
        on: "2026-12-24".parse().unwrap(),
        who: "sam; the second".to_owned(),
        tier: Tier::Info,
        not_after: known.not_after,
    };
    report.tenants[0].planned = Some(Planned { plan, by: "kim".to_owned(), at: report.now });
    let events = events(&written(&report));
    let event = of(&events, "renewal planned");
    assert_eq!(event["DTSTART;VALUE=DATE"], "20261224");
    assert!(event["SUMMARY"].ends_with("renewal planned\\, by sam\\; the second"), "{event:?}");
}

#[test]
fn an_end_stays_and_old_first_days_do_not() {
    let mut report = report();
    report.whole.now = at("2029-01-01T00:00:00Z");
    let events_then = events(&written(&report));
    assert!(of(&events_then, "acme: push certificate ended").contains_key("DTSTART;VALUE=DATE"));
    assert!(!events_then.iter().any(|event| event["SUMMARY"].contains("days left")));
    // A clock that cannot be right says of nothing that it has passed, and numbers nothing.
    report.whole.clock_plausible = false;
    let text = written(&report);
    let events = events(&text);
    of(&events, "acme: push certificate ends (only declared)");
    assert!(events.iter().any(|event| event["SUMMARY"].contains("days left")));
    assert!(text.replace("\r\n ", "").contains("The clock of apnswatch cannot be right."));
    assert!(!text.contains("2029") && !text.contains("rehearse"), "{text}");
}

#[test]
fn what_is_less_than_sure_is_told() {
    let mut report = report();
    let tenant = &mut report.tenants[0];
    tenant.muted = NaiveDate::from_ymd_opt(2027, 2, 1);
    tenant.revoked = true;
    let other = Topic::parse("com.apple.mgmt.External.00000000-0000-4000-8000-0000000000ff").unwrap();
    tenant.drift.insert(Source::Api, Verdict::Drifts(other, report.whole.now, None));
    tenant.tokens[0].token.usable = Some(false);
    (tenant.tokens[0].is_declared, tenant.credential_source) = (false, Some(Source::Api));
    let known = tenant.effective.as_mut().unwrap();
    (known.source, known.precision) = (Source::Declared, Precision::Estimate);
    let events = events(&written(&report));
    let end = of(&events, "acme: push certificate ends (an estimate)");
    for words in
        ["reckoned from a notice", "revoked", "another topic", "Muted until 2027-02-01", "Apple Account: shared"]
    {
        assert!(end["DESCRIPTION"].contains(words), "{words}: {end:?}");
    }
    assert_eq!(end["CATEGORIES"], "apnswatch,certificate,muted");
    let token = of(&events, "acme: VPP token main ends");
    assert!(
        token["DESCRIPTION"].contains("does not work") && token["DESCRIPTION"].contains("Source: tokens"),
        "{token:?}"
    );
    assert_eq!((token["STATUS"].as_str(), token["SUMMARY"].contains("declared")), ("CONFIRMED", false));
    assert!(of(&events, "the login of apnswatch")["DESCRIPTION"].contains("Source: api"));
}

#[test]
fn a_hostile_name_stays_a_name() {
    const NAME: &str = "x;y,z\\n\u{202e}../?a=b#c END:VEVENT \u{1f512}\u{1f512}\u{1f512}\u{1f512}\u{1f512}\u{1f512}";
    let yaml = format!(
        "tenants: [{{ name: '{NAME}', certificate: {{ declared: {{ not_after: 2027-06-01 }} }}, \
         tokens: [{{ kind: ade, name: '{NAME}', not_after: 2027-07-01 }}] }}]"
    );
    let report = report_of(&yaml, "2027-01-15T10:00:00Z");
    let text = written(&report);
    assert!(text.split("\r\n").all(|line| line.len() <= 75 && !line.contains(['\r', '\n', '\u{202e}'])), "{text}");
    assert_eq!((text.matches("\r\nEND:VEVENT\r\n").count(), events(&text).len()), (4, 4));
    for event in events(&text) {
        let (hash, at) = event["UID"].split_once('@').unwrap();
        assert!(hash.len() == 32 && hash.bytes().all(|b| b.is_ascii_hexdigit()) && at == "apnswatch", "{event:?}");
        let url = event["URL"].strip_prefix("https://watch.example.com/mdm/tenants/").unwrap().to_owned();
        assert!(url.bytes().all(|b| b.is_ascii_alphanumeric() || b"%-._~".contains(&b)), "{url}");
        assert!(event["SUMMARY"].starts_with("x\\;y\\,z\\\\n"), "{event:?}");
    }
    // Two names that only look the same when they are put together.
    assert_ne!(uid(&["token", "a", "ade", "b"]), uid(&["token", "aade", "", "b"]));
}

#[test]
fn a_date_that_no_calendar_holds_breaks_nothing() {
    let mut report = report();
    for end in [DateTime::<Utc>::MAX_UTC, DateTime::<Utc>::MIN_UTC, at("9999-12-31T23:59:59Z")] {
        report.tenants[0].effective.as_mut().unwrap().not_after = end;
        report.whole.accounts[0].duties.get_mut("sign_in").unwrap().due = end;
        let left = events(&written(&report)).len();
        assert!(left <= 6, "{end}: {left}");
    }
}
