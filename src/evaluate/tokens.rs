//! The tokens of a tenant: told by its MDM, or declared.

use std::collections::{BTreeMap, BTreeSet};

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
    /// Whether it stands in the configuration, and no MDM tells of it.
    pub is_declared: bool,
}

/// The tokens, the most urgent in front: those that do not work, then those that end first, those without an end last.
/// What is declared under the name of one that the MDM tells of is left out: the MDM knows better. `is_heard`: the MDM
/// has answered lately, so that "it works" still holds.
#[must_use]
pub fn report(facts: Option<&Facts>, is_heard: bool, declared: &[DeclaredToken]) -> Vec<TokenReport> {
    let told = facts.and_then(|facts| facts.tokens.as_deref()).unwrap_or_default();
    let mut tokens: Vec<(AppleToken, bool)> = told.iter().map(|token| (token.clone(), false)).collect();
    for (token, _) in &mut tokens {
        token.usable = token.usable.filter(|usable| is_heard || !usable);
    }
    for token in declared {
        if !told.iter().any(|known| known.kind == token.kind && known.name == token.name) {
            let declared = AppleToken {
                kind: token.kind,
                id: String::new(),
                name: token.name.clone(),
                not_after: Some(token.not_after),
                usable: None,
                trouble: None,
            };
            tokens.push((declared, true));
        }
    }
    let urgency = |token: &AppleToken| (token.usable != Some(false), token.not_after.is_none(), token.not_after);
    tokens.sort_by(|(a, _), (b, _)| (urgency(a), &a.name, &a.id).cmp(&(urgency(b), &b.name, &b.id)));
    let mut times: BTreeMap<(TokenKind, String), usize> = BTreeMap::new();
    for (token, _) in &tokens {
        *times.entry((token.kind, cut(&token.name))).or_default() += 1;
    }
    let mut used = BTreeSet::new();
    let labelled = tokens.into_iter().map(|(token, is_declared)| {
        let plain = label(&token, &times);
        let mut label = plain.clone();
        // An id that is told twice, or a name that looks like a name with an id.
        for number in 2.. {
            if used.insert((token.kind, label.clone())) {
                break;
            }
            label = format!("{plain} #{number}");
        }
        TokenReport { label, token, is_declared }
    });
    labelled.collect()
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
        report(Some(&facts), true, declared).into_iter().map(|token| token.label).collect()
    }

    #[test]
    fn two_of_one_name_are_told_apart_and_never_one_series() {
        assert_eq!(labels(vec![token("a", "1", 9), token("b", "2", 8)], &[]), ["b", "a"]);
        assert_eq!(labels(vec![token("a", "1", 9), token("a", "2", 8)], &[]), ["a (2)", "a (1)"]);
        assert_eq!(labels(vec![token("a", "1", 9), token("a", "1", 8)], &[]), ["a (1)", "a (1) #2"]);
        let long = "x".repeat(100);
        assert_eq!(labels(vec![token(&long, "1", 9)], &[])[0].len(), LABEL);
    }

    #[test]
    fn the_most_urgent_comes_first() {
        let many = (0..50).map(|number| token(&format!("t{number}"), "", 100 - number)).collect();
        let labels = labels(many, &[]);
        assert_eq!((labels.len(), labels[0].as_str()), (50, "t49"), "the most urgent is among those exported");
    }

    #[test]
    fn what_does_not_work_comes_first_and_good_news_perishes() {
        let broken = AppleToken { usable: Some(false), ..token("broken", "9", 1_000_000) };
        let endless = AppleToken { not_after: None, ..token("endless", "8", 0) };
        let tokens = vec![endless, token("soon", "1", 9), broken];
        assert_eq!(labels(tokens.clone(), &[]), ["broken", "soon", "endless"]);
        let facts = Facts { tokens: Some(tokens), ..Facts::default() };
        let usable: Vec<_> = report(Some(&facts), false, &[]).iter().map(|token| token.token.usable).collect();
        assert_eq!(usable, [Some(false), None, None]);
    }

    #[test]
    fn a_declared_one_gives_way_to_one_that_is_told() {
        let declared = |name: &str| DeclaredToken {
            kind: TokenKind::Ade,
            name: name.to_owned(),
            not_after: DateTime::from_timestamp(7, 0).unwrap(),
        };
        let facts = Facts { tokens: Some(vec![token("a", "1", 9)]), ..Facts::default() };
        let found = report(Some(&facts), true, &[declared("a"), declared("b")]);
        let found: Vec<_> = found.iter().map(|token| (token.label.as_str(), token.is_declared)).collect();
        assert_eq!(found, [("b", true), ("a", false)]);
    }
}
