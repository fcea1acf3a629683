//! Whether a source may be polled now.

use std::time::Duration;

use tokio::sync::oneshot;

use super::Store;
use super::postgres::leases::{AGAIN, Answer, Wish};
use crate::model::{Source, TenantName};

/// Whether a source may be polled now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Yes, and nobody else polls it meanwhile.
    Mine,
    /// No: ask again after this.
    Wait(Duration),
}

/// What one poller has of its source. A new one begins with nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lease {
    /// A poll has ended with it, so the pause counts.
    has_polled: bool,
    /// What others learnt of the source was taken in since it is ours.
    is_caught_up: bool,
}

impl Store {
    /// Whether a source may be polled now. If so, nobody else may for `hold`, and what another replica learnt of it is known: it
    /// may have seen what must not be forgotten. Where this process is the only one it is always its turn.
    pub async fn turn(&self, tenant: &TenantName, source: Source, hold: Duration, lease: &mut Lease) -> Turn {
        let Some(wishes) = &self.wishes else { return Turn::Mine };
        let (answer, answered) = oneshot::channel();
        // A new poller may have another configuration, and waits for no pause of the one before it in this process.
        let wish = Wish::Ask { source: (tenant.clone(), source), hold, is_new: !lease.has_polled, answer };
        let answer = match wishes.send(wish).await {
            Ok(()) => answered.await.unwrap_or(Answer::Wait(AGAIN)),
            Err(_) => Answer::Wait(AGAIN),
        };
        match answer {
            Answer::Mine => {}
            Answer::Anew => lease.is_caught_up = false,
            Answer::Wait(wait) => {
                lease.is_caught_up = false;
                return Turn::Wait(wait);
            }
        }
        lease.is_caught_up = lease.is_caught_up || self.catch_up().await;
        if lease.is_caught_up { Turn::Mine } else { Turn::Wait(AGAIN) }
    }

    /// A poll has ended, and the next one is due after `pause`.
    pub async fn rest(&self, tenant: &TenantName, source: Source, pause: Duration, lease: &mut Lease) {
        lease.has_polled = true;
        if let Some(wishes) = &self.wishes {
            let _ = wishes.send(Wish::Rest { source: (tenant.clone(), source), pause }).await;
        }
    }

    /// Takes in everything that others wrote; false if that cannot be read.
    async fn catch_up(&self) -> bool {
        self.answers().await && self.is_up()
    }
}
