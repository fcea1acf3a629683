//! The HTTP side: the pages, metrics, the status document, the calendar, health, reload.
//!
//! Nothing here waits for a vendor: every answer comes from what the store holds.

pub mod access;
mod actions;
mod assets;
mod calendar;
mod host;
mod pages;
mod parts;
mod preflight;
mod problem;
mod scrape;
mod server;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use chrono::{DateTime, Utc};
use tokio::sync::{mpsc, oneshot, watch};

pub use self::access::Access;
use self::problem::Problem;
pub use self::server::{Limits, serve};
use crate::address;
use crate::clock::Clock;
use crate::config::{Config, Reload};
use crate::evaluate::{Report, evaluate};
use crate::handover::Installation;
use crate::metrics::Counters;
use crate::model;
use crate::status;
use crate::store::Store;

/// The configuration in force, and how the last reload went.
#[derive(Clone, Debug)]
pub struct Running {
    /// The configuration.
    pub config: Arc<Config>,
    /// When it was read.
    pub since: DateTime<Utc>,
    /// Whether the last reload went well; if not, the configuration is an older one.
    pub is_current: bool,
}

/// A wish to read the configuration again, and where the answer goes.
pub type ReloadRequest = oneshot::Sender<Result<(), Vec<model::Problem>>>;

/// What the pages need. Clones share it.
#[derive(Clone, Debug)]
pub struct Context {
    /// The configuration in force.
    pub running: watch::Receiver<Running>,
    /// What was learnt.
    pub store: Store,
    /// The process counters.
    pub counters: Counters,
    /// The wall clock.
    pub clock: Clock,
    /// To the one who reads the configuration again.
    pub reload: mpsc::Sender<ReloadRequest>,
    /// Whether every source had its first try.
    pub ready: watch::Receiver<bool>,
    /// Who may ask.
    pub access: watch::Receiver<Access>,
    /// Where this process lives.
    pub installation: Arc<Installation>,
}

impl Context {
    /// The present report, with what other processes wrote into the store meanwhile.
    pub async fn report(&self) -> (Running, Report) {
        self.store.refresh().await;
        self.judge()
    }

    /// The present report of what is in memory. With thousands of tenants it takes a while.
    fn judge(&self) -> (Running, Report) {
        let running = self.running.borrow().clone();
        let mut report = evaluate(&self.store.snapshot(), &running.config, self.clock.moment());
        report.whole.is_outdated = !running.is_current;
        (running, report)
    }
}

/// All routes.
pub fn router(context: Context) -> Router {
    let door = access::Door::new(context.access.clone(), context.running.clone());
    Router::new()
        .route("/", get(pages::fleet))
        .route("/tenants.csv", get(pages::csv))
        .route("/findings", get(pages::findings))
        .route("/ahead", get(pages::ahead))
        .route("/network", get(pages::network))
        .route("/handover", get(pages::handover))
        .route("/letter", get(pages::letter).post(actions::letter).layer(DefaultBodyLimit::max(parts::LIMIT)))
        .route("/tenants/{name}", get(pages::tenant))
        .route(
            "/tenants/{name}/renewal",
            get(pages::renewal).post(pages::judge).layer(DefaultBodyLimit::max(parts::LIMIT)),
        )
        .route("/tenants/{name}/said/{word}", post(actions::of_tenant).layer(DefaultBodyLimit::max(parts::LIMIT)))
        .route("/accounts/{id}/duties/{duty}", post(actions::duty).layer(DefaultBodyLimit::max(parts::LIMIT)))
        .route("/assets/{name}", get(assets::serve))
        .route(access::CALENDAR, get(calendar::serve))
        .route("/metrics", get(scrape::serve).with_state(scrape::Scrapes::new(context.clone())))
        .route("/api/v1/status", get(status_document))
        .route("/api/v1/tenants/{name}", get(tenant_document))
        .route("/api/v1/openapi.json", get(assets::openapi))
        .route("/api/v1/preflight", post(preflight::judge).layer(DefaultBodyLimit::max(parts::LIMIT)))
        .route("/-/healthy", get(|| async { "healthy\n" }))
        .route("/-/ready", get(ready))
        .route("/-/reload", post(reload).put(reload))
        .layer(middleware::from_fn_with_state(context.clone(), host::check))
        .layer(middleware::from_fn_with_state(door, access::check))
        .layer(middleware::from_fn(problem::document))
        .layer(middleware::map_response(harden))
        .with_state(context)
}

/// The health paths alone, for the second address: no login, nothing to see.
pub fn health(context: Context) -> Router {
    Router::new()
        .route("/-/healthy", get(|| async { "healthy\n" }))
        .route("/-/ready", get(ready))
        .layer(middleware::map_response(harden))
        .with_state(context)
}

async fn status_document(State(context): State<Context>) -> Response {
    let (_, report) = context.report().await;
    axum::Json(status::document(&report)).into_response()
}

async fn tenant_document(State(context): State<Context>, Path(name): Path<String>) -> Response {
    let (running, report) = context.report().await;
    let known = report.tenants.iter().find(|tenant| tenant.name.as_str() == name);
    let Some(tenant) = known else {
        if let Some(present) = running.config.called_now(&name) {
            return Redirect::permanent(&format!("/api/v1{}", address::of_tenant(present))).into_response();
        }
        return Problem::new(StatusCode::NOT_FOUND, "no tenant of this name is watched").into_response();
    };
    let memory = context.store.memory(&tenant.name).as_deref().cloned().unwrap_or_default();
    axum::Json(status::tenant::document(tenant, &memory, &report)).into_response()
}

async fn ready(State(context): State<Context>) -> Response {
    if *context.ready.borrow() {
        "ready\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready: not every source had its first try\n").into_response()
    }
}

async fn reload(State(context): State<Context>) -> Response {
    if context.running.borrow().config.web.reload == Reload::Signal {
        return (StatusCode::FORBIDDEN, "reload over HTTP is off: set web.reload to true\n").into_response();
    }
    let (done, answer) = oneshot::channel();
    let stopping = || (StatusCode::SERVICE_UNAVAILABLE, "the process is stopping\n").into_response();
    if context.reload.send(done).await.is_err() {
        return stopping();
    }
    match answer.await {
        Ok(Ok(())) => "reloaded\n".into_response(),
        Ok(Err(problems)) => {
            let text: String = problems.iter().map(|problem| format!("{problem}\n")).collect();
            (StatusCode::BAD_REQUEST, text).into_response()
        }
        Err(_) => stopping(),
    }
}

/// Headers that every answer has. Nothing is ever loaded from elsewhere, and no script runs but our own.
async fn harden(mut response: Response) -> Response {
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    // With no-referrer a browser would not say either that a form comes from here.
    let referrer = if kind.is_some_and(|kind| kind.starts_with("text/html")) { "same-origin" } else { "no-referrer" };
    for (name, value) in [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; \
             frame-ancestors 'none'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, referrer),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}
