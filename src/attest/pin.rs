//! The topic that must stay.

use std::collections::BTreeMap;

use super::{Case, Kept, Refusal};
use crate::evaluate::tenant::Verdict;
use crate::model::{Memory, Pin, PinChange, PinOrigin, Source, Statement, TenantName, Topic};
use crate::words::clean;

/// What a person says who makes another topic the one that must stay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTopic {
    /// The topic.
    pub topic: Topic,
    /// Why it is another one now.
    pub reason: String,
    /// The name of the tenant as the person typed it, if they did.
    pub typed: Option<String>,
}

impl Case<'_> {
    /// "An enrolled device listens on this topic."
    ///
    /// # Errors
    ///
    /// If another one is pinned.
    pub fn confirm_pin(&self, topic: Topic) -> Result<Kept, Refusal> {
        let name = self.name;
        if let Some(pinned) = self.must_stay().filter(|pinned| **pinned != topic) {
            return Err(Refusal::new(format!(
                "the device listens on {topic}, and {name:?} is pinned to {pinned}: devices with the one are not \
                 reached by a certificate with the other, so nothing was confirmed. Was the topic read on a \
                 device of this tenant? If it was, the certificate in the MDM is the wrong one: renew the row of \
                 {topic} and upload that"
            )));
        }
        let told = format!("{name:?} keeps {topic}: confirmed on a device.");
        let pin = self.pinned(topic.clone());
        Ok(Kept::of(Statement::PinConfirmed { topic }, PinChange::Set(pin), told))
    }

    /// "From now on this is the topic." `remembered` is what is remembered of each other tenant.
    ///
    /// # Errors
    ///
    /// If the configuration fixes the topic, another tenant keeps this one, no reason is given, or there was another topic before
    /// and the name of the tenant was not typed.
    pub fn set_pin<'m>(
        &self,
        wish: NewTopic,
        remembered: impl Fn(&TenantName) -> Option<&'m Memory>,
    ) -> Result<Kept, Refusal> {
        self.refuse_if_configured()?;
        let NewTopic { topic, reason, typed } = wish;
        if let Some(owner) = self.owner(&topic, remembered) {
            return Err(Refusal::new(format!(
                "{topic} is the topic of {owner:?}, which keeps it: no two tenants have the same one, so nothing was changed. If it \
                 moved from there to here, let {owner:?} be retired, or have its topic forgotten, first"
            )));
        }
        if reason.trim().is_empty() {
            return Err(Refusal::new("it needs a reason why the topic is another one now; nothing was changed"));
        }
        let before = self.topic_before().cloned();
        if let Some(before) = self.replaced_by(&topic) {
            self.refuse_if_not_named(typed.as_deref(), || {
                format!(
                    "{:?} had the topic {before}, and devices that listen on it are not reached with {topic}. To make that the \
                     topic all the same",
                    self.name
                )
            })?;
        }
        let told = format!("{:?} keeps {topic} from now on; whatever tells another topic is drift.", self.name);
        let pin = self.pinned(topic.clone());
        Ok(Kept::of(Statement::PinSet { topic, before }, PinChange::Set(pin), told))
    }

    /// "From now on this topic, which a source tells, is the right one": as [`Case::set_pin`], for somebody who was shown that
    /// it drifts. `drift` is what sources tell now.
    ///
    /// # Errors
    ///
    /// As [`Case::set_pin`], and if no source tells this topic in the place of the pinned one any more.
    pub fn accept_pin<'m>(
        &self,
        wish: NewTopic,
        drift: &BTreeMap<Source, Verdict>,
        remembered: impl Fn(&TenantName) -> Option<&'m Memory>,
    ) -> Result<Kept, Refusal> {
        let is_told = drift.values().any(|verdict| matches!(verdict, Verdict::Drifts(told, ..) if *told == wish.topic));
        if !is_told {
            return Err(Refusal::new(format!(
                "no source tells {} in the place of the pinned topic now: look again",
                clean(wish.topic.as_str(), 256)
            )));
        }
        self.set_pin(wish, remembered)
    }

    /// The topic that would be replaced by this one: the pin, or the one that was forgotten last.
    #[must_use]
    pub fn replaced_by(&self, topic: &Topic) -> Option<&Topic> {
        self.topic_before().filter(|before| *before != topic)
    }

    /// The topic so far. Forgetting it first is no way around typing the name.
    fn topic_before(&self) -> Option<&Topic> {
        fn said(statement: &Statement) -> Option<&Topic> {
            match statement {
                Statement::PinSet { topic, .. }
                | Statement::PinConfirmed { topic }
                | Statement::PinForgotten { topic } => Some(topic),
                _ => None,
            }
        }
        let pinned = self.memory.pin.as_ref().map(|pin| &pin.topic);
        pinned.or_else(|| self.memory.attestations.iter().rev().find_map(|word| said(&word.statement)))
    }

    /// "Forget the topic." It is as dangerous as another topic: whatever is seen next is pinned.
    ///
    /// # Errors
    ///
    /// If the configuration fixes it, there is none, no reason is given, or the name of the tenant was not typed.
    pub fn forget_pin(&self, reason: &str, typed: Option<&str>) -> Result<Kept, Refusal> {
        self.refuse_if_configured()?;
        let Some(topic) = self.memory.pin.as_ref().map(|pin| pin.topic.clone()) else {
            return Err(Refusal::new(format!("{:?} has no pinned topic", self.name)));
        };
        if reason.trim().is_empty() {
            return Err(Refusal::new("it needs a reason why the topic is to be forgotten; nothing was changed"));
        }
        self.refuse_if_not_named(typed, || {
            format!(
                "{:?} keeps {topic}, and once that is forgotten, whatever topic is seen next is pinned, also a wrong one. To \
                 forget it all the same",
                self.name
            )
        })?;
        let told = format!("{:?} keeps {topic} no more; the next topic seen is pinned, unconfirmed.", self.name);
        Ok(Kept::of(Statement::PinForgotten { topic }, PinChange::Forget, told))
    }

    /// Whoever does what cannot be undone types the name of the tenant. `danger` ends where it is said that it must be typed.
    fn refuse_if_not_named(&self, typed: Option<&str>, danger: impl FnOnce() -> String) -> Result<(), Refusal> {
        if typed.map(str::trim) == Some(self.name.as_str().trim()) {
            return Ok(());
        }
        let what = match typed {
            Some(typed) => format!("{:?} is not it", clean(typed.trim(), 128)),
            None => "it was not".to_owned(),
        };
        let why = format!("{}, the name of the tenant must be typed, and {what}; nothing was changed", danger());
        Err(Refusal { wants_name: typed.is_none(), ..Refusal::new(why) })
    }

    fn pinned(&self, topic: Topic) -> Pin {
        Pin { topic, origin: PinOrigin::Confirmed, since: self.now, by: Some(self.by.to_owned()) }
    }

    /// A topic that the configuration fixes is changed there, and nowhere else.
    fn refuse_if_configured(&self) -> Result<(), Refusal> {
        match self.expected() {
            Some(topic) => Err(Refusal::new(format!(
                "the configuration says expected_topic: {topic} for this tenant; change it there"
            ))),
            None => Ok(()),
        }
    }
}
