//! The sheet in words: sections that every face lays out in its own way. Here everything foreign is cleaned, and what
//! would not fit on paper is told by its number.

use std::collections::BTreeMap;

use super::{Account, FilePlace, Handover, Tenant};
use crate::guide;
use crate::model::{PinOrigin, Question, TenantName};
use crate::words;

/// With more tenants than this each one is not told on paper.
const MOST_TENANTS: usize = 12;

/// So many dates are told.
const MOST_DATES: usize = 20;

/// With more accounts than this their duties are not told on paper.
const MOST_ACCOUNTS: usize = 12;

/// So many lines a list has.
const MOST_LINES: usize = 40;

/// So many names stand in a sentence.
const MOST_NAMES: usize = 6;

/// No value is longer than this on paper.
const LONGEST: usize = 300;

/// A part of the sheet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Section {
    pub(super) title: &'static str,
    pub(super) blocks: Vec<Block>,
}

/// A piece of a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Block {
    /// A paragraph.
    Text(String),
    /// A paragraph that must not be overlooked.
    Alarm(String),
    /// A heading and what is known under it.
    Entry(Option<String>, Vec<Fact>),
    /// Rows of equal shape.
    Table(Vec<&'static str>, Vec<Vec<String>>),
}

/// One thing that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fact {
    pub(super) name: String,
    pub(super) value: String,
    /// Whether it is compared letter by letter.
    pub(super) is_exact: bool,
    /// What it is worth.
    pub(super) note: Option<&'static str>,
}

/// The title.
pub(super) const TITLE: &str = "Handover: Apple push certificates";

/// The line under the title.
pub(super) fn head(handover: &Handover) -> String {
    let host = handover.host.as_deref().map_or_else(|| "a machine without a name".to_owned(), clean);
    let site = handover.site.as_deref().map(|site| format!(", site {}", clean(site))).unwrap_or_default();
    format!(
        "apnswatch on {host}{site}, as of {}. Print it again after each renewal and each change of accounts or places, and by {}.",
        handover.as_of.format("%Y-%m-%d %H:%M UTC"),
        handover.print_again_by.format("%Y-%m-%d")
    )
}

/// The parts, in the order in which a stranger needs them.
pub(super) fn sections(handover: &Handover) -> Vec<Section> {
    vec![
        meaning(handover),
        dates(handover),
        tenants(handover),
        accounts(handover),
        places(handover),
        unwatched(handover),
        history(handover),
        Section { title: "If the wrong certificate was uploaded", blocks: vec![Block::Text(guide::UNDO.to_owned())] },
    ]
}

fn clean(text: &str) -> String {
    words::clean(text, LONGEST)
}

fn fact(name: &str, value: impl Into<String>) -> Fact {
    Fact { name: name.to_owned(), value: value.into(), is_exact: false, note: None }
}

fn exact(name: &str, value: impl Into<String>) -> Fact {
    Fact { is_exact: true, ..fact(name, value) }
}

/// Some names, and how many there are more.
fn names<T: AsRef<str>>(all: &[T]) -> String {
    let shown: Vec<String> = all.iter().take(MOST_NAMES).map(|name| clean(name.as_ref())).collect();
    match all.len().checked_sub(MOST_NAMES).filter(|more| *more > 0) {
        Some(more) => format!("{} and {more} more", shown.join(", ")),
        None => shown.join(", "),
    }
}

fn strings(names: &[TenantName]) -> Vec<&str> {
    names.iter().map(TenantName::as_str).collect()
}

fn meaning(handover: &Handover) -> Section {
    let mut blocks = vec![
        Block::Text(format!(
            "Every managed iPhone, iPad and Mac is reached through one certificate a year, which must be renewed in {} before \
             its end: never created anew, and only with the Apple Account that made it. Another account or another row \
             changes its topic, and then no enrolled device is reached any more.",
            guide::PORTAL
        )),
        Block::Text(format!(
            "{} apnswatch only watches: while it is dead, devices go on, and nobody is warned. The steps are in \
             docs/renewal.md, or printed by: apnswatch guide --tenant NAME",
            guide::IN_SHORT
        )),
    ];
    blocks.extend(handover.doubts.iter().map(|doubt| Block::Alarm(clean(doubt))));
    Section { title: "What this is", blocks }
}

fn dates(handover: &Handover) -> Section {
    let rows = handover.dates.iter().take(MOST_DATES).map(|date| {
        let passed = if date.at <= handover.as_of { " PAST" } else { "" };
        vec![format!("{}{passed}", date.at.format("%Y-%m-%d")), clean(&date.what), clean(&date.of), clean(&date.known)]
    });
    let rows: Vec<Vec<String>> = rows.collect();
    let mut blocks = Vec::new();
    if rows.is_empty() {
        blocks.push(Block::Alarm("No date is known.".to_owned()));
    } else {
        blocks.push(Block::Table(vec!["Date (UTC)", "What", "Of", "Known"], rows));
    }
    if handover.dates.len() > MOST_DATES {
        blocks.push(Block::Text(format!(
            "These are the next {MOST_DATES} of {}. Keep the others beside this sheet: /tenants.csv of the page, or \
             apnswatch handover --json",
            handover.dates.len()
        )));
    }
    for unknown in &handover.unknown {
        blocks.push(Block::Alarm(format!("Nobody knows {}: {}.", unknown.what, names(&unknown.of))));
    }
    Section { title: "Next dates", blocks }
}

fn tenants(handover: &Handover) -> Section {
    let all = &handover.tenants;
    let blocks = match all.len() {
        0 => vec![Block::Text("No tenant is watched.".to_owned())],
        1..=MOST_TENANTS => all.iter().map(tenant).collect(),
        _ => summary(all),
    };
    Section { title: "Tenants: one certificate each", blocks }
}

fn tenant(tenant: &Tenant) -> Block {
    let mut facts = Vec::new();
    if let Some(address) = &tenant.address {
        let login = tenant.login.as_ref().map(|login| format!("; apnswatch logs in with {}", clean(login)));
        facts.push(fact("MDM", format!("{}{}", clean(address), login.unwrap_or_default())));
    }
    facts.push(fact(
        "renew with",
        match (&tenant.account_address, &tenant.account_shown) {
            (Some(own), Some(shown)) if !own.eq_ignore_ascii_case(shown) => {
                format!("{}; the MDM shows {} instead: the row with the right topic decides", clean(own), clean(shown))
            }
            (Some(own), _) => clean(own),
            (None, Some(shown)) => {
                format!(
                    "not noted; the MDM shows {}, as somebody typed it: the row with the topic decides",
                    clean(shown)
                )
            }
            (None, None) => {
                "nobody noted the account: look for Apple's mails about the end of the certificate".to_owned()
            }
        },
    ));
    match (&tenant.topic, tenant.topic_origin) {
        (Some(topic), origin) => {
            let note = match origin {
                Some(PinOrigin::Config) => "as the configuration expects",
                Some(PinOrigin::Confirmed) => "confirmed on an enrolled device",
                Some(PinOrigin::FirstSeen) | None => "UNCONFIRMED: never compared with a device",
            };
            facts.push(Fact { note: Some(note), ..exact("topic", topic.as_str()) });
            // The UID itself, as the guide has two people compare it.
            facts.push(exact("in groups", guide::groups(topic)));
        }
        (None, _) => facts.push(match &tenant.topic_declared {
            Some(topic) => Fact { note: Some("only typed in the configuration"), ..exact("topic", topic.as_str()) },
            None => fact("topic", "not known: read it on an enrolled device"),
        }),
    }
    if let Some(wrong) = &tenant.wrong_topic {
        facts.push(exact("WRONG TOPIC in use", format!("{wrong}: see the last part of this sheet")));
    }
    let end = tenant.not_after.map(|end| format!("ends {}", end.format("%Y-%m-%d %H:%M UTC")));
    let serial = tenant.serial.as_ref().map(|serial| format!("serial {serial}"));
    facts.push(match (tenant.absent, end, serial) {
        (true, ..) => fact("certificate", "the MDM says that it has none"),
        (false, Some(end), Some(serial)) => exact("certificate", format!("{serial}, {end}")),
        (false, Some(end), None) => fact("certificate", format!("{end}; its serial number is not known")),
        (false, None, Some(serial)) => exact("certificate", format!("{serial}; its end is not known")),
        (false, None, None) => fact("certificate", "its end and its serial number are not known"),
    });
    if tenant.revoked {
        facts.push(fact("REVOKED", "the MDM says that the certificate was revoked: docs/recovery.md"));
    }
    if let Some(until) = tenant.muted_until {
        facts.push(fact("muted", format!("its alerts are quiet until {until}")));
    }
    Block::Entry(Some(format!("{} ({})", clean(tenant.name.as_str()), tenant.product)), facts)
}

fn summary(all: &[Tenant]) -> Vec<Block> {
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for tenant in all {
        *kinds.entry(tenant.product).or_default() += 1;
    }
    let kinds = kinds.into_iter().map(|(product, count)| vec![product.to_owned(), count.to_string()]);
    let count = |is: fn(&Tenant) -> bool| all.iter().filter(|tenant| is(tenant)).count();
    let counts = [
        ("topic not known", count(|tenant| tenant.topic.is_none())),
        ("topic never compared with a device", count(|tenant| tenant.topic_origin == Some(PinOrigin::FirstSeen))),
        ("WRONG TOPIC in use", count(|tenant| tenant.wrong_topic.is_some())),
        ("REVOKED", count(|tenant| tenant.revoked)),
        ("no account noted", count(|tenant| tenant.account.is_none())),
    ];
    let counts = counts.into_iter().filter(|(_, count)| *count > 0).map(|(what, count)| fact(what, count.to_string()));
    vec![
        Block::Text(format!(
            "There are {} tenants, too many for one sheet. Their topics, serial numbers and accounts are in the document that \
             must lie beside it: apnswatch handover --json",
            all.len()
        )),
        Block::Table(vec!["MDM", "Tenants"], kinds.collect()),
        Block::Entry(None, counts.collect()),
    ]
}

fn accounts(handover: &Handover) -> Section {
    let all = &handover.accounts;
    let mut blocks: Vec<Block> = if all.len() <= MOST_ACCOUNTS {
        all.iter().map(account).collect()
    } else {
        let rows = all.iter().take(MOST_LINES).map(|account| {
            let of = |text: &Option<String>| text.as_deref().map_or_else(|| "not noted".to_owned(), clean);
            vec![clean(&account.address), of(&account.owner), of(&account.vault_item), account.tenants.to_string()]
        });
        vec![Block::Table(vec!["Address", "Held by", "Password in", "Tenants"], rows.collect())]
    };
    if all.len() > MOST_LINES {
        blocks.push(Block::Text(format!("And {} more accounts: apnswatch handover --json", all.len() - MOST_LINES)));
    }
    if all.is_empty() {
        blocks.push(Block::Alarm("No account is noted in the configuration.".to_owned()));
    }
    let without: Vec<&str> =
        handover.tenants.iter().filter(|tenant| tenant.account.is_none()).map(|tenant| tenant.name.as_str()).collect();
    if !without.is_empty() && !all.is_empty() {
        blocks.push(Block::Alarm(format!("No account is noted for {}.", names(&without))));
    }
    Section { title: "Apple Accounts", blocks }
}

fn account(account: &Account) -> Block {
    let noted = |text: &Option<String>| text.as_deref().map_or_else(|| "not noted".to_owned(), clean);
    let holders = match account.second_factor.as_slice() {
        [] => "not noted: find out who answers it".to_owned(),
        holders => names(holders),
    };
    let mut facts = vec![
        fact("held by", noted(&account.owner)),
        fact("password in", noted(&account.vault_item)),
        fact("second factor", holders),
    ];
    for duty in &account.duties {
        let by = duty.by.as_ref().map(|by| format!(" by {}", clean(by))).unwrap_or_default();
        let done = match duty.done {
            Some(done) => format!("last done {}{by}", done.format("%Y-%m-%d")),
            None => "never done, as far as anybody said".to_owned(),
        };
        facts.push(fact(&clean(&duty.duty), format!("due {}, {done}", duty.due.format("%Y-%m-%d"))));
    }
    if account.duties.is_empty() {
        facts.push(fact("duties", "none: nobody is reminded to sign in"));
    }
    let tenants = words::counted(account.tenants as u64, "tenant");
    Block::Entry(Some(format!("{} ({}, {tenants})", clean(&account.address), clean(account.id.as_str()))), facts)
}

fn places(handover: &Handover) -> Section {
    let mut facts: Vec<Fact> = handover.places.iter().map(|place| fact(place.what, clean(&place.at))).collect();
    match &handover.secrets {
        Some(secrets) => facts.extend(files("secret", secrets)),
        None => facts.push(fact(
            "secrets",
            "where they lie is not told on a page without a login: run apnswatch handover on the machine",
        )),
    }
    facts.extend(files("watched", &handover.files));
    facts.push(fact(
        "back up",
        "each day the configuration, the secrets and the store (sqlite3 STORE \".backup COPY\", never cp)",
    ));
    facts.push(fact(
        "restore",
        "this version or a later one, put all three back (the store as its owner's, mode 0600), apnswatch check-config, start. \
         No store left: compare every topic with a device and confirm it (docs/operating.md, docs/recovery.md)",
    ));
    Section { title: "Where everything lives", blocks: vec![Block::Entry(None, facts)] }
}

fn files(what: &str, files: &[FilePlace]) -> Vec<Fact> {
    if files.is_empty() {
        return vec![fact(what, "no file")];
    }
    let mut facts: Vec<Fact> = Vec::new();
    for file in files.iter().take(MOST_LINES / 2) {
        let of = if file.of.is_empty() { "all".to_owned() } else { names(&strings(&file.of)) };
        facts.push(fact(what, format!("{} ({} of {of})", clean(&file.path.to_string_lossy()), file.key)));
    }
    if files.len() > facts.len() {
        facts.push(fact(what, format!("and {} more files: apnswatch handover --json", files.len() - facts.len())));
    }
    facts
}

fn unwatched(handover: &Handover) -> Section {
    let all = handover.tenants.len();
    let facts = handover.unwatched.iter().map(|blind| {
        let of = if blind.of.len() == all && all > 1 { "every tenant".to_owned() } else { names(&strings(&blind.of)) };
        fact(question(blind.question), format!("for {of}"))
    });
    let facts: Vec<Fact> = facts.collect();
    let blocks = match (facts.is_empty(), all) {
        (true, 0) => vec![Block::Text("No tenant, no question.".to_owned())],
        (true, _) => vec![Block::Text("For every tenant somebody looks at each of the five questions.".to_owned())],
        (false, _) => vec![Block::Entry(None, facts)],
    };
    Section { title: "What nobody watches", blocks }
}

fn question(question: Question) -> &'static str {
    match question {
        Question::Expiry => "when the certificate ends",
        Question::Lineage => "whether the topic is the same",
        Question::WayOut => "whether pushes get out",
        Question::Arrival => "whether pushes arrive",
        Question::Renewable => "whether it could be renewed",
    }
}

fn history(handover: &Handover) -> Section {
    let rows = handover.history.iter().map(|event| {
        let by = event.by.as_ref().map(|by| format!(", says {}", clean(by))).unwrap_or_default();
        vec![
            event.at.format("%Y-%m-%d").to_string(),
            clean(event.tenant.as_str()),
            format!("{}{by}", clean(&event.sentence)),
        ]
    });
    let rows: Vec<Vec<String>> = rows.collect();
    let blocks = if rows.is_empty() {
        vec![Block::Text("Nothing that is remembered.".to_owned())]
    } else {
        vec![Block::Table(vec!["Date (UTC)", "Tenant", "What"], rows)]
    };
    Section { title: "What happened last", blocks }
}
