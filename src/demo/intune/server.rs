//! What the simulator knows, and who answers which request.

use std::collections::{HashMap, VecDeque};
use std::future::IntoFuture as _;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, Request, State as Shared};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use chrono::{DateTime, Utc};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Directory, Seen, graph, login};
use crate::demo::listener::{Connection, CutListener, Traffic};
pub(super) use crate::demo::reply::{json, page, respond, with_header};

/// Requests that are remembered; a demo may run for days.
const MOST_SEEN: usize = 4096;

/// A login has a few kilobytes.
const REQUEST_LIMIT: usize = 1024 * 1024;

/// The path of the one read.
const CERTIFICATE: &str = "/v1.0/deviceManagement/applePushNotificationCertificate";

#[derive(Debug, Default)]
pub(super) struct World {
    state: Mutex<State>,
    pub(super) traffic: Arc<Traffic>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) directories: HashMap<String, Directory>,
    pub(super) tokens: HashMap<String, Grant>,
    pub(super) logins: HashMap<String, u64>,
    /// The last assertion of each directory: none may come twice.
    pub(super) assertions: HashMap<String, String>,
    pub(super) seen: VecDeque<Seen>,
    pub(super) clock: Option<DateTime<Utc>>,
    pub(super) idle: Option<Duration>,
    /// How many tokens make it worth while to look for dead ones.
    crowd: usize,
}

/// A token that was given out.
#[derive(Debug)]
pub(super) struct Grant {
    pub(super) directory: String,
    pub(super) good_until: Instant,
}

impl World {
    pub(super) fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    /// The clock by which assertions are judged, in seconds since 1970.
    pub(super) fn seconds(&self) -> i64 {
        match self.clock {
            Some(now) => now.timestamp(),
            None => i64::try_from(jsonwebtoken::get_current_timestamp()).unwrap_or(i64::MAX),
        }
    }

    /// Gives out a token. Dead ones are cleared away whenever their number may have doubled, so that thousands of
    /// directories cost no more each than one.
    pub(super) fn grant(&mut self, token: String, grant: Grant) {
        self.tokens.insert(token, grant);
        if self.tokens.len() > self.crowd {
            let now = Instant::now();
            self.tokens.retain(|_, grant| grant.good_until > now);
            self.crowd = (2 * self.tokens.len()).max(1024);
        }
    }

    fn remember(&mut self, seen: Seen) {
        if self.seen.len() == MOST_SEEN {
            self.seen.pop_front();
        }
        self.seen.push_back(seen);
    }
}

pub(super) fn serve(listener: CutListener, world: Arc<World>, stop: CancellationToken) -> JoinHandle<()> {
    let router = Router::new().fallback(answer).with_state(world);
    let server = axum::serve(listener, router.into_make_service_with_connect_info::<Connection>()).into_future();
    tokio::spawn(async move {
        tokio::select! {
            _ = server => {}
            () = stop.cancelled() => {}
        }
    })
}

/// A request, taken apart.
pub(super) struct Asked {
    pub(super) path: String,
    pub(super) host: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) connection: Connection,
}

impl Asked {
    fn header(&self, name: &str) -> Option<String> {
        self.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
    }

    /// Everything that was sent, as a bad server would echo it.
    pub(super) fn echo(&self) -> String {
        let headers: Vec<String> = self.headers.iter().map(|(name, value)| format!("{name}: {value:?}")).collect();
        let authorization = self.header("authorization").unwrap_or_default();
        format!("{}\n{authorization}\n{}", headers.join("\n"), String::from_utf8_lossy(&self.body))
    }

    /// Ends the connection without an answer.
    pub(super) async fn close(&self) -> Response {
        self.connection.cut.cancel();
        std::future::pending().await
    }
}

async fn answer(
    Shared(world): Shared<Arc<World>>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    request: Request,
) -> Response {
    let number = connection.requests.fetch_add(1, Ordering::Relaxed) + 1;
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, REQUEST_LIMIT).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let path = parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default().to_owned();
    let asked = Asked { path, host, headers: parts.headers, body, connection: connection.clone() };

    let response = match (parts.method.clone(), token_directory(&asked.path)) {
        (Method::POST, Some(directory)) => {
            let (result, behaviour) = world.with(|state| login::judge(state, &directory, &asked));
            note(&world, &parts.method, &asked, Some(directory), result.is_ok());
            login::respond(&asked, result, behaviour).await
        }
        (Method::GET, None) if asked.path == CERTIFICATE => {
            let (directory, behaviour) = world.with(|state| graph::judge(state, &asked));
            note(&world, &parts.method, &asked, directory.clone(), directory.is_some());
            graph::respond(&asked, behaviour).await
        }
        _ => {
            note(&world, &parts.method, &asked, None, false);
            graph::respond(&asked, Some(super::Answer::WrongRoute)).await
        }
    };
    if let Some(idle) = world.with(|state| state.idle) {
        tokio::spawn(async move {
            tokio::time::sleep(idle).await;
            if connection.requests.load(Ordering::Relaxed) == number {
                connection.cut.cancel();
            }
        });
    }
    response
}

fn note(world: &World, method: &Method, asked: &Asked, directory: Option<String>, authorised: bool) {
    let seen = Seen {
        method: method.to_string(),
        path: asked.path.clone(),
        directory,
        authorised,
        client_request_id: asked.header("client-request-id"),
        user_agent: asked.header("user-agent"),
    };
    world.with(|state| state.remember(seen));
}

/// The directory of `/{directory}/oauth2/v2.0/token`.
fn token_directory(path: &str) -> Option<String> {
    let directory = path.strip_prefix('/')?.strip_suffix("/oauth2/v2.0/token")?;
    (!directory.contains('/')).then(|| directory.to_ascii_lowercase())
}
