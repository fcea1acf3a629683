//! The durable part on PostgreSQL, for several replicas.
//!
//! Each replica keeps everything in memory and looks here for what the others wrote. A connection that fails is made anew at the
//! next try; nothing waits for longer than [`PATIENCE`].

pub(super) mod leases;
mod notices;
mod renames;
mod rows;

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection, Postgres as Pg, Row, Transaction};

use self::rows::{parse, words};
use super::database::{Look, Seen};
use super::writer::Changes;
use super::{Contents, Damage, Error, HumanWords};
use crate::config::Postgres;
use crate::model::{
    AccountId, Attestation, Drill, DutyDone, LetterEvent, Memory, Pin, PinChange, Source, SourceMemory, TenantName,
};
use crate::secret::SecretFile;

/// What one visit to the database may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the server may take for one statement. Below [`PATIENCE`], so that it is the one that gives up.
const STATEMENT: &str = "4s";

/// Does some work on the connection of a [`Link`]. What fails, or takes too long, drops the connection. A macro, since an async
/// closure that borrows cannot be told to be `Send`.
macro_rules! visit {
    ($link:expr, $connection:ident => $work:expr) => {{
        let link: &mut Link = $link;
        let visit = async {
            let $connection = link.connection().await?;
            $work
        };
        let ended = tokio::time::timeout(PATIENCE, visit).await.unwrap_or(Err(Error::Unsure));
        if ended.is_err() {
            link.drop_connection();
        }
        ended
    }};
}
use visit;

/// A connection that is made when it is needed.
#[derive(Debug)]
pub(super) struct Link {
    place: Postgres,
    connection: Option<PgConnection>,
}

impl Link {
    pub(super) fn new(place: &Postgres) -> Self {
        Self { place: place.clone(), connection: None }
    }

    /// The connection, made if there is none.
    async fn connection(&mut self) -> Result<&mut PgConnection, Error> {
        match &mut self.connection {
            Some(connection) => Ok(connection),
            connection => Ok(connection.insert(connect(&self.place).await?)),
        }
    }

    /// Drops the connection: the server undoes what was not committed.
    fn drop_connection(&mut self) {
        self.connection = None;
    }

    async fn close(self) {
        if let Some(connection) = self.connection {
            let _ = tokio::time::timeout(PATIENCE, connection.close()).await;
        }
    }
}

/// The password is read anew each time, so that a rotated one is taken.
async fn connect(place: &Postgres) -> Result<PgConnection, Error> {
    let mut options = PgConnectOptions::from_str(place.url.as_str())?
        .options([
            ("statement_timeout", STATEMENT),
            ("lock_timeout", STATEMENT),
            // A replica that was cut off in the middle must not keep the others waiting.
            ("idle_in_transaction_session_timeout", "2s"),
        ])
        .disable_statement_logging();
    if !place.url.query_pairs().any(|(key, _)| key == "application_name") {
        options = options.application_name("apnswatch");
    }
    if let Some(path) = &place.password_file {
        let secret = SecretFile::new(path).fetch().await.map_err(|failure| Error::Password(failure.message))?;
        options = options.password(secret.expose_str().unwrap_or_default());
    }
    Ok(options.connect().await?)
}

/// The database, as the writer and commands use it.
#[derive(Debug)]
pub(super) struct Database {
    link: Link,
    /// The name of this replica in the leases; what it may not write it does not write. `None`: a command, which writes no
    /// observations.
    owner: Option<String>,
    /// Every transaction before this one was over when changes were last taken in.
    seen: Option<String>,
}

impl Database {
    pub(super) fn new(place: &Postgres, owner: Option<String>) -> Self {
        Self { link: Link::new(place), owner, seen: None }
    }

    /// Brings the database to the present schema, as one of several that may do so at once.
    pub(super) async fn prepare(&mut self) -> Result<(), Error> {
        visit!(&mut self.link, connection => {
            // `run` takes anything that gives a connection, which is too general for a task.
            Ok(sqlx::migrate!("src/store/postgres/migrations").run_direct(None, connection, false).await?)
        })
    }

    /// Whether it was ever prepared.
    pub(super) async fn is_prepared(&mut self) -> Result<bool, Error> {
        let query = "SELECT to_regclass('source_memory') IS NOT NULL";
        visit!(&mut self.link, connection => Ok(sqlx::query_scalar(query).fetch_one(connection).await?))
    }

    /// Reads everything, as it was at one moment.
    pub(super) async fn load(&mut self) -> Result<Contents, Error> {
        let (contents, seen) = visit!(&mut self.link, connection => {
            let mut transaction = at_one_moment(connection).await?;
            let seen = horizon(&mut transaction).await?;
            let mut tenants: BTreeMap<TenantName, Memory> = BTreeMap::new();
            for (name, source, memory) in sources(&mut transaction, None, Damage::Fail).await? {
                tenants.entry(name).or_default().sources.insert(source, Arc::new(memory));
            }
            let HumanWords { pins, attestations, duties, drills, letters, .. } =
                words(&mut transaction, Damage::Fail).await?;
            for (name, pin) in pins {
                tenants.entry(name).or_default().pin = Some(pin);
            }
            for (name, attestations) in attestations {
                tenants.entry(name).or_default().attestations = attestations;
            }
            let configured = rows::configured(&mut transaction).await?;
            Ok((Contents { tenants, configured, duties, drills, letters }, seen))
        })?;
        self.seen = Some(seen);
        Ok(contents)
    }

    /// What others wrote since changes were last taken in; maybe also some of what was known.
    pub(super) async fn look(&mut self) -> Result<Option<Look>, Error> {
        let since = self.seen.clone();
        visit!(&mut self.link, connection => {
            let mut transaction = at_one_moment(connection).await?;
            let seen = horizon(&mut transaction).await?;
            let changed = sources(&mut transaction, since.as_deref(), Damage::Skip).await?;
            let is_said = match &since {
                None => true,
                Some(since) => rows::is_said(&mut transaction, since).await?,
            };
            let words = if is_said { Some(words(&mut transaction, Damage::Skip).await?) } else { None };
            Ok(Some(Look { sources: changed, words, seen: Seen::Before(seen) }))
        })
    }

    /// Everything before this is known.
    pub(super) fn has_taken_in(&mut self, seen: String) {
        self.seen = Some(seen);
    }

    /// Writes a batch in one transaction. Gives what others wrote of the sources that are not this replica's to write.
    pub(super) async fn write(&mut self, changes: &Changes) -> Result<Vec<(TenantName, Source, SourceMemory)>, Error> {
        let owner = self.owner.clone().unwrap_or_default();
        visit!(&mut self.link, connection => {
            let mut transaction = connection.begin().await?;
            let foreign = rows::write_sources(&mut transaction, &changes.sources, &owner).await?;
            rows::write_pins(&mut transaction, &changes.pins).await?;
            if let Some(tenants) = &changes.tenants {
                rows::write_tenants(&mut transaction, tenants).await?;
            }
            commit(transaction).await?;
            Ok(foreign)
        })
    }

    /// Writes statements and what they do to the pin.
    pub(super) async fn attest(
        &mut self,
        tenant: &TenantName,
        attestations: &[Attestation],
        pin: &PinChange,
    ) -> Result<(), Error> {
        visit!(&mut self.link, connection => {
            let mut transaction = connection.begin().await?;
            for attestation in attestations {
                sqlx::query("INSERT INTO attestations (tenant, attestation) VALUES ($1, $2)")
                    .bind(tenant.as_str())
                    .bind(serde_json::to_string(attestation)?)
                    .execute(&mut *transaction)
                    .await?;
            }
            match pin {
                PinChange::Keep => {}
                PinChange::Set(pin) => {
                    rows::write_pins(&mut transaction, &[(tenant.clone(), Pin::clone(pin), true)]).await?;
                }
                PinChange::Forget => {
                    let forget = sqlx::query("DELETE FROM pins WHERE tenant = $1").bind(tenant.as_str());
                    forget.execute(&mut *transaction).await?;
                }
            }
            commit(transaction).await
        })
    }

    /// Writes that a duty was done.
    pub(super) async fn do_duty(&mut self, account: &AccountId, done: &DutyDone) -> Result<(), Error> {
        let done = serde_json::to_string(done)?;
        visit!(&mut self.link, connection => {
            let query = sqlx::query("INSERT INTO duties (account, done) VALUES ($1, $2)");
            query.bind(account.as_str()).bind(done).execute(connection).await?;
            Ok(())
        })
    }

    /// Writes that a drill begins.
    pub(super) async fn drill(&mut self, drill: &Drill) -> Result<(), Error> {
        let drill = serde_json::to_string(drill)?;
        visit!(&mut self.link, connection => {
            sqlx::query("INSERT INTO drills (drill) VALUES ($1)").bind(drill).execute(connection).await?;
            Ok(())
        })
    }

    /// Writes that a letter was confirmed, or taken.
    pub(super) async fn write_letter(&mut self, event: &LetterEvent) -> Result<(), Error> {
        let event = serde_json::to_string(event)?;
        visit!(&mut self.link, connection => {
            sqlx::query("INSERT INTO letters (event) VALUES ($1)").bind(event).execute(connection).await?;
            Ok(())
        })
    }

    /// Closes the connection; an error does not matter any more, for all that counts is committed.
    pub(super) async fn close(self) {
        self.link.close().await;
    }
}

/// Reads that see one moment, and write nothing.
async fn at_one_moment(connection: &mut PgConnection) -> Result<Transaction<'_, Pg>, Error> {
    Ok(connection.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY").await?)
}

/// Whether a commit that fails was one nobody can say: the answer may have been lost on its way.
async fn commit(transaction: Transaction<'_, Pg>) -> Result<(), Error> {
    transaction.commit().await.map_err(|error| match error {
        sqlx::Error::Database(_) => error.into(),
        _ => Error::Unsure,
    })
}

/// The first transaction that was not over yet.
async fn horizon(transaction: &mut Transaction<'_, Pg>) -> Result<String, Error> {
    let query = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text";
    Ok(sqlx::query_scalar(query).fetch_one(&mut **transaction).await?)
}

/// What sources told, of all or of those that were written since.
async fn sources(
    transaction: &mut Transaction<'_, Pg>,
    since: Option<&str>,
    damage: Damage,
) -> Result<Vec<(TenantName, Source, SourceMemory)>, Error> {
    let query = "SELECT tenant, source, memory FROM source_memory WHERE $1::text IS NULL OR changed >= $1::text::xid8";
    let rows = sqlx::query(query).bind(since).fetch_all(&mut **transaction).await?;
    let mut found = Vec::with_capacity(rows.len());
    for row in &rows {
        let source: Result<Source, _> = serde_json::from_value(serde_json::Value::String(row.try_get("source")?));
        let memory: Option<SourceMemory> = parse(row.try_get("memory")?, damage)?;
        match (TenantName::parse(row.try_get("tenant")?), source, memory) {
            (Ok(name), Ok(source), Some(memory)) => found.push((name, source, memory)),
            (_, Err(error), _) if damage == Damage::Fail => return Err(error.into()),
            // A name that cannot be one any more, or a source of a later version.
            _ => {}
        }
    }
    Ok(found)
}
