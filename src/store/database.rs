//! One database or the other.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::FutureExt;

use super::notices::{Hold, NoticeChanges};
use super::renames::Rename;
use super::writer::Changes;
use super::{Contents, Damage, Error, HumanWords, postgres, sqlite};
use crate::model::{AccountId, Attestation, Drill, DutyDone, LetterEvent, PinChange, Source, SourceMemory, TenantName};

/// What others wrote.
#[derive(Debug)]
pub(super) struct Look {
    /// What sources told, as other replicas wrote it.
    pub(super) sources: Vec<(TenantName, Source, SourceMemory)>,
    /// What people said, if anybody said anything.
    pub(super) words: Option<HumanWords>,
    /// Up to where everything is known once this was taken in.
    pub(super) seen: Seen,
}

/// Up to where everything is known.
#[derive(Debug)]
pub(super) enum Seen {
    /// A version of SQLite.
    Version(i64),
    /// A transaction of PostgreSQL.
    Before(String),
}

/// A database that is written.
#[derive(Debug)]
pub(super) enum Database {
    Sqlite(Box<sqlite::Database>),
    Postgres(Box<postgres::Database>),
}

impl Database {
    pub(super) async fn load(&mut self) -> Result<Contents, Error> {
        match self {
            Self::Sqlite(database) => database.load().await,
            Self::Postgres(database) => {
                database.prepare().boxed().await?;
                database.load().boxed().await
            }
        }
    }

    /// Whether it may be away for a while: then it is tried again and again.
    pub(super) fn is_remote(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    /// What others wrote since; `None` if nothing.
    pub(super) async fn look(&mut self) -> Result<Option<Look>, Error> {
        match self {
            Self::Sqlite(database) => {
                let Some(version) = database.changed_by_others().await? else { return Ok(None) };
                let words = database.load_human_words(Damage::Skip).await?;
                Ok(Some(Look { sources: Vec::new(), words: Some(words), seen: Seen::Version(version) }))
            }
            Self::Postgres(database) => database.look().boxed().await,
        }
    }

    pub(super) fn has_taken_in(&mut self, seen: Seen) {
        match (self, seen) {
            (Self::Sqlite(database), Seen::Version(version)) => database.has_taken_in(version),
            (Self::Postgres(database), Seen::Before(transaction)) => database.has_taken_in(transaction),
            (Self::Sqlite(_), Seen::Before(_)) | (Self::Postgres(_), Seen::Version(_)) => {}
        }
    }

    /// Writes a batch; gives what others wrote of the sources that are not this replica's to write.
    pub(super) async fn write(&mut self, changes: &Changes) -> Result<Vec<(TenantName, Source, SourceMemory)>, Error> {
        match self {
            Self::Sqlite(database) => database.write(changes).await.map(|()| Vec::new()),
            Self::Postgres(database) => database.write(changes).boxed().await,
        }
    }

    /// Moves everything that is kept by the name of a tenant, in one transaction.
    pub(super) async fn rename(&mut self, renames: &[Rename]) -> Result<(), Error> {
        match self {
            Self::Sqlite(database) => database.rename(renames).await,
            Self::Postgres(database) => database.rename(renames).boxed().await,
        }
    }

    pub(super) async fn attest(
        &mut self,
        tenant: &TenantName,
        attestations: &[Attestation],
        pin: &PinChange,
    ) -> Result<(), Error> {
        match self {
            Self::Sqlite(database) => database.attest(tenant, attestations, pin).await,
            Self::Postgres(database) => database.attest(tenant, attestations, pin).boxed().await,
        }
    }

    pub(super) async fn do_duty(&mut self, account: &AccountId, done: &DutyDone) -> Result<(), Error> {
        match self {
            Self::Sqlite(database) => database.do_duty(account, done).await,
            Self::Postgres(database) => database.do_duty(account, done).boxed().await,
        }
    }

    pub(super) async fn drill(&mut self, drill: &Drill) -> Result<(), Error> {
        match self {
            Self::Sqlite(database) => database.drill(drill).await,
            Self::Postgres(database) => database.drill(drill).boxed().await,
        }
    }

    /// Writes that a letter was confirmed, or taken.
    pub(super) async fn tell_letter(&mut self, event: &LetterEvent) -> Result<(), Error> {
        match self {
            Self::Sqlite(database) => database.write_letter(event).await,
            Self::Postgres(database) => database.write_letter(event).boxed().await,
        }
    }

    /// Writes that a letter is due; false if another replica sends them.
    pub(super) async fn keep_letter(&mut self, event: &LetterEvent) -> Result<bool, Error> {
        match self {
            Self::Sqlite(database) => database.write_letter(event).await.map(|()| true),
            Self::Postgres(database) => database.keep_letter(event).boxed().await,
        }
    }

    pub(super) async fn hold_notices(&mut self, hold: Duration) -> Result<Hold, Error> {
        match self {
            Self::Sqlite(_) => Ok(Hold::Mine),
            Self::Postgres(database) => database.hold_notices(hold).boxed().await,
        }
    }

    pub(super) async fn notices(&mut self) -> Result<BTreeMap<String, String>, Error> {
        match self {
            Self::Sqlite(database) => database.notices().await,
            Self::Postgres(database) => database.notices().boxed().await,
        }
    }

    /// Writes rows of the notices; false if another replica sends them.
    pub(super) async fn keep_notices(&mut self, changes: &NoticeChanges) -> Result<bool, Error> {
        match self {
            Self::Sqlite(database) => database.keep_notices(changes).await.map(|()| true),
            Self::Postgres(database) => database.keep_notices(changes).boxed().await,
        }
    }

    pub(super) async fn close(self) {
        match self {
            Self::Sqlite(database) => database.close().await,
            Self::Postgres(database) => database.close().boxed().await,
        }
    }
}

#[cfg(test)]
impl Database {
    pub(super) fn sqlite(&mut self) -> &mut sqlite::Database {
        match self {
            Self::Sqlite(database) => database,
            Self::Postgres(_) => panic!("another database"),
        }
    }
}
