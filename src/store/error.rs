//! What goes wrong with the database.

/// What goes wrong with the database.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database cannot be opened, read or written.
    #[error("the store: {0}")]
    Database(#[from] sqlx::Error),
    /// It was made by a newer version of this program, or is no store of ours.
    #[error("the store: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// A document in it cannot be read.
    #[error("the store: a document is damaged: {0}")]
    Document(#[from] serde_json::Error),
    /// Its folder or file cannot be made.
    #[error("the store: {0}")]
    Io(#[from] std::io::Error),
    /// The file with its password cannot be read.
    #[error("the store: {0}")]
    Password(String),
    /// It keeps nothing.
    #[error("the store is sqlite::memory:, which keeps nothing")]
    KeepsNothing,
    /// The database did not answer in time, so nobody can say whether it was kept.
    #[error("the store did not answer in time")]
    Unsure,
    /// It could not be opened at the start, cannot be read or written now, or is closed.
    #[error("the store cannot be used now, so nothing can be kept")]
    Closed,
    /// Somebody said something else of the tenant after this was judged.
    #[error("somebody else said something of this tenant meanwhile")]
    Overtaken,
}
