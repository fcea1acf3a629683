//! Lists that come in pages: `page` from 0, `page-size`, and a `totalCount` in each.
//!
//! A short page is not the end, for a server clamps `page-size` without a word
//! (<https://developer.jamf.com/jamf-pro/docs/jamf-pro-api-scalability-best-practices>). The end is there when as many
//! different records came as the list says that it has.

use std::collections::HashSet;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::endpoints::Endpoint;
use super::session::Session;
use super::wire::{self, malformed};
use crate::model::Failure;
use crate::provider::http::BODY_LIMIT;

/// No list is longer than this many pages.
const MOST_PAGES: u64 = 1000;

/// Pages that may come beyond those that the first one promised: a list can grow while it is read.
const GROWTH: u64 = 5;

/// A page.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Page<T> {
    /// How many records the list has in all.
    pub(super) total_count: u64,
    /// Those of this page.
    pub(super) results: Vec<T>,
}

/// A record that can be told from others.
pub(super) trait Record: DeserializeOwned {
    /// The vendor's id.
    fn id(&self) -> String;
}

/// How a list is asked for.
pub(super) struct Query<'a> {
    /// `page-size`.
    pub(super) size: u64,
    /// What is asked besides.
    pub(super) more: &'a [(&'a str, &'a str)],
    /// The server leaves out records that it cannot read itself, so that a few may be missing.
    pub(super) is_lenient: bool,
}

/// Reads a whole list, each record once. Gives how many records the server left out.
///
/// # Errors
///
/// What the first page that fails failed with: a part of a list is never taken for all of it. `malformed` for pages
/// that repeat, for lists that do not end, and for those that end before their own total.
pub(super) async fn read<T: Record>(
    session: &mut Session<'_>,
    endpoint: &Endpoint,
    query: &Query<'_>,
    mut take: impl FnMut(T),
) -> Result<u64, Failure> {
    let host = session.host();
    let mut progress = Progress::new(query.size, query.is_lenient);
    let mut seen = HashSet::new();
    loop {
        let (page, size) = (progress.pages.to_string(), query.size.to_string());
        let mut asked = vec![("page", page.as_str()), ("page-size", size.as_str())];
        asked.extend_from_slice(query.more);
        let answer = session.get(endpoint, &asked).await?;
        wire::expect(&host, endpoint, &answer)?;
        let page: Page<T> = answer.parse(BODY_LIMIT).map_err(|failure| malformed(&host, endpoint, &failure.message))?;
        let (received, before) = (page.results.len(), seen.len());
        for record in page.results {
            if seen.insert(record.id()) {
                take(record);
            }
        }
        let fresh = seen.len() - before;
        match progress.add(page.total_count, received as u64, fresh as u64) {
            Ok(Some(missing)) => return Ok(missing),
            Ok(None) => {}
            Err(what) => return Err(malformed(&host, endpoint, what)),
        }
    }
}

/// How far the reading of a list has come.
#[derive(Debug)]
struct Progress {
    size: u64,
    is_lenient: bool,
    pages: u64,
    bound: u64,
    distinct: u64,
}

impl Progress {
    fn new(size: u64, is_lenient: bool) -> Self {
        Self { size, is_lenient, pages: 0, bound: MOST_PAGES, distinct: 0 }
    }

    /// Takes account of a page: its total, its records, and those that were new. At the end gives how many records are
    /// missing.
    fn add(&mut self, total: u64, received: u64, fresh: u64) -> Result<Option<u64>, &'static str> {
        self.distinct += fresh;
        self.pages += 1;
        if self.distinct >= total {
            return Ok(Some(0));
        }
        let missing = total - self.distinct;
        if received == 0 {
            let is_end = (self.pages - 1) * self.size >= total;
            // A few bad records are what leniency is for; many are a list that broke off.
            return if self.is_lenient && is_end && missing <= (total / 10).max(5) {
                Ok(Some(missing))
            } else {
                Err("the list ends before its own total")
            };
        }
        if fresh == 0 {
            return Err("the list gives the same page again and again");
        }
        if self.pages == 1 {
            let promised = total.div_ceil(received);
            if promised > MOST_PAGES {
                return Err("the list has more pages than any server");
            }
            self.bound = promised + GROWTH;
        }
        if self.pages >= self.bound { Err("the list does not end") } else { Ok(None) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(is_lenient: bool, pages: &[(u64, u64, u64)]) -> Result<Option<u64>, &'static str> {
        let mut progress = Progress::new(100, is_lenient);
        for page in &pages[..pages.len() - 1] {
            assert_eq!(progress.add(page.0, page.1, page.2), Ok(None), "{pages:?}");
        }
        let (total, received, fresh) = pages[pages.len() - 1];
        progress.add(total, received, fresh)
    }

    #[test]
    fn the_end_is_where_the_total_is_reached() {
        assert_eq!(run(false, &[(0, 0, 0)]), Ok(Some(0)));
        assert_eq!(run(false, &[(3, 3, 3)]), Ok(Some(0)));
        assert_eq!(run(false, &[(250, 100, 100), (250, 100, 100), (250, 50, 50)]), Ok(Some(0)));
        assert_eq!(run(false, &[(120, 50, 50), (120, 50, 50), (120, 20, 20)]), Ok(Some(0)), "a clamped page size");
        assert_eq!(run(false, &[(101, 100, 100), (102, 2, 2)]), Ok(Some(0)), "it grew");
        assert_eq!(run(false, &[(101, 100, 100), (100, 0, 0)]), Ok(Some(0)), "it shrank");
        assert_eq!(run(false, &[(150, 100, 100), (150, 50, 49), (150, 1, 1)]), Ok(Some(0)), "one moved");
    }

    #[test]
    fn a_list_that_breaks_off_or_repeats_is_no_list() {
        assert_eq!(run(false, &[(5, 0, 0)]), Err("the list ends before its own total"));
        assert_eq!(run(false, &[(5, 4, 4), (5, 0, 0)]), Err("the list ends before its own total"));
        assert_eq!(run(false, &[(300, 100, 100), (300, 100, 0)]), Err("the list gives the same page again and again"));
        assert_eq!(run(false, &[(u64::MAX, 1, 1)]), Err("the list has more pages than any server"));
        let growing: Vec<_> = (1..=7).map(|page| (100 * page + 100, 100, 100)).collect();
        assert_eq!(run(false, &growing), Err("the list does not end"));
    }

    #[test]
    fn a_lenient_list_may_lack_a_few() {
        assert_eq!(run(true, &[(5, 4, 4), (5, 0, 0)]), Ok(Some(1)));
        assert_eq!(run(true, &[(200, 100, 100), (200, 85, 85), (200, 0, 0)]), Ok(Some(15)));
        assert_eq!(run(true, &[(120, 50, 50), (120, 0, 0)]), Err("the list ends before its own total"));
        assert_eq!(
            run(true, &[(200, 100, 100), (200, 50, 50), (200, 0, 0)]),
            Err("the list ends before its own total")
        );
    }
}
