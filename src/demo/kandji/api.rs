//! Who may read what, and how it is answered.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State as Shared};
use axum::http::{HeaderName, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

use super::{Answer, Rate, Resource, Seen, Shape, Tenant, documents};
use crate::demo::asked::Asked;
use crate::demo::listener::Connection;
use crate::demo::reply;

/// Requests that are remembered; a demo may run for days.
const MOST_SEEN: usize = 4096;

#[derive(Debug, Default)]
pub(super) struct World(Mutex<State>);

#[derive(Debug, Default)]
pub(super) struct State {
    /// By token.
    pub(super) tenants: HashMap<String, Tenant>,
    pub(super) seen: VecDeque<Seen>,
    pub(super) swapped: bool,
}

impl World {
    pub(super) fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

pub(super) fn router(world: Arc<World>) -> Router {
    Router::new().fallback(answer).with_state(world)
}

/// What the gateway and the API make of a request.
enum Judgement {
    /// No such route.
    NoRoute,
    /// The token is none.
    BadToken,
    /// The token has no right to this.
    NoRight,
    /// No requests left, and the shape that the rate has.
    UsedUp(Rate),
    /// Answered so, for a tenant as it is now, with what is left.
    Answered(Box<Tenant>, Answer),
}

async fn answer(
    Shared(world): Shared<Arc<World>>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    request: Request,
) -> Response {
    let Some(asked) = Asked::read(connection, request).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let route = route(&asked);
    let (judgement, swapped) = world.with(|state| {
        let judgement = judge(state, &asked, route.map(|(resource, _)| resource));
        if state.seen.len() == MOST_SEEN {
            state.seen.pop_front();
        }
        state.seen.push_back(Seen {
            method: asked.method.to_string(),
            target: asked.target(),
            resource: route.map(|(resource, _)| resource),
            authorised: matches!(judgement, Judgement::Answered(..) | Judgement::UsedUp(_)),
            user_agent: asked.header("user-agent"),
        });
        (judgement, state.swapped)
    });
    let (no_token, no_right) = if swapped { (403, 401) } else { (401, 403) };
    match (judgement, route) {
        (Judgement::NoRoute, _) | (_, None) => error(404, Shape::Gateway),
        (Judgement::BadToken, _) => error(no_token, Shape::Error),
        (Judgement::NoRight, _) => error(no_right, Shape::Detail),
        (Judgement::UsedUp(rate), _) => with_rate(error(429, Shape::Gateway), rate),
        (Judgement::Answered(tenant, answer), Some((resource, blueprint))) => {
            let response = respond(&asked, &tenant, resource, blueprint, answer).await;
            with_rate(response, tenant.rate)
        }
    }
}

/// What is asked for, below whatever path; of a profile, also the id of the blueprint.
fn route(asked: &Asked) -> Option<(Resource, &str)> {
    if asked.method != Method::GET {
        return None;
    }
    let (_, path) = asked.path.split_once("/api/v1/")?;
    match path {
        "integrations/apple/ade" => Some((Resource::Integrations, "")),
        "prism/device_information" => Some((Resource::Devices, "")),
        "blueprints" => Some((Resource::Blueprints, "")),
        _ => {
            let id = path.strip_prefix("blueprints/")?.strip_suffix("/ota-enrollment-profile")?;
            Some((Resource::Profile, id))
        }
    }
}

fn judge(state: &mut State, asked: &Asked, resource: Option<Resource>) -> Judgement {
    let Some(resource) = resource else { return Judgement::NoRoute };
    let Some(tenant) = asked.bearer().and_then(|token| state.tenants.get_mut(token)) else {
        return Judgement::BadToken;
    };
    if tenant.rate.remaining == 0 {
        return Judgement::UsedUp(tenant.rate);
    }
    tenant.rate.remaining -= 1;
    if !tenant.permissions.contains(&resource) {
        return Judgement::NoRight;
    }
    let answer = tenant.answers.get_mut(&resource).map_or(Answer::Honest, next);
    Judgement::Answered(Box::new(tenant.clone()), answer)
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
            None => Answer::Honest,
        },
        other => other.clone(),
    }
}

async fn respond(asked: &Asked, tenant: &Tenant, resource: Resource, blueprint: &str, answer: Answer) -> Response {
    match answer {
        Answer::Honest | Answer::SamePage | Answer::PagesWithoutEnd => match resource {
            Resource::Profile => match tenant.blueprints.iter().find(|known| known.id == blueprint) {
                Some(blueprint) => profile(blueprint.profile.clone()),
                None => error(404, Shape::Html),
            },
            _ => reply::json(200, &documents::page(asked, tenant, resource, &answer)),
        },
        Answer::Status(status, retry_after, shape) => match retry_after {
            Some(text) => reply::with_header(error(status, shape), header::RETRY_AFTER, &text),
            None => error(status, shape),
        },
        Answer::Json(value) => reply::json(200, &value),
        Answer::Bytes(bytes) => profile(bytes),
        Answer::Truncated => reply::truncated("{\"count\":1,\"next\":null,\"results\":[{\"id\":\"00000000"),
        Answer::Huge(bytes) => reply::huge(bytes),
        Answer::Trickle(interval) => reply::trickle(interval),
        Answer::Redirect(to) => reply::redirect(301, &to),
        Answer::Hang => std::future::pending().await,
        Answer::CloseConnection => asked.close().await,
        Answer::Echo401 => reply::json(401, &json!({ "error": asked.echo() })),
        Answer::Sequence(_) => reply::respond(500, "text/plain", "a sequence within a sequence"),
    }
}

fn profile(bytes: Vec<u8>) -> Response {
    let response = reply::respond(200, "application/x-apple-aspen-config", bytes);
    reply::with_header(response, header::CONTENT_DISPOSITION, "attachment;filename=kandji-enroll.mobileconfig")
}

fn error(status: u16, shape: Shape) -> Response {
    match shape {
        Shape::Error => reply::json(status, &json!({ "error": "Unauthorized" })),
        Shape::Detail => reply::json(status, &json!({ "detail": "You do not have permission." })),
        Shape::Text => reply::json(status, &json!("This device is already locked.")),
        Shape::List => reply::json(status, &json!(["Device is not in lost mode."])),
        Shape::Html => {
            let page =
                "<!doctype html>\n<html><head><title>Not Found</title></head><body><h1>Not Found</h1></body></html>";
            reply::respond(status, "text/html", page)
        }
        Shape::Gateway if status == 429 => reply::json(status, &json!({ "message": "API rate limit exceeded" })),
        Shape::Gateway => {
            let id = uuid::Uuid::new_v4().simple().to_string();
            reply::json(status, &json!({ "message": "no Route matched with those values", "request_id": id }))
        }
        Shape::Empty => reply::respond(status, "application/json", Body::empty()),
    }
}

/// The headers of the gateway: those without the `X` are of the second, of which there is always enough.
fn with_rate(response: Response, rate: Rate) -> Response {
    let headers = [
        ("x-ratelimit-limit-hour", rate.limit),
        ("x-ratelimit-remaining-hour", rate.remaining),
        ("x-ratelimit-limit-second", 50),
        ("x-ratelimit-remaining-second", 0),
        ("ratelimit-limit", 50),
        ("ratelimit-remaining", 0),
        ("ratelimit-reset", 1),
    ];
    headers.into_iter().fold(response, |response, (name, value)| {
        reply::with_header(response, HeaderName::from_static(name), &value.to_string())
    })
}
