use serde_json::{Value, json};

use super::*;

fn now() -> DateTime<Utc> {
    "2026-09-01T12:00:00Z".parse().unwrap()
}

fn fixture(name: &str) -> Vec<Entity> {
    let path = format!("{}/tests/fixtures/intune/{name}", env!("CARGO_MANIFEST_DIR"));
    let mut page: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    serde_json::from_value(page["value"].take()).unwrap()
}

fn date(text: &str) -> Option<DateTime<Utc>> {
    Some(text.parse().unwrap())
}

#[test]
fn server_tokens_in_use_are_told_and_nothing_else() {
    let mut remarks = Vec::new();
    let read: Vec<Ade> = fixture("ade.json").iter().filter_map(|entity| ade(entity, now()).unwrap()).collect();
    let tokens = in_use(read, &mut remarks);
    let told: Vec<_> = tokens.iter().map(|token| (token.id.as_str(), token.name.as_str(), token.not_after)).collect();
    assert_eq!(
        told,
        [
            ("a1", "intune", date("2027-03-19T16:49:50Z")),
            // Replaced, but devices are still assigned to it.
            ("a3", "intune", date("2026-10-19T16:49:50Z")),
            ("a4", "school", date("2026-11-30T22:00:00Z")),
            ("a5", "new", None),
            ("a6", "odd", None),
            ("a7", "never", None),
            ("", "", date("2027-01-01T00:00:00Z")),
        ]
    );
    for token in &tokens {
        assert_eq!((token.kind, token.usable, &token.trouble), (TokenKind::Ade, None, &None));
    }
    assert_eq!(
        remarks,
        [
            "Intune's last sync of the enrolment token \"school\" failed with Apple's code 3, which may mean that Apple \
             has new terms to accept.",
            "Intune has synced the enrolment token \"school\" last on 2026-08-20.",
            "Intune gave no end of the enrolment token \"new\".",
            "Intune gave an end of the enrolment token \"odd\" that cannot be read.",
            "Intune gave no end of the enrolment token \"never\".",
        ]
    );
}

#[test]
fn a_token_of_which_nothing_can_be_read_spoils_the_list() {
    for entity in [
        json!({ "id": 7, "tokenName": "main", "tokenExpirationDateTime": null, "state": "valid" }),
        json!({ "id": null, "tokenExpirationDateTime": 7, "expirationDateTime": 7 }),
        json!({ "id": ["a"], "tokenExpirationDateTime": "in spring", "expirationDateTime": "in spring" }),
    ] {
        let entity = entity.as_object().unwrap();
        assert!(ade(entity, now()).is_err(), "{entity:?}");
        assert!(vpp(entity, &mut Vec::new()).is_err(), "{entity:?}");
    }
    let nothing = json!({ "id": "", "tokenExpirationDateTime": null, "expirationDateTime": null });
    let nothing = nothing.as_object().unwrap();
    assert!(ade(nothing, now()).unwrap().is_none() && vpp(nothing, &mut Vec::new()).unwrap().is_none());
}

#[test]
fn only_a_token_that_another_one_outlives_is_superseded() {
    let in_use = |entries: &[(&str, Option<&str>, u64)]| {
        let read = entries.iter().enumerate().map(|(index, (name, end, devices))| {
            let entity = json!({
                "id": index.to_string(), "tokenName": name, "tokenExpirationDateTime": end, "syncedDeviceCount": devices,
            });
            ade(entity.as_object().unwrap(), now()).unwrap().unwrap()
        });
        let tokens = in_use(read.collect(), &mut Vec::new());
        tokens.iter().map(|token| token.id.clone()).collect::<Vec<_>>().join(",")
    };
    let (early, late) = (Some("2026-10-01T00:00:00Z"), Some("2027-10-01T00:00:00Z"));
    assert_eq!(in_use(&[("a", early, 0), ("a", late, 0)]), "1");
    assert_eq!(in_use(&[("a", late, 0), ("a", early, 0)]), "0");
    assert_eq!(in_use(&[("a", early, 1), ("a", late, 0)]), "0,1");
    assert_eq!(in_use(&[("a", early, 0), ("b", late, 0)]), "0,1");
    assert_eq!(in_use(&[("a", early, 0), ("a", early, 0)]), "0,1");
    assert_eq!(in_use(&[("a", early, 0), ("a", None, 0)]), "0,1");
    assert_eq!(in_use(&[("", early, 0), ("", late, 0)]), "0,1");
    assert_eq!(in_use(&[("a", early, 0)]), "0", "the only one is in use, whatever it counts");
}

#[test]
fn the_state_of_a_content_token_is_a_closed_word() {
    let mut remarks = Vec::new();
    let tokens: Vec<AppleToken> =
        fixture("vpp.json").iter().filter_map(|entity| vpp(entity, &mut remarks).unwrap()).collect();
    let told: Vec<_> = tokens.iter().map(|token| (token.id.as_str(), token.usable, token.trouble.as_deref())).collect();
    assert_eq!(
        told,
        [
            ("v1", Some(true), None),
            ("v2", Some(false), Some("invalid")),
            ("v3", Some(false), Some("expired")),
            ("v4", Some(false), Some("assigned to another MDM")),
            ("v5", Some(false), Some("another token has the same location")),
            ("v6", Some(false), Some("in a state that this program does not know")),
            ("v7", None, None),
            ("v8", None, None),
        ]
    );
    assert_eq!((tokens[0].name.as_str(), tokens[0].not_after), ("Example", date("2027-02-01T10:00:00Z")));
    assert_eq!((tokens[1].name.as_str(), tokens[6].name.as_str()), ("Example\\u{1b}[2J", ""));
    assert_eq!(
        remarks,
        [
            "Intune's last sync of the content token \"Example\\u{1b}[2J\" failed.",
            "Intune gave an end of the content token \"v8\" that cannot be read.",
        ]
    );
}

#[test]
fn an_entry_of_another_kind_is_no_token() {
    for entity in [json!({}), json!({ "appleIdentifier": "mdm@example.com" })] {
        ade(entity.as_object().unwrap(), now()).unwrap_err();
        vpp(entity.as_object().unwrap(), &mut Vec::new()).unwrap_err();
    }
}
