//! Answers that no vendor should give.

use std::fmt::Write as _;
use std::process::Command;
use std::sync::LazyLock;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::kinds::{Fault, PAUSE};
use crate::support::now;

/// How much the bomb would be.
const BOMB: u64 = 200 * 1024 * 1024;

/// An answer as it came from a simulator, or as we make it.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Answer {
    fn new(status: u16, kind: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: vec![("content-type".to_owned(), kind.to_owned())], body: body.into() }
    }

    fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.retain(|(other, _)| other != name);
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Reads what a simulator sent until it closed.
    pub(super) fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|part| part == b"\r\n\r\n").expect("a head");
        let mut lines = std::str::from_utf8(&bytes[..end]).unwrap().split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(':').unwrap();
            (name.to_ascii_lowercase(), value.trim().to_owned())
        });
        let answer = Self { status, headers: headers.collect(), body: bytes[end + 4..].to_vec() };
        assert!(answer.headers.iter().all(|(name, _)| name != "transfer-encoding"), "simulators tell the length");
        answer
    }

    /// The head, which promises a body of this length.
    pub(super) fn head(&self, length: usize) -> String {
        let mut head = format!("HTTP/1.1 {} x\r\n", self.status);
        for (name, value) in &self.headers {
            if !["content-length", "connection"].contains(&name.as_str()) {
                let _ = write!(head, "{name}: {value}\r\n");
            }
        }
        let _ = write!(head, "content-length: {length}\r\nconnection: close\r\n\r\n");
        head
    }
}

/// What is answered without asking anybody.
pub(super) fn made(fault: Fault) -> Option<Answer> {
    let document = |status| Answer::new(status, "application/json", r#"{"error":"made up"}"#);
    Some(match fault {
        Fault::Status(status) => document(status),
        Fault::Wait(status) => document(status).with("retry-after", PAUSE.to_string()),
        Fault::WaitUntil(off) => {
            let there = now() + TimeDelta::seconds(off);
            let end = there + TimeDelta::seconds(PAUSE.cast_signed());
            document(429).with("date", http_date(there)).with("retry-after", http_date(end))
        }
        Fault::Html => Answer::new(200, "text/html", "<!DOCTYPE html>\n<html><body>Sign in</body></html>"),
        Fault::Empty => Answer::new(200, "application/json", ""),
        Fault::Redirect => document(302).with("location", "https://elsewhere.example.com/sign-in?s3cret"),
        Fault::Bomb => Answer::new(200, "application/json", bomb().to_vec()).with("content-encoding", "gzip"),
        _ => return None,
    })
}

/// What becomes of a good answer.
pub(super) fn bent(fault: Fault, mut answer: Answer) -> Answer {
    match fault {
        Fault::HalfDocument => answer.body.truncate(answer.body.len() / 2),
        Fault::WrongTypes => {
            let document: Value = serde_json::from_slice(&answer.body).expect("an answer in JSON");
            answer.body = flipped(document).to_string().into_bytes();
        }
        Fault::Clock(off) => return answer.with("date", http_date(now() + TimeDelta::seconds(off))),
        _ => {}
    }
    answer
}

/// The same document with other types at its leaves.
fn flipped(value: Value) -> Value {
    match value {
        Value::String(_) => 7.into(),
        Value::Null | Value::Bool(_) | Value::Number(_) => "seven".into(),
        Value::Array(items) => items.into_iter().map(flipped).collect(),
        Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, flipped(value))).collect(),
    }
}

/// RFC 9110, 5.6.7.
fn http_date(moment: DateTime<Utc>) -> String {
    moment.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

fn bomb() -> &'static [u8] {
    static BYTES: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let made = Command::new("sh").args(["-c", &format!("head -c {BOMB} /dev/zero | gzip")]).output().unwrap();
        assert!(made.status.success() && made.stdout.len() < 1024 * 1024, "{}", made.stdout.len());
        made.stdout
    });
    &BYTES
}
