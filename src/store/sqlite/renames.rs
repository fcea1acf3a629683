//! The rows of tenants that have another name now.

use std::sync::Arc;

use sqlx::{Connection as _, Row as _, SqliteConnection};

use super::{Database, Error};
use crate::model::{Memory, TenantName};
use crate::store::renames::Rename;

impl Database {
    /// Moves everything that is kept by the name of a tenant, in one transaction.
    pub(in crate::store) async fn rename(&mut self, renames: &[Rename]) -> Result<(), Error> {
        self.check_file()?;
        let written = self.rename_all(renames).await;
        self.after(written).await?;
        // What people said stands under other names now, in the order in which it was written: it is read again.
        self.version = -1;
        Ok(())
    }

    async fn rename_all(&mut self, renames: &[Rename]) -> Result<(), Error> {
        let mut transaction = self.connection.begin_with("BEGIN IMMEDIATE").await?;
        for rename in renames {
            if let Some((former, present)) = rename.readable(memories(&mut transaction, rename).await)? {
                move_rows(&mut transaction, rename, former, present).await?;
            }
        }
        transaction.commit().await?;
        Ok(())
    }
}

/// What is kept under the two names; `None` if nothing is under the former one.
async fn memories(connection: &mut SqliteConnection, rename: &Rename) -> Result<Option<(Memory, Memory)>, Error> {
    let Some(former) = memory(connection, &rename.former).await? else { return Ok(None) };
    Ok(Some((former, memory(connection, &rename.present).await?.unwrap_or_default())))
}

/// Everything that is kept of a tenant; `None` if nothing is.
async fn memory(connection: &mut SqliteConnection, name: &TenantName) -> Result<Option<Memory>, Error> {
    let mut memory = Memory::default();
    let rows = sqlx::query("SELECT source, memory FROM source_memory WHERE tenant = ?").bind(name.as_str());
    for row in rows.fetch_all(&mut *connection).await? {
        let source = serde_json::from_value(serde_json::Value::String(row.try_get("source")?))?;
        memory.sources.insert(source, Arc::new(serde_json::from_str(row.try_get("memory")?)?));
    }
    let pin = sqlx::query("SELECT pin FROM pins WHERE tenant = ?").bind(name.as_str());
    if let Some(row) = pin.fetch_optional(&mut *connection).await? {
        memory.pin = Some(serde_json::from_str(row.try_get("pin")?)?);
    }
    let words = sqlx::query("SELECT attestation FROM attestations WHERE tenant = ? ORDER BY id").bind(name.as_str());
    for row in words.fetch_all(connection).await? {
        memory.attestations.push(serde_json::from_str(row.try_get("attestation")?)?);
    }
    Ok((memory != Memory::default()).then_some(memory))
}

async fn move_rows(
    connection: &mut SqliteConnection,
    rename: &Rename,
    former: Memory,
    present: Memory,
) -> Result<(), Error> {
    let (memory, note) = rename.renamed().follow(former, present);
    let (old, new) = (rename.former.as_str(), rename.present.as_str());
    for statement in ["DELETE FROM source_memory WHERE tenant = ?", "DELETE FROM pins WHERE tenant = ?"] {
        for name in [old, new] {
            sqlx::query(statement).bind(name).execute(&mut *connection).await?;
        }
    }
    for (source, memory) in &memory.sources {
        sqlx::query("INSERT INTO source_memory (tenant, source, memory) VALUES (?, ?, ?)")
            .bind(new)
            .bind(source.as_str())
            .bind(serde_json::to_string(memory)?)
            .execute(&mut *connection)
            .await?;
    }
    if let Some(pin) = &memory.pin {
        let query = sqlx::query("INSERT INTO pins (tenant, pin) VALUES (?, ?)").bind(new);
        query.bind(serde_json::to_string(pin)?).execute(&mut *connection).await?;
    }
    // Their numbers stay, and with them the order in which they were said.
    let words = sqlx::query("UPDATE attestations SET tenant = ? WHERE tenant = ?").bind(new).bind(old);
    words.execute(&mut *connection).await?;
    if let Some(note) = note {
        let query = sqlx::query("INSERT INTO attestations (tenant, attestation) VALUES (?, ?)").bind(new);
        query.bind(serde_json::to_string(&note)?).execute(connection).await?;
    }
    Ok(())
}
