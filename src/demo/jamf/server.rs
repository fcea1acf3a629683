//! What the simulator knows, and who answers which request.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{ConnectInfo, Request, State as Shared};
use axum::http::{Method, header};
use axum::response::Response;
use chrono::{DateTime, Utc};
use tokio::time::Instant;

use super::{Answer, Seen, Server, login, resources};
use crate::demo::asked::Asked;
use crate::demo::listener::Connection;
use crate::demo::reply::{page, with_header};

/// Requests that are remembered; a demo may run for days.
const MOST_SEEN: usize = 4096;

/// What Jamf Cloud's load balancer sets.
const COOKIE: &str = "jpro-ingress=simulated-node-2; Path=/; HttpOnly";

#[derive(Debug, Default)]
pub(super) struct World(Mutex<State>);

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) servers: HashMap<String, Server>,
    pub(super) tokens: HashMap<String, Grant>,
    pub(super) seen: VecDeque<Seen>,
    pub(super) clock: DateTime<Utc>,
    /// How many tokens make it worth while to look for dead ones.
    crowd: usize,
}

/// A token that was given out.
#[derive(Debug)]
pub(super) struct Grant {
    pub(super) base: String,
    pub(super) good_until: Instant,
    pub(super) uses: Option<u64>,
}

impl World {
    pub(super) fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    /// Gives out a token. Dead ones are cleared away whenever their number may have doubled.
    pub(super) fn grant(&mut self, token: String, grant: Grant) {
        self.tokens.insert(token, grant);
        if self.tokens.len() > self.crowd {
            let now = Instant::now();
            self.tokens.retain(|_, grant| grant.good_until > now);
            self.crowd = (2 * self.tokens.len()).max(1024);
        }
    }

    /// Whether a token is good at a server; one use of it is spent.
    pub(super) fn spend(&mut self, base: &str, token: Option<&str>) -> bool {
        let Some(grant) = token.and_then(|token| self.tokens.get_mut(token)) else { return false };
        if grant.base != base || Instant::now() >= grant.good_until {
            return false;
        }
        match &mut grant.uses {
            None => true,
            Some(0) => false,
            Some(left) => {
                *left -= 1;
                true
            }
        }
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
    let Some(asked) = Asked::read(connection, request).await else { return page(413) };
    let (base, path) = split(&asked.path);
    let response = if asked.method == Method::POST && login::is_login(path) {
        let (result, behaviour) = world.with(|state| login::judge(state, base, path, &asked));
        note(&world, &asked, result.is_ok());
        login::respond(&asked, result, behaviour).await
    } else {
        let resource = resources::of_path(path).filter(|_| asked.method == Method::GET);
        let (is_good, behaviour) = world.with(|state| {
            let is_good = state.spend(base, asked.bearer());
            let answers = state.servers.get_mut(base).map(|server| &mut server.answers);
            let answer = resource.and_then(|resource| answers?.get_mut(&resource).map(resources::next));
            (is_good, answer.unwrap_or(Answer::Html(404)))
        });
        note(&world, &asked, is_good);
        let behaviour = if is_good { behaviour } else { Answer::Error(401, None) };
        resources::respond(&asked, resource, behaviour).await
    };
    with_header(response, header::SET_COOKIE, COOKIE)
}

/// The base path of a server, and the path below it.
fn split(path: &str) -> (&str, &str) {
    let start = ["/api/", "/JSSResource/"].iter().find_map(|start| path.find(start));
    path.split_at(start.unwrap_or(0))
}

fn note(world: &World, asked: &Asked, authorised: bool) {
    let (base, path) = split(&asked.path);
    let seen = Seen {
        method: asked.method.to_string(),
        base: base.to_owned(),
        path: path.to_owned(),
        query: asked.query.clone().unwrap_or_default(),
        authorised,
        cookie: asked.header("cookie"),
        user_agent: asked.header("user-agent"),
    };
    world.with(|state| {
        if state.seen.len() == MOST_SEEN {
            state.seen.pop_front();
        }
        state.seen.push_back(seen);
    });
}
