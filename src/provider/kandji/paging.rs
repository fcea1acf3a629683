//! From one page to the next, without going anywhere else and without going on for ever.

use std::collections::HashSet;

use url::{Url, form_urlencoded};

/// Longer than any query of theirs.
const LONGEST_QUERY: usize = 4096;

/// The pages of one list that were asked for.
#[derive(Debug)]
pub(super) struct Trail {
    most: usize,
    /// Queries, the latest apart.
    seen: HashSet<String>,
    query: Vec<(String, String)>,
}

/// Where the next page is: a query of the same resource.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Next(Vec<(String, String)>);

impl Next {
    /// Reads an absolute or relative link. Only its query counts: Kandji was seen to name another host of its own there
    /// and a slash at the end of the path, and the token goes to the configured address and to nobody else.
    pub(super) fn of_link(link: &str) -> Option<Self> {
        // What a relative link is relative to does not matter.
        let base = Url::parse("https://mdm.invalid/").ok()?;
        let url = base.join(link.trim()).ok()?;
        let query = url.query().filter(|query| !query.is_empty() && query.len() <= LONGEST_QUERY)?;
        Some(Self(form_urlencoded::parse(query.as_bytes()).into_owned().collect()))
    }

    /// A cursor.
    pub(super) fn of_cursor(cursor: &str) -> Option<Self> {
        (cursor.len() <= LONGEST_QUERY).then(|| Self(vec![("cursor".to_owned(), cursor.to_owned())]))
    }
}

impl Trail {
    /// A list of at most so many pages.
    pub(super) fn new(most: usize) -> Self {
        Self { most, seen: HashSet::new(), query: Vec::new() }
    }

    /// The query of the page that is to be asked for; empty for the first.
    pub(super) fn query(&self) -> impl Iterator<Item = (&str, &str)> {
        self.query.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Goes to the next page.
    ///
    /// # Errors
    ///
    /// Says what is wrong with the list.
    pub(super) fn follow(&mut self, next: Next) -> Result<(), &'static str> {
        let key = form_urlencoded::Serializer::new(String::new()).extend_pairs(&next.0).finish();
        if !self.seen.insert(key) {
            return Err("leads back to a page that was read");
        }
        // The first page has no entry.
        if self.seen.len() >= self.most {
            return Err("does not end");
        }
        self.query = next.0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn follow(trail: &mut Trail, link: &str) -> Result<Vec<String>, &'static str> {
        trail.follow(Next::of_link(link).ok_or("no link")?)?;
        Ok(trail.query().map(|(name, value)| format!("{name}={value}")).collect())
    }

    #[test]
    fn only_the_query_of_a_link_is_taken() {
        for link in [
            "https://acme.api.kandji.io/api/v1/blueprints?limit=2&cursor=a%3D%2B",
            "https://acme.kandji.io/api/v1/blueprints/?limit=2&cursor=a%3D%2B",
            "https://user:s3cret@evil.example.com/elsewhere?limit=2&cursor=a%3D%2B#x",
            " /api/v1/blueprints?limit=2&cursor=a%3D%2B",
            "?limit=2&cursor=a%3D%2B",
        ] {
            assert_eq!(follow(&mut Trail::new(9), link).unwrap(), ["limit=2", "cursor=a=+"], "{link}");
        }
        for link in ["https://acme.api.kandji.io/api/v1/blueprints", "https://", "?", "", "mailto:a@example.com"] {
            assert_eq!(Next::of_link(link), None, "{link}");
        }
        assert_eq!(Next::of_link(&format!("?x={}", "y".repeat(LONGEST_QUERY))), None);
        assert_eq!(Next::of_cursor(&"y".repeat(LONGEST_QUERY + 1)), None);
    }

    #[test]
    fn a_list_ends() {
        let mut trail = Trail::new(4);
        follow(&mut trail, "?page=2").unwrap();
        follow(&mut trail, "https://elsewhere.example.com/?page=3").unwrap();
        assert_eq!(follow(&mut trail, "?page=2"), Err("leads back to a page that was read"));
        follow(&mut trail, "?page=4").unwrap();
        assert_eq!(follow(&mut trail, "?page=5"), Err("does not end"));
    }
}
