//! The durable part on `SQLite`.

mod letters;
mod notices;
mod opening;
mod renames;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::TryStreamExt;
use serde::de::DeserializeOwned;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteRow, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, Row, SqliteConnection};

use super::writer::Changes;
use super::{Contents, Damage, Error, HumanWords};
use crate::model::{AccountId, Attestation, Drill, DutyDone, Memory, PinChange, Source, SourceMemory, TenantName};

/// The schema, from the first version to the present one.
static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("src/store/migrations");

/// How long a command and the daemon wait for one another.
const BUSY: Duration = Duration::from_secs(5);

/// So many rows may wait to be taken in.
const ROWS: usize = 1024;

/// One connection to a database.
#[derive(Debug)]
pub(super) struct Database {
    connection: SqliteConnection,
    /// `PRAGMA data_version` as it was last read: it moves when another connection commits, and only then.
    version: i64,
    file: Option<File>,
    /// What was read before it was opened for writing, and the connection that tells whether that still is all.
    looked: Option<Box<(Self, Contents)>>,
}

/// The file of a database that is written.
#[derive(Debug)]
struct File {
    path: PathBuf,
    /// Device and inode.
    identity: (u64, u64),
}

impl Database {
    /// Tries once to open it.
    async fn open_once(path: &Path) -> Result<Self, Error> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        create_private(path)?;
        let looked = Self::look(path).await?;
        let options = options(path).create_if_missing(true).journal_mode(SqliteJournalMode::Wal);
        let mut connection = options.connect().await?;
        // All at once, and one process after the other: a command may open a new store at the same moment.
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        MIGRATIONS.run(&mut *transaction).await?;
        transaction.commit().await?;
        let file = File { path: path.to_owned(), identity: identity(path)? };
        Ok(Self { looked: looked.map(Box::new), ..Self::new(connection, Some(file)).await? })
    }

    /// Opens a database that exists, for reading only.
    pub(super) async fn open_read_only(path: &Path) -> Result<Self, Error> {
        // While nobody has it open there is no log beside it, and SQLite would make one only to read: in a folder
        // that the reader may not write it fails, and elsewhere the files stay behind with their owner.
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        let is_at_rest = !Path::new(&log).exists();
        Self::new(options(path).read_only(true).immutable(is_at_rest).connect().await?, None).await
    }

    async fn new(mut connection: SqliteConnection, file: Option<File>) -> Result<Self, Error> {
        let version = data_version(&mut connection).await?;
        Ok(Self { connection, version, file, looked: None })
    }

    /// Reads everything, as it was at one moment: a pin and the word that made it come together or not at all.
    pub(super) async fn load(&mut self) -> Result<Contents, Error> {
        if let Some(looked) = self.looked.take() {
            let (mut reader, contents) = *looked;
            // Of a large fleet this is half of the time that a start takes.
            let is_all = data_version(&mut reader.connection).await.is_ok_and(|version| version == reader.version);
            // It wrote nothing, so that there is nothing to lose.
            let _ = reader.connection.close().await;
            if is_all {
                return Ok(contents);
            }
        }
        sqlx::query("BEGIN").execute(&mut self.connection).await?;
        let contents = self.load_all().await;
        let ended = sqlx::query("ROLLBACK").execute(&mut self.connection).await;
        let contents = contents?;
        ended?;
        Ok(contents)
    }

    async fn load_all(&mut self) -> Result<Contents, Error> {
        let mut tenants: BTreeMap<TenantName, Memory> = BTreeMap::new();
        // One row after the other: they are most of the file, and all of them at once would be as much memory again.
        let mut rows = sqlx::query("SELECT tenant, source, memory FROM source_memory").fetch(&mut self.connection);
        while let Some(row) = rows.try_next().await? {
            let source: Source = serde_json::from_value(serde_json::Value::String(row.try_get("source")?))?;
            let memory: SourceMemory = serde_json::from_str(row.try_get("memory")?)?;
            if let Some(name) = name(&row)? {
                tenants.entry(name).or_default().load_source(source, memory);
            }
        }
        drop(rows);
        let HumanWords { pins, attestations, duties, drills, letters, .. } =
            self.load_human_words(Damage::Fail).await?;
        for (name, pin) in pins {
            tenants.entry(name).or_default().load_pin(pin);
        }
        for (name, attestations) in attestations {
            tenants.entry(name).or_default().load_attestations(attestations);
        }
        let mut configured = BTreeMap::new();
        for row in sqlx::query("SELECT tenant, missing_since FROM tenants").fetch_all(&mut self.connection).await? {
            let since: Option<DateTime<Utc>> =
                row.try_get::<Option<&str>, _>("missing_since")?.and_then(|since| since.parse().ok());
            if let Some(name) = name(&row)? {
                configured.insert(name, since);
            }
        }
        Ok(Contents { tenants, configured, duties, drills, letters })
    }

    /// Reads the pins and what people attested.
    pub(super) async fn load_human_words(&mut self, damage: Damage) -> Result<HumanWords, Error> {
        let mut words = HumanWords::default();
        for row in sqlx::query("SELECT tenant, pin FROM pins").fetch_all(&mut self.connection).await? {
            let Some(name) = name(&row)? else { continue };
            if let Some(pin) = document(&row, "pin", &name, damage, &mut words.damaged)? {
                words.pins.insert(name, pin);
            }
        }
        let query = sqlx::query("SELECT tenant, attestation FROM attestations ORDER BY id");
        for row in query.fetch_all(&mut self.connection).await? {
            let Some(name) = name(&row)? else { continue };
            if let Some(attestation) = document(&row, "attestation", &name, damage, &mut words.damaged)? {
                words.attestations.entry(name).or_default().push(attestation);
            }
        }
        words.duties = self.load_duties(damage).await?;
        words.drills = self.load_drills().await?;
        words.letters = self.load_letters().await?;
        Ok(words)
    }

    /// Reads what people did with the accounts.
    async fn load_duties(&mut self, damage: Damage) -> Result<BTreeMap<AccountId, Vec<DutyDone>>, Error> {
        let mut duties: BTreeMap<AccountId, Vec<DutyDone>> = BTreeMap::new();
        if !self.has_table("duties").await? {
            return Ok(duties);
        }
        for row in sqlx::query("SELECT account, done FROM duties ORDER BY id").fetch_all(&mut self.connection).await? {
            let done = match serde_json::from_str(row.try_get("done")?) {
                Ok(done) => done,
                // The duty counts as not done, and what people said of tenants is heard all the same.
                Err(error) if damage == Damage::Skip => {
                    tracing::warn!(%error, "a duty in the store cannot be read and counts as not done");
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            if let Ok(account) = AccountId::parse(row.try_get("account")?) {
                duties.entry(account).or_default().push(done);
            }
        }
        Ok(duties)
    }

    /// Reads the drills.
    async fn load_drills(&mut self) -> Result<Vec<Drill>, Error> {
        if !self.has_table("drills").await? {
            return Ok(Vec::new());
        }
        let rows = sqlx::query("SELECT drill FROM drills ORDER BY id").fetch_all(&mut self.connection).await?;
        let mut drills = Vec::new();
        for row in &rows {
            // A drill is not worth a pin: one that cannot be read must not keep anything else from being read.
            match serde_json::from_str(row.try_get("drill")?) {
                Ok(drill) => drills.push(drill),
                Err(error) => tracing::warn!(%error, "a drill in the store cannot be read and is left out"),
            }
        }
        Ok(drills)
    }

    /// Whether there is a table. A command that only looks may meet a store that no daemon of this version has opened yet.
    async fn has_table(&mut self, name: &str) -> Result<bool, Error> {
        let table = sqlx::query("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?").bind(name);
        Ok(table.fetch_optional(&mut self.connection).await?.is_some())
    }

    /// Writes that a drill begins.
    pub(super) async fn drill(&mut self, drill: &Drill) -> Result<(), Error> {
        sqlx::query("INSERT INTO drills (drill) VALUES (?)")
            .bind(serde_json::to_string(drill)?)
            .execute(&mut self.connection)
            .await?;
        Ok(())
    }

    /// Writes that a duty was done.
    pub(super) async fn do_duty(&mut self, account: &AccountId, done: &DutyDone) -> Result<(), Error> {
        self.check_file()?;
        sqlx::query("INSERT INTO duties (account, done) VALUES (?, ?)")
            .bind(account.as_str())
            .bind(serde_json::to_string(done)?)
            .execute(&mut self.connection)
            .await?;
        Ok(())
    }

    /// The new version of the database, if another connection has committed anything since it was last taken in.
    pub(super) async fn changed_by_others(&mut self) -> Result<Option<i64>, Error> {
        let version = data_version(&mut self.connection).await?;
        Ok((version != self.version).then_some(version))
    }

    /// Everything up to this version is known.
    pub(super) fn has_taken_in(&mut self, version: i64) {
        self.version = version;
    }

    /// Whether the file is still the one that was opened. A file that was removed or replaced goes on being written
    /// without anybody ever reading it.
    fn check_file(&self) -> Result<(), Error> {
        let Some(file) = &self.file else { return Ok(()) };
        if identity(&file.path)? == file.identity {
            return Ok(());
        }
        Err(Error::Io(std::io::Error::other("its file was replaced; start again to use the one that is there now")))
    }

    /// Writes a batch in one transaction.
    pub(super) async fn write(&mut self, changes: &Changes) -> Result<(), Error> {
        self.check_file()?;
        let written = self.write_batch(changes).await;
        self.after(written).await
    }

    /// Gives a failed write on, with a new connection for the next one. SQLite rolls back by itself when the disk is full;
    /// the connection then counts one transaction too many, and whatever it "commits" later stays within a transaction
    /// that never ends.
    async fn after(&mut self, written: Result<(), Error>) -> Result<(), Error> {
        if written.is_err()
            && let Some(file) = &self.file
        {
            self.connection = options(&file.path).connect().await?;
            // Versions are counted by each connection for itself, so what people wrote is read again.
            self.version = -1;
        }
        written
    }

    async fn write_batch(&mut self, changes: &Changes) -> Result<(), Error> {
        let mut transaction = self.connection.begin().await?;
        for (tenant, source, memory) in &changes.sources {
            sqlx::query(
                "INSERT INTO source_memory (tenant, source, memory) VALUES (?, ?, ?)
                 ON CONFLICT (tenant, source) DO UPDATE SET memory = excluded.memory",
            )
            .bind(tenant.as_str())
            .bind(source.as_str())
            .bind(serde_json::to_string(memory)?)
            .execute(&mut *transaction)
            .await?;
        }
        for (tenant, pin, replaces) in &changes.pins {
            // A pin at first sight never replaces what a person wrote in the meantime.
            let statement = if *replaces {
                "INSERT INTO pins (tenant, pin) VALUES (?, ?) ON CONFLICT (tenant) DO UPDATE SET pin = excluded.pin"
            } else {
                "INSERT INTO pins (tenant, pin) VALUES (?, ?) ON CONFLICT (tenant) DO NOTHING"
            };
            sqlx::query(statement)
                .bind(tenant.as_str())
                .bind(serde_json::to_string(pin)?)
                .execute(&mut *transaction)
                .await?;
        }
        if let Some(tenants) = &changes.tenants {
            sqlx::query("DELETE FROM tenants").execute(&mut *transaction).await?;
            for (tenant, missing_since) in tenants {
                sqlx::query("INSERT INTO tenants (tenant, missing_since) VALUES (?, ?)")
                    .bind(tenant.as_str())
                    .bind(missing_since.map(|since| since.to_rfc3339()))
                    .execute(&mut *transaction)
                    .await?;
            }
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Writes statements and what they do to the pin.
    pub(super) async fn attest(
        &mut self,
        tenant: &TenantName,
        attestations: &[Attestation],
        pin: &PinChange,
    ) -> Result<(), Error> {
        self.check_file()?;
        let written = self.attest_all(tenant, attestations, pin).await;
        self.after(written).await
    }

    async fn attest_all(
        &mut self,
        tenant: &TenantName,
        attestations: &[Attestation],
        pin: &PinChange,
    ) -> Result<(), Error> {
        let mut transaction = self.connection.begin_with("BEGIN IMMEDIATE").await?;
        for attestation in attestations {
            sqlx::query("INSERT INTO attestations (tenant, attestation) VALUES (?, ?)")
                .bind(tenant.as_str())
                .bind(serde_json::to_string(attestation)?)
                .execute(&mut *transaction)
                .await?;
        }
        match pin {
            PinChange::Keep => {}
            PinChange::Set(pin) => {
                sqlx::query(
                    "INSERT INTO pins (tenant, pin) VALUES (?, ?) ON CONFLICT (tenant) DO UPDATE SET pin = excluded.pin",
                )
                .bind(tenant.as_str())
                .bind(serde_json::to_string(pin)?)
                .execute(&mut *transaction)
                .await?;
            }
            PinChange::Forget => {
                sqlx::query("DELETE FROM pins WHERE tenant = ?")
                    .bind(tenant.as_str())
                    .execute(&mut *transaction)
                    .await?;
            }
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Closes the connection; an error does not matter any more, for all that counts is committed.
    pub(super) async fn close(self) {
        if let Some(looked) = self.looked {
            let _ = looked.0.connection.close().await;
        }
        let _ = self.connection.close().await;
    }
}

fn options(path: &Path) -> SqliteConnectOptions {
    // FULL: a committed statement survives not only a kill but also a power cut.
    SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(BUSY)
        .synchronous(SqliteSynchronous::Full)
        // In KiB. Everything is read once and kept by ourselves, so that a page that was used is not used again soon.
        .pragma("cache_size", "-256")
        // Rows come from a thread of SQLite's own; with few places between the two, each would wake the other for every row.
        .row_buffer_size(ROWS)
        .disable_statement_logging()
}

/// Makes an empty file that only its owner can read, before `SQLite` would make one with the usual rights.
fn create_private(path: &Path) -> Result<(), std::io::Error> {
    use std::os::unix::fs::OpenOptionsExt;
    let made = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    match made {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

async fn data_version(connection: &mut SqliteConnection) -> Result<i64, Error> {
    Ok(sqlx::query("PRAGMA data_version").fetch_one(connection).await?.try_get(0)?)
}

fn identity(path: &Path) -> Result<(u64, u64), std::io::Error> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(path).map(|metadata| (metadata.dev(), metadata.ino()))
}

/// A document of a row; `None` if it cannot be read and its tenant is left out for that.
fn document<T: DeserializeOwned>(
    row: &SqliteRow,
    column: &str,
    tenant: &TenantName,
    damage: Damage,
    damaged: &mut BTreeSet<TenantName>,
) -> Result<Option<T>, Error> {
    match serde_json::from_str(row.try_get(column)?) {
        Ok(document) => Ok(Some(document)),
        Err(error) if damage == Damage::Skip => {
            tracing::warn!(%tenant, %error, "a word about tenant {tenant} in the store cannot be read");
            damaged.insert(tenant.clone());
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// The tenant of a row; `None` for a name that cannot be one any more.
fn name(row: &SqliteRow) -> Result<Option<TenantName>, Error> {
    Ok(TenantName::parse(row.try_get("tenant")?).ok())
}

#[cfg(test)]
impl Database {
    /// Damages a document.
    pub(super) async fn spoil(&mut self) {
        sqlx::query("UPDATE source_memory SET memory = '{'").execute(&mut self.connection).await.unwrap();
    }

    /// Does something to it that no version does.
    pub(super) async fn tamper(&mut self, statement: &'static str) {
        sqlx::query(statement).execute(&mut self.connection).await.unwrap();
    }

    /// Counts.
    pub(super) async fn count(&mut self, query: &str) -> i64 {
        sqlx::query_scalar(sqlx::AssertSqlSafe(query)).fetch_one(&mut self.connection).await.unwrap()
    }

    /// Makes the database look like one of a later version.
    pub(super) async fn pretend_newer(&mut self) {
        sqlx::query(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             VALUES (9999, 'later', TRUE, x'00', 0)",
        )
        .execute(&mut self.connection)
        .await
        .unwrap();
    }

    /// Writes a drill that no version knows.
    pub(super) async fn drill_raw(&mut self, document: &str) {
        sqlx::query("INSERT INTO drills (drill) VALUES (?)")
            .bind(document)
            .execute(&mut self.connection)
            .await
            .unwrap();
    }

    /// Writes a statement that no version knows.
    pub(super) async fn attest_raw(&mut self, tenant: &str, document: &str) {
        sqlx::query("INSERT INTO attestations (tenant, attestation) VALUES (?, ?)")
            .bind(tenant)
            .bind(document)
            .execute(&mut self.connection)
            .await
            .unwrap();
    }
}
