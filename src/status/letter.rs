//! The monthly letter as a document. The code of a letter is never in it: whoever confirms has read it in the letter.

use serde_json::{Map, Value, json};

use super::{put_some, time};
use crate::evaluate::LetterReport;
use crate::evaluate::letter::Letter;

/// What is true of the letters, as a part of another document.
#[must_use]
pub fn object(report: &LetterReport) -> Value {
    let mut object = Map::new();
    let mut put = |key: &str, value: Value| object.insert(key.to_owned(), value);
    put("every_seconds", json!(report.every.num_seconds()));
    put_some(&mut put, "unconfirmed", report.unconfirmed);
    put_some(&mut put, "last", report.newest().map(letter));
    put_some(&mut put, "waiting", report.waiting().map(letter));
    if let Some(confirmed) = &report.confirmed {
        put("confirmed", json!({ "number": confirmed.number, "at": time(confirmed.at), "by": confirmed.by }));
    }
    put_some(&mut put, "next", report.next().map(time));
    Value::Object(object)
}

fn letter(letter: &Letter) -> Value {
    let mut object = Map::new();
    let mut put = |key: &str, value: Value| object.insert(key.to_owned(), value);
    put("number", json!(letter.number));
    put("due", json!(time(letter.due)));
    put_some(&mut put, "sent", letter.sent.map(time));
    if !letter.is_confirmed {
        put("unconfirmed_from", json!(time(letter.until())));
    }
    Value::Object(object)
}
