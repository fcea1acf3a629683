//! What is known of a tenant on renewal day.

use chrono::{DateTime, NaiveDate, Utc};

use crate::config::{Account, Mdm, Tenant};
use crate::evaluate::account::SIGN_IN;
use crate::evaluate::{Report, TenantReport};
use crate::model::{PinOrigin, Precision, Serial, Topic};

/// What is known of a tenant. Everything may be missing; the steps then say where it is found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Values {
    /// Its name.
    pub tenant: Option<String>,
    /// Where the console of its MDM is.
    pub console: Option<String>,
    /// The address of the Apple Account, as the team configured it.
    pub account: Option<String>,
    /// The address that the MDM shows, as somebody typed it there.
    pub account_shown: Option<String>,
    /// Who holds the account.
    pub owner: Option<String>,
    /// Where its password is.
    pub vault_item: Option<String>,
    /// Who or what holds its second factor.
    pub second_factor: Vec<String>,
    /// The id of the account, if the team has the duty to sign in with it.
    pub sign_in_duty: Option<String>,
    /// The topic that must stay.
    pub topic: Option<Topic>,
    /// Why it is trusted.
    pub topic_origin: Option<PinOrigin>,
    /// Another topic, if the certificate in use carries one. The renewal is the undo then.
    pub wrong_topic: Option<Topic>,
    /// The serial number of the certificate in use, if that carries the topic that must stay.
    pub serial: Option<Serial>,
    /// Its end.
    pub not_after: Option<DateTime<Utc>>,
    /// How well the end is known.
    pub precision: Option<Precision>,
    /// Whether apnswatch watches certificate files of this tenant.
    pub watches_files: Option<bool>,
    /// The day of the renewal.
    pub today: Option<NaiveDate>,
    /// Who renews.
    pub person: Option<String>,
    /// The second admin, who looks on.
    pub witness: Option<String>,
    /// The number of the ticket.
    pub ticket: Option<String>,
}

impl Values {
    /// What the configuration and the report tell of a tenant. Without a report (the store could not be read) there
    /// is still what the configuration says.
    #[must_use]
    pub fn of(tenant: &Tenant, account: Option<&Account>, report: Option<&Report>) -> Self {
        let own = report.and_then(|report| report.tenants.iter().find(|known| known.name == tenant.name));
        Self::of_one(tenant, account, own)
    }

    /// The same, where what is said of the tenant was looked up before.
    #[must_use]
    pub fn of_one(tenant: &Tenant, account: Option<&Account>, own: Option<&TenantReport>) -> Self {
        let pin = own.and_then(|own| own.pin.as_ref());
        let expected = tenant.certificate.expected_topic.clone();
        let topic = pin.map(|pin| pin.topic.clone()).or_else(|| expected.clone());
        let effective = own.and_then(|own| own.effective.as_ref());
        let told = effective.and_then(|known| known.certificate.topic.clone());
        let wrong_topic = told.filter(|told| topic.as_ref().is_some_and(|topic| topic != told));
        // Serial and end of a certificate with another topic would lead to the wrong row.
        let right = effective.filter(|_| wrong_topic.is_none());
        Self {
            tenant: Some(tenant.name.to_string()),
            console: console(&tenant.mdm),
            account: account.map(|account| account.address.clone()),
            account_shown: own.and_then(|own| own.account_reported.clone()),
            owner: account.and_then(|account| account.owner.clone()),
            vault_item: account.and_then(|account| account.vault_item.clone()),
            second_factor: account.map(|account| account.second_factor.clone()).unwrap_or_default(),
            sign_in_duty: account
                .filter(|account| account.duties.contains_key(SIGN_IN))
                .and(tenant.account.as_ref())
                .map(ToString::to_string),
            topic,
            topic_origin: pin.map(|pin| pin.origin).or_else(|| expected.map(|_| PinOrigin::Config)),
            wrong_topic,
            serial: right.and_then(|known| known.certificate.serial.clone()),
            not_after: right.map(|known| known.not_after),
            precision: right.map(|known| known.precision),
            watches_files: Some(!tenant.certificate.files.is_empty() || tenant.certificate.is_pooled),
            today: None,
            person: None,
            witness: None,
            ticket: None,
        }
    }

    /// What is known, each with its name: what to have at hand before the first step.
    #[must_use]
    pub fn known(&self) -> Vec<(&'static str, String)> {
        let holders = (!self.second_factor.is_empty()).then(|| self.second_factor.join(", "));
        let known = [
            ("Apple Account", self.account.clone()),
            ("held by", self.owner.clone()),
            ("password", self.vault_item.clone()),
            ("second factor", holders),
            ("topic", self.topic.as_ref().map(ToString::to_string)),
            ("serial number", self.serial.as_ref().map(ToString::to_string)),
            ("end", self.end()),
            ("console", self.console.clone()),
        ];
        known.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }

    /// The end in words, with what it is worth.
    pub(super) fn end(&self) -> Option<String> {
        let end = self.not_after?.format("%Y-%m-%d %H:%M UTC");
        Some(match self.precision {
            Some(Precision::Declared) => format!("{end} (as typed in the configuration)"),
            Some(Precision::Estimate) => format!("{end} (reckoned from a notice, may be off by a day)"),
            Some(Precision::Exact) | None => end.to_string(),
        })
    }

    /// The options of a command that name the tenant, for a shell.
    pub(super) fn tenant_option(&self) -> String {
        match self.tenant.as_deref() {
            None => "--tenant NAME".to_owned(),
            // It would be taken for an option of its own.
            Some(name) if name.starts_with('-') => format!("--tenant={}", quoted(name)),
            Some(name) => format!("--tenant {}", quoted(name)),
        }
    }
}

/// Where the console is, as far as the address of the API tells it.
fn console(mdm: &Mdm) -> Option<String> {
    match mdm {
        Mdm::Jamf(settings) => Some(settings.url.trim().to_owned()),
        // The API stands at SUBDOMAIN.api.kandji.io; other forms are not known well enough to be guessed from.
        Mdm::Kandji(settings) => {
            let host = settings.url.trim().strip_prefix("https://")?.trim_end_matches('/');
            let (subdomain, domain) = host.split_once(".api.")?;
            let is_known = ["kandji.io", "iru.com"].contains(&domain) && !subdomain.contains(['.', '/']);
            is_known.then(|| format!("https://{subdomain}.{domain}"))
        }
        Mdm::Intune(_) | Mdm::Mosyle(_) | Mdm::None => None,
    }
}

/// A word for a POSIX shell.
pub(super) fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./@:+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// The GUID of a topic in groups of four, for two people who compare it: `0000 0000 - 0000 - 4000 - 8000 - 0000 0000 00ac`.
#[must_use]
pub fn groups(topic: &Topic) -> String {
    let guid = topic.as_str().rsplit('.').next().unwrap_or_default();
    let fields = guid.split('-').map(|field| {
        let letters: Vec<char> = field.chars().collect();
        letters.chunks(4).map(String::from_iter).collect::<Vec<String>>().join(" ")
    });
    fields.collect::<Vec<String>>().join(" - ")
}
