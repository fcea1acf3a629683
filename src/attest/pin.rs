//! The topic that must stay.

use super::{Case, Kept, Refusal};
use crate::model::{Pin, PinChange, PinOrigin, Statement, Topic};

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

    /// "From now on this is the topic."
    ///
    /// # Errors
    ///
    /// If the configuration fixes it.
    pub fn set_pin(&self, topic: Topic) -> Result<Kept, Refusal> {
        self.refuse_if_configured()?;
        let before = self.memory.pin.as_ref().map(|pin| pin.topic.clone());
        let told = format!("{:?} keeps {topic} from now on; whatever tells another topic is drift.", self.name);
        let pin = self.pinned(topic.clone());
        Ok(Kept::of(Statement::PinSet { topic, before }, PinChange::Set(pin), told))
    }

    /// "Forget the topic."
    ///
    /// # Errors
    ///
    /// If the configuration fixes it, or there is none.
    pub fn forget_pin(&self) -> Result<Kept, Refusal> {
        self.refuse_if_configured()?;
        let Some(topic) = self.memory.pin.as_ref().map(|pin| pin.topic.clone()) else {
            return Err(Refusal::new(format!("{:?} has no pinned topic", self.name)));
        };
        let told = format!("{:?} keeps {topic} no more; the next topic seen is pinned, unconfirmed.", self.name);
        Ok(Kept::of(Statement::PinForgotten { topic }, PinChange::Forget, told))
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
