//! A fleet of whatever size in a real store, with every phase and many findings, and the real router over it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::anyhow;
use apnswatch::app::jobs::{Shared, jobs};
use apnswatch::clock::Clock;
use apnswatch::config::{self, Config, Running};
use apnswatch::evaluate::learn::Expectations;
use apnswatch::evaluate::report::polled_sources;
use apnswatch::handover::Installation;
use apnswatch::metrics::Counters;
use apnswatch::model::{
    DeviceTopics, Facts, Failure, Family, FamilyHealth, Outcome, Presence, PushCertificate, PushHealth, Reason, Serial,
    Source, TenantName, Topic,
};
use apnswatch::store::Store;
use apnswatch::web::{self, Access, Context};
use chrono::{DateTime, TimeDelta, Utc};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

/// A fleet that is served.
pub(crate) struct Fleet {
    pub(crate) address: SocketAddr,
    pub(crate) config: Arc<Config>,
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    stop: CancellationToken,
    folder: tempfile::TempDir,
    // The other ends of what the router holds.
    _kept: (watch::Sender<Running>, watch::Sender<bool>, watch::Sender<Access>, mpsc::Receiver<web::ReloadRequest>),
}

impl Fleet {
    /// Fills a store with so many tenants and serves it on loopback.
    pub(crate) async fn serve(tenants: usize) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("apnswatch.yaml");
        std::fs::write(folder.path().join("secret"), "made-up")?;
        std::fs::write(&path, yaml(tenants, &folder.path().display().to_string())?)?;
        let config = config::load(&path, &BTreeMap::new(), None).map_err(|problems| anyhow!("{problems:?}"))?;
        let config = Arc::new(config);
        let clock = Clock::system();
        let store = Store::open(&config.store).await;
        store.configure(&config, clock.moment());
        for (index, name) in config.tenants.keys().enumerate() {
            fill(&store, &config, name, index, clock.now());
        }
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (running, run) = watch::channel(Running { config: config.clone(), since: clock.now(), is_current: true });
        let (ready, is_ready) = watch::channel(true);
        let (access, who) = watch::channel(Access::open());
        let (reload, reloads) = mpsc::channel(1);
        let context = Context {
            running: run,
            store: store.clone(),
            counters: Counters::new()?,
            clock: clock.clone(),
            reload,
            ready: is_ready,
            access: who.clone(),
            installation: Arc::new(installation(path)),
        };
        let stop = CancellationToken::new();
        drop(tokio::spawn(web::serve(listener, web::router(context), who, web::Limits::default(), stop.clone())));
        let kept = (running, ready, access, reloads);
        Ok(Self { address, config, store, clock, stop, folder, _kept: kept })
    }

    /// Stops, and closes the store. What comes back is the folder, with the configuration and everything that was learnt.
    pub(crate) async fn stop(self) -> tempfile::TempDir {
        self.stop.cancel();
        self.store.close().await;
        self.folder
    }
}

/// Where it lives, as far as anybody asks.
fn installation(config: PathBuf) -> Installation {
    Installation {
        host: None,
        program: PathBuf::new(),
        config,
        unit: None,
        store_owner: None,
        listen: None,
        overrides: Vec::new(),
        has_memory: false,
    }
}

fn yaml(tenants: usize, folder: &str) -> anyhow::Result<String> {
    let mut yaml = format!(
        "store: 'sqlite://{folder}/state.db'\n\
         tenant_labels: [team, customer]\n\
         policy: {{ account_domains: [example.com] }}\n\
         defaults:\n  intune: {{ client_id: 00000000-0000-4000-8000-0000000000a9, client_secret_file: {folder}/secret, \
         login_url: 'http://127.0.0.1:1/', graph_url: 'http://127.0.0.1:1/' }}\n  \
         kandji: {{ url: 'http://127.0.0.1:1/', token_file: {folder}/secret, push: true }}\n\
         accounts:\n"
    );
    for account in 0..20 {
        writeln!(
            yaml,
            "  - {{ id: account-{account}, address: apns-{account}@example.com, second_factor: [a, b], duties: {{ sign_in: {{ every: \
             90d, last: 2026-09-01 }} }} }}"
        )?;
    }
    writeln!(yaml, "tenants:")?;
    for index in 0..tenants {
        let mdm = match index % 4 {
            0 | 1 => format!("intune, directory: 00000000-0000-4000-8000-{index:012}"),
            2 => "kandji".to_owned(),
            _ => "none".to_owned(),
        };
        writeln!(
            yaml,
            "  - {{ name: 'School of Example {index:05}', labels: {{ team: 'team {}', customer: '{index}' }}, account: account-{}, \
             mdm: {{ kind: {mdm} }}, certificate: {{ files: ['{folder}/{index}.pem'], device_topics: ['{folder}/{index}.txt'] }} }}",
            index % 12,
            index % 20
        )?;
    }
    Ok(yaml)
}

fn topic(index: usize) -> Option<Topic> {
    Topic::parse(&format!("com.apple.mgmt.External.00000000-0000-4000-8000-{index:012}"))
}

/// What the sources of a tenant told: nearly all of them something good, as in life, and every tenth something that is to be
/// done. Ends are spread from sixty days ago to 340 days ahead.
fn fill(store: &Store, config: &Config, name: &TenantName, index: usize, now: DateTime<Utc>) {
    let Some(tenant) = config.tenants.get(name) else { return };
    let sources: Vec<Source> = polled_sources(tenant, None).into_iter().map(|(source, _)| source).collect();
    let expectations = Expectations { sources: sources.clone(), may_pin: true };
    let end = now + TimeDelta::days(i64::try_from(index * 7 % 400).unwrap_or_default() - 60);
    let certificate = |topic: Option<Topic>, serial: usize, end: DateTime<Utc>| PushCertificate {
        topic,
        serial: Serial::parse_hex(&format!("{serial:08X}")),
        not_before: Some(end - TimeDelta::days(365)),
        not_after: Some(end),
        ..PushCertificate::default()
    };
    // Who is asked, or else the daemon would forget at its start what somebody else told.
    let asked: BTreeMap<Source, String> = jobs(tenant, &Shared::new(&[], store.clone()))
        .iter()
        .map(|job| (job.poll.source(), job.poll.identity()))
        .collect();
    let tell = |source: Source, outcome: Outcome| {
        store.record(
            name,
            &expectations,
            source,
            asked.get(&source).map(String::as_str).unwrap_or_default(),
            outcome,
            now,
        );
    };
    for source in &sources {
        let mut facts = Facts { origin: format!("{source} of {name}").into(), ..Facts::default() };
        match source {
            Source::Api | Source::File => {
                facts.certificate = Some(Presence::from(certificate(topic(index), index + 1, end)));
            }
            Source::Push => {
                let health = FamilyHealth { devices: 40, alive: Some(30), silent: Some(1), last_checkin: Some(now) };
                facts.push = Some(PushHealth { families: [(Family::Mac, health)].into(), disabled: Some(0) }.into());
            }
            Source::Device => {
                let mut counts: BTreeMap<Topic, u64> = topic(index).map(|topic| (topic, 40)).into_iter().collect();
                if index % 10 == 3 {
                    counts.extend(topic(index + 1_000_000).map(|topic| (topic, 2)));
                }
                facts.devices = Some(DeviceTopics { counts: counts.into_iter().collect() }.into());
            }
            Source::Tokens | Source::Profile | Source::Declared => {}
        }
        tell(*source, Outcome::success(facts));
    }
    let told =
        |certificate| Facts { certificate: Some(certificate), origin: "a later round".into(), ..Facts::default() };
    match index % 50 {
        // A newer file that nobody confirmed.
        7 => {
            let newer = certificate(topic(index), index + 2_000_000, end + TimeDelta::days(365));
            tell(Source::File, Outcome::success(told(Presence::from(newer))));
        }
        // The topic of somebody else.
        13 => {
            let other = certificate(topic(index + 3_000_000), index + 3_000_000, end);
            tell(Source::File, Outcome::success(told(Presence::from(other))));
        }
        17 => tell(Source::File, Outcome::failure(Failure::new(Reason::Io, "the file cannot be read"))),
        _ => {}
    }
}
