//! Notices, for people without Alertmanager: what the alert rules say, sent by mail, chat or pager.
//!
//! A face of the one report, which decides nothing: [`news`] says what stands, under the keys and in the words of the alert
//! rules; [`ledger`] knows what was told to whom; [`channel`] sends it.

pub mod channel;
pub mod facts;
mod heartbeat;
pub mod key;
pub mod ledger;
pub mod letter;
pub mod message;
pub mod news;
mod notifier;
pub mod office;
mod post;
pub mod rules;
pub use notifier::Notifier;

#[cfg(test)]
mod sample;
pub mod telling;
pub mod template;
