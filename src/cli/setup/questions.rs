//! What a person is asked, in the order in which it is known.

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use chrono::NaiveDate;
use tokio::runtime::Handle;

use super::answers::{Account, Answers, Field, Known, WhichAccount, fields, private_domain, suggestion};
use super::held::Held;
use super::options::{Options, SITE, read_certificate, ways};
use super::spot::{Spot, Target};
use super::terminal::Terminal;
use super::trial::{self, Outcome};
use crate::cli::{End, Scene};
use crate::config::Config;
use crate::evaluate::account::{HOLDERS, SECOND_FACTOR_AUDIT, SIGN_IN};
use crate::guide;
use crate::model::{AccountId, MdmKind, TenantName};
use crate::words;

/// A talk with a person.
pub(super) struct Interview<'a> {
    pub(super) scene: &'a Scene,
    pub(super) options: &'a Options,
    pub(super) terminal: &'a Terminal,
    pub(super) spot: &'a Spot,
}

impl Interview<'_> {
    /// Asks everything, and tries the login on the way.
    pub(super) fn answers(&self) -> Result<Answers, End> {
        let terminal = self.terminal;
        terminal.say(&format!(
            "This asks some questions, tries the login, shows what is true now, and writes {} at the very end. Until then \
             nothing is written, and Ctrl-C leaves everything as it was. The MDM is only read.",
            match &self.spot.target {
                Target::Main { .. } => self.spot.main.display().to_string(),
                Target::Beside(_) => format!("a tenant file beside {}, which is not touched", self.spot.main.display()),
            }
        ))?;
        terminal.gap()?;
        let kind = match self.options.kind() {
            Some(kind) => kind,
            None => self.kind()?,
        };
        let mut answers = Answers {
            kind,
            name: TenantName::parse("tenant").map_err(|why| anyhow!(why))?,
            is_user: self.options.is_user(),
            values: self.options.values(kind)?,
            credentials: self.options.credentials(kind)?,
            account: WhichAccount::Untold,
            certificate: Known::Nothing,
            site: self.options.get("site").unwrap_or(SITE).to_owned(),
            ways: super::answers::Ways::default(),
            notices: None,
        };
        self.login_words(kind)?;
        self.values(&mut answers, false)?;
        self.name(&mut answers)?;
        self.secrets(&mut answers)?;
        self.tried(&mut answers)?;
        answers.certificate = self.certificate(kind)?;
        answers.account = self.account()?;
        if matches!(self.spot.target, Target::Main { .. }) {
            self.ways(&mut answers)?;
        }
        // An address of an account that is none, say.
        while let Err(problems) = self.spot.staged(self.scene, &answers) {
            for problem in &problems {
                terminal.say(&words::sentence(&super::plain(problem).to_string()))?;
            }
            answers.account = self.account()?;
        }
        Ok(answers)
    }

    fn kind(&self) -> anyhow::Result<MdmKind> {
        let kinds = MdmKind::ALL.map(MdmKind::as_str).join(", ");
        loop {
            let word =
                self.terminal.ask(&format!("Which MDM ({kinds}; none watches a certificate file alone)"), None)?;
            match crate::cli::guide::kind_of(&word) {
                Ok(kind) => return Ok(kind),
                Err(why) => self.terminal.say(&words::sentence(&why))?,
            }
        }
    }

    /// Where to click, and which rights to grant.
    fn login_words(&self, kind: MdmKind) -> anyhow::Result<()> {
        let (terminal, login) = (self.terminal, guide::login(kind));
        if login.grant.is_empty() {
            return Ok(());
        }
        terminal.gap()?;
        terminal.say(&format!("A login for {}", guide::product(kind)))?;
        terminal.gap()?;
        for text in login.grant {
            terminal.say(text)?;
        }
        for (privilege, lost) in &login.rights {
            terminal.list("  - ", &format!("{privilege} (without it nobody knows {lost})"))?;
        }
        if !login.extra.is_empty() {
            terminal.gap()?;
            terminal.say("Only if you set enrolment_profile: true later:")?;
        }
        for (privilege, lost) in &login.extra {
            terminal.list("  - ", &format!("{privilege} ({lost})"))?;
        }
        for text in login.hand {
            terminal.gap()?;
            terminal.say(text)?;
        }
        terminal.gap()?;
        Ok(())
    }

    fn fields(answers: &Answers) -> impl Iterator<Item = &'static Field> + use<> {
        fields(answers.kind, answers.is_user).iter()
    }

    /// Asks for what is no secret. `again`: also what is known, which Enter keeps.
    fn values(&self, answers: &mut Answers, again: bool) -> anyhow::Result<()> {
        for field in Self::fields(answers).filter(|field| !field.is_secret) {
            let known = answers.values.get(field.key).cloned();
            if known.is_none() || again {
                let value = self.terminal.ask(field.question, known.as_deref())?;
                answers.values.set(field.key, value);
            }
        }
        Ok(())
    }

    fn name(&self, answers: &mut Answers) -> anyhow::Result<()> {
        if let Some(name) = self.options.name() {
            answers.name = name;
            return Ok(());
        }
        let word = suggestion(&answers.values);
        loop {
            let default = (!word.is_empty()).then_some(word.as_str());
            let question = "A name for this tenant, which stays: an organisation or a customer, such as acme";
            match TenantName::parse(&self.terminal.ask(question, default)?) {
                Ok(name) => {
                    answers.name = name;
                    return Ok(());
                }
                Err(why) => self.terminal.say(&words::sentence(&format!("a name {why}")))?,
            }
        }
    }

    /// Asks for the secrets that are not there; those that are typed can be kept when they are asked again.
    fn secrets(&self, answers: &mut Answers) -> anyhow::Result<()> {
        for field in Self::fields(answers).filter(|field| field.is_secret) {
            if matches!(answers.credentials.get(field.key), Some(Held::There(_))) {
                continue;
            }
            let kept = answers.credentials.has(field.key).then_some("Enter for the one before");
            if let Some(secret) = self.terminal.secret(field.question, kept)? {
                answers.credentials.set(field.key, Held::here(secret, &self.spot.main)?);
            }
        }
        Ok(())
    }

    /// The configuration as far as it is known, asked until it is one.
    fn accepted(&self, answers: &mut Answers) -> Result<Config, End> {
        loop {
            let problems = match self.spot.staged(self.scene, answers) {
                Ok(config) => return Ok(config),
                Err(problems) => problems,
            };
            let mut is_named = false;
            for problem in problems.iter().map(super::plain) {
                self.terminal.say(&words::sentence(&problem.to_string()))?;
                is_named |= problem.path == "name";
            }
            if is_named && self.options.name().is_none() {
                self.name(answers)?;
            } else if Self::fields(answers).next().is_some() {
                self.values(answers, true)?;
            } else {
                return Err(super::refused(&problems));
            }
        }
    }

    /// Tries the login until it is good, or the person goes on without.
    fn tried(&self, answers: &mut Answers) -> Result<(), End> {
        let terminal = self.terminal;
        loop {
            let config = self.accepted(answers)?;
            let Some(tenant) = config.tenants.get(&answers.name) else {
                return Err(anyhow!("the tenant is lost").into());
            };
            if answers.kind == MdmKind::None {
                return Ok(());
            }
            terminal.gap()?;
            terminal.say("The login is tried.")?;
            let trial = Handle::current().block_on(trial::login(tenant, &answers.credentials, self.scene.clock.now()));
            for endpoint in &trial.allowed {
                terminal.list("  allowed  ", endpoint)?;
            }
            for sentence in &trial.told {
                terminal.list("  ! ", sentence)?;
            }
            if trial.outcome == Outcome::Good {
                return Ok(());
            }
            terminal.gap()?;
            let again = ('t', "try again, once it is put right there");
            let change = ('c', "type it anew; Enter keeps what was there");
            let go_on = ('g', "go on all the same: it is told as failing until it is put right");
            let quit = ('q', "quit; nothing is written");
            let choices = if trial.outcome == Outcome::Refused {
                [change, again, go_on, quit]
            } else {
                [again, change, go_on, quit]
            };
            match terminal.choose("What now?", &choices)? {
                't' => {}
                'c' => {
                    self.values(answers, true)?;
                    self.secrets(answers)?;
                }
                'g' => return Ok(()),
                _ => return Err(anyhow!("as you wish").into()),
            }
        }
    }

    fn certificate(&self, kind: MdmKind) -> anyhow::Result<Known> {
        let terminal = self.terminal;
        if let Some(path) = self.options.get("certificate") {
            let (known, _) = read_certificate(Path::new(path))?;
            return Ok(known);
        }
        if let Some(date) = self.options.day("not-after") {
            return Ok(Known::End(date));
        }
        terminal.gap()?;
        let told = if kind.tells_certificate() {
            "This MDM tells the certificate itself. Its file is a second opinion, and not needed."
        } else {
            "No date comes from this MDM: the certificate file in use has it, and the topic."
        };
        terminal.say(told)?;
        for (number, step) in guide::DOWNLOAD.iter().enumerate() {
            terminal.list(&format!("  {}. ", number + 1), step)?;
        }
        let is_needed = kind == MdmKind::None;
        let without = if is_needed { "" } else { ", or Enter to go on without" };
        let question = format!("Its path, or its end as a date such as 2027-03-01{without}");
        loop {
            let answer = terminal.ask(&question, if is_needed { None } else { Some("") })?;
            if answer.is_empty() {
                return Ok(Known::Nothing);
            }
            if let Ok(date) = NaiveDate::parse_from_str(&answer, "%Y-%m-%d") {
                return Ok(Known::End(date));
            }
            match read_certificate(&self.path(&answer)) {
                Ok((known, found)) => {
                    let topic = found.topic().map(|topic| words::clean(topic.as_str(), 256)).unwrap_or_default();
                    let until = words::until(found.not_after, self.scene.clock.now());
                    terminal.say(&format!("It {until}. Its topic is {topic}"))?;
                    return Ok(known);
                }
                Err(error) => terminal.say(&words::sentence(&words::clean(&error.to_string(), 1000)))?,
            }
        }
    }

    /// A path as people type it; no shell stands in between.
    pub(super) fn path(&self, text: &str) -> PathBuf {
        match (text.strip_prefix("~/"), self.scene.environment.get("HOME")) {
            (Some(rest), Some(home)) => PathBuf::from(home).join(rest),
            _ => PathBuf::from(text),
        }
    }

    fn account(&self) -> Result<WhichAccount, End> {
        let given = self.options.account(self.spot)?;
        if !matches!(given, WhichAccount::Untold) {
            return Ok(given);
        }
        let terminal = self.terminal;
        terminal.gap()?;
        match &self.spot.target {
            Target::Beside(config) if config.accounts.is_empty() => Ok(WhichAccount::Untold),
            Target::Beside(config) => loop {
                let ids: Vec<&str> = config.accounts.keys().map(AccountId::as_str).collect();
                let question = format!("The account it was made with ({}), or Enter for none of them", ids.join(", "));
                let answer = terminal.ask(&question, Some(""))?;
                if answer.is_empty() {
                    return Ok(WhichAccount::Untold);
                }
                if ids.contains(&answer.as_str()) {
                    return Ok(WhichAccount::Known(answer));
                }
                terminal.say("It is none of these.")?;
            },
            Target::Main { .. } => Ok(self.new_account()?),
        }
    }

    /// What must be known of the account, so that the certificate can be renewed when its admin has left.
    fn new_account(&self) -> anyhow::Result<WhichAccount> {
        let terminal = self.terminal;
        terminal.say(
            "The certificate can be renewed only with the Apple Account that made it. What is told here is for the day on \
             which whoever knows it has left. No password is asked for.",
        )?;
        let address = terminal.ask("The address of the account, or Enter if nobody knows it", Some(""))?;
        if address.is_empty() {
            return Ok(WhichAccount::Untold);
        }
        if private_domain(&address).is_some() {
            terminal.say("Such an address belongs to a person, and leaves with them. It is told as a finding.")?;
        }
        let known = self.options.new_account(&address);
        let owner = self.wish(known.owner, "The team that holds it, or Enter")?;
        let vault_item = self.wish(known.vault_item, "Where its password is (never the password), or Enter")?;
        let mut second_factor = known.second_factor;
        if second_factor.is_empty() {
            let question =
                format!("Who or what holds its second factor, separated by commas; {HOLDERS} or more, or Enter");
            let answer = terminal.ask(&question, Some(""))?;
            let holders = answer.split(',').map(str::trim).filter(|holder| !holder.is_empty());
            second_factor.extend(holders.map(ToOwned::to_owned));
        }
        let signed_in = match known.signed_in {
            Some(date) => Some(date),
            None => self.day(&format!("The day on which somebody last signed in to it ({SIGN_IN})"))?,
        };
        let audited = match known.audited {
            Some(date) => Some(date),
            None => {
                self.day(&format!("The day on which its second factor was last checked ({SECOND_FACTOR_AUDIT})"))?
            }
        };
        Ok(WhichAccount::New(Account { address, owner, vault_item, second_factor, signed_in, audited }))
    }

    fn wish(&self, known: Option<String>, question: &str) -> anyhow::Result<Option<String>> {
        if known.is_some() {
            return Ok(known);
        }
        Ok(Some(self.terminal.ask(question, Some(""))?).filter(|answer| !answer.is_empty()))
    }

    fn day(&self, question: &str) -> anyhow::Result<Option<NaiveDate>> {
        let today = self.scene.clock.now().date_naive();
        loop {
            let answer =
                self.terminal.ask(&format!("{question}, such as {today}, or Enter if nobody knows"), Some(""))?;
            if answer.is_empty() {
                return Ok(None);
            }
            match NaiveDate::parse_from_str(&answer, "%Y-%m-%d") {
                Ok(date) if date <= today => return Ok(Some(date)),
                Ok(_) => self.terminal.say("That day is still to come.")?,
                Err(_) => self.terminal.say("It is no date of that form.")?,
            }
        }
    }

    fn ways(&self, answers: &mut Answers) -> anyhow::Result<()> {
        if let Some(word) = self.options.get("probe") {
            answers.ways = ways(word);
            return Ok(());
        }
        self.terminal.gap()?;
        let choices = [
            ('d', "devices of yours stand in this network: try the way that they need"),
            ('s', "the MDM runs in this network: try its way"),
            ('b', "both"),
            ('n', "neither, or not from this machine"),
        ];
        let question = "Can pushes get out? The way to Apple can be tried from here, and from here alone.";
        let probe = match self.terminal.choose(question, &choices)? {
            'd' => "device",
            's' => "server",
            'b' => "both",
            _ => "none",
        };
        answers.ways = ways(probe);
        if probe != "none" && self.options.get("site").is_none() {
            answers.site = self.terminal.ask("What is this place called", Some(SITE))?;
        }
        Ok(())
    }
}
