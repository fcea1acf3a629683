//! Tells the program its revision and when it was built.

use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

fn main() {
    println!("cargo::rerun-if-env-changed=SOURCE_DATE_EPOCH");
    println!("cargo::rerun-if-env-changed=APNSWATCH_REVISION");
    println!("cargo::rerun-if-changed=build.rs");
    // In a worktree these stand elsewhere. A path that does not exist would have everything built again every time.
    for name in ["HEAD", "logs/HEAD"] {
        if let Some(path) = git(&["rev-parse", "--git-path", name]).filter(|path| Path::new(path).exists()) {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    println!("cargo::rerun-if-changed=src/store/migrations");
    println!("cargo::rerun-if-changed=src/store/postgres/migrations");
    // The time of the commit makes builds repeatable; the clock of the machine is the fallback outside a checkout.
    let built = std::env::var("SOURCE_DATE_EPOCH")
        .ok()
        .and_then(|seconds| seconds.parse::<u64>().ok())
        .or_else(|| git(&["log", "-1", "--format=%ct"]).and_then(|seconds| seconds.parse().ok()))
        .unwrap_or_else(now);
    println!("cargo::rustc-env=APNSWATCH_BUILT={built}");
    let revision = std::env::var("APNSWATCH_REVISION")
        .ok()
        .or_else(|| git(&["rev-parse", "--short=12", "HEAD"]))
        .unwrap_or_else(|| "unknown".to_owned());
    println!("cargo::rustc-env=APNSWATCH_REVISION={revision}");
    let rustc = std::env::var("RUSTC").ok().and_then(|rustc| {
        let output = Command::new(rustc).arg("--version").output().ok()?;
        Some(String::from_utf8_lossy(&output.stdout).split(' ').nth(1)?.to_owned())
    });
    println!("cargo::rustc-env=APNSWATCH_RUSTC={}", rustc.unwrap_or_else(|| "unknown".to_owned()));
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}

#[allow(clippy::disallowed_methods, reason = "the build has no other clock")]
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
