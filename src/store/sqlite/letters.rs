//! The rows of the letters.

use sqlx::Row as _;

use super::{Database, Error};
use crate::model::LetterEvent;

impl Database {
    /// Reads what happened with the letters.
    pub(super) async fn load_letters(&mut self) -> Result<Vec<LetterEvent>, Error> {
        if !self.has_table("letters").await? {
            return Ok(Vec::new());
        }
        let rows = sqlx::query("SELECT event FROM letters ORDER BY id").fetch_all(&mut self.connection).await?;
        let mut letters = Vec::new();
        for row in &rows {
            // Without it a letter counts as not confirmed, or comes once more; nothing else depends on it.
            match serde_json::from_str(row.try_get("event")?) {
                Ok(event) => letters.push(event),
                Err(error) => {
                    tracing::warn!(%error, "a row of the letters in the store cannot be read and is left out")
                }
            }
        }
        Ok(letters)
    }

    /// Writes what happened with a letter.
    pub(in crate::store) async fn write_letter(&mut self, event: &LetterEvent) -> Result<(), Error> {
        self.check_file()?;
        sqlx::query("INSERT INTO letters (event) VALUES (?)")
            .bind(serde_json::to_string(event)?)
            .execute(&mut self.connection)
            .await?;
        Ok(())
    }
}
