//! The rows of the notices, and the lease of who sends them.

use std::collections::BTreeMap;
use std::time::Duration;

use sqlx::{Connection as _, Row as _};

use super::{Database, Error, Link, PATIENCE, commit, visit};
use crate::model::LetterEvent;
use crate::store::notices::{Hold, NoticeChanges};

/// Whether the lease is this replica's, which it then stays until the end of the transaction.
const LEASE: &str = "SELECT 1 FROM leases WHERE tenant = '' AND source = 'notices' AND owner = $1
    AND until > clock_timestamp() FOR UPDATE";

impl Database {
    /// Takes the lease, or keeps it. No tenant has an empty name: its row stands among those of the sources.
    pub(in crate::store) async fn hold_notices(&mut self, hold: Duration) -> Result<Hold, Error> {
        let owner = self.owner.clone().unwrap_or_default();
        visit!(&mut self.link, connection => {
            // What was not taken is judged as it was before. Nobody holds it for an hour: such a lease is left from when the clock
            // of the database was ahead.
            let query = sqlx::query(
                "WITH taken AS (
                        INSERT INTO leases AS known (tenant, source, owner, until, next_at)
                        VALUES ('', 'notices', $1, clock_timestamp() + $2 * interval '1 second', clock_timestamp())
                        ON CONFLICT (tenant, source) DO UPDATE SET owner = excluded.owner, until = excluded.until
                        WHERE known.owner = excluded.owner OR known.until <= clock_timestamp()
                            OR known.until > clock_timestamp() + interval '1 hour'
                        RETURNING owner
                    )
                    SELECT EXISTS (SELECT 1 FROM taken) AS is_mine,
                        EXISTS (SELECT 1 FROM leases WHERE tenant = '' AND source = 'notices' AND owner = $1) AS was_mine",
            );
            let row = query.bind(&owner).bind(hold.as_secs_f64()).fetch_one(connection).await?;
            Ok(match (row.try_get("is_mine")?, row.try_get("was_mine")?) {
                (true, true) => Hold::Mine,
                (true, false) => Hold::Anew,
                (false, _) => Hold::Others,
            })
        })
    }

    /// All rows.
    pub(in crate::store) async fn notices(&mut self) -> Result<BTreeMap<String, String>, Error> {
        visit!(&mut self.link, connection => {
            let rows = sqlx::query("SELECT name, document FROM notices").fetch_all(connection).await?;
            rows.iter().map(|row| Ok((row.try_get("name")?, row.try_get("document")?))).collect()
        })
    }

    /// Writes rows in one transaction; false if the lease is another one's.
    pub(in crate::store) async fn keep_notices(&mut self, changes: &NoticeChanges) -> Result<bool, Error> {
        let owner = self.owner.clone().unwrap_or_default();
        let kept = changes.iter().filter_map(|(name, document)| Some((name.as_str(), document.as_deref()?)));
        let (names, documents): (Vec<&str>, Vec<&str>) = kept.unzip();
        let gone = changes.iter().filter(|(_, document)| document.is_none());
        let gone: Vec<&str> = gone.map(|(name, _)| name.as_str()).collect();
        visit!(&mut self.link, connection => {
            let mut transaction = connection.begin().await?;
            if sqlx::query(LEASE).bind(&owner).fetch_optional(&mut *transaction).await?.is_none() {
                return Ok(false);
            }
            let insert = sqlx::query(
                "INSERT INTO notices (name, document) SELECT * FROM UNNEST($1::text[], $2::text[])
                    ON CONFLICT (name) DO UPDATE SET document = excluded.document",
            );
            insert.bind(&names).bind(&documents).execute(&mut *transaction).await?;
            let delete = sqlx::query("DELETE FROM notices WHERE name = ANY($1)");
            delete.bind(&gone).execute(&mut *transaction).await?;
            commit(transaction).await?;
            Ok(true)
        })
    }

    /// Writes that a letter is due; false if the lease is another one's, or the one before us had begun the same letter, of which we
    /// do not know yet.
    pub(in crate::store) async fn keep_letter(&mut self, event: &LetterEvent) -> Result<bool, Error> {
        let owner = self.owner.clone().unwrap_or_default();
        // As it is written below; nothing is parsed, for a row that is damaged must keep no letter back.
        let known = format!(r#"{{"event":"due","number":{},"#, event.number());
        let event = serde_json::to_string(event)?;
        visit!(&mut self.link, connection => {
            let mut transaction = connection.begin().await?;
            if sqlx::query(LEASE).bind(&owner).fetch_optional(&mut *transaction).await?.is_none() {
                return Ok(false);
            }
            let insert = sqlx::query(
                "INSERT INTO letters (event) SELECT $1
                WHERE NOT EXISTS (SELECT 1 FROM letters WHERE starts_with(event, $2))",
            );
            let kept = insert.bind(event).bind(known).execute(&mut *transaction).await?.rows_affected();
            commit(transaction).await?;
            Ok(kept > 0)
        })
    }
}
