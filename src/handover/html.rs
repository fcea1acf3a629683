//! The sheet as HTML: the main part of the page, and a file that needs nothing else.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::Handover;
use super::sheet::{Block, Section, TITLE, head, sections};

/// The style of the file, which no server stands behind. The page has the sheet's part of it in its style sheet.
const STYLE: &str = concat!(
    ":root { color-scheme: light; }\n",
    "body { margin: 0 auto; padding: 16px; max-width: 1000px; background: #fff; color: #000; ",
    "font: 15px/1.4 system-ui, -apple-system, \"Segoe UI\", Roboto, \"Noto Sans\", sans-serif; }\n",
    "@media print { body { padding: 0; max-width: none; } }\n",
    include_str!("sheet.css")
);

/// From this part on two of them stand beside each other on paper: they are short lines.
const NARROW: usize = 3;

/// The sheet without what stands around it.
#[must_use]
pub fn sheet(handover: &Handover) -> Markup {
    html! {
        article.sheet {
            h1 { (TITLE) }
            p { (head(handover)) }
            @let sections = sections(handover);
            @for (index, section) in sections.iter().enumerate().take(NARROW) { (part(index, section)) }
            div.narrow { @for (index, section) in sections.iter().enumerate().skip(NARROW) { (part(index, section)) } }
        }
    }
}

fn part(index: usize, Section { title, blocks }: &Section) -> Markup {
    html! {
        section {
            h2 { (index + 1) ". " (title) }
            @for block in blocks { (piece(block)) }
        }
    }
}

fn piece(block: &Block) -> Markup {
    html! {
        @match block {
            Block::Text(text) => p { (text) },
            Block::Alarm(text) => p.beware { strong { "! " } (text) },
            Block::Entry(title, facts) => div.named[title.is_some()] {
                @if let Some(title) = title { h3 { (title) } }
                dl { @for fact in facts {
                    dt { (fact.name) }
                    dd { @if fact.is_exact { span.mono { (fact.value) } } @else { (fact.value) }
                        @if let Some(note) = &fact.note { " (" (note) ")" } }
                } }
            },
            Block::Table(heads, rows) => div.scroll { table {
                thead { tr { @for head in heads { th { (head) } } } }
                tbody { @for row in rows { tr { @for cell in row { td { (cell) } } } } }
            } },
        }
    }
}

/// A whole file, to be opened or printed anywhere. It loads nothing and runs nothing.
#[must_use]
pub fn file(handover: &Handover) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (TITLE) }
                // Ours, and without a sign that could end the element.
                style { (PreEscaped(STYLE)) }
            }
            body { (sheet(handover)) }
        }
    };
    page.into_string()
}
