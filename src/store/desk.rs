//! The store as a person's command uses it.

use super::{Contents, Database, Error, postgres, sqlite};
use crate::config;
use crate::model::{AccountId, Attestation, Drill, DutyDone, LetterEvent, PinChange, TenantName};

/// The store as a person's command uses it: directly, beside a running daemon or without one.
#[derive(Debug)]
pub struct Desk {
    pub(super) database: Database,
}

impl Desk {
    /// Opens the database for one command.
    ///
    /// # Errors
    ///
    /// If it cannot be opened or made, or keeps nothing.
    pub async fn open(store: &config::Store) -> Result<Self, Error> {
        let database = match store {
            config::Store::Sqlite(path) => Database::Sqlite(Box::new(sqlite::Database::open(path).await?)),
            config::Store::Postgres(place) => {
                let mut database = postgres::Database::new(place, None);
                database.prepare().await?;
                Database::Postgres(Box::new(database))
            }
            config::Store::Memory => return Err(Error::KeepsNothing),
        };
        Ok(Self { database })
    }

    /// Everything that is in it.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub async fn load(&mut self) -> Result<Contents, Error> {
        self.database.load().await
    }

    /// Keeps statements, and the pin they are about, in one transaction. When this returns, all of it is on disk.
    ///
    /// # Errors
    ///
    /// If it cannot be written; then nothing was.
    pub async fn attest(
        &mut self,
        tenant: &TenantName,
        attestations: &[Attestation],
        pin: &PinChange,
    ) -> Result<(), Error> {
        self.database.attest(tenant, attestations, pin).await
    }

    /// Keeps that a duty was done. When this returns, it is on disk.
    ///
    /// # Errors
    ///
    /// If it cannot be written; then nothing was.
    pub async fn do_duty(&mut self, account: &AccountId, done: &DutyDone) -> Result<(), Error> {
        self.database.do_duty(account, done).await
    }

    /// Keeps that a drill begins. When this returns, it is on disk.
    ///
    /// # Errors
    ///
    /// If it cannot be written; then nothing was.
    pub async fn drill(&mut self, drill: &Drill) -> Result<(), Error> {
        self.database.drill(drill).await
    }

    /// Keeps that a letter was confirmed. When this returns, it is on disk.
    ///
    /// # Errors
    ///
    /// If it cannot be written; then nothing was.
    pub async fn tell_letter(&mut self, event: &LetterEvent) -> Result<(), Error> {
        self.database.tell_letter(event).await
    }

    /// Closes the database.
    pub async fn close(self) {
        self.database.close().await;
    }
}

/// Reads a store without writing to it or making it, for commands that only look.
///
/// # Errors
///
/// If there is one that cannot be read, or it keeps nothing. A store that does not exist is empty.
pub async fn peek(store: &config::Store) -> Result<Contents, Error> {
    let path = match store {
        config::Store::Sqlite(path) => path,
        config::Store::Postgres(place) => {
            let mut database = postgres::Database::new(place, None);
            let contents = if database.is_prepared().await? { database.load().await? } else { Contents::default() };
            database.close().await;
            return Ok(contents);
        }
        config::Store::Memory => return Err(Error::KeepsNothing),
    };
    // A folder that may not be entered is no empty store.
    if !path.try_exists()? {
        return Ok(Contents::default());
    }
    let mut database = sqlite::Database::open_read_only(path).await?;
    let contents = database.load().await?;
    database.close().await;
    Ok(contents)
}
