//! The pages, made here and shown by any browser, with or without the script.

pub(super) mod filter;
mod fleet;
mod handover;
mod layout;
mod network;
mod parts;
mod renewal;
mod tenant;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use self::filter::Filter;
use super::Context;
use crate::evaluate::{Report, TenantReport};
use crate::handover::{Scope, compose};
use crate::model::{Memory, TenantName};

/// What the pages ask of the address. Whoever mistypes it gets everything.
type Asked = Result<Query<Filter>, QueryRejection>;

fn asked(query: Asked) -> Filter {
    query.map(|Query(filter)| filter).unwrap_or_default()
}

/// `/`.
pub(super) async fn fleet(State(context): State<Context>, query: Asked) -> Response {
    let (_, report) = context.report().await;
    fleet::page(&report, &asked(query)).into_response()
}

/// `/tenants.csv`.
pub(super) async fn csv(State(context): State<Context>, query: Asked) -> Response {
    let (_, report) = context.report().await;
    match fleet::csv(&report, &asked(query)) {
        Ok(text) => (
            [
                (header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8")),
                (header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"tenants.csv\"")),
            ],
            text,
        )
            .into_response(),
        Err(error) => {
            tracing::error!(%error, "the list cannot be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// `/findings`.
pub(super) async fn findings(State(context): State<Context>, query: Asked) -> Response {
    let (_, report) = context.report().await;
    fleet::findings(&report, &asked(query)).into_response()
}

/// `/ahead`.
pub(super) async fn ahead(State(context): State<Context>, query: Asked) -> Response {
    let (_, report) = context.report().await;
    fleet::ahead(&report, &asked(query)).into_response()
}

/// `/network`.
pub(super) async fn network(State(context): State<Context>) -> Response {
    let (_, report) = context.report().await;
    network::page(&report).into_response()
}

/// `/handover`.
pub(super) async fn handover(State(context): State<Context>) -> Response {
    let (running, report) = context.report().await;
    // Where secrets lie is told to those who had to log in, and to nobody else.
    let scope = if context.access.borrow().users() > 0 { Scope::Everything } else { Scope::WithoutSecretPlaces };
    let sheet = compose(&context.installation, &running.config, &report, &context.store.snapshot().tenants, scope);
    handover::page(&sheet, &report).into_response()
}

/// `/tenants/{name}`.
pub(super) async fn tenant(State(context): State<Context>, Path(name): Path<String>) -> Response {
    let (running, report) = context.report().await;
    match found(&context, &report, &name) {
        Some((tenant, memory)) => tenant::page(tenant, &memory, &report, &running.config).into_response(),
        None => missing(&report),
    }
}

/// `/tenants/{name}/renewal`.
pub(super) async fn renewal(State(context): State<Context>, Path(name): Path<String>) -> Response {
    let (running, report) = context.report().await;
    match found(&context, &report, &name) {
        Some((tenant, memory)) => renewal::page(tenant, &memory, &report, &running.config, None).into_response(),
        None => missing(&report),
    }
}

/// `POST /tenants/{name}/renewal`: the same page with the verdict on a file. Nothing is kept.
pub(super) async fn judge(
    State(context): State<Context>,
    Path(name): Path<String>,
    form: Result<axum::extract::Multipart, axum::extract::multipart::MultipartRejection>,
) -> Response {
    let (running, report) = context.report().await;
    let Some((tenant, memory)) = found(&context, &report, &name) else { return missing(&report) };
    let verdict = super::preflight::of_form(form, tenant, &memory, &report, &running.config).await;
    let status = verdict.as_ref().err().map_or(StatusCode::OK, super::problem::Problem::status);
    (status, renewal::page(tenant, &memory, &report, &running.config, Some(verdict))).into_response()
}

fn found<'r>(context: &Context, report: &'r Report, name: &str) -> Option<(&'r TenantReport, Memory)> {
    let name = TenantName::parse(name).ok()?;
    let tenant = report.tenants.iter().find(|tenant| tenant.name == name)?;
    Some((tenant, context.store.memory(&name).as_deref().cloned().unwrap_or_default()))
}

fn missing(report: &Report) -> Response {
    (StatusCode::NOT_FOUND, layout::missing(report)).into_response()
}
