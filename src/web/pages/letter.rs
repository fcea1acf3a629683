//! `/letter`: how it stands with the monthly letter, and the button by which a reader confirms it. That the page is asked for confirms
//! nothing: what looks into mails asks for every address in them.

use maud::{Markup, html};
use serde::Deserialize;

use super::layout::{Place, page as layout};
use crate::evaluate::Report;
use crate::web::actions::{Actor, Hand};
use crate::web::problem::Problem;
use crate::words::sentence;

/// What the address of the page may carry.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::web) struct Asked {
    /// The code of the letter, from the letter itself.
    pub(super) code: String,
}

/// The page. It does not refresh itself: somebody types.
pub(super) fn page(report: &Report, hand: &Hand, code: &str, refusal: Option<&Problem>) -> Markup {
    let main = html! {
        h1 { "The monthly letter" }
        @if let Some(problem) = refusal {
            @let lead = if problem.is_open() { "Not known to be kept. " } else { "Nothing was kept. " };
            p.alarm role="alert" { strong { (lead) } (sentence(problem.detail())) }
        }
        @match &report.letter {
            None => p { "No letter is sent: " code { "notify.letter" } " is not set." },
            Some(letter) => {
                @for sentence in letter.sentences(report.now) { p { (sentence) } }
                @if letter.waiting().is_some() { (confirm(hand.actor(), code)) }
            }
        }
        p { a href="/" { "All tenants" } }
    };
    layout("The monthly letter", Place::Elsewhere, report, &main)
}

fn confirm(actor: Option<&Actor>, code: &str) -> Markup {
    html! {
        h2 { "Confirm it" }
        @match actor {
            Some(actor) => form.say method="post" enctype="multipart/form-data" action="/letter" {
                input type="hidden" name="token" value=(actor.token.expose_str().unwrap_or_default());
                label { "The code that stands in the letter"
                    input name="code" value=(code) required autocomplete="off" spellcheck="false" placeholder="3-7f2c81d4"; }
                button.main type="submit" { "I read it, says " (actor.by) }
            },
            None => p { "Who logs in where " code { "web.actions" } " is on has a button here. By command: "
                code { "apnswatch letter confirm CODE --by NAME" } ". The code stands in the letter." },
        }
    }
}

/// What other pages say of it: nothing, unless somebody has to confirm it.
pub(super) fn notice(report: &Report) -> Markup {
    let letter = report.letter.as_ref();
    html! {
        @if let Some(letter) = letter.filter(|letter| letter.unconfirmed == Some(true)) {
            p.alarm.warn { strong { "Nobody confirmed the monthly letter" } ": "
                a href="/letter" { @match letter.last_sent() { Some(last) => { "letter " (last.number) } None => { "it" } } }
                " waits for a reader." }
        }
    }
}
