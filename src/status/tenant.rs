//! One tenant as a document, with its history: `/api/v1/tenants/{name}`.

use serde_json::{Map, Value, json};

use super::{put_some, time};
use crate::evaluate::answers::answers;
use crate::evaluate::history::history;
use crate::evaluate::{Report, TenantReport};
use crate::model::Memory;

/// The value of `schema`.
pub const SCHEMA: &str = "apnswatch.tenant.v1";

/// Everything that the status document says of the tenant, the answers to the five questions, and what happened, the
/// latest first.
#[must_use]
pub fn document(tenant: &TenantReport, memory: &Memory, report: &Report) -> Value {
    let answers = answers(tenant).map(
        |answer| json!({ "question": answer.question, "standing": answer.standing.as_str(), "words": answer.words }),
    );
    let history = history(memory).into_iter().map(|event| {
        let mut object = Map::new();
        let mut put = |key: &str, value: Value| object.insert(key.to_owned(), value);
        put("at", json!(time(event.at)));
        put("sentence", json!(event.sentence));
        put_some(&mut put, "by", event.by);
        put_some(&mut put, "note", event.note);
        put_some(&mut put, "witness", event.witness);
        put_some(&mut put, "ticket", event.ticket);
        Value::Object(object)
    });
    json!({
        "schema": SCHEMA,
        "now": time(report.now),
        "tenant": super::tenant(tenant, report),
        "answers": answers,
        "history": history.collect::<Vec<_>>(),
    })
}
