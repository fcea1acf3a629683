//! What is looked at before a database is opened for writing.
//!
//! SQLite changes a file before anybody has asked for it: the last one who closes a database moves its log into it, and a
//! migration makes tables in whatever it is given. So a store that cannot be used would not be left as it is.

use std::io;
use std::path::Path;

use sqlx::{ConnectOptions, Row};

use super::{Database, Error, MIGRATIONS, options};

impl Database {
    /// Reads everything of a database that is there, through a connection that cannot write.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from being read, and if it is of a newer version or another program's.
    pub(super) async fn look(path: &Path) -> Result<(), Error> {
        // A rollback journal is only there until the log is switched on for the first time: nothing was kept by then, and
        // only a connection that writes can take it back.
        let mut journal = path.as_os_str().to_owned();
        journal.push("-journal");
        if std::fs::metadata(path)?.len() == 0 || Path::new(&journal).exists() {
            return Ok(());
        }
        let mut database = Self::new(options(path).read_only(true).connect().await?, None).await?;
        let looked = database.is_usable().await;
        database.close().await;
        looked
    }

    async fn is_usable(&mut self) -> Result<(), Error> {
        if !self.has_table("_sqlx_migrations").await? {
            let tables = sqlx::query("SELECT count(*) FROM sqlite_schema").fetch_one(&mut self.connection).await?;
            if tables.try_get::<i64, _>(0)? == 0 {
                return Ok(());
            }
            return Err(Error::Io(io::Error::other("this is the database of another program")));
        }
        for row in sqlx::query("SELECT version FROM _sqlx_migrations").fetch_all(&mut self.connection).await? {
            let version = row.try_get(0)?;
            if !MIGRATIONS.version_exists(version) {
                return Err(sqlx::migrate::MigrateError::VersionMissing(version).into());
            }
        }
        if self.has_table("source_memory").await? {
            self.load().await?;
        }
        Ok(())
    }
}
