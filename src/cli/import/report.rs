//! What the imported tenants can and cannot know.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::json;

use crate::cli::check::gap;
use crate::config::{Config, Tenant};
use crate::model::Question;
use crate::words;

/// What was read, and where it went.
#[derive(Debug)]
pub(super) struct Import<'a> {
    /// The configuration with the new tenants in it.
    pub(super) config: &'a Config,
    /// The new tenants.
    pub(super) tenants: &'a [&'a Arc<Tenant>],
    /// The CSV file.
    pub(super) file: &'a Path,
    /// The tenant file.
    pub(super) target: &'a Path,
    /// Whether it was written.
    pub(super) written: bool,
}

/// A tenant of a report.
struct Row<'a> {
    tenant: &'a Tenant,
    /// What nothing in its configuration could ever tell, with what would close it.
    gaps: Vec<(Question, String)>,
    /// Files that it names and that are not there, each with its key.
    missing: Vec<(&'static str, &'a Path)>,
}

impl<'a> Row<'a> {
    fn of(tenant: &'a Tenant, config: &Config) -> Self {
        let gaps = Question::ALL.into_iter().filter_map(|question| Some((question, gap(question, tenant, config)?)));
        let is_path = |path: &&PathBuf| !path.to_string_lossy().contains(['*', '?', '[']);
        let named = |key, paths: &'a [PathBuf]| paths.iter().filter(is_path).map(move |path| (key, path.as_path()));
        let certificate = &tenant.certificate;
        let files = named("certificate_file", &certificate.files).chain(named("profile", &certificate.profiles));
        let missing = tenant.mdm.credential_files().into_iter().chain(files).filter(|(_, path)| !path.exists());
        Self { tenant, gaps: gaps.collect(), missing: missing.collect() }
    }

    fn knows(&self) -> Vec<Question> {
        let is_open = |question: &Question| self.gaps.iter().any(|(open, _)| open == question);
        Question::ALL.into_iter().filter(|question| !is_open(question)).collect()
    }
}

/// For people: a line or two for each tenant, then what is missing most often.
pub(super) fn text(import: &Import<'_>, out: &mut dyn Write) -> io::Result<()> {
    let list =
        |questions: &[Question]| questions.iter().map(|question| question.unwatched()).collect::<Vec<_>>().join(", ");
    let rows: Vec<Row<'_>> = import.tenants.iter().map(|tenant| Row::of(tenant, import.config)).collect();
    for row in &rows {
        let name = words::clean(row.tenant.name.as_str(), 128);
        if row.tenant.retired {
            writeln!(out, "{name} ({}): retired, nothing is asked", row.tenant.mdm.kind())?;
            continue;
        }
        let knows = row.knows();
        let knows = if knows.is_empty() { "can know nothing".to_owned() } else { format!("can know {}", list(&knows)) };
        let gaps: Vec<Question> = row.gaps.iter().map(|(question, _)| *question).collect();
        let blind = if gaps.is_empty() { String::new() } else { format!("; nobody watches {}", list(&gaps)) };
        writeln!(out, "{name} ({}): {knows}{blind}", row.tenant.mdm.kind())?;
        for (key, path) in &row.missing {
            writeln!(out, "  {key}: {} is not there yet", words::clean(&path.to_string_lossy(), 4096))?;
        }
    }
    let active: Vec<&Row<'_>> = rows.iter().filter(|row| !row.tenant.retired).collect();
    writeln!(out, "\n{} in {}.", words::counted(rows.len() as u64, "tenant"), import.file.display())?;
    for question in Question::ALL {
        let mut remedies: Vec<(&str, u64)> = Vec::new();
        for (_, remedy) in active.iter().flat_map(|row| &row.gaps).filter(|(open, _)| *open == question) {
            match remedies.iter_mut().find(|(known, _)| known == remedy) {
                Some((_, count)) => *count += 1,
                None => remedies.push((remedy, 1)),
            }
        }
        for (remedy, count) in remedies {
            writeln!(out, "  nobody watches {} of {count}: {remedy}", question.unwatched())?;
        }
    }
    let missing = rows.iter().map(|row| row.missing.len() as u64).sum::<u64>();
    if missing > 0 {
        writeln!(
            out,
            "  {} not there yet",
            if missing == 1 { "1 file is".to_owned() } else { format!("{missing} files are") }
        )?;
    }
    let target = import.target.display();
    if import.written {
        writeln!(
            out,
            "Written: {target}. A running daemon takes it up with a reload (SIGHUP, systemctl reload apnswatch)."
        )
    } else {
        writeln!(out, "A dry run: nothing was written. With --write they are written to {target}.")
    }
}

/// For programs.
pub(super) fn document(import: &Import<'_>, out: &mut dyn Write) -> io::Result<()> {
    let tenants = import.tenants.iter().map(|tenant| {
        let row = Row::of(tenant, import.config);
        let missing = row.missing.iter().map(|(key, path)| json!({ "key": key, "path": path.to_string_lossy() }));
        let gaps = row.gaps.iter().map(|(question, remedy)| json!({ "question": question.as_str(), "remedy": remedy }));
        json!({
            "name": tenant.name,
            "mdm": tenant.mdm.kind(),
            "retired": tenant.retired,
            "knows": row.knows().iter().map(|question| question.as_str()).collect::<Vec<_>>(),
            "cannot_know": gaps.collect::<Vec<_>>(),
            "missing_files": missing.collect::<Vec<_>>(),
        })
    });
    let document = json!({
        "schema": "apnswatch.import.v1",
        "file": import.target.to_string_lossy(),
        "written": import.written,
        "tenants": tenants.collect::<Vec<_>>(),
    });
    writeln!(out, "{document:#}")
}
