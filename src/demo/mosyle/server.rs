//! What the simulator knows, and who answers which request.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State as Shared};
use axum::http::{HeaderName, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Account, Answer, LoginAnswer, Paging, Seen, fleet};
use crate::demo::asked::Asked;
use crate::demo::listener::Connection;
use crate::demo::reply;
use crate::provider::mosyle::Product;

/// Requests that are remembered; a demo may run for days.
const MOST_SEEN: usize = 4096;

#[derive(Debug, Default)]
pub(super) struct World {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    /// By access token.
    pub(super) accounts: HashMap<String, Account>,
    /// The access token for which each was given, and when it ends.
    pub(super) tokens: HashMap<String, (String, Instant)>,
    pub(super) logins: usize,
    pub(super) seen: VecDeque<Seen>,
}

impl World {
    pub(super) fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Below which path a product's API lives.
pub(super) fn base(product: Product) -> &'static str {
    match product {
        Product::Business => "/v1",
        Product::Manager => "/v2",
    }
}

pub(super) fn router(world: Arc<World>) -> Router {
    Router::new().fallback(answer).with_state(world)
}

/// What a request comes to.
enum Judgement {
    /// A login: the token, if it was granted.
    Login(Option<String>, LoginAnswer),
    /// A list.
    List(Answer),
    /// Anything else.
    Other(Response),
}

async fn answer(
    Shared(world): Shared<Arc<World>>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    request: Request,
) -> Response {
    let Some(asked) = Asked::read(connection, request).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let document: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
    let judgement = world.with(|state| {
        let judgement = judge(state, &asked, &document);
        let authorised = matches!(&judgement, Judgement::Login(Some(_), _) | Judgement::List(_));
        if state.seen.len() == MOST_SEEN {
            state.seen.pop_front();
        }
        state.seen.push_back(seen(&asked, &document, authorised));
        judgement
    });
    match judgement {
        Judgement::Other(response) => response,
        Judgement::List(answer) => respond(&asked, &document, answer).await,
        Judgement::Login(token, LoginAnswer::Honest) => match token {
            Some(token) => granted(Some(&token)),
            None => reply::json(401, &json!({ "error": "Invalid login" })),
        },
        Judgement::Login(_, LoginAnswer::WithoutToken) => granted(None),
        Judgement::Login(_, LoginAnswer::Instead(answer)) => respond(&asked, &document, answer).await,
    }
}

fn judge(state: &mut State, asked: &Asked, document: &Value) -> Judgement {
    let unknown = || Judgement::Other(plain_404());
    let product = [Product::Business, Product::Manager]
        .into_iter()
        .find_map(|product| Some((product, asked.path.strip_prefix(base(product))?)));
    let Some((product, path)) = product else { return unknown() };
    if asked.method != Method::POST {
        return Judgement::Other(reply::json(405, &json!({ "status": 405, "message": "INVALID_METHOD" })));
    }
    let is_list = match (product, path) {
        (_, "/login") => false,
        (Product::Business, "/devices") => document["operation"] == "list",
        (Product::Manager, "/listdevices") => true,
        _ => return unknown(),
    };
    let given = match product {
        // Bytes that are no text would be no token of ours.
        Product::Business => {
            asked.headers.get("accesstoken").map(|value| String::from_utf8_lossy(value.as_bytes()).into())
        }
        Product::Manager => document["accessToken"].as_str().map(str::to_owned),
    };
    let refused = || Judgement::Other(reply::json(401, &json!({ "error": "accessToken Required" })));
    let account =
        |state: &State, token: &String| state.accounts.get(token).filter(|account| account.product == product).cloned();
    if path == "/login" {
        state.logins += 1;
        let Some((access_token, account)) = given.and_then(|token| Some((token.clone(), account(state, &token)?)))
        else {
            return refused();
        };
        let is_right = document["email"] == account.email.as_str() && document["password"] == account.password.as_str();
        let token = is_right.then(|| {
            let token = format!("simulated.{}.unsigned", uuid::Uuid::new_v4().simple());
            state.tokens.insert(token.clone(), (access_token, Instant::now() + account.life));
            token
        });
        return Judgement::Login(token, account.login);
    }
    let holder = asked.bearer().and_then(|token| state.tokens.get(token)).filter(|(_, end)| Instant::now() < *end);
    match (holder.map(|(access_token, _)| access_token.clone()), given) {
        (Some(holder), Some(given)) if holder == given && is_list => {
            let system = document["options"]["os"].as_str().unwrap_or_default();
            let list = state.accounts.get_mut(&given).and_then(|account| account.lists.get_mut(system));
            Judgement::List(list.map_or(Answer::Inner("MISSING_DATA"), next))
        }
        (Some(holder), Some(given)) if holder == given => unknown(),
        _ => refused(),
    }
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

fn seen(asked: &Asked, document: &Value, authorised: bool) -> Seen {
    let options = &document["options"];
    let columns = options["specific_columns"].as_array().into_iter().flatten();
    Seen {
        method: asked.method.to_string(),
        path: asked.target(),
        operation: document["operation"].as_str().map(str::to_owned),
        system: options["os"].as_str().map(str::to_owned),
        page: options["page"].as_u64(),
        columns: columns.filter_map(Value::as_str).map(str::to_owned).collect(),
        authorised,
        user_agent: asked.header("user-agent"),
    }
}

/// An answer to a good login: with the cookie and the past date that PHP writes, and the token where one is given.
fn granted(token: Option<&str>) -> Response {
    let response = reply::json(200, &json!({ "UserID": "1", "email": "admin@example.com" }));
    let response = reply::with_header(response, header::SET_COOKIE, "PHPSESSID=made-up");
    let response = reply::with_header(response, header::EXPIRES, "Thu, 19 Nov 1981 08:52:00 GMT");
    match token {
        Some(token) => reply::with_header(response, header::AUTHORIZATION, &format!("Bearer {token}")),
        None => response,
    }
}

fn plain_404() -> Response {
    reply::respond(404, "text/plain", "Ops, something happened!")
}

async fn respond(asked: &Asked, document: &Value, answer: Answer) -> Response {
    let is_business = asked.path.starts_with(base(Product::Business));
    let answer = match answer {
        Answer::Fleet(fleet) => match fleet.paging {
            Paging::Fails(later) if document["options"]["page"].as_u64().is_some_and(|page| page > 0) => *later,
            _ => Answer::Fleet(fleet),
        },
        other => other,
    };
    match answer {
        Answer::Fleet(fleet) => reply::json(200, &fleet::page(&fleet, is_business, document)),
        Answer::Inner(word) => reply::json(200, &fleet::wrapped(is_business, fleet::inner(word))),
        Answer::Status(status, retry_after) => {
            let response = reply::json(status, &json!({ "status": status, "message": "MADE_UP" }));
            match retry_after {
                Some(text) => reply::with_header(response, HeaderName::from_static("retry-after"), &text),
                None => response,
            }
        }
        Answer::PlainText404 => plain_404(),
        Answer::Html(status) => reply::page(status),
        Answer::Empty(status) => reply::respond(status, "application/json", Body::empty()),
        Answer::Json(value) => reply::json(200, &value),
        Answer::Truncated => reply::truncated(r#"{"status":"OK","response":{"devices":[{"#),
        Answer::Huge(bytes) => reply::huge(bytes),
        Answer::Trickle(interval) => reply::trickle(interval),
        Answer::Redirect(to) => reply::redirect(307, &to),
        Answer::Echo401 => reply::json(401, &json!({ "error": asked.echo() })),
        Answer::Hang => std::future::pending().await,
        Answer::CloseConnection => asked.close().await,
        Answer::Sequence(_) => reply::respond(500, "text/plain", "a sequence within a sequence"),
    }
}
