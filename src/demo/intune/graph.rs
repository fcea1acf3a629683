//! The one read of Graph, in every shape in which it was seen.

use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::Response;
use chrono::SecondsFormat;
use futures::{StreamExt as _, stream};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::server::{Asked, State, json as document, page, respond as body, with_header};
use super::{Answer, Certificate};
use crate::demo::reply;

/// One piece of a long body.
const CHUNK: Bytes = Bytes::from_static(&[b' '; 64 * 1024]);

const URL: &str =
    "https://fef.example.com/DeviceFE/StatelessDeviceFEService/deviceManagement/applePushNotificationCertificate";

/// Whose token it is, and how that directory answers; `None` for a bad token.
pub(super) fn judge(state: &mut State, asked: &Asked) -> (Option<String>, Option<Answer>) {
    let token = asked.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let grant = token.and_then(|value| value.strip_prefix("Bearer ")).and_then(|token| state.tokens.get(token));
    let Some(grant) = grant.filter(|grant| Instant::now() < grant.good_until) else {
        return (None, None);
    };
    let name = grant.directory.clone();
    let answer = state.directories.get_mut(&name).map(|directory| next(&mut directory.answer));
    (Some(name), answer)
}

/// The answer of this turn. The last of a sequence stays.
fn next(answer: &mut Answer) -> Answer {
    match answer {
        Answer::Sequence(turns) => match turns.pop_front() {
            Some(turn) => {
                if turns.is_empty() {
                    turns.push_back(turn.clone());
                }
                turn
            }
            None => Answer::Empty(200),
        },
        other => other.clone(),
    }
}

pub(super) async fn respond(asked: &Asked, answer: Option<Answer>) -> Response {
    let Some(answer) = answer else {
        return error(401, "InvalidAuthenticationToken", "Access token validation failure.");
    };
    match answer {
        Answer::Certificate(certificate) => document(200, &entity(&certificate)),
        Answer::NotConfigured => error(404, "ResourceNotFound", &envelope("An error has occurred")),
        Answer::WrongRoute => error(404, "BadRequest", "Resource not found for the segment."),
        Answer::Html(status) => page(status),
        Answer::Status(status, retry_after) => {
            let response = error(status, "UnknownError", "");
            match retry_after {
                Some(text) => with_header(response, header::RETRY_AFTER, &text),
                None => response,
            }
        }
        Answer::Forbidden => error(403, "Forbidden", &envelope(SCOPES)),
        Answer::ForbiddenWrapped => {
            let inner = json!({ "ErrorCode": "Forbidden", "Message": envelope(SCOPES) });
            error(403, "UnknownError", &inner.to_string())
        }
        Answer::NotLicensed => error(400, "BadRequest", &envelope("Request not applicable to target tenant.")),
        Answer::QueryBroker => {
            let text = "Rate limit reached because of too many requests to query broker";
            error(500, "InternalServerError", &envelope(text))
        }
        Answer::Empty(status) => body(status, "application/json", Body::empty()),
        Answer::Json(value) => document(200, &value),
        Answer::Redirect(to) => with_header(page(302), header::LOCATION, &to),
        Answer::Echo401 => error(401, "InvalidAuthenticationToken", &asked.echo()),
        Answer::Truncated => reply::truncated(b"{\"expirationDateTime\":\"2027-06"),
        Answer::Huge(bytes) => {
            let chunks = usize::try_from(bytes.div_ceil(CHUNK.len() as u64)).unwrap_or(usize::MAX);
            reply::streamed(stream::repeat_with(|| Ok(CHUNK)).take(chunks))
        }
        Answer::Endless => reply::streamed(stream::repeat_with(|| Ok(CHUNK))),
        Answer::Trickle(interval) => reply::trickle(interval),
        Answer::Hang => std::future::pending().await,
        Answer::CloseConnection => asked.close().await,
        Answer::Sequence(_) => body(500, "text/plain", "a sequence within a sequence"),
    }
}

const SCOPES: &str = "Application is not authorized to perform this operation. Application must have one of the \
                      following scopes: DeviceManagementServiceConfig(uration).Read.All, \
                      DeviceManagementServiceConfig.ReadWrite.All";

fn entity(certificate: &Certificate) -> Value {
    let not_after = certificate.not_after.map(|date| {
        let text = date.to_rfc3339_opts(SecondsFormat::Secs, true);
        if certificate.fractions { text.replace('Z', ".1234567Z") } else { text }
    });
    let entity = json!({
        "@odata.context": "https://graph.example.com/v1.0/$metadata#deviceManagement/applePushNotificationCertificate/$entity",
        "appleIdentifier": certificate.account,
        "certificate": null,
        "certificateSerialNumber": certificate.serial,
        "certificateUploadFailureReason": null,
        "certificateUploadStatus": null,
        "expirationDateTime": not_after,
        "id": uuid::Uuid::new_v4().to_string(),
        "lastModifiedDateTime": "2026-09-01T00:00:00Z",
        "topicIdentifier": certificate.topic,
    });
    if certificate.wrapped { json!({ "value": entity }) } else { entity }
}

/// Graph's error envelope.
fn error(status: u16, code: &str, message: &str) -> Response {
    let id = uuid::Uuid::new_v4().to_string();
    let inner = json!({ "date": "2026-09-01T00:00:00", "request-id": id, "client-request-id": id });
    document(status, &json!({ "error": { "code": code, "message": message, "innerError": inner } }))
}

/// Intune's own, which Graph carries as text.
fn envelope(text: &str) -> String {
    let id = uuid::Uuid::new_v4();
    json!({
        "_version": 3,
        "Message": format!("{text} - Operation ID (for customer support): 00000000-0000-0000-0000-000000000000 - \
                            Activity ID: {id} - Url: {URL}?api-version=2026-01-01"),
        "CustomApiErrorPhrase": "",
        "RetryAfter": null,
        "ErrorSourceService": "",
        "HttpHeaders": "{}"
    })
    .to_string()
}
