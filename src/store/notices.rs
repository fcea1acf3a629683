//! The ledger of the notices, kept: rows whose meaning is [`crate::notify::ledger`]'s.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::oneshot;

use super::database::Database;
use super::{Error, Request, Store};
use crate::model::LetterEvent;

/// What the database may take. Longer, and whoever asked goes on without it.
const PATIENCE: Duration = Duration::from_secs(20);

/// Rows by name; one without a document goes.
pub type NoticeChanges = BTreeMap<String, Option<String>>;

/// Whether this process is the one that sends notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// It is, and was before.
    Mine,
    /// It is from now on: what another one told must be read first.
    Anew,
    /// Another one is.
    Others,
}

/// What the writer is asked for.
#[derive(Debug)]
pub(super) enum Asked {
    Hold(Duration, oneshot::Sender<Result<Hold, Error>>),
    Read(oneshot::Sender<Result<BTreeMap<String, String>, Error>>),
    Keep(NoticeChanges, oneshot::Sender<Result<bool, Error>>),
}

impl Asked {
    /// Does it. Whoever asked and has gone wants it all the same, except for a lease.
    pub(super) async fn serve(self, database: &mut Database) {
        match self {
            Self::Hold(_, answer) if answer.is_closed() => {}
            Self::Hold(hold, answer) => _ = answer.send(database.hold_notices(hold).await),
            Self::Read(answer) => _ = answer.send(database.notices().await),
            Self::Keep(changes, answer) => _ = answer.send(database.keep_notices(&changes).await),
        }
    }
}

impl Store {
    /// Whether several replicas share it, of which one sends notices.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.wishes.is_some()
    }

    /// Whether this process is the one that sends notices, and nobody else for `hold` from now on.
    ///
    /// # Errors
    ///
    /// If several could be, and the database that knows does not answer.
    pub async fn hold_notices(&self, hold: Duration) -> Result<Hold, Error> {
        if !self.is_shared() {
            return Ok(Hold::Mine);
        }
        self.of_notices(|answer| Asked::Hold(hold, answer)).await.unwrap_or(Ok(Hold::Mine))
    }

    /// The rows that are kept. None where nothing is.
    ///
    /// # Errors
    ///
    /// If they cannot be read.
    pub async fn notices(&self) -> Result<BTreeMap<String, String>, Error> {
        self.of_notices(Asked::Read).await.unwrap_or_else(|| Ok(BTreeMap::new()))
    }

    /// Keeps rows. When this returns true, they are on disk, if there is a database; false: another replica sends notices now, and
    /// nothing was kept.
    ///
    /// # Errors
    ///
    /// If they cannot be written.
    pub async fn keep_notices(&self, changes: NoticeChanges) -> Result<bool, Error> {
        self.of_notices(|answer| Asked::Keep(changes, answer)).await.unwrap_or(Ok(true))
    }

    /// Keeps that a letter is due. When this returns true, it is on disk, if there is a database; false: another replica
    /// sends now, and nothing was kept.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub async fn keep_letter(&self, event: LetterEvent) -> Result<bool, Error> {
        let Some(requests) = &self.requests else {
            self.shared.snapshot.send_modify(|snapshot| snapshot.letters.push(event));
            return Ok(true);
        };
        let (answer, answered) = oneshot::channel();
        let visit = async {
            requests.send(Request::Letter(event, answer)).await.map_err(|_| Error::Closed)?;
            answered.await.map_err(|_| Error::Closed)?
        };
        tokio::time::timeout(PATIENCE, visit).await.unwrap_or(Err(Error::Unsure))
    }

    /// Asks the writer; `None` if there is none.
    async fn of_notices<T>(
        &self,
        ask: impl FnOnce(oneshot::Sender<Result<T, Error>>) -> Asked,
    ) -> Option<Result<T, Error>> {
        let requests = self.requests.as_ref()?;
        let (answer, answered) = oneshot::channel();
        let visit = async {
            requests.send(Request::Notices(ask(answer))).await.map_err(|_| Error::Closed)?;
            answered.await.map_err(|_| Error::Closed)?
        };
        Some(tokio::time::timeout(PATIENCE, visit).await.unwrap_or(Err(Error::Unsure)))
    }
}
