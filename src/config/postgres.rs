//! `store: postgres://...`: where a database is, without its password.

use std::path::{Path, PathBuf};

use url::{Host, Url};

/// What may stand behind the `?`: names of libpq (PostgreSQL documentation, "Parameter Key Words"), and `password_file`, which is
/// ours.
const KNOWN: [&str; 7] = ["host", "sslmode", "sslrootcert", "sslcert", "sslkey", "application_name", "password_file"];

/// The modes of libpq (PostgreSQL documentation, "SSL Mode Descriptions").
const MODES: [&str; 6] = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"];

/// Where a PostgreSQL database is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Postgres {
    /// The address, without a password and without `password_file`.
    pub url: Url,
    /// The file with the password; none where the server asks for none.
    pub password_file: Option<PathBuf>,
}

impl Postgres {
    /// Reads an address. A relative `password_file` starts at `base`.
    ///
    /// # Errors
    ///
    /// Says what would be right.
    pub fn parse(text: &str, base: &Path) -> Result<Self, String> {
        let form = "must be postgres: with user, host and database, such as postgres://apnswatch@db.example.com/apnswatch?sslmode=\
                    verify-full&password_file=/run/secrets/postgres";
        let mut url = Url::parse(text).map_err(|_| form.to_owned())?;
        if !["postgres", "postgresql"].contains(&url.scheme()) || url.fragment().is_some() {
            return Err(form.to_owned());
        }
        if url.password().is_some() {
            return Err("must not have the password in it: put it into a file and name that, ?password_file=/run/secrets/postgres"
                .to_owned());
        }
        if url.username().is_empty() || url.path().trim_start_matches('/').is_empty() {
            return Err(form.to_owned());
        }
        let pairs: Vec<(String, String)> =
            url.query_pairs().map(|(key, value)| (key.into_owned(), value.into_owned())).collect();
        if let Some((key, _)) = pairs.iter().find(|(key, _)| !KNOWN.contains(&key.as_str())) {
            return Err(format!("has an unknown parameter {key:?}, known are {}", KNOWN.join(", ")));
        }
        let of = |wanted: &str| pairs.iter().find(|(key, _)| key == wanted).map(|(_, value)| value.as_str());
        let mode = of("sslmode");
        if let Some(mode) = mode.filter(|mode| !MODES.contains(mode)) {
            return Err(format!("has the sslmode {mode:?}, known are {}", MODES.join(", ")));
        }
        let is_socket = of("host").is_some_and(|host| host.starts_with('/'));
        let is_here = is_socket || of("host").is_none() && is_loopback(&url);
        if url.host().is_none() {
            return Err(form.to_owned());
        }
        // Whoever can write pins can make the fleet's topic whatever they like: how the server is known must be said.
        if mode.is_none() && !is_here {
            return Err(
                "must say how the server is known: sslmode=verify-full (or disable, in a network that you trust)"
                    .to_owned(),
            );
        }
        let password_file = of("password_file").map(|path| base.join(path));
        let rest: Vec<&(String, String)> = pairs.iter().filter(|(key, _)| key != "password_file").collect();
        if rest.is_empty() {
            url.set_query(None);
        } else {
            url.query_pairs_mut().clear().extend_pairs(rest);
        }
        Ok(Self { url, password_file })
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        // Hosts of schemes that the URL standard does not know are not parsed as addresses.
        Some(Host::Domain(name)) => {
            let bare = name.trim_start_matches('[').trim_end_matches(']');
            bare == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_no_secret_and_says_how_the_server_is_known() {
        let read = |text: &str| Postgres::parse(text, Path::new("/etc/apnswatch"));
        let good = read("postgres://apns@db.example.com/watch?sslmode=verify-full&password_file=pg").unwrap();
        assert_eq!(good.url.as_str(), "postgres://apns@db.example.com/watch?sslmode=verify-full");
        assert_eq!(good.password_file.as_deref(), Some(Path::new("/etc/apnswatch/pg")));
        for right in [
            "postgresql://apns@127.0.0.1:5433/watch",
            "postgres://apns@localhost/watch",
            "postgres://apns@[::1]/watch",
            // A socket; the host in front is not asked then.
            "postgres://apns@localhost/watch?host=/run/postgresql",
            "postgres://apns@db.example.com/watch?host=/run/postgresql",
        ] {
            assert!(read(right).is_ok(), "{right}: {:?}", read(right));
        }
        for (wrong, why) in [
            ("postgres://apns:s3cret@127.0.0.1/watch", "must not have the password"),
            ("postgres://apns@db.example.com/watch", "sslmode=verify-full"),
            ("postgres://apns@127.0.0.1/watch?sslmode=always", "known are disable"),
            ("postgres://apns@127.0.0.1/watch?password=x", "unknown parameter"),
            ("postgres://127.0.0.1/watch", "must be postgres:"),
            ("postgres://apns@127.0.0.1/", "must be postgres:"),
            ("postgres:", "must be postgres:"),
            ("postgres://apns@127.0.0.1/watch#x", "must be postgres:"),
        ] {
            let told = read(wrong).unwrap_err();
            assert!(told.contains(why) && !told.contains("s3cret"), "{wrong}: {told}");
        }
    }
}
