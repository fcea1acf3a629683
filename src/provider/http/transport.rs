//! The connections, shared by everybody with the same network settings.

use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::Origin;
use crate::config::Network;
use crate::model::{Failure, Reason};

/// How long an idle connection is kept. Shorter than what servers and load balancers use, so that it is we who close
/// it; a poll is minutes after the one before and gains nothing from it.
const POOL_IDLE: Duration = Duration::from_secs(4);

/// Enough for `limits.per_host` and no hoard.
const POOL_PER_HOST: usize = 8;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// More than this is not a bundle of CAs. The machine's own has a quarter of a megabyte.
const CA_FILE_LIMIT: u64 = 4 * 1024 * 1024;

/// Two clients with the same settings: one that keeps connections, and one that never uses a kept one.
#[derive(Debug)]
pub(super) struct Transport {
    pub(super) pooled: reqwest::Client,
    pub(super) fresh: reqwest::Client,
}

/// What makes two transports the same.
#[derive(Clone, PartialEq, Eq)]
struct Key {
    ca_bundle: [u8; 32],
    proxy: Option<url::Url>,
    tls: bool,
}

/// Those in use. A process-wide list, because thousands of tenants are configured one by one and none of them should
/// pay for its own copy of the machine's trust store; it holds nothing alive.
static SHARED: LazyLock<Mutex<Registry>> = LazyLock::new(Mutex::default);

type Registry = Vec<(Key, Weak<Transport>)>;

impl Transport {
    /// The transport for these settings, made if nobody has one.
    pub(super) fn shared(origin: &Origin, network: &Network) -> Result<Arc<Self>, Failure> {
        let tls = origin.is_https();
        let mut bundles = Vec::new();
        let mut digest = Sha256::new();
        for path in network.ca_files.iter().filter(|_| tls) {
            let bundle = read_ca_file(path)?;
            digest.update((bundle.len() as u64).to_be_bytes());
            digest.update(&bundle);
            bundles.push((path, bundle));
        }
        // What is on this machine is reached directly, whatever the settings say.
        let proxy = network.proxy.clone().filter(|_| !origin.is_loopback());
        let key = Key { ca_bundle: digest.finalize().into(), proxy, tls };

        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        shared.retain(|(_, transport)| transport.strong_count() > 0);
        if let Some(found) = shared.iter().find(|(other, _)| *other == key).and_then(|(_, weak)| weak.upgrade()) {
            return Ok(found);
        }
        let mut authorities = Vec::new();
        for (path, bundle) in bundles {
            let wrong =
                || Failure::new(Reason::Io, format!("the CA file {} holds no certificate in PEM form", path.display()));
            let found = reqwest::Certificate::from_pem_bundle(&bundle).map_err(|_| wrong())?;
            if found.is_empty() {
                return Err(wrong());
            }
            authorities.extend(found);
        }
        let made =
            Arc::new(Self { pooled: build(&key, &authorities, POOL_PER_HOST)?, fresh: build(&key, &authorities, 0)? });
        shared.push((key, Arc::downgrade(&made)));
        Ok(made)
    }
}

fn build(key: &Key, authorities: &[reqwest::Certificate], pool: usize) -> Result<reqwest::Client, Failure> {
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("apnswatch/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        // Forgets the variables of the environment; only the configuration names a proxy.
        .no_proxy()
        .retry(reqwest::retry::never())
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(POOL_IDLE)
        .pool_max_idle_per_host(pool)
        // One request a connection: over HTTP/2 a single connection that a firewall forgot would stall every tenant
        // of a host at once.
        .http1_only();
    builder = if key.tls {
        builder.tls_certs_merge(authorities.iter().cloned())
    } else {
        // Nothing will be verified, so the machine's trust store need not be there.
        builder.tls_certs_only([])
    };
    if let Some(proxy) = &key.proxy {
        let proxy = reqwest::Proxy::all(proxy.clone())
            .map_err(|_| Failure::new(Reason::Connect, "network.proxy is not the address of an HTTP proxy"))?;
        builder = builder.proxy(proxy);
    }
    builder.build().map_err(|_| {
        Failure::new(Reason::Tls, "no TLS client can be made: neither this machine nor network.ca_files has usable CAs")
    })
}

fn read_ca_file(path: &Path) -> Result<Vec<u8>, Failure> {
    let shown = path.display();
    let failure = |error: &std::io::Error| {
        let reason = match error.kind() {
            std::io::ErrorKind::NotFound => Reason::NotFound,
            _ => Reason::Io,
        };
        Failure::new(reason, format!("cannot read the CA file {shown}: {error}"))
    };
    let metadata = std::fs::metadata(path).map_err(|error| failure(&error))?;
    if !metadata.is_file() || metadata.len() > CA_FILE_LIMIT {
        return Err(Failure::new(Reason::Io, format!("the CA file {shown} is not a regular file of at most 4 MiB")));
    }
    std::fs::read(path).map_err(|error| failure(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(text: &str) -> Origin {
        Origin::parse(text).unwrap()
    }

    #[test]
    fn the_same_settings_share_connections_and_others_do_not() {
        let direct = Network::default();
        let proxied = Network { proxy: Some("http://proxy.example.com:3128".parse().unwrap()), ..Network::default() };
        let one = Transport::shared(&origin("https://a.example.com"), &direct).unwrap();
        let two = Transport::shared(&origin("https://b.example.com"), &direct).unwrap();
        assert!(Arc::ptr_eq(&one, &two));
        let other = Transport::shared(&origin("https://a.example.com"), &proxied).unwrap();
        assert!(!Arc::ptr_eq(&one, &other));
        let local = Transport::shared(&origin("https://localhost"), &proxied).unwrap();
        assert!(Arc::ptr_eq(&one, &local), "loopback never goes through a proxy");
    }

    #[test]
    fn a_ca_file_that_is_no_use_is_told_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let network = |name: &str| Network { ca_files: vec![folder.path().join(name)], proxy: None };
        let missing = Transport::shared(&origin("https://a.example.com"), &network("missing.pem")).unwrap_err();
        assert_eq!(missing.reason, Reason::NotFound);
        std::fs::write(folder.path().join("junk.pem"), "junk").unwrap();
        let junk = Transport::shared(&origin("https://a.example.com"), &network("junk.pem")).unwrap_err();
        assert_eq!(junk.reason, Reason::Io);
        assert!(junk.message.contains("junk.pem"), "{junk}");
    }
}
