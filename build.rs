//! Tells the program its revision, when it was built, and the words of the alert rules.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a build may stop anywhere")]

use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use yaml_rust2::YamlLoader;

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
    println!("cargo::rerun-if-changed={RULES}");
    // The linker reads it, of which cargo knows nothing.
    println!("cargo::rerun-if-changed=scripts/layout.ld");
    write_rules();
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

/// The alert rules, whose words the notices use, too.
const RULES: &str = "deploy/prometheus/apnswatch.rules.yaml";

/// Writes what notices need of the alert rules as a table: the file as a whole is three times as long, and would have to be
/// read at each start.
fn write_rules() {
    let text = std::fs::read_to_string(RULES).unwrap_or_else(|error| panic!("{RULES}: {error}"));
    let documents = YamlLoader::load_from_str(&text).unwrap_or_else(|error| panic!("{RULES}: {error}"));
    let mut table = String::from("&[\n");
    let groups = documents[0]["groups"].as_vec().map(Vec::as_slice).unwrap_or_default();
    for rule in groups.iter().flat_map(|group| group["rules"].as_vec().map(Vec::as_slice).unwrap_or_default()) {
        let Some(alert) = rule["alert"].as_str() else { continue };
        let text =
            |key: &str| rule["annotations"][key].as_str().unwrap_or_else(|| panic!("{RULES}: {alert} has no {key}"));
        table.push_str(&format!(
            "Rule {{ alert: {alert:?}, severity: {:?}, hold: {}, summary: {:?}, description: {:?} }},\n",
            rule["labels"]["severity"].as_str().unwrap_or_default(),
            seconds(rule["for"].as_str().unwrap_or("0s")),
            text("summary"),
            text("description"),
        ));
    }
    table.push(']');
    let folder = std::env::var("OUT_DIR").unwrap_or_default();
    std::fs::write(Path::new(&folder).join("rules.rs"), table).unwrap_or_else(|error| panic!("{folder}: {error}"));
}

/// A duration of Prometheus, as far as the rules use it: one number and one unit.
fn seconds(text: &str) -> u64 {
    let split = text.len().saturating_sub(1);
    let unit = match &text[split..] {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => panic!("{RULES}: {text} is no duration"),
    };
    text[..split].parse::<u64>().unwrap_or_else(|error| panic!("{RULES}: {text}: {error}")) * unit
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
