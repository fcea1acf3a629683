//! `/handover`: the sheet for the vault, to be printed.

use maud::{Markup, html};

use super::layout::{Place, page as layout};
use crate::evaluate::Report;
use crate::handover::{Handover, html};

/// The page. It does not refresh itself: what is being read out or printed stays.
pub(super) fn page(handover: &Handover, report: &Report) -> Markup {
    let main = html! {
        p.screen { "Print this page and keep it in the paper vault, after each renewal anew. It holds no secret. "
            "The same by command, without the daemon: " code { "apnswatch handover" } "." }
        (html::sheet(handover))
    };
    layout("Handover", Place::Elsewhere, report, &main)
}
