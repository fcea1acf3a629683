//! What a person is asked about notices, once they have seen what is true.

use std::time::Duration;

use anyhow::anyhow;
use tokio::runtime::Handle;

use super::{Notices, people, sender, trial};
use crate::cli::End;
use crate::cli::setup::answers::{Answers, WhichAccount};
use crate::cli::setup::held::Held;
use crate::cli::setup::options::absolute;
use crate::cli::setup::plain;
use crate::cli::setup::questions::Interview;
use crate::cli::setup::spot::Target;
use crate::config::{Config, Network};
use crate::model::Reason;
use crate::notify::channel::ChannelKind;
use crate::provider::http::Errand;
use crate::words;

/// What takes a setting away that was given before.
const NOTHING: &str = "-";

impl Interview<'_> {
    /// Asks how people are told, and tries it.
    pub(in crate::cli::setup) fn notices(&self, answers: &mut Answers) -> Result<(), End> {
        let given = self.options.notices(self.spot)?;
        // What is beside the tenant file has its own.
        if matches!(self.spot.target, Target::Beside(_)) || (given.is_none() && self.options.says_who_is_told()) {
            return Ok(());
        }
        self.terminal.gap()?;
        let Some(mut notices) = given.map_or_else(|| self.way(), |given| Ok(Some(given)))? else {
            return Ok(());
        };
        self.details(&mut notices, answers, false)?;
        answers.notices = Some(notices);
        self.noticed(answers)
    }

    fn way(&self) -> Result<Option<Notices>, End> {
        let choices = [
            ('m', "mail, through a mail server of yours"),
            ('s', "Slack"),
            ('t', "Microsoft Teams"),
            ('n', "ntfy"),
            ('p', "PagerDuty"),
            ('w', "a webhook of something else"),
            ('a', "Alertmanager does it, or somebody will say later: none here"),
        ];
        let kind = match self.terminal.choose("How shall you be told when something is wrong?", &choices)? {
            'm' => ChannelKind::Smtp,
            's' => ChannelKind::Slack,
            't' => ChannelKind::Teams,
            'n' => ChannelKind::Ntfy,
            'p' => ChannelKind::Pagerduty,
            'w' => ChannelKind::Webhook,
            _ => return Ok(None),
        };
        self.options.way(kind).map(Some)
    }

    /// Asks for what is not known. `again`: also for what is known, which Enter keeps.
    fn details(&self, notices: &mut Notices, answers: &Answers, again: bool) -> anyhow::Result<()> {
        match notices.kind {
            ChannelKind::Smtp => self.mail(notices, answers, again)?,
            ChannelKind::Pagerduty if self.options.get("pagerduty-url").is_none() => {
                let is_eu = self.terminal.agrees("Is your PagerDuty in the EU (eu.pagerduty.com)?", false)?;
                notices.values.0.retain(|(key, _)| *key != "url");
                if is_eu {
                    notices.values.set("url", "https://events.eu.pagerduty.com/".to_owned());
                }
            }
            _ => {}
        }
        for secret in notices.fields() {
            if matches!(notices.secrets.get(secret.key), Some(Held::There(_))) {
                continue;
            }
            let empty = match (notices.secrets.has(secret.key), secret.is_optional) {
                (true, _) => Some("Enter for the one before"),
                (false, true) => Some("Enter if it asks for none"),
                (false, false) => None,
            };
            while let Some(typed) = self.terminal.secret(secret.question, empty)? {
                let wrong = if secret.key == "url_file" { wrong_address(notices.kind, &typed) } else { None };
                if let Some(why) = wrong {
                    self.terminal.say(&words::sentence(&why))?;
                    continue;
                }
                notices.secrets.set(secret.key, Held::here(typed, &self.spot.main)?);
                break;
            }
        }
        Ok(())
    }

    fn mail(&self, notices: &mut Notices, answers: &Answers, again: bool) -> anyhow::Result<()> {
        let terminal = self.terminal;
        let known = notices.values.get("server").cloned();
        if known.is_none() || again {
            let server = terminal.ask("Mail server and port, such as mail.example.com:587", known.as_deref())?;
            if again {
                notices.values.0.retain(|(key, _)| *key != "tls");
            }
            notices.values.set("server", server);
        }
        let server = notices.values.get("server").cloned().unwrap_or_default();
        if !notices.values.has("tls") {
            let host = server.rsplit_once(':').map_or(server.as_str(), |(host, _)| host);
            let is_local = host == "localhost" || host.starts_with("127.");
            if server.ends_with(":465") {
                notices.values.set("tls", "implicit".to_owned());
            } else if is_local {
                let usual = ('s', "STARTTLS");
                let choices = [usual, ('i', "TLS from the start"), ('n', "none: it is on this machine")];
                let tls = match terminal.choose("Which TLS does it speak?", &choices)? {
                    'i' => "implicit",
                    'n' => "none",
                    _ => "starttls",
                };
                notices.values.set("tls", tls.to_owned());
            }
        }
        if notices.to.is_empty() || again {
            let address = match &answers.account {
                WhichAccount::New(account) => Some(account.address.clone()),
                WhichAccount::Known(_) | WhichAccount::Untold => None,
            };
            let known = if notices.to.is_empty() { address } else { Some(notices.to.join(", ")) };
            let people = people(&terminal.ask("Who is written to, separated by commas", known.as_deref())?).collect();
            notices.to = people;
        }
        let from = notices.values.get("from").cloned();
        if from.is_none() || again {
            let usual = from.or_else(|| sender(&notices.to));
            notices.values.set("from", terminal.ask("Who writes it", usual.as_deref())?);
        }
        let user = notices.values.get("username").cloned();
        if user.is_none() || again {
            let without = if user.is_some() { NOTHING } else { "Enter" };
            let question = format!("User of the mail server, or {without} if it asks for no login");
            let answer = terminal.ask(&question, Some(user.as_deref().unwrap_or_default()))?;
            if answer.is_empty() || answer == NOTHING {
                notices.values.0.retain(|(key, _)| *key != "username");
                notices.secrets.0.clear();
            } else {
                notices.values.set("username", answer);
            }
        }
        Ok(())
    }

    /// The configuration with the notices, asked until it is one.
    fn accepted_notices(&self, answers: &mut Answers) -> Result<Config, End> {
        loop {
            let problems = match self.spot.staged(self.scene, answers) {
                Ok(config) => return Ok(config),
                Err(problems) => problems,
            };
            for problem in problems.iter().map(plain) {
                self.terminal.say(&words::sentence(&problem.to_string()))?;
            }
            self.anew(answers)?;
        }
    }

    /// Asks for everything of the way once more.
    fn anew(&self, answers: &mut Answers) -> anyhow::Result<()> {
        if let Some(mut notices) = answers.notices.take() {
            self.details(&mut notices, answers, true)?;
            answers.notices = Some(notices);
        }
        Ok(())
    }

    /// Sends a test notice, if the person likes, until it is taken or they go on without.
    fn noticed(&self, answers: &mut Answers) -> Result<(), End> {
        let terminal = self.terminal;
        let mut config = self.accepted_notices(answers)?;
        terminal.gap()?;
        if !self.options.test_notice && !terminal.agrees("Send a test notice there now?", true)? {
            return Ok(());
        }
        loop {
            let Some(notices) = &answers.notices else { return Ok(()) };
            let sent = Handle::current().block_on(trial::send(&config, notices, self.scene.clock.now()));
            let Err(untaken) = sent else {
                terminal.say("The test notice was taken. Look whether it arrives where people read it.")?;
                return Ok(());
            };
            terminal.list("  ! ", &untaken.sentence)?;
            terminal.gap()?;
            let choices = [
                ('c', "type it anew; Enter keeps what was there"),
                ('t', "try again, once it is put right there"),
                ('g', "go on all the same: notices wait until it is put right"),
                ('n', "go on without: nobody is told from here"),
                ('q', "quit; nothing is written"),
            ];
            match terminal.choose("What now?", &choices)? {
                'c' => {
                    self.anew(answers)?;
                    if untaken.reason == Reason::Tls {
                        self.ca(answers)?;
                    }
                }
                't' => {}
                'g' => return Ok(()),
                'n' => {
                    answers.notices = None;
                    return Ok(());
                }
                _ => return Err(anyhow!("as you wish").into()),
            }
            config = self.accepted_notices(answers)?;
        }
    }

    /// Asks for the CA of a receiver that nobody else trusts.
    fn ca(&self, answers: &mut Answers) -> anyhow::Result<()> {
        let Some(notices) = &mut answers.notices else { return Ok(()) };
        let known = notices.ca_file.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
        let question = "A file with its CA, if that is one of your own, or Enter";
        let answer = self.terminal.ask(question, Some(&known))?;
        notices.ca_file = if answer.is_empty() { None } else { Some(absolute(&self.path(&answer))?) };
        Ok(())
    }
}

/// Why nothing can be sent to an address. It is not repeated.
fn wrong_address(kind: ChannelKind, address: &str) -> Option<String> {
    match Errand::new(address, &Network::default(), Duration::from_secs(1)) {
        Err(failure) => Some(failure.message),
        Ok(errand) if kind == ChannelKind::Ntfy && errand.url().path().trim_matches('/').is_empty() => {
            Some("the address must end in a topic".to_owned())
        }
        Ok(_) => None,
    }
}
