//! What is true of an Apple Account: its address, its duties, and whether a renewal could be made with it today.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveTime, TimeDelta, Utc};

use crate::config::{Account, AccountPolicy};
use crate::model::{AccountId, DutyDone};

/// The duty that keeps an account alive: signing in to Apple's portal with it.
pub const SIGN_IN: &str = "sign_in";

/// The duty that makes sure that somebody can still answer its second factor.
pub const SECOND_FACTOR_AUDIT: &str = "second_factor_audit";

/// With fewer holders of the second factor than this, one person who leaves takes the account along.
pub const HOLDERS: usize = 2;

/// What is true of one account.
#[derive(Clone, Debug, PartialEq)]
pub struct AccountReport {
    /// Its id.
    pub id: AccountId,
    /// Its address.
    pub address: String,
    /// Its duties, by name, with the moment by which each is due.
    pub duties: BTreeMap<String, DutyReport>,
}

/// What is true of one duty.
#[derive(Clone, Debug, PartialEq)]
pub struct DutyReport {
    /// When it is due. One that was never done is due today.
    pub due: DateTime<Utc>,
    /// When it was last done, if anybody ever said so.
    pub done: Option<DateTime<Utc>>,
    /// Who did it then, if it was attested here.
    pub by: Option<String>,
}

/// Judges an account.
#[must_use]
pub fn report(id: &AccountId, account: &Account, done: &[DutyDone], now: DateTime<Utc>) -> AccountReport {
    let midnight = |date: chrono::NaiveDate| date.and_time(NaiveTime::MIN).and_utc();
    let duties = account.duties.iter().map(|(name, duty)| {
        let attested = done.iter().filter(|done| done.duty == *name && done.at <= now).max_by_key(|done| done.at);
        // A day that has not come is a mistake of typing, and nothing that was done.
        let configured = duty.last.map(midnight).filter(|last| *last <= now);
        let last = configured.max(attested.map(|done| done.at));
        let every = TimeDelta::from_std(duty.every).unwrap_or(TimeDelta::MAX);
        let due = match last {
            Some(last) => last.checked_add_signed(every).unwrap_or(DateTime::<Utc>::MAX_UTC),
            None => midnight(now.date_naive()),
        };
        let by = attested.filter(|done| Some(done.at) == last).map(|done| done.by.clone());
        (name.clone(), DutyReport { due, done: last, by })
    });
    AccountReport { id: id.clone(), address: account.address.clone(), duties: duties.collect() }
}

/// Why nobody can say that a renewal could be made today; `None` if all that can be checked is well.
#[must_use]
pub fn not_renewable(
    account: Option<&Account>,
    report: Option<&AccountReport>,
    policy: &AccountPolicy,
    now: DateTime<Utc>,
) -> Option<&'static str> {
    let (Some(account), Some(report)) = (account, report) else { return Some("no account is configured") };
    let is_done = |duty: &str| report.duties.get(duty).is_some_and(|duty| duty.done.is_some() && now < duty.due);
    if policy.domains.is_empty() {
        return Some("nobody said which mail domains are the team's (policy.account_domains)");
    }
    if !is_of_domain(&account.address, policy) || is_personal(&account.address, policy) {
        return Some("the account's address is not the team's");
    }
    if !is_done(SIGN_IN) {
        return Some("nobody signed in with the account lately (duty sign_in)");
    }
    if account.second_factor.len() < HOLDERS {
        return Some("fewer than two hold the second factor");
    }
    if !is_done(SECOND_FACTOR_AUDIT) {
        return Some("nobody checked the second factor lately (duty second_factor_audit)");
    }
    None
}

/// Whether an address is in one of the team's domains; true where none are named.
pub(super) fn is_of_domain(address: &str, policy: &AccountPolicy) -> bool {
    let domain = address.trim().rsplit_once('@').map_or("", |(_, domain)| domain);
    policy.domains.is_empty() || policy.domains.iter().any(|known| known.eq_ignore_ascii_case(domain))
}

/// Whether an address looks like a person's.
pub(super) fn is_personal(address: &str, policy: &AccountPolicy) -> bool {
    policy.personal_patterns.iter().any(|pattern| matches_pattern(pattern, address.trim()))
}

/// Whether a text matches a pattern of `*` (any run) and `?` (one character), without case.
pub(super) fn matches_pattern(pattern: &str, text: &str) -> bool {
    let options = glob::MatchOptions {
        case_sensitive: false,
        require_literal_separator: false,
        require_literal_leading_dot: false,
    };
    // A square bracket is a letter here: the configuration promises only the two.
    let escaped = pattern.replace('[', "[[]");
    glob::Pattern::new(&escaped).is_ok_and(|pattern| pattern.matches_with(text, options))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::Duty;

    fn at(day: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_799_971_200 + 86_400 * day, 0).unwrap()
    }

    fn account(last: Option<i64>) -> Account {
        let duty = Duty { every: Duration::from_secs(90 * 86_400), last: last.map(|day| at(day).date_naive()) };
        Account {
            address: "apns@example.com".to_owned(),
            owner: None,
            vault_item: None,
            second_factor: vec!["desk phone".to_owned(), "second admin".to_owned()],
            duties: BTreeMap::from([(SIGN_IN.to_owned(), duty), (SECOND_FACTOR_AUDIT.to_owned(), duty)]),
        }
    }

    fn judge(account: &Account, done: &[DutyDone], now: DateTime<Utc>) -> AccountReport {
        report(&AccountId::parse("shared").unwrap(), account, done, now)
    }

    fn policy() -> AccountPolicy {
        AccountPolicy { domains: vec!["example.com".to_owned()], personal_patterns: vec!["*.*@example.com".to_owned()] }
    }

    #[test]
    fn a_duty_is_due_after_the_last_time() {
        let done = |day: i64| DutyDone { duty: SIGN_IN.to_owned(), at: at(day), by: "kim".to_owned(), note: None };
        let never = judge(&account(None), &[], at(0) + TimeDelta::hours(5));
        assert_eq!(never.duties[SIGN_IN].due, at(0));
        assert_eq!(judge(&account(Some(0)), &[], at(5)).duties[SIGN_IN].due, at(90));
        let attested = judge(&account(Some(0)), &[done(80), done(50)], at(85));
        assert_eq!((attested.duties[SIGN_IN].due, attested.duties[SIGN_IN].by.as_deref()), (at(170), Some("kim")));
        assert_eq!(attested.duties[SECOND_FACTOR_AUDIT].due, at(90), "another duty");
    }

    #[test]
    fn renewable_is_a_row_of_checks_and_each_can_fail() {
        let check = |account: &Account, policy: &AccountPolicy, now| {
            let report = judge(account, &[], now);
            not_renewable(Some(account), Some(&report), policy, now)
        };
        let good = account(Some(0));
        assert_eq!(check(&good, &policy(), at(5)), None);
        assert!(check(&good, &policy(), at(91)).unwrap().contains("sign_in"));
        assert!(check(&account(None), &policy(), at(5)).unwrap().contains("sign_in"));
        assert!(check(&good, &AccountPolicy::default(), at(5)).unwrap().contains("account_domains"));
        let alone = Account { second_factor: vec!["phone".to_owned()], ..good.clone() };
        assert!(check(&alone, &policy(), at(5)).unwrap().contains("second factor"));
        for address in ["apns@elsewhere.example", "kim.lee@example.com", "nonsense"] {
            let other = Account { address: address.to_owned(), ..good.clone() };
            assert!(check(&other, &policy(), at(5)).unwrap().contains("address"), "{address}");
        }
        assert!(not_renewable(None, None, &policy(), at(5)).is_some());
    }

    #[test]
    fn patterns_have_two_signs() {
        for (pattern, text, is_match) in [
            ("*.*@example.com", "Kim.Lee@EXAMPLE.com", true),
            ("*.*@example.com", "apns@example.com", false),
            ("k?m@*", "kim@x.example", true),
            ("[a]*", "a@example.com", false),
            ("[a]*", "[a]@example.com", true),
        ] {
            assert_eq!(matches_pattern(pattern, text), is_match, "{pattern} {text}");
        }
    }
}
