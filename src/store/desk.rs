//! The store as a person's command uses it.

use std::path::Path;

use super::{Contents, Error, sqlite};
use crate::model::{AccountId, Attestation, Drill, DutyDone, Pin, TenantName};

/// The store as a person's command uses it: directly, beside a running daemon or without one.
#[derive(Debug)]
pub struct Desk {
    pub(super) database: sqlite::Database,
}

impl Desk {
    /// Opens the database for one command.
    ///
    /// # Errors
    ///
    /// If it cannot be opened or made.
    pub async fn open(path: &Path) -> Result<Self, Error> {
        Ok(Self { database: sqlite::Database::open(path).await? })
    }

    /// Everything that is in it.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub async fn load(&mut self) -> Result<Contents, Error> {
        self.database.load().await
    }

    /// Keeps a statement, and the pin it is about, in one transaction. When this returns, both are on disk.
    ///
    /// # Errors
    ///
    /// If it cannot be written; then nothing was.
    pub async fn attest(
        &mut self,
        tenant: &TenantName,
        attestation: &Attestation,
        pin: PinChange,
    ) -> Result<(), Error> {
        self.database.attest(tenant, attestation, pin).await
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

    /// Closes the database.
    pub async fn close(self) {
        self.database.close().await;
    }
}

/// Reads a store without writing to it or making it, for commands that only look.
///
/// # Errors
///
/// If there is one that cannot be read. A store that does not exist is empty.
pub async fn peek(path: &Path) -> Result<Contents, Error> {
    // A folder that may not be entered is no empty store.
    if !path.try_exists()? {
        return Ok(Contents::default());
    }
    let mut database = sqlite::Database::open_read_only(path).await?;
    let contents = database.load().await?;
    database.close().await;
    Ok(contents)
}

/// What a statement does to the pin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PinChange {
    /// Nothing.
    Keep,
    /// This is the pin from now on.
    Set(Pin),
    /// There is none any more.
    Forget,
}
