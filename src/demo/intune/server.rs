//! What the simulator knows, and who answers which request.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request, State as Shared};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use chrono::{DateTime, Utc};
use tokio::time::Instant;

use super::{Directory, Seen, graph, login};
use crate::demo::asked::Asked;
use crate::demo::listener::Connection;

/// Requests that are remembered; a demo may run for days.
const MOST_SEEN: usize = 4096;

#[derive(Debug, Default)]
pub(super) struct World {
    state: Mutex<State>,
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
    pub(super) roles: Vec<String>,
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

pub(super) fn router(world: Arc<World>) -> Router {
    Router::new().fallback(answer).with_state(world)
}

async fn answer(
    Shared(world): Shared<Arc<World>>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    request: Request,
) -> Response {
    let Some(asked) = Asked::read(connection, request).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let response = match (asked.method.clone(), token_directory(&asked.path)) {
        (Method::POST, Some(directory)) => {
            let (result, behaviour) = world.with(|state| login::judge(state, &directory, &asked));
            note(&world, &asked, Some(directory), result.is_ok());
            login::respond(&asked, result, behaviour).await
        }
        (Method::GET, None) if graph::is_read(&asked.path) => {
            let (directory, behaviour) = world.with(|state| graph::judge(state, &asked));
            note(&world, &asked, directory.clone(), directory.is_some());
            graph::respond(&asked, behaviour).await
        }
        _ => {
            note(&world, &asked, None, false);
            graph::respond(&asked, Some(super::Answer::WrongRoute)).await
        }
    };
    let Asked { connection, number, .. } = asked;
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

fn note(world: &World, asked: &Asked, directory: Option<String>, authorised: bool) {
    let seen = Seen {
        method: asked.method.to_string(),
        path: asked.target(),
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
