use super::*;

macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/mosyle/", $name))
    };
}

fn told(body: &str) -> Result<Page, Failure> {
    let body = bytes::Bytes::copy_from_slice(body.as_bytes());
    parse("mosyle.example.com", &Answer { status: 200, body, ..Answer::default() })
}

#[test]
fn both_products_tell_the_same() {
    for body in [fixture!("manager.json"), fixture!("business.json")] {
        let Page::Devices { rows, total, size } = told(body).unwrap() else { panic!("{body}") };
        assert_eq!((rows.len(), total, size), (2, Some(1328), Some(100)));
        let at = |seconds| Moment::At(DateTime::from_timestamp(seconds, 0).unwrap());
        assert_eq!(moment(&rows[0], "date_last_beat"), Ok(at(1_788_263_700)));
        assert_eq!(moment(&rows[0], "date_info"), Ok(at(1_788_260_000)));
        assert_eq!(moment(&rows[1], "date_last_beat"), Ok(Moment::Never));
        assert_eq!(moment(&rows[1], "date_info"), Ok(Moment::Never));
        assert_eq!(moment(&rows[1], "date_last_push"), Ok(Moment::Missing));
    }
    assert_eq!(told(fixture!("empty.json")), Ok(Page::Devices { rows: vec![], total: Some(0), size: None }));
}

#[test]
fn the_end_of_a_list_is_no_error() {
    for body in [fixture!("end.json"), fixture!("end-object.json"), fixture!("end-outer.json")] {
        assert_eq!(told(body), Ok(Page::End), "{body}");
    }
}

#[test]
fn an_error_within_200_is_an_error() {
    for (body, words) in [
        (fixture!("inner-error.json"), "(ERROR)"),
        (fixture!("inner-error-object.json"), "(ERROR)"),
        (fixture!("outer-error.json"), "(ERROR)"),
        (fixture!("missing-data.json"), "(MISSING_DATA)"),
        (fixture!("missing-data-spaced.json"), "(MISSING_DATA)"),
        (fixture!("invalid-data.json"), "(INVALID_DATA)"),
        (fixture!("unknown-word.json"), "an error that this program does not know"),
    ] {
        let failure = told(body).unwrap_err();
        assert_eq!(failure.reason, Reason::Http, "{failure}");
        assert!(failure.message.ends_with(words), "{failure}");
        assert!(!failure.message.to_lowercase().contains("s3cret"), "{failure}");
    }
}

#[test]
fn what_is_no_list_is_malformed() {
    for body in [
        "",
        " ",
        "null",
        "{}",
        "[]",
        "7",
        "\"OK\"",
        fixture!("null-response.json"),
        fixture!("no-response.json"),
        fixture!("empty-response.json"),
        fixture!("no-devices.json"),
        fixture!("devices-object.json"),
        fixture!("odd-device.json"),
        fixture!("odd-response.json"),
        fixture!("odd-status.json"),
        fixture!("two-lists.json"),
        fixture!("array.json"),
        fixture!("truncated.json"),
        fixture!("page.html"),
        fixture!("not-found.txt"),
    ] {
        let failure = told(body).unwrap_err();
        assert_eq!(failure.reason, Reason::Malformed, "{body}: {failure}");
        assert!(!failure.message.contains("s3cr"), "{failure}");
    }
}

#[test]
fn a_moment_is_a_number_or_text_and_never_a_guess() {
    let of = |value: Value| {
        let row = Row::from_iter([("date_info".to_owned(), value)]);
        moment(&row, "date_info")
    };
    for text in ["1788260000", " 1788260000 "] {
        assert_eq!(of(text.into()), of(1_788_260_000.into()));
    }
    for never in [Value::Null, "".into(), " ".into(), "0".into(), 0.into()] {
        assert_eq!(of(never), Ok(Moment::Never));
    }
    for odd in
        ["yesterday".into(), "-5".into(), (-5).into(), "99999999999999999999".into(), i64::MAX.into(), 1.5.into()]
    {
        assert_eq!(of(odd), Ok(Moment::Unreadable));
    }
    for wrong in [Value::Bool(true), Value::Array(vec![]), Value::Object(Map::new())] {
        assert_eq!(of(wrong), Err(()));
    }
}
