//! The rows of tenants that have another name now, and their leases.
//!
//! Replicas whose configuration is the older one go on writing under the former name for a while. Each replica with the newer one moves
//! that when it sees it; one after the other, and while nobody else writes.

use std::sync::Arc;

use sqlx::{Connection as _, Postgres as Pg, Row as _, Transaction};

use super::{Database, Error, Link, PATIENCE, commit, visit};
use crate::model::{Memory, TenantName};
use crate::store::renames::Rename;

impl Database {
    /// Moves everything that is kept by the name of a tenant, in one transaction.
    pub(in crate::store) async fn rename(&mut self, renames: &[Rename]) -> Result<(), Error> {
        visit!(&mut self.link, connection => {
            let mut transaction = connection.begin().await?;
            // In the order in which others write to them, so that nobody waits in a circle.
            let lock = sqlx::query("LOCK TABLE source_memory, attestations, pins IN SHARE ROW EXCLUSIVE MODE");
            lock.execute(&mut *transaction).await?;
            for rename in renames {
                if let Some((former, present)) = rename.readable(memories(&mut transaction, rename).await)? {
                    move_rows(&mut transaction, rename, former, present).await?;
                }
                move_leases(&mut transaction, rename).await?;
            }
            commit(transaction).await
        })
    }
}

/// What is kept under the two names; `None` if nothing is under the former one.
async fn memories(transaction: &mut Transaction<'_, Pg>, rename: &Rename) -> Result<Option<(Memory, Memory)>, Error> {
    let Some(former) = memory(transaction, &rename.former).await? else { return Ok(None) };
    Ok(Some((former, memory(transaction, &rename.present).await?.unwrap_or_default())))
}

/// Everything that is kept of a tenant; `None` if nothing is.
async fn memory(transaction: &mut Transaction<'_, Pg>, name: &TenantName) -> Result<Option<Memory>, Error> {
    let mut memory = Memory::default();
    let rows = sqlx::query("SELECT source, memory FROM source_memory WHERE tenant = $1").bind(name.as_str());
    for row in rows.fetch_all(&mut **transaction).await? {
        let source = serde_json::from_value(serde_json::Value::String(row.try_get("source")?))?;
        memory.sources.insert(source, Arc::new(serde_json::from_str(row.try_get("memory")?)?));
    }
    let pin = sqlx::query("SELECT pin FROM pins WHERE tenant = $1").bind(name.as_str());
    if let Some(row) = pin.fetch_optional(&mut **transaction).await? {
        memory.pin = Some(serde_json::from_str(row.try_get("pin")?)?);
    }
    let words = sqlx::query("SELECT attestation FROM attestations WHERE tenant = $1 ORDER BY id").bind(name.as_str());
    for row in words.fetch_all(&mut **transaction).await? {
        memory.attestations.push(serde_json::from_str(row.try_get("attestation")?)?);
    }
    Ok((memory != Memory::default()).then_some(memory))
}

async fn move_rows(
    transaction: &mut Transaction<'_, Pg>,
    rename: &Rename,
    former: Memory,
    present: Memory,
) -> Result<(), Error> {
    let (memory, note) = rename.renamed().follow(former, present);
    let (old, new) = (rename.former.as_str(), rename.present.as_str());
    for statement in ["DELETE FROM source_memory WHERE tenant IN ($1, $2)", "DELETE FROM pins WHERE tenant IN ($1, $2)"]
    {
        sqlx::query(statement).bind(old).bind(new).execute(&mut **transaction).await?;
    }
    for (source, memory) in &memory.sources {
        sqlx::query("INSERT INTO source_memory (tenant, source, memory) VALUES ($1, $2, $3)")
            .bind(new)
            .bind(source.as_str())
            .bind(serde_json::to_string(memory)?)
            .execute(&mut **transaction)
            .await?;
    }
    if let Some(pin) = &memory.pin {
        let query = sqlx::query("INSERT INTO pins (tenant, pin) VALUES ($1, $2)").bind(new);
        query.bind(serde_json::to_string(pin)?).execute(&mut **transaction).await?;
    }
    // Their numbers stay, and with them the order in which they were said.
    let words = "UPDATE attestations SET tenant = $1, changed = pg_current_xact_id() WHERE tenant = $2";
    sqlx::query(words).bind(new).bind(old).execute(&mut **transaction).await?;
    if let Some(note) = note {
        let query = sqlx::query("INSERT INTO attestations (tenant, attestation) VALUES ($1, $2)").bind(new);
        query.bind(serde_json::to_string(&note)?).execute(&mut **transaction).await?;
    }
    Ok(())
}

/// A source is due when it was due under the former name, and whoever polls it may go on.
async fn move_leases(transaction: &mut Transaction<'_, Pg>, rename: &Rename) -> Result<(), Error> {
    let (old, new) = (rename.former.as_str(), rename.present.as_str());
    let moved = "UPDATE leases SET tenant = $1 WHERE tenant = $2
        AND source NOT IN (SELECT source FROM leases WHERE tenant = $1)";
    sqlx::query(moved).bind(new).bind(old).execute(&mut **transaction).await?;
    sqlx::query("DELETE FROM leases WHERE tenant = $1").bind(old).execute(&mut **transaction).await?;
    Ok(())
}
