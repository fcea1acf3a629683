//! The web-config file: the format of Prometheus and its exporters (exporter-toolkit, `docs/web-configuration.md`), read as
//! strictly. What `promtool check web-config` refuses is refused here, too.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::environment::Overrides;
use super::table::{Problems, Table, join};
use super::{file, values};
use crate::model::Problem;
use crate::secret::Secret;

/// What a web-config file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WebAccess {
    /// How to speak TLS; without it everything is plain.
    pub tls: Option<TlsSettings>,
    /// Headers that every answer has, besides our own.
    pub headers: BTreeMap<String, String>,
    /// The bcrypt hashes of the passwords, by user. With any, nothing is open.
    pub users: BTreeMap<String, Secret>,
}

/// `tls_server_config`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsSettings {
    /// The certificate and its chain, PEM.
    pub cert_file: PathBuf,
    /// Its private key, PEM.
    pub key_file: PathBuf,
    /// The authorities of clients, PEM.
    pub client_ca_file: Option<PathBuf>,
    /// What is asked of a client.
    pub client_auth: ClientAuth,
    /// Whether TLS 1.2 is spoken.
    pub tls12: bool,
    /// Whether TLS 1.3 is spoken.
    pub tls13: bool,
    /// The cipher suites of TLS 1.2, by their names at IANA; empty for all that are good.
    pub cipher_suites: Vec<String>,
}

/// `client_auth_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuth {
    /// Nothing.
    None,
    /// A certificate it may show, and if it does, a good one.
    IfGiven,
    /// A good certificate.
    Required,
}

/// The headers that may be set, and what they may be set to; nothing: anything.
const HEADERS: [(&str, &[&str]); 5] = [
    ("Strict-Transport-Security", &[]),
    ("Content-Security-Policy", &[]),
    ("X-Frame-Options", &["deny", "sameorigin"]),
    ("X-Content-Type-Options", &["nosniff"]),
    ("X-XSS-Protection", &[]),
];

/// Reads a web-config file. Paths in it are absolute or start at its folder.
///
/// # Errors
///
/// Everything that is wrong with it, each with the path of the key. No hash is ever shown.
pub fn read(path: &Path) -> Result<WebAccess, Vec<Problem>> {
    let shown = path.display().to_string();
    let entries = file::read(path)
        .and_then(|file| {
            Overrides::default().apply(file).map_err(|_| "must be a YAML mapping of keys to values".to_owned())
        })
        .map_err(|message| vec![Problem::new(&shown, message)])?;
    let base = path.parent().unwrap_or(path);
    let problems = Problems::default();
    let mut root = Table::new("", entries, &problems);
    let tls = root.table("tls_server_config").and_then(|table| tls(table, base));
    let headers = root.table("http_server_config").map(http).unwrap_or_default();
    let users = users(&mut root);
    root.finish();
    let mut problems = problems.into_vec();
    if problems.is_empty() {
        return Ok(WebAccess { tls, headers, users });
    }
    for problem in &mut problems {
        problem.path = format!("{shown}: {}", problem.path);
    }
    Err(problems)
}

fn tls(mut table: Table<'_>, base: &Path) -> Option<TlsSettings> {
    let cert_file = table.required("cert_file", |value| values::path(value, base));
    let key_file = table.required("key_file", |value| values::path(value, base));
    let client_ca_file = table.read("client_ca_file", |value| values::path(value, base));
    let client_auth = table.read("client_auth_type", client_auth);
    let (least, most) = (table.read("min_version", version), table.read("max_version", version));
    let (least, most) = (least.unwrap_or(Version::Tls12), most.unwrap_or(Version::Tls13));
    let cipher_suites = table.list("cipher_suites", values::text).unwrap_or_default();
    // Both sides of today agree on a good curve and a good suite by themselves.
    table.list("curve_preferences", |value| values::one_of(value, &["CurveP256", "CurveP384", "CurveP521", "X25519"]));
    table.read("prefer_server_cipher_suites", values::flag);
    if least > most {
        table.tell("min_version", "must not be above max_version");
    }
    let client_auth = client_auth.unwrap_or(ClientAuth::None);
    match (client_auth, &client_ca_file) {
        (ClientAuth::None, Some(_)) => table.tell(
            "client_ca_file",
            "is of no use without client_auth_type: set that to RequireAndVerifyClientCert or VerifyClientCertIfGiven",
        ),
        (ClientAuth::IfGiven | ClientAuth::Required, None) => {
            table.tell("client_auth_type", "needs client_ca_file, by which certificates are verified");
        }
        (ClientAuth::None, None) | (_, Some(_)) => {}
    }
    table.finish();
    Some(TlsSettings {
        cert_file: cert_file?,
        key_file: key_file?,
        client_ca_file,
        client_auth,
        tls12: least == Version::Tls12,
        tls13: most == Version::Tls13,
        cipher_suites,
    })
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Version {
    Tls12,
    Tls13,
}

fn version(value: &Value) -> Result<Version, String> {
    match values::one_of(value, &["TLS10", "TLS11", "TLS12", "TLS13"])? {
        "TLS12" => Ok(Version::Tls12),
        "TLS13" => Ok(Version::Tls13),
        _ => Err("must be TLS12 or TLS13: older ones are broken and not spoken here".to_owned()),
    }
}

fn client_auth(value: &Value) -> Result<ClientAuth, String> {
    let words = [
        "NoClientCert",
        "VerifyClientCertIfGiven",
        "RequireAndVerifyClientCert",
        "RequestClientCert",
        "RequireAnyClientCert",
        "RequireClientCert",
    ];
    match values::one_of(value, &words)? {
        "NoClientCert" => Ok(ClientAuth::None),
        "VerifyClientCertIfGiven" => Ok(ClientAuth::IfGiven),
        "RequireAndVerifyClientCert" => Ok(ClientAuth::Required),
        _ => Err(
            "must be RequireAndVerifyClientCert, VerifyClientCertIfGiven or NoClientCert: a certificate that nobody \
                  verifies proves nothing"
                .to_owned(),
        ),
    }
}

fn http(mut table: Table<'_>) -> BTreeMap<String, String> {
    // HTTP/1.1 is what every client of this program speaks.
    table.read("http2", values::flag);
    let mut headers = BTreeMap::new();
    if let Some(mut entries) = table.table("headers") {
        for (name, allowed) in HEADERS {
            let value = entries.read(name, |value| {
                let text = values::text(value)?;
                if !allowed.is_empty() && !allowed.contains(&text.to_ascii_lowercase().as_str()) {
                    return Err(format!("must be {}", allowed.join(" or ")));
                }
                if http::HeaderValue::from_str(&text).is_err() {
                    return Err("must be fit for a header".to_owned());
                }
                Ok(text)
            });
            headers.extend(value.map(|value| (name.to_owned(), value)));
        }
        entries.finish();
    }
    table.finish();
    headers
}

fn users(root: &mut Table<'_>) -> BTreeMap<String, Secret> {
    let mut users = BTreeMap::new();
    for (name, value) in root.map("basic_auth_users").unwrap_or_default() {
        let hash = value.as_str().filter(|hash| is_bcrypt(hash));
        match hash {
            _ if name.is_empty() || name.contains(':') || name.chars().any(char::is_control) => {
                root.problems().add("basic_auth_users", "a name must not be empty nor hold a colon");
            }
            Some(hash) => _ = users.insert(name, Secret::from_file_bytes(hash.into())),
            None => root.problems().add(
                join("basic_auth_users", &name),
                "must be a bcrypt hash, never the password: apnswatch passwd makes one",
            ),
        }
    }
    users
}

/// Whether this is a bcrypt hash: `$2b$10$` and then 22 characters of salt and 31 of hash.
fn is_bcrypt(text: &str) -> bool {
    let is_known = ["$2a$", "$2b$", "$2y$"].iter().any(|start| text.starts_with(start));
    is_known && text.len() == 60 && text.parse::<bcrypt::HashParts>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_hash_is_ever_shown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("web.yml");
        let hash = bcrypt::hash("s3cret", 4).unwrap();
        std::fs::write(&path, format!("basic_auth_users: {{ kim: '{hash}' }}\n")).unwrap();
        let access = read(&path).unwrap();
        assert_eq!(access.users["kim"].expose_str(), Some(hash.as_str()));
        let shown = format!("{access:?}");
        assert!(shown.contains("kim") && !shown.contains(&hash[4..]), "{shown}");
    }
}
