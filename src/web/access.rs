//! Who may ask, and how: TLS, logins and headers as the web-config file of Prometheus says, read again when it changes.

mod key;
mod login;
mod tls;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use rustls::ServerConfig;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use self::key::CalendarKey;
pub(super) use self::key::PATH as CALENDAR;
pub use self::key::check as check_key;
use self::login::Logins;
pub use self::login::User;
use crate::blocking::Guard;
use crate::config::web_access::{self, ClientAuth, WebAccess};
use crate::config::{Running, Web};
use crate::model::Problem;
use crate::secret::Secret;

/// How often the files are looked at. Exporters of Prometheus read them at every request, which a file on a dead network
/// would not survive.
const LOOK: Duration = Duration::from_secs(2);

/// How long one look may take.
const READING: Duration = Duration::from_secs(10);

/// What is in force.
#[derive(Clone)]
pub struct Access {
    /// How to speak TLS; `None`: plain.
    pub tls: Option<Arc<ServerConfig>>,
    /// Whether only those with a certificate of their own are let in.
    asks_certificate: bool,
    headers: Arc<Vec<(HeaderName, HeaderValue)>>,
    logins: Logins,
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Access").field("tls", &self.tls.is_some()).field("logins", &self.logins).finish_non_exhaustive()
    }
}

impl Access {
    /// Plain, open, without further headers.
    #[must_use]
    pub fn open() -> Self {
        Self { tls: None, asks_certificate: false, headers: Arc::default(), logins: Logins::default() }
    }

    /// Reads what the configuration names, if it does; open otherwise. Blocks.
    ///
    /// # Errors
    ///
    /// As [`Access::load`], and if people may say things on the page and nobody can log in: there would be no form, and no word why.
    pub fn of(web: &Web) -> Result<Self, Vec<Problem>> {
        let access = web.config_file.as_deref().map_or_else(|| Ok(Self::open()), Self::load)?;
        if web.actions && access.users() == 0 {
            let why = "needs basic_auth_users in config_file: only people who logged in may change anything";
            return Err(vec![Problem::new("web.actions", why)]);
        }
        Ok(access)
    }

    /// Reads the web-config file and every file that it names. Blocks.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with them, as a person must read it.
    pub fn load(path: &Path) -> Result<Self, Vec<Problem>> {
        let WebAccess { tls, headers, users } = web_access::read(path)?;
        let problem = |message: String| vec![Problem::new(path.display().to_string(), message)];
        let asks_certificate = tls.as_ref().is_some_and(|settings| settings.client_auth == ClientAuth::Required);
        let tls = tls.map(|settings| tls::server(&settings)).transpose().map_err(problem)?;
        let header = |(name, value): (String, String)| {
            Some((HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_str(&value).ok()?))
        };
        Ok(Self {
            tls: tls.map(Arc::new),
            asks_certificate,
            headers: Arc::new(headers.into_iter().filter_map(header).collect()),
            logins: Logins::new(users),
        })
    }
}

impl Access {
    /// Whether it lets in whom the other did not ask in vain: no login, no certificate of the client, or no TLS, where
    /// there was one.
    fn opens_more_than(&self, other: &Self) -> bool {
        (self.users() == 0 && other.users() > 0)
            || (!self.asks_certificate && other.asks_certificate)
            || (self.tls.is_none() && other.tls.is_some())
    }

    /// What a form of this user must carry; `None` for somebody who cannot log in.
    #[must_use]
    pub fn token(&self, user: &User) -> Option<Secret> {
        self.logins.token(&user.0)
    }

    /// How many people can log in; with none, everybody may read.
    #[must_use]
    pub fn users(&self) -> usize {
        self.logins.count()
    }
}

/// The door: who may ask, by login or, for the calendar, by its key.
#[derive(Clone)]
pub(super) struct Door {
    access: watch::Receiver<Access>,
    running: watch::Receiver<Running>,
    key: CalendarKey,
}

impl Door {
    /// A door that what is in force now decides on.
    pub(super) fn new(access: watch::Receiver<Access>, running: watch::Receiver<Running>) -> Self {
        Self { access, running, key: CalendarKey::default() }
    }
}

/// Refuses whoever must log in and did not, and adds the headers. A wrong key counts like none.
pub(super) async fn check(State(door): State<Door>, mut request: Request, next: Next) -> Response {
    let access = door.access.borrow().clone();
    let key_file = door.running.borrow().config.web.calendar_key_file.clone();
    let given = key::given(&request);
    let admitted = if access.users() > 0 && door.key.lets_in(key_file, given).await {
        Ok(None)
    } else {
        access.logins.admit(request.headers()).await
    };
    let mut response = match admitted {
        Ok(user) => {
            if let Some(user) = user {
                request.extensions_mut().insert(user);
            }
            next.run(request).await
        }
        Err(refusal) => refusal,
    };
    for (name, value) in access.headers.iter() {
        response.headers_mut().insert(name, value.clone());
    }
    response
}

/// Reads the files again whenever one of them changes, until `stop`. What is wrong then is logged, and what was in force
/// stays: a certificate that is half written must not close the door.
pub async fn follow(path: PathBuf, access: watch::Sender<Access>, stop: CancellationToken) {
    // One thread and no more, however long a dead file system keeps it: checks of passwords need the others.
    let guard = Guard::default();
    let mut seen = look(&path, &guard).await;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
        let now = look(&path, &guard).await;
        if now == seen || now.is_none() {
            continue;
        }
        let file = path.clone();
        let load = guard.run("the web-config file", move || Access::load(&file));
        match tokio::time::timeout(READING, load).await {
            // A file that was saved half way, or a slip of the pen, must not open to everybody what was closed.
            Ok(Ok(Ok(fresh))) if fresh.opens_more_than(&access.borrow()) => tracing::error!(
                "the web-config file asks for no login, no certificate or no TLS any more, which is taken at a restart only; what \
                 was in force stays"
            ),
            Ok(Ok(Ok(fresh))) => {
                tracing::info!("the web-config file or one that it names has changed and was read again");
                access.send_replace(fresh);
            }
            Ok(Ok(Err(problems))) => {
                for problem in problems {
                    tracing::error!("the web-config file was not taken, what was in force stays: {problem}");
                }
            }
            Ok(Err(_)) | Err(_) => {
                tracing::error!("the web-config file could not be read, what was in force stays");
                // It may take somebody's login away, so it is tried again.
                continue;
            }
        }
        seen = now;
    }
}

type Signature = BTreeMap<PathBuf, Option<(SystemTime, u64, u64)>>;

/// What the files look like; `None` if that took too long.
async fn look(path: &Path, guard: &Guard) -> Option<Signature> {
    let path = path.to_owned();
    let look = guard.run("the web-config file", move || {
        use std::os::unix::fs::MetadataExt;
        let stamp = |path: &Path| {
            let metadata = std::fs::metadata(path).ok()?;
            Some((metadata.modified().ok()?, metadata.len(), metadata.ino()))
        };
        let tls = web_access::read(&path).ok().and_then(|found| found.tls);
        let named = tls.into_iter().flat_map(|tls| [Some(tls.cert_file), Some(tls.key_file), tls.client_ca_file]);
        let files = named.flatten().chain([path]);
        files.map(|path| (path.clone(), stamp(&path))).collect::<Signature>()
    });
    tokio::time::timeout(READING, look).await.ok()?.ok()
}
