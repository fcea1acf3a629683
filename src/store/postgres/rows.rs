//! The rows of the tables, read and written.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use sqlx::{Postgres as Pg, Row, Transaction};

use crate::model::{AccountId, Pin, Source, SourceMemory, TenantName};
use crate::store::{Damage, Error, HumanWords};

/// A document; `None` if it cannot be read and is left out for that.
pub(super) fn parse<T: DeserializeOwned>(text: &str, damage: Damage) -> Result<Option<T>, Error> {
    match serde_json::from_str(text) {
        Ok(document) => Ok(Some(document)),
        Err(error) if damage == Damage::Skip => {
            tracing::warn!(%error, "a document in the store cannot be read and is left out");
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// Whether anybody said anything since.
pub(super) async fn is_said(transaction: &mut Transaction<'_, Pg>, since: &str) -> Result<bool, Error> {
    // A pin that is deleted is deleted with a word.
    let query = "SELECT EXISTS (SELECT 1 FROM pins WHERE changed >= $1::text::xid8)
        OR EXISTS (SELECT 1 FROM attestations WHERE changed >= $1::text::xid8)
        OR EXISTS (SELECT 1 FROM duties WHERE changed >= $1::text::xid8)
        OR EXISTS (SELECT 1 FROM drills WHERE changed >= $1::text::xid8)
        OR EXISTS (SELECT 1 FROM letters WHERE changed >= $1::text::xid8)";
    Ok(sqlx::query_scalar(query).bind(since).fetch_one(&mut **transaction).await?)
}

/// What people said, and the pins.
pub(super) async fn words(transaction: &mut Transaction<'_, Pg>, damage: Damage) -> Result<HumanWords, Error> {
    let mut words = HumanWords::default();
    for row in sqlx::query("SELECT tenant, pin FROM pins").fetch_all(&mut **transaction).await? {
        let Ok(name) = TenantName::parse(row.try_get("tenant")?) else { continue };
        match parse(row.try_get("pin")?, damage)? {
            Some(pin) => drop(words.pins.insert(name, pin)),
            None => drop(words.damaged.insert(name)),
        }
    }
    let query = "SELECT tenant, attestation FROM attestations ORDER BY id";
    for row in sqlx::query(query).fetch_all(&mut **transaction).await? {
        let Ok(name) = TenantName::parse(row.try_get("tenant")?) else { continue };
        match parse(row.try_get("attestation")?, damage)? {
            Some(attestation) => words.attestations.entry(name).or_default().push(attestation),
            None => drop(words.damaged.insert(name)),
        }
    }
    for row in sqlx::query("SELECT account, done FROM duties ORDER BY id").fetch_all(&mut **transaction).await? {
        let Ok(account) = AccountId::parse(row.try_get("account")?) else { continue };
        words.duties.entry(account).or_default().extend(parse(row.try_get("done")?, damage)?);
    }
    for row in sqlx::query("SELECT drill FROM drills ORDER BY id").fetch_all(&mut **transaction).await? {
        // A drill is not worth a pin: one that cannot be read must not keep anything else from being read.
        words.drills.extend(parse(row.try_get("drill")?, Damage::Skip)?);
    }
    // A command that only looks may meet a database that no daemon of this version has opened yet.
    let is_there: bool =
        sqlx::query_scalar("SELECT to_regclass('letters') IS NOT NULL").fetch_one(&mut **transaction).await?;
    if is_there {
        for row in sqlx::query("SELECT event FROM letters ORDER BY id").fetch_all(&mut **transaction).await? {
            // Without it a letter counts as not confirmed, or comes once more; nothing else depends on it.
            words.letters.extend(parse(row.try_get("event")?, Damage::Skip)?);
        }
    }
    Ok(words)
}

/// The tenants that were configured, and since when one of them is missing.
pub(super) async fn configured(
    transaction: &mut Transaction<'_, Pg>,
) -> Result<BTreeMap<TenantName, Option<DateTime<Utc>>>, Error> {
    let mut configured = BTreeMap::new();
    for row in sqlx::query("SELECT tenant, missing_since FROM tenants").fetch_all(&mut **transaction).await? {
        let since = row.try_get::<Option<&str>, _>("missing_since")?.and_then(|since| since.parse().ok());
        if let Ok(name) = TenantName::parse(row.try_get("tenant")?) {
            configured.insert(name, since);
        }
    }
    Ok(configured)
}

/// Writes what sources told, as far as this replica holds their leases; gives what is there of the others. The leases stay as
/// they are until the end of the transaction, so that nobody takes one over in between.
pub(super) async fn write_sources(
    transaction: &mut Transaction<'_, Pg>,
    sources: &[(TenantName, Source, Arc<SourceMemory>)],
    owner: &str,
) -> Result<Vec<(TenantName, Source, SourceMemory)>, Error> {
    if sources.is_empty() {
        return Ok(Vec::new());
    }
    let names: Vec<&str> = sources.iter().map(|(name, ..)| name.as_str()).collect();
    let kinds: Vec<&str> = sources.iter().map(|(_, source, _)| source.as_str()).collect();
    let memories: Vec<String> =
        sources.iter().map(|(.., memory)| serde_json::to_string(memory)).collect::<Result<_, _>>()?;
    let written = sqlx::query(
        "WITH given AS (SELECT * FROM UNNEST($1::text[], $2::text[], $3::text[]) AS given (tenant, source, memory)),
        mine AS (
            SELECT given.tenant, given.source, given.memory FROM given
            JOIN leases ON leases.tenant = given.tenant AND leases.source = given.source
            WHERE leases.owner = $4 FOR SHARE OF leases
        )
        INSERT INTO source_memory AS known (tenant, source, memory) SELECT tenant, source, memory FROM mine
        ON CONFLICT (tenant, source) DO UPDATE SET memory = excluded.memory, changed = pg_current_xact_id()
        RETURNING tenant, source",
    )
    .bind(&names)
    .bind(&kinds)
    .bind(&memories)
    .bind(owner)
    .fetch_all(&mut **transaction)
    .await?;
    if written.len() == sources.len() {
        return Ok(Vec::new());
    }
    let mut mine: Vec<(&str, &str)> = Vec::with_capacity(written.len());
    for row in &written {
        mine.push((row.try_get("tenant")?, row.try_get("source")?));
    }
    mine.sort_unstable();
    let is_foreign = |(name, source, _): &&(TenantName, Source, Arc<SourceMemory>)| {
        mine.binary_search(&(name.as_str(), source.as_str())).is_err()
    };
    // Collected first: a closure that borrows may not live across an await in a task.
    let others: Vec<(&TenantName, Source)> =
        sources.iter().filter(is_foreign).map(|(name, source, _)| (name, *source)).collect();
    let mut foreign = Vec::new();
    for (name, source) in others {
        let query = sqlx::query_scalar("SELECT memory FROM source_memory WHERE tenant = $1 AND source = $2");
        let known: Option<String> =
            query.bind(name.as_str()).bind(source.as_str()).fetch_optional(&mut **transaction).await?;
        if let Some(memory) = known.map(|known| parse(&known, Damage::Skip)).transpose()?.flatten() {
            foreign.push((name.clone(), source, memory));
        }
    }
    Ok(foreign)
}

/// Writes pins; one at first sight never replaces what a person wrote in the meantime.
pub(super) async fn write_pins(
    transaction: &mut Transaction<'_, Pg>,
    pins: &[(TenantName, Pin, bool)],
) -> Result<(), Error> {
    for (tenant, pin, replaces) in pins {
        let statement = if *replaces {
            "INSERT INTO pins (tenant, pin) VALUES ($1, $2)
             ON CONFLICT (tenant) DO UPDATE SET pin = excluded.pin, changed = pg_current_xact_id()"
        } else {
            "INSERT INTO pins (tenant, pin) VALUES ($1, $2) ON CONFLICT (tenant) DO NOTHING"
        };
        let query = sqlx::query(statement).bind(tenant.as_str()).bind(serde_json::to_string(pin)?);
        query.execute(&mut **transaction).await?;
    }
    Ok(())
}

/// Writes which tenants are configured.
pub(super) async fn write_tenants(
    transaction: &mut Transaction<'_, Pg>,
    tenants: &BTreeMap<TenantName, Option<DateTime<Utc>>>,
) -> Result<(), Error> {
    // Two replicas at once would meet each other's rows.
    sqlx::query("LOCK TABLE tenants IN EXCLUSIVE MODE").execute(&mut **transaction).await?;
    sqlx::query("DELETE FROM tenants").execute(&mut **transaction).await?;
    let names: Vec<&str> = tenants.keys().map(TenantName::as_str).collect();
    let missing: Vec<Option<String>> = tenants.values().map(|since| since.map(|since| since.to_rfc3339())).collect();
    sqlx::query("INSERT INTO tenants (tenant, missing_since) SELECT * FROM UNNEST($1::text[], $2::text[])")
        .bind(&names)
        .bind(&missing)
        .execute(&mut **transaction)
        .await?;
    Ok(())
}
