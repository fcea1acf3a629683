//! The tokens of a tenant: told by its MDM, or declared.

use std::collections::BTreeMap;

use crate::config::DeclaredToken;
use crate::model::{AppleToken, Facts, TokenKind};

/// More tokens of one tenant than this are not exported.
pub const MOST: usize = 20;

/// A label is cut to so many characters.
const LABEL: usize = 64;

/// A token of a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenReport {
    /// Its name, as a label: cut to 64 characters, with its id behind it where two would be the same.
    pub label: String,
    /// What is known of it.
    pub token: AppleToken,
}

/// The tokens, those that end first in front. What is declared under the name of one that the MDM tells of is left
/// out: the MDM knows better.
#[must_use]
pub fn report(facts: Option<&Facts>, declared: &[DeclaredToken]) -> Vec<TokenReport> {
    let told = facts.and_then(|facts| facts.tokens.as_deref()).unwrap_or_default();
    let mut tokens: Vec<AppleToken> = told.to_vec();
    for token in declared {
        if !told.iter().any(|known| known.kind == token.kind && known.name == token.name) {
            tokens.push(AppleToken {
                kind: token.kind,
                id: String::new(),
                name: token.name.clone(),
                not_after: Some(token.not_after),
                usable: None,
                trouble: None,
            });
        }
    }
    // Whoever has more tokens than are shown must see the ones that end first; an unknown end comes before all.
    tokens.sort_by(|a, b| (a.not_after, &a.name, &a.id).cmp(&(b.not_after, &b.name, &b.id)));
    tokens.truncate(MOST);
    let mut times: BTreeMap<(TokenKind, String), usize> = BTreeMap::new();
    for token in &tokens {
        *times.entry((token.kind, cut(&token.name))).or_default() += 1;
    }
    let mut used = std::collections::BTreeSet::new();
    tokens.retain(|token| used.insert((token.kind, label(token, &times))));
    tokens.into_iter().map(|token| TokenReport { label: label(&token, &times), token }).collect()
}

fn label(token: &AppleToken, times: &BTreeMap<(TokenKind, String), usize>) -> String {
    let name = cut(&token.name);
    let is_alone = times.get(&(token.kind, name.clone())).is_none_or(|count| *count == 1);
    if is_alone { name } else { format!("{name} ({})", cut(&token.id)) }
}

fn cut(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(LABEL).collect()
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    fn token(name: &str, id: &str, end: i64) -> AppleToken {
        AppleToken {
            kind: TokenKind::Ade,
            id: id.to_owned(),
            name: name.to_owned(),
            not_after: DateTime::from_timestamp(end, 0),
            usable: Some(true),
            trouble: None,
        }
    }

    fn labels(tokens: Vec<AppleToken>, declared: &[DeclaredToken]) -> Vec<String> {
        let facts = Facts { tokens: Some(tokens), ..Facts::default() };
        report(Some(&facts), declared).into_iter().map(|token| token.label).collect()
    }

    #[test]
    fn two_of_one_name_are_told_apart_and_never_one_series() {
        assert_eq!(labels(vec![token("a", "1", 9), token("b", "2", 8)], &[]), ["b", "a"]);
        assert_eq!(labels(vec![token("a", "1", 9), token("a", "2", 8)], &[]), ["a (2)", "a (1)"]);
        assert_eq!(labels(vec![token("a", "1", 9), token("a", "1", 8)], &[]), ["a (1)"], "not even then");
        let long = "x".repeat(100);
        assert_eq!(labels(vec![token(&long, "1", 9)], &[])[0].len(), LABEL);
    }

    #[test]
    fn there_is_an_end_to_tokens() {
        let many = (0..50).map(|number| token(&format!("t{number}"), "", 100 - number)).collect();
        let labels = labels(many, &[]);
        assert_eq!((labels.len(), labels[0].as_str()), (MOST, "t49"));
    }

    #[test]
    fn a_declared_one_gives_way_to_one_that_is_told() {
        let declared = |name: &str| DeclaredToken {
            kind: TokenKind::Ade,
            name: name.to_owned(),
            not_after: DateTime::from_timestamp(7, 0).unwrap(),
        };
        assert_eq!(labels(vec![token("a", "1", 9)], &[declared("a"), declared("b")]), ["b", "a"]);
    }
}
