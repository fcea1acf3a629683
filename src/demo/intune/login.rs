//! The token endpoint of Entra.

use std::collections::HashMap;
use std::time::Duration;

use axum::http::header;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::server::{Grant, State};
use super::{Credential, Directory, LoginAnswer};
use crate::demo::asked::Asked;
use crate::demo::reply::{json as document, page, redirect, with_header};

/// A token with its life in seconds, or the status and AADSTS code of a refusal.
pub(super) type Judgement = Result<(String, u64), (u16, u64)>;

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Judges a login as Entra would, and says how it is to be answered.
pub(super) fn judge(state: &mut State, name: &str, asked: &Asked) -> (Judgement, LoginAnswer) {
    *state.logins.entry(name.to_owned()).or_default() += 1;
    let Some(directory) = state.directories.get(name).cloned() else {
        return (Err((400, 90_002)), LoginAnswer::Honest);
    };
    let form: HashMap<String, String> = url::form_urlencoded::parse(&asked.body).into_owned().collect();
    let judgement = check(state, name, &directory, &form, asked).map(|()| {
        // A JWT in shape only: what stands in it is read by people who look for a missing permission.
        let claims = URL_SAFE_NO_PAD.encode(json!({ "roles": directory.roles }).to_string());
        let token = format!("simulated-{}.{claims}.unsigned", uuid::Uuid::new_v4().simple());
        let good_until = Instant::now() + Duration::from_secs(directory.expires_in);
        let roles = directory.roles.clone();
        state.grant(token.clone(), Grant { directory: name.to_owned(), good_until, roles });
        (token, directory.expires_in)
    });
    (judgement, directory.login)
}

fn check(
    state: &mut State,
    name: &str,
    directory: &Directory,
    form: &HashMap<String, String>,
    asked: &Asked,
) -> Result<(), (u16, u64)> {
    let field = |key: &str| form.get(key).map(String::as_str).unwrap_or_default();
    if field("grant_type") != "client_credentials" {
        return Err((400, 70_003));
    }
    // One listener is login and Graph at once, so the resource of the scope is this very host.
    if field("scope") != format!("{}/.default", asked.root()) {
        return Err((400, 500_011));
    }
    if field("client_id") != directory.client_id {
        return Err((400, 700_016));
    }
    let assertion = || {
        let given = field("client_assertion");
        if field("client_assertion_type") == ASSERTION_TYPE && !given.is_empty() {
            Ok(given)
        } else {
            Err((401, 7_000_218))
        }
    };
    match &directory.credential {
        Credential::Secret(secret) => match form.get("client_secret") {
            None => Err((401, 7_000_218)),
            Some(given) if given == secret => Ok(()),
            Some(_) => Err((401, 7_000_215)),
        },
        Credential::Federated(token) => {
            if assertion()? == token {
                Ok(())
            } else {
                Err((400, 70_021))
            }
        }
        Credential::Certificate(certificate) => {
            let audience = format!("{}{}", asked.root(), asked.path);
            let id = verify(assertion()?, certificate, &audience, &directory.client_id, state.seconds())
                .map_err(|code| (401, code))?;
            if state.assertions.insert(name.to_owned(), id.clone()).is_some_and(|last| last == id) {
                return Err((401, 50_013));
            }
            Ok(())
        }
    }
}

/// Verifies an assertion and gives its `jti`, or the AADSTS code of what is wrong with it.
fn verify(assertion: &str, certificate: &[u8], audience: &str, client_id: &str, now: i64) -> Result<String, u64> {
    let header = jsonwebtoken::decode_header(assertion).map_err(|_| 50_027_u64)?;
    let thumbprint = URL_SAFE_NO_PAD.encode(Sha256::digest(certificate));
    if header.alg != Algorithm::PS256 || header.x5t_s256.as_deref() != Some(thumbprint.as_str()) {
        return Err(700_027);
    }
    let (_, certificate) = x509_parser::parse_x509_certificate(certificate).map_err(|_| 700_027_u64)?;
    let key = DecodingKey::from_rsa_der(&certificate.public_key().subject_public_key.data);
    let mut validation = Validation::new(Algorithm::PS256);
    validation.set_audience(&[audience]);
    validation.set_issuer(&[client_id]);
    validation.sub = Some(client_id.to_owned());
    validation.set_required_spec_claims(&["aud", "exp", "iss", "nbf", "sub"]);
    // Judged below, by the simulator's own clock.
    validation.validate_exp = false;
    let claims = jsonwebtoken::decode::<Value>(assertion, &key, &validation).map_err(|_| 700_027_u64)?.claims;
    let time = |name: &str| claims.get(name).and_then(Value::as_i64);
    let (Some(begin), Some(end)) = (time("nbf"), time("exp")) else { return Err(50_013) };
    if begin > now + 300 || end <= now || end - begin > 24 * 3600 {
        return Err(700_024);
    }
    claims.get("jti").and_then(Value::as_str).map(str::to_owned).ok_or(50_013)
}

pub(super) async fn respond(asked: &Asked, judgement: Judgement, answer: LoginAnswer) -> Response {
    match answer {
        LoginAnswer::Honest => match judgement {
            Ok((token, life)) => document(
                200,
                &json!({ "token_type": "Bearer", "expires_in": life, "ext_expires_in": life, "access_token": token }),
            ),
            Err((status, code)) => refusal(status, code),
        },
        LoginAnswer::Refuse(status, code) => refusal(status, code),
        LoginAnswer::Status(status, retry_after) => match retry_after {
            Some(seconds) => with_header(page(status), header::RETRY_AFTER, &seconds.to_string()),
            None => page(status),
        },
        LoginAnswer::Json(value) => document(200, &value),
        LoginAnswer::Echo401 => {
            document(401, &json!({ "error": "invalid_client", "error_description": asked.echo(), "error_codes": [] }))
        }
        LoginAnswer::Redirect(to) => redirect(307, &to),
        LoginAnswer::Hang => std::future::pending().await,
        LoginAnswer::CloseConnection => asked.close().await,
    }
}

fn refusal(status: u16, code: u64) -> Response {
    let error = if status == 401 { "invalid_client" } else { "invalid_request" };
    document(
        status,
        &json!({
            "error": error,
            "error_description": format!("AADSTS{code}: Something is wrong.\r\nTrace ID: {}", uuid::Uuid::new_v4()),
            "error_codes": [code],
            "timestamp": "2026-09-01 00:00:00Z",
            "trace_id": uuid::Uuid::new_v4().to_string(),
            "correlation_id": uuid::Uuid::new_v4().to_string(),
        }),
    )
}
