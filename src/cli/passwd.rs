//! `passwd`: a login of the HTTP side, as a web configuration file of Prometheus holds it.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _};

use anyhow::{Context as _, bail};
use zeroize::Zeroizing;

use super::{End, Scene};

/// The cost of bcrypt: 2^10 rounds, as the documentation of Prometheus recommends. It is paid with every request.
const COST: u32 = 10;

/// What bcrypt looks at; what is longer would be cut without a word.
const MOST_BYTES: usize = 72;

/// Asks for a password and prints the entry.
pub(super) fn run(scene: &Scene, user: &str) -> Result<u8, End> {
    // RFC 7617, 2: a name with a colon would end at it.
    if user.trim().is_empty() || user.contains(|c: char| c == ':' || c.is_control()) {
        return Err(End::Usage("USER must be a name without a colon".to_owned()));
    }
    let password = if io::stdin().is_terminal() { asked(user)? } else { piped()? };
    check(&password)?;
    let hash = bcrypt::hash(password.as_str(), COST).context("cannot make a hash of it")?;
    let mut out = io::stdout().lock();
    if scene.json {
        let document = serde_json::json!({ "schema": "apnswatch.passwd.v1", "user": user, "hash": hash });
        writeln!(out, "{document:#}")?;
    } else {
        // In quotes, for a name may be a number or a word that YAML takes for something else.
        writeln!(out, "basic_auth_users:\n  '{}': '{hash}'", user.replace('\'', "''"))?;
    }
    Ok(0)
}

fn check(password: &str) -> Result<(), anyhow::Error> {
    if password.trim().is_empty() {
        bail!("the password is empty; nothing was written");
    }
    if password.len() > MOST_BYTES {
        bail!("the password is longer than the {MOST_BYTES} bytes that bcrypt looks at; nothing was written");
    }
    if password.contains(char::is_control) {
        bail!("the password has a control character in it, which no browser sends; nothing was written");
    }
    Ok(())
}

/// The same password twice, from a terminal that does not show it.
fn asked(user: &str) -> Result<Zeroizing<String>, anyhow::Error> {
    let ask = |prompt: String| {
        rpassword::prompt_password(prompt).map(Zeroizing::new).context("the terminal gives no password")
    };
    let password = ask(format!("Password for {user}: "))?;
    check(&password)?;
    if ask("The same again: ".to_owned())? != password {
        bail!("the two are not the same; nothing was written");
    }
    Ok(password)
}

/// The first line that comes in.
fn piped() -> Result<Zeroizing<String>, anyhow::Error> {
    let mut line = Zeroizing::new(String::new());
    io::stdin().lock().take(64 * 1024).read_line(&mut line).context("no password can be read")?;
    let end = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(end);
    Ok(line)
}
