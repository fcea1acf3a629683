//! The two logins.

use std::borrow::Cow;
use std::collections::HashMap;
use std::time::Duration;

use axum::http::header;
use axum::response::Response;
use chrono::{SecondsFormat, TimeDelta};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::server::{Grant, State};
use super::{Credential, LoginAnswer, TokenPaths};
use crate::demo::asked::Asked;
use crate::demo::reply::{json as document, page, with_header};

const NEWER: &str = "/api/v1/oauth/token";
const OLDER: &str = "/api/oauth/token";
const USER: &str = "/api/v1/auth/token";

/// The answer to a good login, or the status of a refusal.
pub(super) type Judgement = Result<Value, u16>;

pub(super) fn is_login(path: &str) -> bool {
    [NEWER, OLDER, USER].contains(&path)
}

/// Judges a login as Jamf would, and says how it is to be answered.
pub(super) fn judge(state: &mut State, base: &str, path: &str, asked: &Asked) -> (Judgement, LoginAnswer) {
    let clock = state.clock;
    let Some(server) = state.servers.get(base) else { return (Err(404), LoginAnswer::Honest) };
    let is_there = match server.token_paths {
        TokenPaths::Both => true,
        TokenPaths::Newer => path != OLDER,
        TokenPaths::Older => path != NEWER,
    };
    if !is_there {
        return (Err(404), LoginAnswer::Honest);
    }
    let behaviour = server.login.clone();
    let is_good = match &server.credential {
        Credential::Client(id, secret) if path != USER => {
            let form: HashMap<Cow<'_, [u8]>, Vec<u8>> = form(&asked.body).collect();
            let field = |name: &[u8]| form.get(name).map(Vec::as_slice).unwrap_or_default();
            field(b"grant_type") == b"client_credentials"
                && field(b"client_id") == id.as_bytes()
                && field(b"client_secret") == secret.as_slice()
        }
        Credential::User(name, password) if path == USER => {
            asked.basic().is_some_and(|(given, word)| given == name.as_bytes() && word == *password)
        }
        Credential::Client(..) | Credential::User(..) => false,
    };
    if !is_good {
        return (Err(if path == USER { 401 } else { 400 }), behaviour);
    }
    let token = format!("simulated-{}", uuid::Uuid::new_v4().simple());
    let life = server.life;
    // An hour, and never more than any clock can add.
    let seconds = life.unwrap_or(3600).min(u64::from(u32::MAX));
    let grant =
        Grant { base: base.to_owned(), good_until: Instant::now() + Duration::from_secs(seconds), uses: server.uses };
    state.grant(token.clone(), grant);
    let answer = if path == USER {
        let end = clock + TimeDelta::seconds(i64::try_from(seconds).unwrap_or_default());
        json!({ "token": token, "expires": life.map(|_| end.to_rfc3339_opts(SecondsFormat::Millis, true)) })
    } else {
        let mut answer = json!({ "access_token": token, "token_type": "Bearer", "scope": "api-role:1" });
        if let (Some(life), Some(answer)) = (life, answer.as_object_mut()) {
            answer.insert("expires_in".to_owned(), life.into());
        }
        answer
    };
    (Ok(answer), behaviour)
}

/// A form, whose values are bytes and need not be text.
fn form(body: &[u8]) -> impl Iterator<Item = (Cow<'_, [u8]>, Vec<u8>)> {
    body.split(|byte| *byte == b'&').filter_map(|pair| {
        let equals = pair.iter().position(|byte| *byte == b'=')?;
        Some((Cow::Borrowed(&pair[..equals]), decoded(&pair[equals + 1..])))
    })
}

fn decoded(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((first, after)) = rest.split_first() {
        let hex = (*first == b'%').then(|| after.get(..2).and_then(|digits| hex::decode(digits).ok())).flatten();
        match hex {
            Some(byte) => {
                out.extend(byte);
                rest = &after[2..];
            }
            None => {
                out.push(if *first == b'+' { b' ' } else { *first });
                rest = after;
            }
        }
    }
    out
}

pub(super) async fn respond(asked: &Asked, judgement: Judgement, answer: LoginAnswer) -> Response {
    let unauthorised = |code: &str| {
        let error = json!({ "code": code, "description": "Unauthorized", "id": "0", "field": null });
        document(401, &json!({ "httpStatus": 401, "errors": [error] }))
    };
    match answer {
        LoginAnswer::Honest => match judgement {
            Ok(answer) => document(200, &answer),
            Err(400) => document(
                400,
                &json!({ "error": "invalid_client", "error_description": "Wrong client", "error_uri": "about:blank" }),
            ),
            Err(401) => unauthorised("INVALID_CREDENTIALS"),
            Err(status) => page(status),
        },
        LoginAnswer::ExpiredPassword => unauthorised("USER_EXPIRED_PASSWORD"),
        LoginAnswer::Status(status, retry_after) => match retry_after {
            Some(text) => with_header(page(status), header::RETRY_AFTER, &text),
            None => page(status),
        },
        LoginAnswer::Json(status, value) => document(status, &value),
        LoginAnswer::Echo401 => document(401, &json!({ "error": "invalid_client", "error_description": asked.echo() })),
        LoginAnswer::Redirect(to) => with_header(page(307), header::LOCATION, &to),
        LoginAnswer::Hang => std::future::pending().await,
    }
}
