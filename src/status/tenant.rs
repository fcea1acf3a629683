//! One tenant as a document, with its history: `/api/v1/tenants/{name}`.

use serde_json::{Map, Value, json};

use super::{put_some, time};
use crate::evaluate::answers::answers;
use crate::evaluate::history::history;
use crate::evaluate::{Report, TenantReport};
use crate::model::Memory;

/// The value of `schema`.
pub const SCHEMA: &str = "apnswatch.tenant.v1";

/// Everything that the status document says of the tenant, the answers to the five questions, its account with the duties,
/// and what happened, the latest first.
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
    let mut document = Map::new();
    let mut put = |key: &str, value: Value| document.insert(key.to_owned(), value);
    put("schema", json!(SCHEMA));
    put("now", json!(time(report.now)));
    put("tenant", super::tenant(tenant, report));
    put("answers", answers.into_iter().collect());
    let account = report.accounts.iter().find(|account| Some(&account.id) == tenant.account.as_ref());
    put_some(&mut put, "account", account.map(super::account));
    put("history", history.collect());
    Value::Object(document)
}
