//! `notify`: whom to tell, and how. Addresses that let anybody write are secrets, and so come from files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{FixedOffset, NaiveTime, Weekday};
use serde_json::Value;

use super::table::Table;
use super::{Network, Store, sections, values};
use crate::notify::channel::ChannelKind;
use crate::notify::key::Tier;
use crate::notify::office::OfficeHours;

const HOUR: Duration = Duration::from_secs(3600);

/// `notify`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notify {
    /// The channels, each with what it takes.
    pub channels: BTreeMap<ChannelKind, Channel>,
    /// How they are reached.
    pub network: Network,
    /// When people are there for warnings; always, if absent.
    pub office_hours: Option<OfficeHours>,
    /// After how long a critical message is sent again.
    pub repeat_critical: Duration,
    /// After how long a warning is sent again.
    pub repeat_warning: Duration,
    /// Who is told that all goes on.
    pub heartbeat: Option<Heartbeat>,
    /// The monthly letter, if one is sent.
    pub letter: Option<Letter>,
}

/// One channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// What it takes.
    pub tiers: Vec<Tier>,
    /// Where it leads.
    pub place: Place,
}

/// Where a channel leads. Files are only named, never read here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Mail.
    Smtp(Smtp),
    /// An address that takes a POST, and lets anybody write who knows it.
    Address {
        /// The file with the address.
        url_file: PathBuf,
        /// The file with what stands behind `Bearer`, where a login is asked for.
        token_file: Option<PathBuf>,
    },
    /// `PagerDuty`.
    Pagerduty {
        /// The file with the integration key of a service.
        routing_key_file: PathBuf,
        /// Where events go.
        url: url::Url,
    },
    /// Anything that takes a POST.
    Webhook(Webhook),
}

/// `notify.smtp`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Smtp {
    /// The host of the server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How it is spoken to.
    pub tls: SmtpTls,
    /// Who writes.
    pub from: String,
    /// To whom.
    pub to: Vec<String>,
    /// Who logs in.
    pub username: Option<String>,
    /// The file with the password.
    pub password_file: Option<PathBuf>,
}

/// `notify.smtp.tls`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmtpTls {
    /// Plain, then TLS before anything is said.
    Starttls,
    /// TLS from the start.
    Implicit,
    /// None: for a server on this machine.
    None,
}

/// `notify.webhook`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// The file with the address.
    pub url_file: PathBuf,
    /// The file with the value of the header `Authorization`.
    pub authorization_file: Option<PathBuf>,
    /// What is sent; our own document, if absent.
    pub template: Option<String>,
    /// What that is, as `Content-Type` says it.
    pub content_type: String,
}

/// `notify.heartbeat`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// The file with the address to ask.
    pub url_file: PathBuf,
    /// How often.
    pub interval: Duration,
}

/// `notify.letter`. It goes by the mail server of `notify.smtp`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// Its readers.
    pub to: Vec<String>,
    /// From one letter to the next.
    pub every: Duration,
}

/// Reads `notify`.
pub(super) fn notify(root: &mut Table<'_>, store: &Store, base: &Path) -> Option<Notify> {
    let mut table = root.table("notify")?;
    let mut channels = BTreeMap::new();
    let has_mail = table.has("smtp");
    if let Some(channel) = table.table("smtp").and_then(|table| smtp(table, base)) {
        channels.insert(ChannelKind::Smtp, channel);
    }
    for (kind, key) in [(ChannelKind::Slack, "slack"), (ChannelKind::Teams, "teams"), (ChannelKind::Ntfy, "ntfy")] {
        let Some(mut table) = table.table(key) else { continue };
        let url_file = table.required("url_file", |value| values::path(value, base));
        let has_token = kind == ChannelKind::Ntfy;
        let token_file = has_token.then(|| table.read("token_file", |value| values::path(value, base))).flatten();
        let tiers = tiers(&mut table, &Tier::ALL);
        table.finish();
        if let Some(url_file) = url_file {
            channels.insert(kind, Channel { tiers, place: Place::Address { url_file, token_file } });
        }
    }
    if let Some(channel) = table.table("pagerduty").and_then(|table| pagerduty(table, base)) {
        channels.insert(ChannelKind::Pagerduty, channel);
    }
    if let Some(channel) = table.table("webhook").and_then(|table| webhook(table, base)) {
        channels.insert(ChannelKind::Webhook, channel);
    }
    let network = sections::network(table.table("network"), &Network::default(), base);
    let office_hours = table.table("office_hours").and_then(office_hours);
    let (mut repeat_critical, mut repeat_warning) = (HOUR * 4, HOUR * 24);
    if let Some(mut repeat) = table.table("repeat") {
        repeat_critical = repeat.read("critical", again).unwrap_or(repeat_critical);
        repeat_warning = repeat.read("warning", again).unwrap_or(repeat_warning);
        repeat.finish();
    }
    let heartbeat = table.table("heartbeat").and_then(|table| heartbeat(table, base));
    let letter = table.table("letter").and_then(letter);
    if letter.is_some() && !has_mail {
        table.tell("letter", "goes by mail: it needs notify.smtp");
    }
    if !channels.is_empty() && *store == Store::Memory {
        let path = table.path().to_owned();
        let message =
            "needs a store that keeps what was sent: sqlite::memory: forgets it, and all of it would be sent again";
        table.problems().add(path, message);
    }
    table.finish();
    Some(Notify { channels, network, office_hours, repeat_critical, repeat_warning, heartbeat, letter })
}

/// Which tiers a channel takes.
fn tiers(table: &mut Table<'_>, usual: &[Tier]) -> Vec<Tier> {
    let words = Tier::ALL.map(Tier::as_str);
    let count = table.problems().count();
    let tiers = table.list("tiers", |value| {
        let word = values::one_of(value, &words)?;
        Ok(Tier::ALL.into_iter().find(|tier| tier.as_str() == word))
    });
    if tiers.as_ref().is_some_and(Vec::is_empty) && table.problems().count() == count {
        table.tell("tiers", "must name one at least, or be left out");
    }
    tiers.map_or_else(|| usual.to_vec(), |tiers| tiers.into_iter().flatten().collect())
}

fn again(value: &Value) -> Result<Duration, String> {
    let again = values::duration(value)?;
    if (Duration::from_secs(60)..=HOUR * 24 * 31).contains(&again) {
        Ok(again)
    } else {
        Err("must be from 1m to 31d".to_owned())
    }
}

fn smtp(mut table: Table<'_>, base: &Path) -> Option<Channel> {
    let tls = table.read("tls", |value| values::one_of(value, &["starttls", "implicit", "none"]));
    let tls = match tls {
        Some("implicit") => SmtpTls::Implicit,
        Some("none") => SmtpTls::None,
        _ => SmtpTls::Starttls,
    };
    let usual = if tls == SmtpTls::Implicit { 465 } else { 587 };
    let server = table.required("server", |value| server(value, usual));
    let from = table.required("from", address);
    if !table.has("to") {
        table.required("to", values::text);
    }
    let to = table.list("to", address).unwrap_or_default();
    let username = table.read("username", values::text);
    let password_file = table.read("password_file", |value| values::path(value, base));
    if username.is_some() != password_file.is_some() {
        let missing = if username.is_some() { "password_file" } else { "username" };
        table.tell(missing, "is missing: a login has both");
    }
    let is_local = server.as_ref().is_some_and(|(host, _)| {
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    });
    if tls == SmtpTls::None && !is_local && server.is_some() {
        table.tell("tls", "must be starttls or implicit: without TLS only a server on this machine is spoken to");
    }
    let tiers = tiers(&mut table, &Tier::ALL);
    let is_empty = to.is_empty();
    table.finish();
    let ((host, port), from) = (server?, from?);
    (!is_empty)
        .then_some(Channel { tiers, place: Place::Smtp(Smtp { host, port, tls, from, to, username, password_file }) })
}

/// `mail.example.com` or `mail.example.com:587`.
fn server(value: &Value, usual: u16) -> Result<(String, u16), String> {
    let wrong =
        || "must be a host, such as mail.example.com, or a host and a port, such as mail.example.com:587".to_owned();
    let text = values::text(value)?;
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().ok().filter(|port| *port != 0).ok_or_else(wrong)?),
        None => (text.as_str(), usual),
    };
    values::host(&Value::String(host.to_owned())).map(|host| (host, port)).map_err(|_| wrong())
}

/// A mail address, alone or behind a name: `apnswatch <apnswatch@example.com>`.
fn address(value: &Value) -> Result<String, String> {
    let text = values::text(value)?;
    let bare = text.split_once('<').map_or(text.as_str(), |(_, rest)| rest.trim_end_matches('>'));
    let right = bare.split_once('@').is_some_and(|(user, domain)| {
        !user.is_empty() && !domain.is_empty() && !bare.chars().any(|c| c.is_whitespace() || c == ',')
    });
    if right && !text.chars().any(char::is_control) {
        Ok(text)
    } else {
        Err("must be a mail address such as it-apns@example.com".to_owned())
    }
}

fn pagerduty(mut table: Table<'_>, base: &Path) -> Option<Channel> {
    let routing_key_file = table.required("routing_key_file", |value| values::path(value, base));
    let url = table.read("url", |value| {
        let url = values::address(value)?;
        crate::provider::http::Origin::parse(url.as_str()).map(|_| url)
    });
    let tiers = tiers(&mut table, &[Tier::Critical]);
    if tiers.contains(&Tier::Digest) {
        table.tell("tiers", "must be critical or warning: a list is no incident, and would never be resolved");
    }
    table.finish();
    let usual = || url::Url::parse("https://events.pagerduty.com/").ok();
    let place = Place::Pagerduty { routing_key_file: routing_key_file?, url: url.or_else(usual)? };
    Some(Channel { tiers, place })
}

fn webhook(mut table: Table<'_>, base: &Path) -> Option<Channel> {
    let url_file = table.required("url_file", |value| values::path(value, base));
    let authorization_file = table.read("authorization_file", |value| values::path(value, base));
    let template = table.read("template", |value| {
        let template = values::text(value)?;
        crate::notify::channel::webhook::check(&template).map(|()| template)
    });
    let content_type = table.read("content_type", |value| {
        let text = values::text(value)?;
        let right = text.contains('/') && text.chars().all(|c| c.is_ascii_graphic() || c == ' ');
        if right { Ok(text) } else { Err("must be a media type, such as application/json".to_owned()) }
    });
    let tiers = tiers(&mut table, &Tier::ALL);
    table.finish();
    let content_type = content_type.unwrap_or_else(|| "application/json".to_owned());
    Some(Channel {
        tiers,
        place: Place::Webhook(Webhook { url_file: url_file?, authorization_file, template, content_type }),
    })
}

fn office_hours(mut table: Table<'_>) -> Option<OfficeHours> {
    const DAYS: [(&str, Weekday); 7] = [
        ("monday", Weekday::Mon),
        ("tuesday", Weekday::Tue),
        ("wednesday", Weekday::Wed),
        ("thursday", Weekday::Thu),
        ("friday", Weekday::Fri),
        ("saturday", Weekday::Sat),
        ("sunday", Weekday::Sun),
    ];
    let words = DAYS.map(|(word, _)| word);
    let count = table.problems().count();
    let days = table.list("days", |value| {
        let word = values::one_of(value, &words)?;
        Ok(DAYS.into_iter().find(|(known, _)| *known == word).map(|(_, day)| day))
    });
    if days.as_ref().is_some_and(Vec::is_empty) && table.problems().count() == count {
        table.tell("days", "must name one at least, or be left out");
    }
    let from = table.required("from", time);
    let to = table.required("to", time);
    if let (Some(from), Some(to)) = (from, to)
        && to <= from
    {
        table.tell("to", "must be later than from, on the same day");
    }
    let offset = table.read("utc_offset", offset);
    table.finish();
    let working = || DAYS[..5].iter().map(|(_, day)| *day).collect();
    Some(OfficeHours {
        days: days.map_or_else(working, |days| days.into_iter().flatten().collect()),
        from: from?,
        to: to?,
        offset: offset.or_else(|| FixedOffset::east_opt(0))?,
    })
}

fn time(value: &Value) -> Result<NaiveTime, String> {
    let text = value.as_str().unwrap_or_default();
    NaiveTime::parse_from_str(text, "%H:%M")
        .ok()
        .filter(|_| text.len() == 5)
        .ok_or_else(|| "must be a time in quotes, such as \"08:00\"".to_owned())
}

fn offset(value: &Value) -> Result<FixedOffset, String> {
    let text = value.as_str().unwrap_or_default();
    text.parse::<FixedOffset>()
        .ok()
        .filter(|_| text.len() == 6)
        .ok_or_else(|| "must be how far your clocks are ahead of UTC, in quotes, such as \"+01:00\"".to_owned())
}

fn heartbeat(mut table: Table<'_>, base: &Path) -> Option<Heartbeat> {
    // Spelled out without an address it is off.
    let url_file = table.read("url_file", |value| values::path(value, base));
    let interval = table.read("interval", |value| {
        let interval = values::duration(value)?;
        let right = (Duration::from_secs(10)..=HOUR * 24).contains(&interval);
        if right { Ok(interval) } else { Err("must be from 10s to 24h".to_owned()) }
    });
    table.finish();
    Some(Heartbeat { url_file: url_file?, interval: interval.unwrap_or(Duration::from_secs(300)) })
}

fn letter(mut table: Table<'_>) -> Option<Letter> {
    // Spelled out without a reader it is off.
    let to = table.list("to", address).unwrap_or_default();
    let every = table.read("every", |value| {
        let every = values::duration(value)?;
        let right = (HOUR * 24 * 7..=HOUR * 24 * 366).contains(&every);
        if right { Ok(every) } else { Err("must be from 7d to 366d".to_owned()) }
    });
    table.finish();
    (!to.is_empty()).then(|| Letter { to, every: every.unwrap_or(HOUR * 24 * 30) })
}
