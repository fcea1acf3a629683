//! The daemon: the parts, put together, from the start to a clean stop.

pub mod installation;
pub mod jobs;
mod pollers;
mod service;
pub mod signals;
mod verifying;
mod watch;

use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::{self, Config, Reload, Running};
use crate::evaluate::report::Snapshot;
use crate::evaluate::{NetworkReport, Report, evaluate, network};
use crate::handover::Installation;
use crate::metrics::Counters;
use crate::model::{Memory, Problem, TenantName};
use crate::notify::Notifier;
use crate::poller::probe::Probing;
use crate::poller::{self, FirstRound, Limits, Surroundings};
use crate::store::{self, Store};
use crate::web::{self, Access, ReloadRequest};

pub use jobs::{Shared, jobs, provider};
pub use verifying::Verifying;

/// The process counts as ready after this long, whatever its sources do.
const READY_AFTER: Duration = Duration::from_secs(60);

/// How long requests under way may take once the process is asked to stop.
const GRACE: Duration = Duration::from_secs(10);

/// How often the store is looked at for what people attested, where no page and no scrape does.
const LOOK: Duration = Duration::from_secs(30);

/// How long reading the configuration again may take.
const LOAD: Duration = Duration::from_secs(30);

/// How the daemon is started.
#[derive(Clone, Debug)]
pub struct Options {
    /// The configuration file.
    pub config: PathBuf,
    /// The environment variables.
    pub environment: BTreeMap<String, String>,
    /// Listen here instead of where the configuration says.
    pub listen: Option<SocketAddr>,
    /// Whether first tries are spread over time.
    pub spread: bool,
    /// The wall clock.
    pub clock: Clock,
}

/// Why the daemon cannot start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration is wrong; nothing was started.
    #[error("the configuration is wrong")]
    Config(Vec<Problem>),
    /// Anything else.
    #[error(transparent)]
    Other(#[from] anyhow::Error),
}

/// A daemon that listens, and does nothing yet.
#[derive(Debug)]
pub struct Daemon {
    options: Options,
    listener: TcpListener,
    store: Store,
    counters: Counters,
    running: tokio::sync::watch::Sender<Running>,
    access: tokio::sync::watch::Sender<Access>,
    health: Option<TcpListener>,
    installation: Arc<Installation>,
}

impl Daemon {
    /// Reads the configuration, opens the store and binds the listener, in this order; polls nothing.
    ///
    /// # Errors
    ///
    /// Every problem of the configuration, or why the address cannot be listened on.
    pub async fn bind(options: Options) -> Result<Self, Error> {
        let config = config::load(&options.config, &options.environment, None).map_err(Error::Config)?;
        log_problems(&config);
        web::access::check_key(&config.web).map_err(Error::Config)?;
        let access = Access::of(&config.web).map_err(Error::Config)?;
        let address = options.listen.unwrap_or(config.web.listen);
        let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
        let health = match config.web.health_listen {
            Some(address) => {
                Some(TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?)
            }
            None => None,
        };
        let store = Store::open(&config.store).await;
        let counters = Counters::new().context("cannot register the counters")?;
        store.configure(&config, options.clock.moment());
        let own = listener.local_addr().ok();
        let installation = installation::of_daemon(&options.config, &options.environment, &config, own);
        let installation = Arc::new(installation);
        let running = Running { config: Arc::new(config), since: options.clock.now(), is_current: true };
        let (running, access) = (tokio::sync::watch::Sender::new(running), tokio::sync::watch::Sender::new(access));
        Ok(Self { options, listener, store, counters, running, access, health, installation })
    }

    /// The address that is listened on.
    ///
    /// # Errors
    ///
    /// If the operating system does not tell.
    pub fn address(&self) -> Result<SocketAddr, Error> {
        Ok(self.listener.local_addr().context("the listener has no address")?)
    }

    /// The second address, for health alone.
    #[must_use]
    pub fn health_address(&self) -> Option<SocketAddr> {
        self.health.as_ref().and_then(|listener| listener.local_addr().ok())
    }

    /// Whether TLS is spoken.
    #[must_use]
    pub fn speaks_tls(&self) -> bool {
        self.access.borrow().tls.is_some()
    }

    /// Whether the way to Apple is probed.
    #[must_use]
    pub fn probes(&self) -> bool {
        self.running.borrow().config.probe.is_some()
    }

    /// Polls and serves until `shutdown` is done, then stops cleanly. `hang_up` gives an item whenever the
    /// configuration is to be read again.
    ///
    /// # Errors
    ///
    /// If the HTTP side ended by itself.
    pub async fn run(self, shutdown: impl Future<Output = ()>, mut hang_up: mpsc::Receiver<()>) -> Result<(), Error> {
        let Self { options, listener, store, counters, running, access, health, installation } = self;
        let stop = CancellationToken::new();
        let mut pollers = pollers::Pollers::new(store.clone(), options.clock.clone(), counters.clone());
        // Listened to before the pollers begin: what is attested from now on is a change.
        let mut words = store.words();
        let mut opened = store.opened();
        let reports = counters.clone();
        let round = pollers.apply(&running.borrow().config.clone(), options.spread);
        let (ready, is_ready) = tokio::sync::watch::channel(false);
        tokio::spawn(announce_ready(round, ready));
        let (reload, mut reloads) = mpsc::channel(1);
        let context = web::Context {
            running: running.subscribe(),
            store: store.clone(),
            counters,
            clock: options.clock.clone(),
            reload,
            ready: is_ready,
            access: access.subscribe(),
            installation,
        };
        let address = listener.local_addr().ok();
        if let Some(listener) = health {
            let (_, open) = tokio::sync::watch::channel(Access::open());
            // It ends with `stop`, and nothing depends on it.
            drop(tokio::spawn(web::serve(
                listener,
                web::health(context.clone()),
                open,
                web::Limits::default(),
                stop.clone(),
            )));
        }
        let mut server = tokio::spawn(web::serve(
            listener,
            web::router(context),
            access.subscribe(),
            web::Limits::default(),
            stop.clone(),
        ));
        if let Some(path) = running.borrow().config.web.config_file.clone() {
            drop(tokio::spawn(web::access::follow(path, access, stop.clone())));
        }
        let notifier = Notifier::new(store.clone(), options.clock.clone(), reports);
        let telling = CancellationToken::new();
        let mut notices = tokio::spawn(notifier.run(running.subscribe(), telling.clone()));
        service::running(&running.borrow().config, address);
        let mut questions = service::watch(&store);
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let config = running.borrow().config.clone();
        let mut changes = watch::Changes::new(&config).await;
        let is_undated = !options.clock.moment().is_plausible();
        let mut reloading = Reloading { options, store: store.clone(), running, is_undated };
        tokio::pin!(shutdown);
        let ended = loop {
            let is_watching = reloading.running.borrow().config.web.reload == Reload::Watch;
            let answer: Option<ReloadRequest> = tokio::select! {
                () = &mut shutdown => break None,
                ended = &mut server => break Some(ended),
                // Asked here, so that a loop that is stuck elsewhere gives no answer.
                never = service::answer(&mut questions) => match never {},
                Some(()) = hang_up.recv() => None,
                Some(answer) = reloads.recv() => Some(answer),
                () = changes.next(), if is_watching => None,
                // The database was away at the start: what left the configuration is known only now.
                Ok(()) = opened.changed() => {
                    let config = reloading.running.borrow().config.clone();
                    reloading.take_in(&config);
                    pollers.apply(&config, false);
                    continue;
                }
                // Somebody may have added a certificate: there is something more to look at.
                Ok(()) = words.changed() => {
                    pollers.apply(&reloading.running.borrow().config.clone(), false);
                    continue;
                }
                _ = look.tick() => {
                    store.refresh().await;
                    if reloading.is_undated && reloading.options.clock.moment().is_plausible() {
                        let config = reloading.running.borrow().config.clone();
                        reloading.take_in(&config);
                    }
                    continue;
                }
            };
            service::reloading();
            // A file system that hangs must not make the process deaf to the wish to stop.
            let seen = tokio::select! {
                () = &mut shutdown => break None,
                seen = changes.look() => seen.unwrap_or_default(),
            };
            let result = tokio::select! {
                () = &mut shutdown => break None,
                never = service::answer(&mut questions) => match never {},
                result = reloading.reload() => result,
            };
            match &result {
                Ok(()) => {
                    let config = reloading.running.borrow().config.clone();
                    changes = tokio::select! {
                        () = &mut shutdown => break None,
                        changes = watch::Changes::since(seen, &config) => changes,
                    };
                    pollers.apply(&config, reloading.options.spread);
                    service::running(&config, address);
                }
                Err(problems) => service::refused(problems.len()),
            }
            if let Some(answer) = answer {
                // Whoever asked may have gone.
                let _ = oneshot::Sender::send(answer, result);
            }
        };
        service::stopping();
        tracing::info!("stopping");
        pollers.stop().await;
        stop.cancel();
        telling.cancel();
        // A message under way is waited for: whether it was taken must be kept.
        if tokio::time::timeout(GRACE, &mut notices).await.is_err() {
            tracing::warn!("a notice was still under way after {} s; it may be sent again", GRACE.as_secs());
            notices.abort();
        }
        let result = match ended {
            Some(ended) => Err(match ended {
                Ok(()) => anyhow::anyhow!("the HTTP side ended by itself").into(),
                Err(error) => anyhow::Error::from(error).context("the HTTP side ended in a defect").into(),
            }),
            None => {
                if tokio::time::timeout(GRACE, &mut server).await.is_err() {
                    tracing::warn!("requests were still open after {} s and are cut off", GRACE.as_secs());
                    server.abort();
                }
                Ok(())
            }
        };
        if tokio::time::timeout(GRACE, store.close()).await.is_err() {
            tracing::error!(
                "the store could not be written within {} s; what was learnt last is lost",
                GRACE.as_secs()
            );
        }
        result
    }
}

/// What reading the configuration again needs.
struct Reloading {
    options: Options,
    store: Store,
    running: tokio::sync::watch::Sender<Running>,
    /// Whether the store took in the configuration by a clock that cannot be right: what left it is noticed once that is.
    is_undated: bool,
}

impl Reloading {
    /// Hands a configuration to the store.
    fn take_in(&mut self, config: &Config) {
        let moment = self.options.clock.moment();
        self.store.configure(config, moment);
        self.is_undated = !moment.is_plausible();
    }

    /// Reads the configuration again. If it is wrong, the one in force stays.
    async fn reload(&mut self) -> Result<(), Vec<Problem>> {
        let before = self.running.borrow().config.clone();
        let (path, environment, previous) =
            (self.options.config.clone(), self.options.environment.clone(), Arc::clone(&before));
        let load = tokio::task::spawn_blocking(move || {
            let config = config::load(&path, &environment, Some(&previous))?;
            // As with every secret: the rest of the configuration counts, and this one lets nobody in.
            for problem in web::access::check_key(&config.web).err().into_iter().flatten() {
                tracing::error!("{problem}");
            }
            Ok(config)
        });
        let loaded = match tokio::time::timeout(LOAD, load).await {
            Ok(Ok(loaded)) => loaded,
            Ok(Err(_)) => Err(vec![Problem::new("", "reading it ended in a defect of this program")]),
            Err(_) => Err(vec![Problem::new("", format!("it could not be read within {} s", LOAD.as_secs()))]),
        };
        match loaded {
            Ok(config) => {
                if config != *before {
                    log_problems(&config);
                    tracing::info!(tenants = config.tenants.len(), "the configuration was read again and has changed");
                    let bound =
                        |config: &Config| (config.web.listen, config.web.health_listen, config.web.config_file.clone());
                    if bound(&config) != bound(&before) || config.store != before.store {
                        tracing::warn!(
                            "web.listen, web.health_listen, web.config_file and store are read at the start only; restart \
                             to change them"
                        );
                    }
                }
                self.take_in(&config);
                let since = self.options.clock.now();
                self.running.send_replace(Running { config: Arc::new(config), since, is_current: true });
                Ok(())
            }
            Err(problems) => {
                for problem in &problems {
                    tracing::error!("the configuration was not taken: {problem}");
                }
                self.running.send_modify(|running| running.is_current = false);
                Err(problems)
            }
        }
    }
}

fn log_problems(config: &Config) {
    for problem in &config.problems {
        tracing::error!("a tenant file is wrong, the other tenants run: {problem}");
    }
}

async fn announce_ready(round: Arc<FirstRound>, ready: tokio::sync::watch::Sender<bool>) {
    // Either way it is ready: what never answers must not keep the others from being seen.
    let _ = tokio::time::timeout(READY_AFTER, round.done()).await;
    ready.send_replace(true);
}

/// Polls everything once and judges it, beside a running daemon or without one. Reads the store, never writes it.
///
/// # Errors
///
/// If there is a store that cannot be read.
pub async fn once(config: &Config, clock: &Clock) -> Result<Report, Error> {
    let store = known(config, clock).await?;
    let around = Surroundings {
        store: store.clone(),
        clock: clock.clone(),
        counters: Counters::new().context("cannot register the counters")?,
        limits: Arc::new(Limits::new(config.limits.polls, config.limits.per_host)),
    };
    let shared = Shared::new(&config.certificate_pool, store.clone());
    let active = config.tenants.values().filter(|tenant| !tenant.retired);
    let jobs: Vec<poller::Job> = active.flat_map(|tenant| jobs(tenant, &shared)).collect();
    let around = &around;
    let polls = futures::future::join_all(jobs.iter().map(|job| poller::poll_now(job, around)));
    tokio::join!(polls, probe_at_once(config, &store, clock, &around.counters));
    Ok(evaluate(&store.snapshot(), config, clock.moment()))
}

async fn probe_at_once(config: &Config, store: &Store, clock: &Clock, counters: &Counters) {
    let Some(settings) = &config.probe else { return };
    let site = config.site.as_deref().unwrap_or_default();
    Probing::new(settings, site, store.clone(), clock.clone(), counters.clone()).all_at_once().await;
}

/// Probes the way to Apple now and judges it, without anything else and without the store.
///
/// # Errors
///
/// If nothing can be counted, which only a change of this program could bring about.
pub async fn doctor(config: &Config, clock: &Clock) -> Result<Option<NetworkReport>, Error> {
    let store = Store::in_memory(store::Contents::default());
    let counters = Counters::new().context("cannot register the counters")?;
    probe_at_once(config, &store, clock, &counters).await;
    Ok(network::report(&store.network(), config, clock.now()))
}

/// What the store remembers, judged now; nothing is asked. With it, what is remembered of one tenant.
///
/// # Errors
///
/// If there is a store that cannot be read.
pub async fn remembered(config: &Config, tenant: &TenantName, clock: &Clock) -> Result<(Report, Memory), Error> {
    let (report, snapshot) = known_of_all(config, clock).await?;
    Ok((report, snapshot.tenants.get(tenant).map(|memory| Memory::clone(memory)).unwrap_or_default()))
}

/// What the store remembers of everything, judged now; nothing is asked. With it, what was judged.
///
/// # Errors
///
/// If there is a store that cannot be read.
pub async fn known_of_all(config: &Config, clock: &Clock) -> Result<(Report, Snapshot), Error> {
    let snapshot = known(config, clock).await?.snapshot();
    Ok((evaluate(&snapshot, config, clock.moment()), snapshot))
}

/// The store as it is, to be read and never written.
async fn known(config: &Config, clock: &Clock) -> Result<Store, Error> {
    let contents = match &config.store {
        config::Store::Memory => store::Contents::default(),
        known => store::peek(known).await.context("the store cannot be read")?,
    };
    let store = Store::in_memory(contents);
    store.configure(config, clock.moment());
    Ok(store)
}
