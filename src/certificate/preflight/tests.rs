use super::super::read;
use super::super::sample::{CN, Sample, T1, T2, UID, UTF8, attribute, name, pem, subject};
use super::*;

fn now() -> DateTime<Utc> {
    "2026-09-02T00:00:00Z".parse().unwrap()
}

/// The baseline of a certificate of the first topic that ends in two weeks.
fn baseline() -> Baseline {
    Baseline {
        topic: Topic::parse(T1),
        not_after: Some("2026-09-16T00:00:00Z".parse().unwrap()),
        serial: Serial::parse_hex("0A"),
        ..Baseline::default()
    }
}

fn judged(text: impl AsRef<[u8]>, baseline: &Baseline) -> Preflight {
    judge(&read(text.as_ref()), baseline, &Evidence::default(), now())
}

/// The verdict, and whether a reason says this.
fn says(preflight: &Preflight, verdict: Verdict, words: &str) {
    assert_eq!(preflight.verdict, verdict, "{preflight:?}");
    assert!(preflight.reasons.iter().any(|reason| reason.contains(words)), "{words:?}: {preflight:?}");
    assert!(preflight.next.ends_with('.'), "{preflight:?}");
}

#[test]
fn a_renewal_is_one_also_when_the_case_of_the_topic_changed() {
    let renewal = judged(Sample::leaf(T1).pem(), &baseline());
    says(&renewal, Verdict::Renewal, "the topic is the one that must stay");
    assert!(renewal.reasons.contains(&"it ends 350 days later than the one in use".to_owned()), "{renewal:?}");
    let upper = T1.to_uppercase().replace("COM.APPLE.MGMT.EXTERNAL", "com.apple.mgmt.External");
    says(&judged(Sample::leaf(&upper).pem(), &baseline()), Verdict::Renewal, "must stay");
    let topic_alone = Baseline { topic: Topic::parse(T1), ..Baseline::default() };
    says(&judged(Sample::leaf(T1).pem(), &topic_alone), Verdict::Renewal, "only the topic was compared");
}

#[test]
fn another_topic_is_a_disaster_that_has_not_happened_yet() {
    let create = judged(Sample::leaf(T2).pem(), &baseline());
    says(&create, Verdict::DoNotUpload, &format!("it is {T2} and must be {T1}"));
    says(&create, Verdict::DoNotUpload, "made with Create instead of Renew, or with another Apple Account");
    assert!(create.next.starts_with("Nothing is lost yet."), "{create:?}");
    assert!(create.next.contains(&format!("whose UID is {T1}")), "{create:?}");
    let known = Baseline { owner: Some("east".to_owned()), account: Some("apns@example.com".to_owned()), ..baseline() };
    let mixed = judged(Sample::leaf(T2).pem(), &known);
    says(&mixed, Verdict::DoNotUpload, "this is the certificate of tenant east: the wrong row was renewed");
    assert!(mixed.next.contains("with the account apns@example.com"), "{mixed:?}");
}

#[test]
fn what_cannot_be_uploaded_is_told_by_why() {
    let leaf = || Sample::leaf(T1);
    let same = Baseline { serial: Serial::parse_hex("0552818DF267903F"), ..baseline() };
    says(&judged(leaf().pem(), &same), Verdict::DoNotUpload, "in use already");
    let later = Baseline { not_after: Some("2027-09-01T10:11:11Z".parse().unwrap()), ..baseline() };
    says(&judged(leaf().pem(), &later), Verdict::DoNotUpload, "it is an older one");
    let past = Sample { not_before: "250901101112Z", not_after: "260901101111Z", ..leaf() };
    says(&judged(past.pem(), &baseline()), Verdict::DoNotUpload, "expired");
    let own = Sample { issuer: subject(T1), ..leaf() };
    says(&judged(own.pem(), &baseline()), Verdict::DoNotUpload, "signed by itself");
    let two = Sample {
        subject: name(&[&[attribute(UID, UTF8, T1.as_bytes())], &[attribute(UID, UTF8, T2.as_bytes())]]),
        ..leaf()
    };
    says(&judged(two.pem(), &baseline()), Verdict::DoNotUpload, "two different UIDs");
    let both = leaf().pem() + &Sample::leaf(T2).pem();
    says(&judged(both, &baseline()), Verdict::DoNotUpload, "certificates of two topics");
    let nobody = Sample { subject: name(&[&[attribute(CN, UTF8, b"APSP:made-up")]]), ..leaf() };
    let nobody = judged(nobody.pem(), &baseline());
    says(&nobody, Verdict::DoNotUpload, "no UID and so no topic");
    says(&nobody, Verdict::DoNotUpload, "is a certificate (APSP:made-up)");
    // Without anything to compare with, what is wrong in itself is still wrong.
    says(&judged(own.pem(), &Baseline::default()), Verdict::DoNotUpload, "signed by itself");
}

#[test]
fn the_wrong_kind_of_file_is_named_with_the_right_one() {
    for (text, words) in [
        (Sample::ca().pem(), "is a CA certificate"),
        ("<!DOCTYPE html><html>Sign in</html>".to_owned(), "is HTML"),
        ("{\"ErrorCode\": 500}".to_owned(), "is JSON"),
        (pem("PRIVATE KEY", b"never read"), "is a private key"),
    ] {
        let judged = judged(text, &baseline());
        says(&judged, Verdict::DoNotUpload, words);
        assert!(judged.next.contains("identity.apple.com/pushcert"), "{judged:?}");
    }
}

#[test]
fn a_renewal_can_need_a_warning() {
    let short = Sample { not_after: "261201101111Z", ..Sample::leaf(T1) };
    says(&judged(short.pem(), &baseline()), Verdict::Warning, "it lives for 90 days");
    let future = Sample { not_before: "260904000000Z", ..Sample::leaf(T1) };
    says(&judged(future.pem(), &baseline()), Verdict::Warning, "it begins in 2 days");
    let skew = Sample { not_before: "260902001000Z", ..Sample::leaf(T1) };
    assert_eq!(judged(skew.pem(), &baseline()).verdict, Verdict::Renewal);
    let unknown = Sample { issuer: Sample::ca().issuer, subject: subject(T1), ..Sample::leaf(T1) };
    let unknown = Sample { issuer: name(&[&[attribute(super::super::sample::O, UTF8, b"Example")]]), ..unknown };
    says(&judged(unknown.pem(), &baseline()), Verdict::Warning, "does not call itself Apple Inc.");
    let old = Sample { not_after: "260916000000Z", not_before: "250916000000Z", ..Sample::leaf(T1) };
    let both = judged(old.pem() + &Sample::leaf(T1).pem(), &baseline());
    says(&both, Verdict::Warning, "more than one certificate is in the file");
    let twice = judged(Sample::leaf(T1).pem().repeat(2), &baseline());
    says(&twice, Verdict::Renewal, "must stay");
    let seen = Baseline { seen: Serial::parse_hex("0552818DF267903F").into_iter().collect(), ..baseline() };
    says(&judged(Sample::leaf(T1).pem(), &seen), Verdict::Warning, "seen for this tenant before");
}

#[test]
fn what_cannot_be_apples_is_no_plain_renewal() {
    let common_name = format!("APSP:{}", T2.rsplit('.').next().unwrap());
    let subject = name(&[&[attribute(UID, UTF8, T1.as_bytes())], &[attribute(CN, UTF8, common_name.as_bytes())]]);
    let other = Sample { subject, ..Sample::leaf(T1) };
    for (sample, words) in [
        (other, "the GUID in its UID is not the one in its common name"),
        (Sample { apple: vec![], ..Sample::leaf(T1) }, "Apple's push marker (1.2.840.113635.100.6.3.2) is missing"),
        (Sample { ca: true, ..Sample::leaf(T1) }, "it is marked as a CA, which Apple's never are"),
        (Sample { not_after: "281201101111Z", ..Sample::leaf(T1) }, "in all; Apple's live one year"),
    ] {
        let judged = judged(sample.pem(), &baseline());
        says(&judged, Verdict::Warning, words);
        let contents = read(sample.pem().as_bytes());
        let findings = &newest(&contents).unwrap().findings;
        assert!(findings.contains(&judged.reasons[0]), "the words of inspect: {findings:?} {judged:?}");
    }
}

#[test]
fn company_in_the_file_is_worth_a_warning() {
    let older = Sample { serial: vec![9], not_before: "250916000000Z", not_after: "260916000000Z", ..Sample::leaf(T1) };
    let both = older.pem() + &Sample::leaf(T1).pem();
    says(&judged(both, &baseline()), Verdict::Warning, "more than one certificate is in the file");
    let chain = Sample::leaf(T1).pem() + &Sample::ca().pem();
    says(&judged(chain, &baseline()), Verdict::Renewal, "must stay");
    let damaged = pem("CERTIFICATE", b"whatever it was") + &Sample::leaf(T1).pem();
    says(&judged(damaged, &baseline()), Verdict::Warning, "could not be read");
    let two = Sample {
        subject: name(&[&[attribute(UID, UTF8, T1.as_bytes())], &[attribute(UID, UTF8, T2.as_bytes())]]),
        not_before: "260801000000Z",
        not_after: "270801000000Z",
        ..Sample::leaf(T1)
    };
    says(&judged(Sample::leaf(T1).pem() + &two.pem(), &baseline()), Verdict::DoNotUpload, "two topics");
}

#[test]
fn the_one_in_use_is_not_taken_for_its_renewal_where_only_the_topic_is_known() {
    let topic_alone = Baseline { topic: Topic::parse(T1), ..Baseline::default() };
    let in_use = Sample { not_before: "250916000000Z", not_after: "260916000000Z", ..Sample::leaf(T1) };
    says(&judged(in_use.pem(), &topic_alone), Verdict::Warning, "it began 351 days ago");
    // Renewed in spring and forgotten: it ends later than the one in use.
    let forgotten = Sample { not_before: "260401000000Z", not_after: "270401000000Z", ..Sample::leaf(T1) };
    says(&judged(forgotten.pem(), &baseline()), Verdict::Renewal, "must stay");
}

#[test]
fn nobody_can_tell_for_two_different_reasons() {
    let nothing = judged(Sample::leaf(T1).pem(), &Baseline::default());
    says(&nothing, Verdict::CannotTell, "nothing to compare it with");
    for text in ["", "   \n", "-----BEGIN CERTIFICATE-----\nMIIB", "\u{1}\u{2}\u{3}"] {
        let unread = judged(text, &baseline());
        assert_eq!(unread.verdict, Verdict::CannotTell, "{text:?}: {unread:?}");
        assert!(unread.reasons[0].starts_with("the file "), "{unread:?}");
    }
}
