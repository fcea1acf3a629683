use std::time::Duration;

use super::*;

macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/intune/", $name))
    };
}

fn told(status: u16, body: &str) -> Result<Facts, Failure> {
    let retry_after = Some(Duration::from_secs(17));
    let answer =
        Answer { status, retry_after, body: bytes::Bytes::copy_from_slice(body.as_bytes()), ..Answer::default() };
    parse("graph.example.com", &Token::new("opaque".to_owned()).unwrap(), &answer)
}

fn facts(body: &str) -> (PushCertificate, Facts) {
    let facts = told(200, body).unwrap();
    (facts.present().unwrap().clone(), facts)
}

fn date(text: &str) -> Option<DateTime<Utc>> {
    Some(text.parse().unwrap())
}

#[test]
fn a_healthy_tenant_has_null_status_fields_and_perhaps_unknown_ones() {
    for body in [fixture!("good.json"), fixture!("wrapped.json"), fixture!("unknown-field.json")] {
        let (certificate, facts) = facts(body);
        assert_eq!(certificate.topic, Topic::parse("com.apple.mgmt.External.00000000-0000-4000-8000-0000000000a1"));
        assert_eq!(certificate.serial.unwrap().to_string(), "0B70A1B2C3D4E5F6");
        assert_eq!(certificate.not_after, date("2027-06-05T14:39:25Z"));
        assert_eq!((certificate.not_before, certificate.issuer), (None, None));
        assert_eq!(facts.account.as_deref(), Some("mdm@example.com"));
        assert_eq!(facts.remarks, Vec::<String>::new());
    }
    let (certificate, facts) = facts(fixture!("old-shape.json"));
    assert_eq!((certificate.serial, facts.remarks.len()), (None, 0));
}

#[test]
fn a_date_is_the_same_second_however_it_is_spelt() {
    for text in [
        "2027-06-05T14:39:25Z",
        "2027-06-05T14:39:25+00:00",
        "2027-06-05T22:39:25+08:00",
        "2027-06-05T06:39:25.1234567-08:00",
        "2027-06-05T14:39:25.0Z",
        "2027-06-05T14:39:25.999999999999Z",
        " 2027-06-05T14:39:25Z ",
    ] {
        let (certificate, facts) = facts(&serde_json::json!({ "expirationDateTime": text }).to_string());
        assert_eq!(certificate.not_after, date("2027-06-05T14:39:25Z"), "{text}");
        assert_eq!(facts.remarks.len(), 0);
    }
}

#[test]
fn a_date_that_is_none_is_unknown_and_takes_nothing_else_with_it() {
    for (body, remark) in [
        (fixture!("null-expiry.json"), "Intune gave no end of the certificate."),
        (fixture!("empty-expiry.json"), "Intune gave no end of the certificate."),
        (fixture!("year-1.json"), "Intune gave the year 1 as the end of the certificate, which means none."),
        (fixture!("year-9999.json"), "Intune gave the year 9999 as the end of the certificate, which means none."),
        (fixture!("odd-date.json"), "Intune gave an end of the certificate that cannot be read."),
    ] {
        let (certificate, facts) = facts(body);
        assert_eq!(certificate.not_after, None);
        assert_eq!(facts.remarks, [remark]);
        assert!(certificate.topic.is_some() && certificate.serial.is_some() && facts.account.is_some());
    }
}

#[test]
fn a_certificate_of_which_nothing_can_be_read_is_no_answer() {
    for body in [
        fixture!("odd-types.json"),
        r#"{"topicIdentifier":7}"#,
        r#"{"certificateSerialNumber":"none of it","expirationDateTime":null}"#,
        r#"{"expirationDateTime":"in spring","appleIdentifier":"mdm@example.com"}"#,
    ] {
        assert_eq!(told(200, body).unwrap_err().reason, Reason::Malformed, "{body}");
    }
    // Nothing there is nothing wrong, and year 1 is how Intune writes that there is no end.
    for body in [fixture!("all-null.json"), r#"{"expirationDateTime":"0001-01-01T00:00:00Z"}"#] {
        assert_eq!(facts(body).0, PushCertificate::default(), "{body}");
    }
}

#[test]
fn odd_fields_are_unknown_with_a_remark_each() {
    let (certificate, odd) = facts(fixture!("odd-serial.json"));
    assert_eq!((certificate.serial, odd.remarks.len()), (None, 1));
    let (certificate, odd) = facts(fixture!("broken-topic.json"));
    assert_eq!((certificate.topic, odd.remarks.len()), (None, 1));
    let (certificate, odd) = facts(fixture!("other-topic.json"));
    assert_eq!(certificate.topic, Topic::parse("com.example.app"));
    assert_eq!(odd.remarks, ["Intune gave a topic that is not one of device management."]);
    assert_eq!(facts(fixture!("all-null.json")).0, PushCertificate::default());
}

#[test]
fn foreign_text_is_bounded_and_escaped() {
    let (_, facts_) = facts(fixture!("upload-failed.json"));
    assert_eq!(facts_.remarks, ["Intune says that an upload failed: bad\\u{1b}[31m\\nrequest"]);
    assert_eq!(facts(fixture!("no-account.json")).1.account, None);
    let account = facts(fixture!("long-account.json")).1.account.unwrap();
    assert!(account.starts_with("a\\nxxx") && account.chars().count() == 257, "{account}");
}

#[test]
fn what_is_no_certificate_is_malformed() {
    for body in [
        "",
        "null",
        "{}",
        "7",
        r#"{"value":null}"#,
        r#"{"value":{}}"#,
        fixture!("other-object.json"),
        fixture!("array.json"),
        fixture!("value-array.json"),
        fixture!("truncated.json"),
        fixture!("page.html"),
        fixture!("404-not-configured.json"),
    ] {
        assert_eq!(told(200, body).unwrap_err().reason, Reason::Malformed, "{body}");
    }
    assert_eq!(told(204, "").unwrap_err().reason, Reason::Malformed);
}

#[test]
fn only_the_envelope_of_intune_says_that_there_is_none() {
    for body in [fixture!("404-not-configured.json"), fixture!("404-not-configured-wrapped.json")] {
        let facts = told(404, body).unwrap();
        assert_eq!(facts, Facts { certificate: Some(Presence::Absent), ..Facts::default() });
    }
    for body in [
        "",
        "{}",
        fixture!("404-wrong-route.json"),
        fixture!("404-no-odata-route.json"),
        fixture!("404-other-resource.json"),
        fixture!("404-plain.json"),
        fixture!("page.html"),
    ] {
        assert_eq!(told(404, body).unwrap_err().reason, Reason::NotFound, "{body}");
    }
}

#[test]
fn every_other_status_has_one_reason_and_a_text_of_ours() {
    let retry = Some(Duration::from_secs(17));
    for (status, body, reason, words, retry_after) in [
        (401, fixture!("401.json"), Reason::Auth, "refuses the token", None),
        (
            403,
            fixture!("403.json"),
            Reason::Forbidden,
            "DeviceManagementServiceConfig.Read.All and admin consent",
            None,
        ),
        (
            403,
            fixture!("403-wrapped.json"),
            Reason::Forbidden,
            "it would accept DeviceManagementServiceConfig(uration)",
            None,
        ),
        (403, fixture!("page.html"), Reason::Forbidden, "admin consent (status 403)", None),
        (400, fixture!("400-not-applicable.json"), Reason::Http, "no licence", None),
        (400, "", Reason::Http, "status 400", None),
        (429, fixture!("429.json"), Reason::RateLimited, "fewer requests", retry),
        (500, fixture!("500-broker.json"), Reason::RateLimited, "fewer requests", retry),
        (500, "", Reason::Http, "status 500", None),
        (503, fixture!("page.html"), Reason::Http, "status 503", retry),
    ] {
        let failure = told(status, body).unwrap_err();
        assert_eq!((failure.reason, failure.retry_after), (reason, retry_after), "{status} {body}");
        assert!(failure.message.contains(words), "{failure}");
        assert!(!failure.message.contains("Url") && failure.message.len() < 400, "{failure}");
    }
}
