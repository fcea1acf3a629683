//! The pages, made here and shown by any browser, with or without the script.

pub(super) mod filter;
mod fleet;
mod forms;
mod handover;
mod layout;
pub(super) mod letter;
mod network;
mod parts;
mod renewal;
mod tenant;

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};

use self::filter::Filter;
use super::access::User;
use super::actions::{Actor, Hand};
use super::parts::{Form, Parts};
use super::problem::Problem;
use super::{Context, Running};
use crate::address;
use crate::config::Config;
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

/// A page of a tenant on which something can be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// `/tenants/{name}`.
    Tenant,
    /// `/tenants/{name}/renewal`.
    Renewal,
}

impl Room {
    /// Where it is.
    pub(super) fn address(self, name: &TenantName) -> String {
        match self {
            Self::Tenant => address::of_tenant(name),
            Self::Renewal => format!("{}/renewal", address::of_tenant(name)),
        }
    }

    /// The page again, with why something was not kept.
    pub(super) fn again(
        self,
        tenant: &TenantReport,
        memory: &Memory,
        report: &Report,
        config: &Config,
        actor: Actor,
        refused: Refused,
    ) -> Response {
        let status = refused.problem.status();
        let desk = Desk { hand: Hand::Free(actor), refusal: Some(refused) };
        let page = match self {
            Self::Tenant => tenant::page(tenant, memory, report, config, &desk),
            Self::Renewal => renewal::page(tenant, memory, report, config, &desk, None),
        };
        (status, page).into_response()
    }
}

/// Who looks at a page, and what became of what they said.
pub(super) struct Desk {
    hand: Hand,
    refusal: Option<Refused>,
}

/// A form whose word was not kept.
pub(super) struct Refused {
    /// What it says, as its address has it.
    pub(super) word: String,
    /// What was typed into it.
    pub(super) parts: Parts,
    /// Why.
    pub(super) problem: Problem,
}

impl Desk {
    /// What was typed into a field of the form that says `word`, if that was refused: nobody types it again.
    fn typed(&self, word: &str, field: &str) -> Option<&str> {
        self.refusal.as_ref().filter(|refused| refused.word == word)?.parts.typed(field)
    }
}

type Asker = Option<Extension<User>>;

fn desk(context: &Context, running: &Running, user: &Asker) -> Desk {
    Desk { hand: Hand::of(context, running, user.as_ref().map(|user| &user.0)), refusal: None }
}

/// `/handover`.
pub(super) async fn handover(State(context): State<Context>) -> Response {
    let (running, report) = context.report().await;
    // Where secrets lie is told to those who had to log in, and to nobody else.
    let scope = if context.access.borrow().users() > 0 { Scope::Everything } else { Scope::WithoutSecretPlaces };
    let sheet = compose(&context.installation, &running.config, &report, &context.store.snapshot().tenants, scope);
    handover::page(&sheet, &report).into_response()
}

/// `/letter`.
pub(super) async fn letter(
    State(context): State<Context>,
    query: Result<Query<letter::Asked>, QueryRejection>,
    user: Asker,
) -> Response {
    let (running, report) = context.report().await;
    let Desk { hand, .. } = desk(&context, &running, &user);
    let code = query.map(|Query(asked)| asked.code).unwrap_or_default();
    letter::page(&report, &hand, &code, None).into_response()
}

/// The same page, with why a letter was not confirmed.
pub(super) fn letter_again(report: &Report, actor: Actor, code: &str, problem: &Problem) -> Response {
    (problem.status(), letter::page(report, &Hand::Free(actor), code, Some(problem))).into_response()
}

/// `/tenants/{name}`.
pub(super) async fn tenant(State(context): State<Context>, Path(name): Path<String>, user: Asker) -> Response {
    let (running, report) = context.report().await;
    let desk = desk(&context, &running, &user);
    match found(&context, &report, &name) {
        Some((tenant, memory)) => tenant::page(tenant, &memory, &report, &running.config, &desk).into_response(),
        None => moved(&running, &name, Room::Tenant).unwrap_or_else(|| missing(&report)),
    }
}

/// `/tenants/{name}/renewal`.
pub(super) async fn renewal(State(context): State<Context>, Path(name): Path<String>, user: Asker) -> Response {
    let (running, report) = context.report().await;
    let desk = desk(&context, &running, &user);
    match found(&context, &report, &name) {
        Some((tenant, memory)) => renewal::page(tenant, &memory, &report, &running.config, &desk, None).into_response(),
        None => moved(&running, &name, Room::Renewal).unwrap_or_else(|| missing(&report)),
    }
}

/// `POST /tenants/{name}/renewal`: the same page with the verdict on a file. Nothing is kept.
pub(super) async fn judge(
    State(context): State<Context>,
    Path(name): Path<String>,
    user: Asker,
    form: Form,
) -> Response {
    let (running, report) = context.report().await;
    let desk = desk(&context, &running, &user);
    let Some((tenant, memory)) = found(&context, &report, &name) else { return missing(&report) };
    let verdict = super::preflight::of_form(form, tenant, &memory, &report, &running.config).await;
    let status = verdict.as_ref().err().map_or(StatusCode::OK, Problem::status);
    (status, renewal::page(tenant, &memory, &report, &running.config, &desk, Some(verdict))).into_response()
}

/// A page that says why a form was not taken.
pub(super) fn refused(report: &Report, problem: &Problem) -> Response {
    (problem.status(), layout::refused(report, problem)).into_response()
}

/// The tenant of this name, with what is remembered of it.
pub(super) fn found<'r>(context: &Context, report: &'r Report, name: &str) -> Option<(&'r TenantReport, Arc<Memory>)> {
    let name = TenantName::parse(name).ok()?;
    let tenant = report.tenants.iter().find(|tenant| tenant.name == name)?;
    Some((tenant, context.store.memory(&name).unwrap_or_default()))
}

/// The way to the page of a tenant that had this name before: links in mails and alerts are older than its present one.
fn moved(running: &Running, name: &str, room: Room) -> Option<Response> {
    let present = running.config.called_now(name)?;
    Some(Redirect::permanent(&room.address(present)).into_response())
}

/// There is no such tenant.
pub(super) fn missing(report: &Report) -> Response {
    (StatusCode::NOT_FOUND, layout::missing(report)).into_response()
}
