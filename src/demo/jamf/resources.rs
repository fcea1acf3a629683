//! The reads, in every shape in which they were seen.

use axum::body::Body;
use axum::http::header;
use axum::response::Response;
use serde_json::{Value, json};

use super::{Answer, Paging, Resource};
use crate::demo::asked::Asked;
use crate::demo::reply::{json as document, page, respond as body, trickle, truncated, with_header};

/// What a path below the base path reads.
pub(super) fn of_path(path: &str) -> Option<Resource> {
    match path {
        "/api/v1/notifications" => Some(Resource::Notifications),
        "/api/v1/device-enrollments" => Some(Resource::Enrollments),
        "/api/v1/volume-purchasing-locations" => Some(Resource::Locations),
        "/api/v1/apns-client-push-status" => Some(Resource::PushStatus),
        "/api/v2/mobile-devices/detail" => Some(Resource::Devices),
        "/JSSResource/mobiledeviceenrollmentprofiles" => Some(Resource::Profiles),
        _ => {
            let id =
                path.strip_prefix("/api/v1/mobile-device-enrollment-profile/")?.strip_suffix("/download-profile")?;
            id.parse().ok().map(Resource::Profile)
        }
    }
}

/// The answer of this turn. The last of a sequence stays.
pub(super) fn next(answer: &mut Answer) -> Answer {
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

pub(super) async fn respond(asked: &Asked, resource: Option<Resource>, answer: Answer) -> Response {
    let answer = match answer {
        Answer::Paged(_, Paging::Fails(first, answer)) if number(asked, "page", 0) >= first => *answer,
        other => other,
    };
    match answer {
        Answer::List(records) => match resource {
            Some(Resource::Notifications) => document(200, &Value::Array(records)),
            Some(Resource::Profiles) => document(200, &json!({ "mobile_device_enrollment_profiles": records })),
            _ => paged(asked, &records, None),
        },
        Answer::Paged(records, paging) => paged(asked, &records, Some(&paging)),
        Answer::Bytes(bytes) => body(200, "application/x-apple-aspen-config", bytes),
        Answer::Html(status) => page(status),
        Answer::Error(status, retry_after) => match retry_after {
            Some(text) => with_header(error(status), header::RETRY_AFTER, &text),
            None => error(status),
        },
        Answer::ErrorEmpty(status) => document(status, &json!({ "httpStatus": status, "errors": [] })),
        Answer::Empty(status) => body(status, "application/json", Body::empty()),
        Answer::Json(value) => document(200, &value),
        Answer::Truncated => truncated("[{\"type\":\"PUSH_CERT_WILL_EXPIRE\",\"par"),
        Answer::Trickle(interval) => trickle(interval),
        Answer::Redirect(to) => with_header(page(302), header::LOCATION, &to),
        Answer::Hang => std::future::pending().await,
        Answer::CloseConnection => asked.close().await,
        Answer::Echo401 => {
            let error = json!({ "code": "INVALID_TOKEN", "description": asked.echo(), "id": "0", "field": null });
            document(401, &json!({ "httpStatus": 401, "errors": [error] }))
        }
        Answer::Sequence(_) => body(500, "text/plain", "a sequence within a sequence"),
    }
}

fn number(asked: &Asked, name: &str, otherwise: usize) -> usize {
    asked.parameter(name).and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// A page, with the 2000 to which Jamf clamps without a word.
fn paged(asked: &Asked, records: &[Value], paging: Option<&Paging>) -> Response {
    let (mut size, mut page) = (number(asked, "page-size", 100).min(2000), number(asked, "page", 0));
    let mut total = records.len() as u64;
    let mut records = records.to_vec();
    match paging {
        Some(Paging::Clamped(most)) => size = size.min(*most),
        Some(Paging::Repeats) => {
            total = (records.len() as u64).saturating_mul(3);
            page = 0;
        }
        Some(Paging::Grows) => {
            // As many as a page holds, none of which came before.
            let start = page * size;
            let key = |record: &Value| if record.get("mobileDeviceId").is_some() { "mobileDeviceId" } else { "id" };
            let renamed = |(n, mut record): (usize, Value)| {
                let key = key(&record);
                if let Some(fields) = record.as_object_mut() {
                    fields.insert(key.to_owned(), (start + n).to_string().into());
                }
                record
            };
            records = records.into_iter().cycle().take(size).enumerate().map(renamed).collect();
            total = (start + 2 * size) as u64;
            page = 0;
        }
        Some(Paging::Claims(more)) => total += more,
        Some(Paging::Fails(..)) | None => {}
    }
    let results: Vec<Value> = records.into_iter().skip(page.saturating_mul(size)).take(size).collect();
    document(200, &json!({ "totalCount": total, "results": results }))
}

fn error(status: u16) -> Response {
    let code = match status {
        401 => "INVALID_TOKEN",
        403 => "INVALID_PRIVILEGE",
        404 => "NOT_FOUND",
        _ => "SOMETHING",
    };
    let error = json!({ "code": code, "description": "Something", "id": "0", "field": null });
    document(status, &json!({ "httpStatus": status, "errors": [error] }))
}
