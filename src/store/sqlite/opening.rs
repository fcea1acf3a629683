//! How a database is opened for writing: it is looked at before, and tried again while another process makes it.
//!
//! SQLite changes a file before anybody has asked for it: the last one who closes a database moves its log into it, and a
//! migration makes tables in whatever it is given. So a store that cannot be used would not be left as it is.

use std::io;
use std::path::Path;
use std::time::Duration;

use sqlx::{ConnectOptions, Row};
use tokio::time::{Instant, sleep};

use super::{BUSY, Contents, Database, Error, MIGRATIONS, options};

/// Between two tries.
const PAUSE: Duration = Duration::from_millis(50);

impl Database {
    /// Opens the database, makes it if it is not there, and brings it to the present schema.
    ///
    /// # Errors
    ///
    /// If it cannot be opened, is none of ours, or another process holds it for longer than [`BUSY`].
    pub(in crate::store) async fn open(path: &Path) -> Result<Self, Error> {
        let end = Instant::now() + BUSY;
        loop {
            match Self::open_once(path).await {
                // SQLite waits for a lock by itself, except where it switches a new database to a log: then a command
                // that comes at the same moment is told at once that it is locked.
                Err(error) if is_busy(&error) && Instant::now() < end => sleep(PAUSE).await,
                ended => return ended,
            }
        }
    }

    /// Reads everything of a database that is there, through a connection that cannot write. Gives both, if there is anything.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from being read, and if it is of a newer version or another program's.
    pub(super) async fn look(path: &Path) -> Result<Option<(Self, Contents)>, Error> {
        // A rollback journal is only there until the log is switched on for the first time: nothing was kept by then, and
        // only a connection that writes can take it back.
        let mut journal = path.as_os_str().to_owned();
        journal.push("-journal");
        if std::fs::metadata(path)?.len() == 0 || Path::new(&journal).exists() {
            return Ok(None);
        }
        let mut database = Self::new(options(path).read_only(true).connect().await?, None).await?;
        match database.contents().await {
            Ok(Some(contents)) => Ok(Some((database, contents))),
            nothing => {
                database.close().await;
                nothing.map(|_| None)
            }
        }
    }

    /// What is in it; `None` of one that holds nothing yet.
    async fn contents(&mut self) -> Result<Option<Contents>, Error> {
        // In one statement: between two of them another process may make all tables, and its store would look like somebody else's.
        let tables = "SELECT count(*), count(*) FILTER (WHERE name = '_sqlx_migrations') FROM sqlite_schema";
        let tables = sqlx::query(tables).fetch_one(&mut self.connection).await?;
        if tables.try_get::<i64, _>(1)? == 0 {
            if tables.try_get::<i64, _>(0)? == 0 {
                return Ok(None);
            }
            return Err(Error::Io(io::Error::other("this is the database of another program")));
        }
        for row in sqlx::query("SELECT version FROM _sqlx_migrations").fetch_all(&mut self.connection).await? {
            let version = row.try_get(0)?;
            if !MIGRATIONS.version_exists(version) {
                return Err(sqlx::migrate::MigrateError::VersionMissing(version).into());
            }
        }
        Ok(if self.has_table("source_memory").await? { Some(self.load().await?) } else { None })
    }
}

/// Whether another process held the database.
fn is_busy(error: &Error) -> bool {
    let Error::Database(sqlx::Error::Database(error)) = error else { return false };
    // The lower byte of the code: 5 is SQLITE_BUSY, whatever for.
    error.code().and_then(|code| code.parse::<u32>().ok()).is_some_and(|code| code & 0xFF == 5)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs on a thread of its own: each process that comes has its own clock of steps.
    fn beside<T: Send + 'static>(work: impl AsyncFnOnce() -> T + Send + 'static) -> std::thread::JoinHandle<T> {
        std::thread::spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(work())
        })
    }

    #[test]
    fn a_store_that_is_being_made_is_nobody_elses() {
        let folder = tempfile::tempdir().unwrap();
        for round in 0..60 {
            let path = folder.path().join(format!("{round}.db"));
            let place = path.clone();
            let making = beside(async move || Database::open(&place).await.unwrap().close().await);
            let looking = beside(async move || {
                loop {
                    match Database::look(&path).await {
                        Ok(Some((database, _))) => return database.close().await,
                        Ok(None) => {}
                        Err(Error::Io(error)) => assert_eq!(error.kind(), io::ErrorKind::NotFound, "{error}"),
                        Err(error) => assert!(is_busy(&error), "{error}"),
                    }
                }
            });
            making.join().unwrap();
            looking.join().unwrap();
        }
    }
}
