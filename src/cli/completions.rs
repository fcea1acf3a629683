//! `completions`, and what else is generated for the hand and the editor when a package is built.

use std::io::{self, Write};
use std::path::Path;

use clap_complete::{Generator, Shell};

use super::{End, command};

/// Prints what a shell reads to complete the commands.
pub(super) fn run(shell: Shell) -> Result<u8, End> {
    let mut command = command();
    command.set_bin_name("apnswatch");
    command.build();
    // Into memory first: a reader that has seen enough is no defect.
    let mut script = Vec::new();
    shell.try_generate(&command, &mut script)?;
    print(&script)
}

/// Prints the JSON Schema of the configuration.
pub(super) fn schema() -> Result<u8, End> {
    print(crate::config::schema_text().as_bytes())
}

/// Writes a manual page for the program and one for each command.
pub(super) fn manual(folder: &Path) -> Result<u8, End> {
    clap_mangen::generate_to(command(), folder)?;
    Ok(0)
}

fn print(bytes: &[u8]) -> Result<u8, End> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()?;
    Ok(0)
}
