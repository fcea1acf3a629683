//! The rows of the notices.

use std::collections::BTreeMap;

use sqlx::{Connection as _, Row as _};

use super::{Database, Error};
use crate::store::notices::NoticeChanges;

impl Database {
    /// All rows.
    pub(in crate::store) async fn notices(&mut self) -> Result<BTreeMap<String, String>, Error> {
        let rows = sqlx::query("SELECT name, document FROM notices").fetch_all(&mut self.connection).await?;
        rows.iter().map(|row| Ok((row.try_get("name")?, row.try_get("document")?))).collect()
    }

    /// Writes rows in one transaction.
    pub(in crate::store) async fn keep_notices(&mut self, changes: &NoticeChanges) -> Result<(), Error> {
        self.check_file()?;
        let written = self.keep_all_notices(changes).await;
        self.after(written).await
    }

    async fn keep_all_notices(&mut self, changes: &NoticeChanges) -> Result<(), Error> {
        let mut transaction = self.connection.begin_with("BEGIN IMMEDIATE").await?;
        for (name, document) in changes {
            let query = match document {
                Some(document) => sqlx::query(
                    "INSERT INTO notices (name, document) VALUES (?, ?)
                     ON CONFLICT (name) DO UPDATE SET document = excluded.document",
                )
                .bind(name)
                .bind(document),
                None => sqlx::query("DELETE FROM notices WHERE name = ?").bind(name),
            };
            query.execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        Ok(())
    }
}
