//! `setup --yes`: by a script, with the secret in a file or piped in.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::process::Stdio;

use apnswatch::demo::{jamf, mosyle};
use apnswatch::provider::mosyle::Product;
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;

use super::{Desk, ago};
use crate::cells::site::{EMAIL, beating};
use crate::support::{APP, Ended, SECRET, ended, project};

impl Desk {
    /// Runs `setup --yes` with something piped in.
    pub(super) async fn piped(&self, options: &[&str], input: &str) -> Ended {
        let mut command = self.command(&[&["setup", "--yes"], options].concat());
        command.stdin(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // It may end without reading it.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes()).await;
        let output = child.wait_with_output().await.unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ended { status: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Sets up the Jamf Pro under a name.
    async fn named(&self, name: &str, more: &[&str], input: &str) -> Ended {
        let url = self.jamf.url("/acme");
        let options = ["--kind", "jamf", "--name", name, "--client-id", APP, "--url", &url];
        self.piped(&[&options, more].concat(), input).await
    }

    async fn jamf(&self, more: &[&str], input: &str) -> Ended {
        self.named("acme", more, input).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_gets_there_with_the_secret_piped_in() {
    let desk = Desk::new().await;
    let (certificate, day) = (desk.file("acme.pem"), ago(3));
    let more = [
        "--certificate",
        certificate.to_str().unwrap(),
        "--account",
        "it-apns@example.com",
        "--owner",
        "it-operations",
        "--vault-item",
        "Vault: Apple #1",
        "--second-factor",
        "desk phone",
        "--second-factor",
        "second admin",
        "--signed-in",
        &day,
        "--audited",
        &day,
    ];
    let done = desk.jamf(&more, &format!("{SECRET}\n")).await;
    assert_eq!((done.status, done.stderr.as_str()), (Some(0), ""), "{}", done.stdout);
    assert!(done.stdout.starts_with("acme  ok        expires in 200 days"), "{}", done.stdout);
    assert!(done.stdout.contains("Written: ") && !done.stdout.contains("s3cret"), "{}", done.stdout);
    let etc = desk.etc();
    assert_eq!(etc["acme-client-secret"], (0o600, SECRET.as_bytes().to_vec()));
    let tenant = desk.served("acme").await;
    assert_eq!(tenant["level"], "ok", "{tenant:#}");
    let once = desk.run(&["once"]).await;
    assert!(
        once.stdout.contains("ok, but nobody watches the way to Apple, whether pushes arrive")
            || once.stdout.contains("ok; the topic is unconfirmed"),
        "{once:?}"
    );

    // It is there now.
    let before = desk.etc();
    let again = desk.jamf(&[], SECRET).await;
    assert_eq!(again.status, Some(64), "the name is taken: {again:?}");
    assert!(again.stderr.contains("name: must be unique"), "{}", again.stderr);
    let strange = desk.named("other", &["--account", "theirs"], SECRET).await;
    assert!(
        strange.status == Some(64) && strange.stderr.contains("an account of the configuration: apns"),
        "{strange:?}"
    );
    assert_eq!(desk.etc(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_in_a_file_stays_where_it_is_and_programs_read_what_came_of_it() {
    let desk = Desk::new().await;
    let secret = desk.file("secret");
    std::fs::write(&secret, format!("{SECRET}\n")).unwrap();
    desk.jamf.set_answer("/acme", jamf::Resource::Enrollments, jamf::Answer::Error(403, None));
    let done = desk.jamf(&["--json", "--secret-file", secret.to_str().unwrap()], "").await;
    assert_eq!(done.status, Some(0), "{done:?}");
    // A right that is missing is told, and ends nothing.
    assert!(done.stderr.contains("grant Read Device Enrollment Program Instances"), "{}", done.stderr);
    let document: Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!((&document["schema"], &document["tenant"]), (&"apnswatch.setup.v1".into(), &"acme".into()));
    assert_eq!(document["phase"], "unknown", "Jamf tells no date");
    assert_eq!(document["cannot_know"][0]["question"], "expiry");
    assert_eq!(document["files"].as_array().unwrap().len(), 1);
    let yaml = String::from_utf8(desk.etc()["apnswatch.yaml"].1.clone()).unwrap();
    assert!(yaml.contains(&format!("client_secret_file: {}", secret.display())), "{yaml}");
    assert_eq!(desk.run(&["check-config"]).await.status, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_secrets_are_two_lines() {
    let desk = Desk::new().await;
    let simulator = mosyle::Simulator::start().await.unwrap();
    let access = format!("access-acme-{SECRET}");
    let fleet = mosyle::Answer::Fleet(beating(12, 0));
    simulator.set_account(&access, mosyle::Account::new(Product::Manager, EMAIL, SECRET).with("mac", fleet));
    let url = simulator.url(Product::Manager);
    let options = ["--kind", "mosyle", "--product", "manager", "--email", EMAIL, "--url", &url, "--name", "acme"];
    let short = desk.piped(&options, &format!("{access}\n")).await;
    assert_eq!(short.status, Some(1));
    assert!(
        short.stderr.contains("Password of the administrator on standard input: it is empty; nothing was written"),
        "{}",
        short.stderr
    );
    let done = desk.piped(&options, &format!("{access}\r\n{SECRET}\r\n")).await;
    assert_eq!(done.status, Some(0), "{done:?}");
    let etc = desk.etc();
    assert_eq!(etc["acme-access-token"], (0o600, access.into_bytes()));
    assert_eq!(etc["acme-password"], (0o600, SECRET.as_bytes().to_vec()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_that_is_wrong_writes_nothing() {
    let desk = Desk::new().await;
    let url = desk.jamf.url("/acme");
    let right = ["--kind", "jamf", "--name", "acme", "--client-id", APP, "--url", &url];
    for (options, input, status, words) in [
        (
            &right[..],
            "n0t-the-s3cret\n",
            1,
            &["The login is refused: ", "; see whether the client id is right", "nothing was written"][..],
        ),
        (
            &[&right[..6], &["--url", "http://127.0.0.1:1"]].concat(),
            SECRET,
            1,
            &["Not reached: ", "nothing was written"],
        ),
        (&right, "", 1, &["Client secret on standard input: it is empty"]),
        (&right[..6], SECRET, 64, &["--yes with --kind jamf takes --url URL"]),
        (&right[..2], SECRET, 64, &["--url URL; --client-id ID; --name NAME"]),
        (&["--kind", "none", "--name", "acme"], "", 64, &["--certificate FILE, or --not-after DATE"]),
        (&[], "", 64, &["--yes takes --kind"]),
        (&["--kind", "none", "--json", "--unit"], "", 64, &["--json takes neither --unit nor --start"]),
        (&[&right[..], &["--directory", "x"]].concat(), SECRET, 64, &["--directory says nothing with --kind jamf"]),
        (
            &[&right[..6], &["--url", "jamf.example.com"]].concat(),
            SECRET,
            64,
            &["url: must begin with https://", "nothing was written"],
        ),
        (
            &[&right[..], &["--account", "kim"]].concat(),
            SECRET,
            64,
            &["must be an address such as it-apns@example.com"],
        ),
        (
            &[&right[..], &["--certificate", "/nowhere.pem"]].concat(),
            SECRET,
            1,
            &["/nowhere.pem", "nothing was written"],
        ),
    ] {
        let told = desk.piped(options, input).await;
        assert_eq!((told.status, told.stdout.as_str()), (Some(status), ""), "{options:?}: {told:?}");
        for word in words {
            assert!(told.stderr.contains(word), "{options:?}: {word}: {}", told.stderr);
        }
        assert!(!told.stderr.contains("s3cret"), "{}", told.stderr);
        assert!(desk.etc().is_empty(), "{options:?}");
    }
    // The address of a person is one, whoever sets it up.
    let options = ["--kind", "none", "--name", "a", "--not-after", "2099-03-01", "--account", "kim@GMAIL.com"];
    let told = desk.piped(&options, "").await;
    assert!(told.status == Some(0) && told.stdout.contains("kim"), "{told:?}");
    std::fs::remove_file(desk.config()).unwrap();
    // Without --yes there must be somebody to ask.
    let told = desk.run(&["setup", "--kind", "none"]).await;
    assert!(told.status == Some(64) && told.stderr.contains("there is no terminal to ask on"), "{told:?}");
    let mut elsewhere = crate::support::program();
    elsewhere.args(["setup", "--yes", "--kind", "none", "--name", "a", "--not-after", "2027-03-01", "--config"]);
    elsewhere.arg(desk.file("gone/apnswatch.yaml"));
    let told = ended(elsewhere).await;
    assert!(told.status == Some(1) && told.stderr.contains("there is no folder"), "{told:?}");
    // No option takes a secret itself.
    let command = apnswatch::cli::command();
    let setup = command.find_subcommand("setup").unwrap();
    for option in setup.get_arguments().filter_map(|argument| argument.get_long()) {
        let is_secret = ["secret", "password", "token"].iter().any(|word| option.contains(word));
        assert!(!is_secret || option.ends_with("-file"), "{option}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_of_the_package_is_nobodys_and_is_kept() {
    let desk = Desk::new().await;
    let example = std::fs::read_to_string(project("config/apnswatch.yaml")).unwrap();
    let shipped =
        example.replace("$schema=apnswatch.schema.json", "$schema=/usr/share/apnswatch/apnswatch.schema.json");
    std::fs::write(desk.config(), &shipped).unwrap();
    let done = desk.jamf(&[], SECRET).await;
    assert_eq!(done.status, Some(0), "{done:?}");
    let etc = desk.etc();
    assert_eq!(etc["apnswatch.yaml.example"].1, shipped.as_bytes());
    assert!(done.stdout.contains("Kept: ") && done.stdout.contains("apnswatch.yaml.example"), "{}", done.stdout);
    assert!(desk.run(&["check-config"]).await.stdout.contains("1 tenant watched"));
    // With one word changed it is somebody's.
    std::fs::write(desk.config(), shipped.replace("site: hq", "site: mine").replace("tenant_files:", "#")).unwrap();
    let before = desk.etc();
    let told = desk.named("other", &[], SECRET).await;
    assert!(told.status == Some(1) && told.stderr.contains("exists and is not touched"), "{told:?}");
    assert_eq!(desk.etc(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_root_writes_belongs_to_whoever_the_folder_is_for() {
    let desk = Desk::new().await;
    let etc = desk.folder.path().join("etc");
    std::os::unix::fs::chown(&etc, Some(0), Some(4711)).expect("giving a folder away takes root");
    std::fs::set_permissions(&etc, std::fs::Permissions::from_mode(0o750)).unwrap();
    assert_eq!(desk.jamf(&[], SECRET).await.status, Some(0));
    let users = std::fs::read_to_string("/etc/passwd").unwrap();
    let service = users.lines().find_map(|line| line.strip_prefix("apnswatch:")?.split(':').nth(2)?.parse().ok());
    let group = service.unwrap_or(4711);
    for (name, mode) in [("apnswatch.yaml", 0o640), ("acme-client-secret", 0o600)] {
        let metadata = etc.join(name).metadata().unwrap();
        assert_eq!((metadata.gid(), metadata.mode() & 0o7777), (group, mode), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_unit_of_systemd_is_written_or_started() {
    let desk = Desk::new().await;
    let done = desk.jamf(&["--unit"], SECRET).await;
    assert_eq!(done.status, Some(0), "{done:?}");
    assert!(done.stdout.contains("sudo systemctl enable --now apnswatch"), "{}", done.stdout);
    let unit = desk.folder.path().join("etc/apnswatch.service");
    let mut verify = tokio::process::Command::new("systemd-analyze");
    verify.args(["verify", "--man=no"]).arg(&unit).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let verified = ended(verify).await;
    let about_us: Vec<&str> = verified.stderr.lines().filter(|line| line.contains("apnswatch.service")).collect();
    assert_eq!((verified.status, about_us), (Some(0), Vec::new()), "{verified:?}");
    let text = std::fs::read_to_string(unit).unwrap();
    assert!(text.contains(&format!("--config \"{}\" serve", desk.config().display())), "{text}");
    // All else is closed to it, and its store is beside the configuration.
    let folder = desk.folder.path().join("etc");
    assert!(text.contains(&format!("\nReadWritePaths=\"{}\"\n", folder.display())), "{text}");
    assert!(done.stdout.contains(&format!("sudo chmod g+w {}", folder.display())), "{}", done.stdout);

    // A systemd that writes down what it is asked.
    let bin = desk.file("bin");
    std::fs::create_dir(&bin).unwrap();
    for (word, status) in [("good", 0), ("bad", 1)] {
        let script = format!("#!/bin/sh\necho \"$@\" > '{}'\nexit {status}\n", desk.file("asked").display());
        std::fs::write(bin.join("systemctl"), script).unwrap();
        std::fs::set_permissions(bin.join("systemctl"), std::fs::Permissions::from_mode(0o755)).unwrap();
        let mut command =
            desk.command(&["setup", "--yes", "--kind", "none", "--not-after", "2099-03-01", "--start", "--name", word]);
        command.env("PATH", format!("{}:{}", bin.display(), std::env::var("PATH").unwrap()));
        let told = ended(command).await;
        assert_eq!(told.status, Some(status), "{told:?}");
        assert_eq!(std::fs::read_to_string(desk.file("asked")).unwrap(), "enable --now apnswatch.service\n");
        assert!(desk.etc().contains_key(&format!("tenants.d/{word}.yaml")), "it is written all the same");
        assert!(told.stdout.contains("the configuration is written"), "{}", told.stdout);
    }
}

#[test]
fn the_way_to_apple_is_tried_where_somebody_asks_for_it() {
    let thread = std::thread::spawn(|| {
        // From here nothing gets out, least of all to Apple.
        nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET).expect("a network namespace takes root");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut up = tokio::process::Command::new("ip");
            up.args(["link", "set", "lo", "up"]);
            assert_eq!(ended(up).await.status, Some(0));
            let desk = Desk::new().await;
            let options =
                ["--kind", "none", "--name", "a", "--not-after", "2099-03-01", "--probe", "both", "--site", "plant"];
            let done = desk.piped(&options, "").await;
            assert_eq!(done.status, Some(0), "{done:?}");
            assert!(done.stdout.contains("device: ") && done.stdout.contains("seen from plant"), "{}", done.stdout);
            let checked = desk.run(&["check-config"]).await.stdout;
            for words in ["seen from plant", "  device  ", "  server  "] {
                assert!(checked.contains(words), "{words}: {checked}");
            }
            let yaml = String::from_utf8(desk.etc()["apnswatch.yaml"].1.clone()).unwrap();
            assert!(yaml.contains("site: plant\n") && yaml.contains("  site_runs_mdm: true\n"), "{yaml}");
        });
    });
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}
