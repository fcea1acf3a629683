//! The `apnswatch` program: a thin door to the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    apnswatch::cli::main(std::env::args_os())
}
