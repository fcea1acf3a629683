//! What people say on the page of a tenant: the forms, for those who may, and what became of them.
//!
//! A form into which somebody types stands outside every part that is refreshed.

use chrono::{DateTime, TimeDelta, Utc};
use maud::{Markup, html};

use super::parts::ago;
use super::{Desk, Refused, Room};
use crate::address::piece;
use crate::attest::{Case, TOO_EARLY, last_day, of_kept};
use crate::certificate::Certificate;
use crate::config::Config;
use crate::evaluate::history::history;
use crate::evaluate::tenant::Verdict;
use crate::evaluate::verification::Step;
use crate::evaluate::{Planned, Report, TenantReport};
use crate::guide::MAC_COMMAND;
use crate::model::{
    AccountId, Attestation, HumanStep, Memory, PinOrigin, PushCertificate, Statement, TenantName, Tier, Topic,
};
use crate::web::actions::Actor;
use crate::words::sentence;

/// For so long a person is shown what they said last.
const JUST: TimeDelta = TimeDelta::seconds(60);

/// An upload that was said longer ago belongs to another renewal.
const RECENT: TimeDelta = TimeDelta::days(30);

/// Why what was said was not kept. It stays until the page is left.
pub(super) fn refusal(desk: &Desk) -> Markup {
    html! {
        @if let Some(Refused { problem, .. }) = &desk.refusal {
            @let lead = if problem.is_open() { "Not known to be kept. " } else { "Nothing was kept. " };
            p.alarm role="alert" { strong { (lead) } (sentence(problem.detail())) }
        }
    }
}

/// What was kept a moment ago, of the tenant or of its account, as the store has it, and what follows from it.
pub(super) fn outcome(tenant: &TenantReport, memory: &Memory, report: &Report, config: &Config, desk: &Desk) -> Markup {
    let Some(actor) = desk.hand.actor().filter(|_| desk.refusal.is_none()) else { return html! {} };
    let is_new = |by: Option<&String>, at| by == Some(&actor.by) && at <= report.now && report.now - at < JUST;
    let said = history(memory).into_iter().find(|event| is_new(event.by.as_ref(), event.at));
    let account = report.accounts.iter().find(|account| tenant.account.as_ref() == Some(&account.id));
    let done = account.into_iter().flat_map(|account| &account.duties).filter_map(|(name, duty)| {
        let done = duty.done.filter(|at| is_new(duty.by.as_ref(), *at))?;
        Some((done, format!("duty {name} was done"), None))
    });
    let case = Case { config, name: &tenant.name, memory, by: &actor.by, now: report.now };
    let said = said.map(|event| {
        let word = memory.attestations.iter().find(|word| word.at == event.at && word.by == actor.by);
        (event.at, event.sentence, word.and_then(|word| case.warning_of(word)))
    });
    html! {
        @if let Some((at, sentence, warning)) = done.chain(said).max_by_key(|(at, ..)| *at) {
            p.note role="status" { strong { "Kept: " } (sentence) ", says " (actor.by) ", " (ago(at, report.now)) "."
                @if let Some(warning) = warning { " " (warning) } }
        }
    }
}

/// Where a form of a tenant goes, and what each has.
fn form(name: &TenantName, room: Room, word: &str, actor: &Actor, class: &str, fields: &Markup) -> Markup {
    let action = format!("{}/said/{word}", Room::Tenant.address(name));
    html! {
        form class={ "say " (class) } method="post" enctype="multipart/form-data" action=(action) {
            input type="hidden" name="token" value=(actor.token.expose_str().unwrap_or_default());
            input type="hidden" name="room" value=(match room { Room::Tenant => "tenant", Room::Renewal => "renewal" });
            (fields)
        }
    }
}

/// "I read the topic on a device", or the command that says so.
pub(super) fn pin(tenant: &TenantReport, desk: &Desk) -> Markup {
    html! {
        p { "Nobody has compared it with a device yet. On a Mac that this MDM manages:" }
        pre { (MAC_COMMAND) }
        @match desk.hand.actor() {
            Some(actor) => (form(&tenant.name, Room::Tenant, "pin", actor, "", &html! {
                label.wide { "The topic as the Mac prints it"
                    input name="topic" value=[desk.typed("pin", "topic")] required autocomplete="off" spellcheck="false" placeholder="com.apple.mgmt.External."; }
                button type="submit" { "An enrolled device listens on this" }
            })),
            None => p { "Then " code { "apnswatch pin confirm --tenant NAME --topic TOPIC" } "." },
        }
    }
}

/// "This topic is the right one from now on", where a source tells another than the pinned one: for each that could be meant.
/// Never for one that another tenant keeps, and not where the configuration fixes the topic.
pub(super) fn accept(tenant: &TenantReport, desk: &Desk) -> Markup {
    let Some(actor) = desk.hand.actor() else { return html! {} };
    let Some(pin) = tenant.pin.as_ref().filter(|pin| pin.origin != PinOrigin::Config) else { return html! {} };
    let mut topics: Vec<&Topic> = Vec::new();
    for verdict in tenant.drift.values() {
        if let Verdict::Drifts(topic, _, None) = verdict
            // What is offered here must be taken.
            && Topic::parse_mdm(topic.as_str()).is_some()
            && !topics.contains(&topic)
        {
            topics.push(topic);
        }
    }
    let is_typed = |topic: &Topic| desk.typed("topic", "topic") == Some(topic.as_str());
    html! { @for topic in topics { details open[is_typed(topic)] {
        summary { "Accept the topic " span.mono { (topic) } " from now on" }
        p { "Only if every device was enrolled again, or an enrolled device prints this topic. Devices that listen on "
            span.mono { (pin.topic) } " are not reached with it, and nothing warns of that any more. Everybody sees for seven days who did this, and why." }
        (form(&tenant.name, Room::Tenant, "topic", actor, "", &html! {
            @let typed = |field| desk.typed("topic", field).filter(|_| is_typed(topic));
            input type="hidden" name="topic" value=(topic);
            label.wide { "Why it is another one now" input name="note" value=[typed("note")] required autocomplete="off"; }
            label { "The name of the tenant, typed" input name="name" value=[typed("name")] required autocomplete="off" spellcheck="false"; }
            button type="submit" { "This is the topic from now on, says " (actor.by) }
        }))
    } } }
}

/// A certificate that is handed over, and those that were.
pub(super) fn certificate(tenant: &TenantReport, memory: &Memory, desk: &Desk) -> Markup {
    let Some(actor) = desk.hand.actor() else { return html! {} };
    let kept = memory.kept();
    html! {
        details open[tenant.effective.is_none()] {
            summary { "Hand over a certificate" }
            (form(&tenant.name, Room::Tenant, "certificate", actor, "drop", &html! {
                label for="kept" { strong { "Drop the certificate here" } ", or choose it: the .pem from Apple's push portal, as the MDM has it. "
                    "Its public part is kept, with your name. Never send a private key." }
                p { input type="file" id="kept" name="file" required; " " button type="submit" { "Keep it" } }
            }))
            @for one in &kept { @if let Some(found) = of_kept(one) { @if let Some(serial) = &found.serial {
                (form(&tenant.name, Room::Tenant, "removed", actor, "row", &html! {
                    input type="hidden" name="serial" value=(serial);
                    span { "Serial " span.mono { (serial) } ", ends " (found.not_after.format("%Y-%m-%d")) ", handed over by " (one.by) " on "
                        (one.at.format("%Y-%m-%d")) }
                    button type="submit" { "Take it away" }
                }))
            } } }
        }
    }
}

/// The certificate that was judged a moment ago, to be kept.
pub(super) fn judged(
    tenant: &TenantReport,
    found: &Certificate,
    memory: &Memory,
    report: &Report,
    config: &Config,
    desk: &Desk,
) -> Markup {
    use base64::Engine;
    let Some(actor) = desk.hand.actor() else { return html! {} };
    let case = Case { config, name: &tenant.name, memory, by: &actor.by, now: report.now };
    if case.would_count_at_once(found) {
        return html! { p.soft { "It is not kept here yet: " (TOO_EARLY) "." } };
    }
    form(
        &tenant.name,
        Room::Renewal,
        "certificate",
        actor,
        "row",
        &html! {
            input type="hidden" name="der" value=(base64::engine::general_purpose::STANDARD.encode(&found.der));
            span { "Keep the certificate here, so that nobody has to look for it. Whether the MDM has it is said below, after the upload." }
            button type="submit" { "Keep it" }
        },
    )
}

/// "A duty was done", as a button.
pub(super) fn duty(tenant: &TenantReport, account: &AccountId, duty: &str, desk: &Desk) -> Markup {
    let Some(actor) = desk.hand.actor() else { return html! {} };
    let action = format!("/accounts/{}/duties/{}", piece(account.as_str()), piece(duty));
    html! {
        form.say.row method="post" enctype="multipart/form-data" action=(action) {
            input type="hidden" name="token" value=(actor.token.expose_str().unwrap_or_default());
            input type="hidden" name="tenant" value=(tenant.name);
            button type="submit" { "Done today" }
        }
    }
}

/// "It was uploaded", with the second admin and the ticket.
pub(super) fn uploaded(
    tenant: &TenantReport,
    memory: &Memory,
    report: &Report,
    config: &Config,
    desk: &Desk,
) -> Markup {
    let Some(actor) = desk.hand.actor() else { return html! {} };
    let case = Case { config, name: &tenant.name, memory, by: &actor.by, now: report.now };
    let newest = case.newest_file();
    let typed = |field| desk.typed("uploaded", field);
    let serial = newest.as_ref().and_then(|file| file.serial.as_ref()).map(ToString::to_string);
    let serial = typed("serial").map(ToOwned::to_owned).or(serial);
    let is_blind = case.is_without_files();
    html! {
        h3 { "It was uploaded" }
        @if let Some(end) = newest.as_ref().and_then(|file| file.not_after) {
            p.soft { "The newest file here ends " (end.format("%Y-%m-%d")) ". Is that the one? Compare its serial number with what the MDM shows." }
        }
        (form(&tenant.name, Room::Renewal, "uploaded", actor, "", &html! {
            label { "Serial number" input name="serial" value=[serial] required[is_blind] autocomplete="off" spellcheck="false"; }
            label { "Second admin" input name="witness" value=[typed("witness")] autocomplete="off" placeholder="who looked on"; }
            label { "Ticket" input name="ticket" value=[typed("ticket")] autocomplete="off"; }
            label.wide { "Note" input name="note" value=[typed("note")] autocomplete="off"; }
            button.main type="submit" { "The MDM has it, says " (actor.by) }
        }))
    }
}

/// What was said of the upload of this renewal, if anything was.
pub(super) fn last_upload(memory: &Memory, now: DateTime<Utc>) -> Option<&Attestation> {
    let is_upload = |said: &&Attestation| matches!(said.statement, Statement::Uploaded { .. });
    memory.attestations.iter().rev().find(is_upload).filter(|said| now - said.at < RECENT)
}

/// "I saw it", as a button; or the command that says so. Whoever saw the new end in the console says by it that `awaited` was
/// uploaded, and is told so.
pub(super) fn step(tenant: &TenantReport, step: &Step, awaited: Option<&PushCertificate>, desk: &Desk) -> Markup {
    let word = step.step.as_str();
    let awaited = awaited.filter(|_| step.step == HumanStep::Console);
    match desk.hand.actor() {
        Some(actor) => form(
            &tenant.name,
            Room::Renewal,
            "verified",
            actor,
            "row",
            &html! {
                input type="hidden" name="step" value=(word);
                @if let Some(PushCertificate { sha256: Some(sha256), serial, not_after, .. }) = awaited {
                    input type="hidden" name="sha256" value=(sha256);
                    span.soft { "By it the newest file"
                        @if let Some(serial) = serial { ", serial " (serial) "," }
                        @if let Some(end) = not_after { " with the end " (end.format("%Y-%m-%d %H:%M UTC")) }
                        " counts as uploaded." }
                }
                button type="submit" { "I saw it" }
            },
        ),
        None => html! { ": say so with " code { "apnswatch verify --tenant NAME --" (word) "-by PERSON" } },
    }
}

/// Who renews when, if anybody said so.
pub(super) fn planned(planned: &Planned) -> Markup {
    let Planned { plan, by, .. } = planned;
    html! {
        "Planned for " strong { (plan.on) } " by " strong { (plan.who) } ", says " (by) ". Until that day is over "
        (match plan.tier { Tier::Info => "the notice of the phase plan", Tier::Warning => "the warning of the phase renew" })
        " is quiet, and nothing else."
    }
}

/// "Nobody will", as a button.
pub(super) fn unplan(tenant: &TenantReport, desk: &Desk) -> Markup {
    let Some(actor) = desk.hand.actor() else { return html! {} };
    let button = html! { button type="submit" { "Nobody will: withdraw the plan" } };
    form(&tenant.name, Room::Renewal, "unplanned", actor, "row", &button)
}

/// "Somebody will renew it on that day", where there is something to keep quiet. Folded, for on the day itself it is in the way.
pub(super) fn plan(tenant: &TenantReport, report: &Report, desk: &Desk) -> Markup {
    let last = tenant.effective.as_ref().and_then(|known| last_day(known.not_after));
    let (Some(actor), Some(tier), Some(last)) = (desk.hand.actor(), Tier::of(tenant.phase), last) else {
        return html! {};
    };
    let typed = |field| desk.typed("planned", field);
    html! {
        @if tenant.planned.is_none() { details open[typed("who").is_some() || typed("on").is_some()] {
            summary { "Not today? Plan the renewal for a day" }
            @if last < report.now.date_naive() {
                p.soft { "It ends too soon to be planned for a day: renew it now." }
            } @else {
                (form(&tenant.name, Room::Renewal, "planned", actor, "", &html! {
                    input type="hidden" name="tier" value=(tier.as_str());
                    label { "Day" input type="date" name="on" value=[typed("on")] required min=(report.now.date_naive()) max=(last); }
                    label { "Who renews" input name="who" value=(typed("who").unwrap_or(&actor.by)) required autocomplete="off"; }
                    button type="submit" { "Plan the renewal" }
                }))
                p.soft.small { "Keeps what is told now quiet until that day is over. The next phase, the end and another topic are told all the same." }
            }
        } }
    }
}
