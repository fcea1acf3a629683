//! The Debian package and its unit: built from the binary of the tests, installed into a root of its own, and started
//! there, in a network namespace that leads nowhere.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use nix::sched::{CloneFlags, unshare};
use tokio::process::Command;

use crate::support::{Daemon, Ended, SOON, ended, project};

/// What `systemd-analyze security` may say of the unit, in tenths: 0 is nothing exposed, 100 everything.
const EXPOSURE: u32 = 12;

async fn run(program: impl AsRef<std::ffi::OsStr>, arguments: &[&str]) -> Ended {
    let mut command = Command::new(program);
    command.args(arguments).stdin(std::process::Stdio::null()).kill_on_drop(true);
    ended(command).await
}

async fn good(program: &str, arguments: &[&str]) -> String {
    let ended = run(program, arguments).await;
    assert_eq!(ended.status, Some(0), "{program} {arguments:?}: {ended:?}");
    ended.stdout
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Owner, group and mode of a file, as numbers.
fn rights(path: &Path) -> (u32, u32, u32) {
    let metadata = fs::metadata(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    (metadata.uid(), metadata.gid(), metadata.permissions().mode() & 0o7777)
}

/// Installs the package into a root with nothing in it. Its programs are those of this machine.
async fn install(root: &Path, package: &Path) {
    fs::create_dir_all(root.join("etc")).unwrap();
    for folder in ["info", "updates"] {
        fs::create_dir_all(root.join("var/lib/dpkg").join(folder)).unwrap();
    }
    fs::write(root.join("var/lib/dpkg/status"), "").unwrap();
    let option = format!("--root={}", text(root));
    let quiet = ["--force-script-chrootless", "--force-depends", "--force-confold"];
    good("dpkg", &[&[option.as_str()], &quiet[..], &["-i", text(package)]].concat()).await;
}

async fn built(folder: &Path) -> std::path::PathBuf {
    let mut command = Command::new(project("scripts/package"));
    command.args(["--quick", "--binary", env!("CARGO_BIN_EXE_apnswatch"), "--output", text(folder)]);
    let ended = ended(command).await;
    assert_eq!(ended.status, Some(0), "{ended:?}");
    let package = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).next().unwrap();
    assert!(package.extension().is_some_and(|extension| extension == "deb"), "{package:?}");
    package
}

#[test]
fn the_package_is_installed_and_its_program_runs_with_its_configuration() {
    let thread = std::thread::spawn(|| {
        // The configuration names a vendor and probes Apple: from here nothing gets out.
        unshare(CloneFlags::CLONE_NEWNET).expect("a network namespace takes root");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            good("ip", &["link", "set", "lo", "up"]).await;
            installed_and_started().await;
        });
    });
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

async fn installed_and_started() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    let package = built(&folder.path().join("out")).await;
    let fields = good("dpkg-deb", &["--field", text(&package)]).await;
    for field in ["Package: apnswatch", "Version: ", "Maintainer: ", "Depends: ", "Description: "] {
        assert!(fields.contains(field), "{fields}");
    }
    install(&root, &package).await;
    for file in [
        "usr/lib/systemd/system/apnswatch.service",
        "usr/lib/sysusers.d/apnswatch.conf",
        "usr/lib/tmpfiles.d/apnswatch.conf",
        "usr/share/apnswatch/apnswatch.schema.json",
        "usr/share/apnswatch/prometheus/apnswatch.rules.yaml",
        "usr/share/bash-completion/completions/apnswatch",
        "usr/share/zsh/vendor-completions/_apnswatch",
        "usr/share/fish/vendor_completions.d/apnswatch.fish",
        "usr/share/man/man1/apnswatch.1.gz",
        "usr/share/doc/apnswatch/docs/runbook.md",
    ] {
        let (_, _, mode) = rights(&root.join(file));
        assert_eq!(mode, 0o644, "{file}");
    }
    assert!(!root.join("usr/share/apnswatch/prometheus/tests").exists());

    let users = fs::read_to_string(root.join("etc/passwd")).unwrap();
    let user: Vec<&str> = users.lines().find(|line| line.starts_with("apnswatch:")).unwrap().split(':').collect();
    let (uid, gid): (u32, u32) = (user[2].parse().unwrap(), user[3].parse().unwrap());
    assert!(uid > 0 && gid > 0 && user[6] == "/usr/sbin/nologin", "{user:?}");
    let config = root.join("etc/apnswatch/apnswatch.yaml");
    assert_eq!(rights(&config), (0, gid, 0o640), "for root and the service alone");
    assert_eq!(rights(&root.join("etc/apnswatch")), (0, gid, 0o750));
    assert_eq!(rights(&root.join("etc/apnswatch/secrets")), (0, 0, 0o700));
    assert_eq!(rights(&root.join("var/lib/apnswatch")), (uid, gid, 0o750));
    let first = fs::read_to_string(&config).unwrap().lines().next().unwrap().to_owned();
    assert_eq!(first, "# yaml-language-server: $schema=/usr/share/apnswatch/apnswatch.schema.json");

    // As the user of the service, from its own configuration; only the folder of the store is elsewhere in this root.
    let mut command = Command::new(root.join("usr/bin/apnswatch"));
    command.env_clear().args(["--config", text(&config), "serve"]);
    command.env("APNSWATCH__STORE", format!("sqlite://{}/state.db", text(&root.join("var/lib/apnswatch"))));
    command.stdin(std::process::Stdio::null());
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).kill_on_drop(true);
    // The folder of the test is for its owner alone.
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    command.uid(uid).gid(gid);
    let mut daemon = Daemon::start(command).await;
    assert_eq!(daemon.address.to_string(), "127.0.0.1:12197");
    assert_eq!(daemon.get("/-/healthy").await.status, 200);
    assert_eq!(daemon.scrape().await.state("active"), 2.0, "the tenants of the example");
    daemon.signal("TERM").await;
    assert_eq!(daemon.wait(SOON).await, Some(0), "{}", daemon.log());
    assert_eq!(rights(&root.join("var/lib/apnswatch/state.db")).0, uid);

    // What was changed stays when a package is installed over it, and only a purge takes what was learnt.
    fs::write(&config, "site: mine\n").unwrap();
    let option = format!("--root={}", text(&root));
    let force = ["--force-script-chrootless", "--force-depends", "--force-confold"];
    good("dpkg", &[&[option.as_str()], &force[..], &["-i", text(&package)]].concat()).await;
    assert_eq!(fs::read_to_string(&config).unwrap(), "site: mine\n");
    good("dpkg", &[&[option.as_str()], &force[..], &["--remove", "apnswatch"]].concat()).await;
    assert!(config.exists() && root.join("var/lib/apnswatch/state.db").exists());
    assert!(!root.join("usr/bin/apnswatch").exists());
    good("dpkg", &[&[option.as_str()], &force[..], &["--purge", "apnswatch"]].concat()).await;
    assert!(!config.exists() && !root.join("var/lib/apnswatch").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_unit_is_right_and_as_closed_as_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let unit = folder.path().join("apnswatch.service");
    let shipped = fs::read_to_string(project("deploy/systemd/apnswatch.service")).unwrap();
    // It must find the program, which is not installed here.
    let here = shipped.replace("/usr/bin/apnswatch", env!("CARGO_BIN_EXE_apnswatch"));
    fs::write(&unit, &here).unwrap();
    let verified = run("systemd-analyze", &["verify", "--man=no", text(&unit)]).await;
    let about_us: Vec<&str> = verified.stderr.lines().filter(|line| line.contains("apnswatch")).collect();
    assert_eq!((verified.status, about_us.len()), (Some(0), 0), "{verified:?}");
    // An option that does not exist is told: the check checks.
    fs::write(&unit, here.replace("ProtectHome=", "ProtectHomes=")).unwrap();
    let verified = run("systemd-analyze", &["verify", "--man=no", text(&unit)]).await;
    assert!(verified.stderr.contains("ProtectHomes"), "{verified:?}");

    let judge = async |threshold: u32| {
        let threshold = format!("--threshold={threshold}");
        let unit = project("deploy/systemd/apnswatch.service");
        run("systemd-analyze", &["security", "--offline=true", "--no-pager", &threshold, text(&unit)]).await
    };
    let judged = judge(EXPOSURE).await;
    assert_eq!(judged.status, Some(0), "{}", judged.stdout);
    assert_ne!(judge(2).await.status, Some(0), "the threshold counts");
    let operating = crate::support::document("docs/operating.md");
    assert!(operating.contains("`systemd-analyze security` gives it 1.1"), "the page says another figure");
}
