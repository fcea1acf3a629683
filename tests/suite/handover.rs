//! The handover, as a stranger gets it: from the command, from the page, and on paper.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use tokio::process::Command;

use crate::access::hash;
use crate::support::{Daemon, SECRET, Site, answer, ended, filed, now, request_with, tenant, topic};

const ACCOUNTS: &str = "site: hq\naccounts:\n  - id: shared\n    address: it-apns@example.com\n    owner: it-operations\n    \
                        vault_item: Vault > Apple > APNs\n    second_factor: [desk phone, second admin]\n    \
                        duties: { sign_in: { every: 90d }, second_factor_audit: { every: 365d } }";

/// What is hidden in files of a site. No form of the sheet may hold any of it.
const HIDDEN: [&str; 3] = [SECRET, "NeverShown", "s3cret-password-of-a-container"];

/// A small installation: one tenant in Intune, one watched by its file, one behind a password.
async fn small(head: &str) -> Site {
    let site = Site::new().await;
    let file = site.certificate("desk.pem", &topic("desk"), "0C01", 200);
    let password = site.write("password", HIDDEN[2]);
    let protected = tenant(
        "vault",
        &format!(
            "    mdm: {{ kind: none }}\n    certificate: {{ files: [{{ path: push.p12, password_file: {} }}] }}\n",
            password.display()
        ),
    );
    let acme = site.intune("acme", answer("acme", 250), "    account: shared\n");
    site.configure(&format!("{ACCOUNTS}\n{head}"), &[acme, filed("desk", &file), protected]);
    site
}

async fn learnt(site: &Site) {
    let daemon = site.serve().await;
    daemon.until("both topics are pinned", |scrape| scrape.all("apns_topic_pin_info", &[]).len() == 2).await;
    daemon.stop().await;
}

fn hides_everything(text: &str) {
    for hidden in HIDDEN {
        assert!(!text.contains(hidden), "{hidden}: {text}");
    }
}

fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_writes_it_without_a_daemon_and_leaves_the_store_alone() {
    let site = small("").await;
    // Before the first start there is the configuration alone, and the sheet says so.
    let told = site.run(&["handover"]).await;
    assert_eq!((told.status, told.stderr.as_str()), (Some(0), ""));
    assert!(flat(&told.stdout).contains("! There was no store at "), "{}", told.stdout);
    assert!(flat(&told.stdout).contains("! Nobody knows when the push certificate ends: acme, desk, vault."));
    assert!(site.store().is_empty(), "a store was made");

    learnt(&site).await;
    let done = site.run(&["duty", "done", "sign_in", "--account", "shared", "--by", "kim"]).await;
    assert_eq!(done.status, Some(0), "{}", done.stderr);
    let before = site.store();
    let told = site.run(&["handover"]).await;
    assert_eq!((told.status, told.stderr.as_str()), (Some(0), ""));
    let text = flat(&told.stdout);
    for known in [
        "it-apns@example.com (shared, 1 tenant)",
        "password in Vault > Apple > APNs",
        "last done",
        " by kim",
        "serial 0C01",
        &topic("acme"),
        "UNCONFIRMED: never",
        "(client_secret_file of acme)",
        "(password_file of vault)",
        "apnswatch.yaml",
        "state.db, owned by",
        "source file first told of a certificate with serial 0C01",
        "! Nobody knows when the push certificate ends: vault.",
        "whether pushes get out for every tenant",
    ] {
        assert!(text.contains(known), "{known}\n{}", told.stdout);
    }
    assert!(!text.contains("There was no store"));
    hides_everything(&told.stdout);

    let html = site.run(&["handover", "--html"]).await;
    assert_eq!(html.status, Some(0), "{}", html.stderr);
    assert!(html.stdout.starts_with("<!DOCTYPE html>") && html.stdout.ends_with("</html>"), "{}", html.stdout);
    assert!(!html.stdout.contains("href=") && !html.stdout.contains("src="), "it loads nothing");
    assert!(html.stdout.contains(&topic("acme")));
    hides_everything(&html.stdout);

    let json = site.run(&["handover", "--json"]).await;
    hides_everything(&json.stdout);
    let document: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(document["schema"], "apnswatch.handover.v1");
    assert_eq!(document["tenants"][1]["serial"], "0C01");
    assert_eq!(document["tenants"][0]["topic_origin"], "first_seen");
    assert_eq!(document["accounts"][0]["duties"][1]["by"], "kim");
    assert_eq!(document["secrets"].as_array().unwrap().len(), 2);
    assert!(document["tenants"][2].get("not_after").is_none(), "what nobody knows is absent: {document}");
    assert_eq!(site.store(), before, "the store was written");
    assert_eq!(site.run(&["handover", "--html", "--json"]).await.status, Some(64));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_for_its_owner_and_takes_no_place_unasked() {
    let site = small("").await;
    let path = site.path("sheet.html");
    let shown = path.to_str().unwrap();
    let written = site.run(&["handover", "--html", "--output", shown]).await;
    assert_eq!((written.status, written.stdout.as_str()), (Some(0), ""), "{}", written.stderr);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let before = std::fs::read(&path).unwrap();
    let refused = site.run(&["handover", "--output", shown]).await;
    assert_eq!(refused.status, Some(1));
    assert!(refused.stderr.contains("--replace"), "{}", refused.stderr);
    assert_eq!(std::fs::read(&path).unwrap(), before);
    assert_eq!(site.run(&["handover", "--output", shown, "--replace"]).await.status, Some(0));
    assert!(std::fs::read_to_string(&path).unwrap().starts_with("Handover: "));
    let nowhere = site.path("nowhere/sheet.txt");
    assert_eq!(site.run(&["handover", "--output", nowhere.to_str().unwrap()]).await.status, Some(1));
    assert_eq!(site.run(&["handover", "--replace"]).await.status, Some(64));
    let left = std::fs::read_dir(site.folder.path())
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with(".tmp"));
    assert_eq!(left.count(), 0, "a draft was left");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_writes_nothing() {
    let site = small("").await;
    site.write("state.db", "this is no database, and was never one; it is only long enough to be looked at");
    let path = site.path("sheet.txt");
    let told = site.run(&["handover", "--output", path.to_str().unwrap()]).await;
    assert_eq!((told.status, told.stdout.as_str()), (Some(1), ""));
    assert!(told.stderr.contains("the store cannot be read"), "{}", told.stderr);
    assert!(!path.exists());
    site.configure("nonsense: 1", &[]);
    let told = site.run(&["handover"]).await;
    assert_eq!((told.status, told.stdout.as_str()), (Some(64), ""));
    assert!(told.stderr.contains("nonsense"), "{}", told.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_names_and_values_stay_text() {
    const NAME: &str = "\"><script>alert(1)</script>";
    let site = Site::new().await;
    let file = site.certificate("a.pem", &topic("acme"), "0A01", 200);
    site.configure(
        "accounts:\n  - id: odd\n    address: \"<img src=x>@example.com\"\n    owner: \"a\\e[2Jb\"\n    \
         vault_item: \"</dd><script>alert(2)</script>\"\n    second_factor: [\"<b>phone</b>\\u202e\"]\n    \
         duties: { \"<i>\": { every: 90d } }",
        &[filed(NAME, &file) + "    account: odd\n"],
    );
    let by = site.run(&["duty", "done", "<i>", "--account", "odd", "--by", "<script>kim</script>\u{1b}[2J"]).await;
    assert_eq!(by.status, Some(0), "{}", by.stderr);
    let daemon = site.serve().await;
    daemon.until("the topic is pinned", |scrape| scrape.all("apns_topic_pin_info", &[]).len() == 1).await;
    let page = daemon.get("/handover").await;
    let file = site.run(&["handover", "--html"]).await;
    let text = site.run(&["handover"]).await;
    daemon.stop().await;
    assert_eq!(page.status, 200);
    for html in [&page.body, &file.stdout] {
        for mark in ["<script>", "<img", "<b>", "<i>", "\u{202e}", "\u{1b}"] {
            assert!(!html.contains(mark), "{mark}: {html}");
        }
        assert!(html.contains("&lt;script&gt;alert(1)") && html.contains("&lt;script&gt;kim"), "{html}");
    }
    assert!(!text.stdout.contains('\u{1b}') && !text.stdout.contains('\u{202e}'), "{}", text.stdout);
    assert!(text.stdout.contains(NAME));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_tells_where_secrets_lie_behind_a_login_only() {
    let site = small("web: { config_file: web.yml }").await;
    site.write("web.yml", "http_server_config: { headers: { X-Frame-Options: deny } }\n");
    let daemon = site.serve().await;
    daemon.ready().await;
    let open = daemon.get("/handover").await;
    daemon.stop().await;
    assert_eq!(open.status, 200);
    assert!(!open.body.contains("data-refresh") && open.body.contains("not told on a page without a login"));
    assert!(!open.body.contains("/secret (") && !open.body.contains("/password ("), "{}", open.body);
    hides_everything(&open.body);

    site.write("web.yml", format!("basic_auth_users: {{ kim: {} }}\n", hash()));
    let daemon = site.serve().await;
    assert_eq!(daemon.get("/handover").await.status, 401);
    // kim:s3cret
    let login = "Host: localhost\r\nAuthorization: Basic a2ltOnMzY3JldA==";
    let told = request_with(daemon.address, "GET", "/handover", login).await;
    daemon.stop().await;
    assert_eq!(told.status, 200);
    assert!(told.body.contains("/secret (client_secret_file of acme)"), "{}", told.body);
    assert!(told.body.contains("/web.yml (web.config_file of all)") && !told.body.contains("$2b$"), "{}", told.body);
    hides_everything(&told.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_tenants_are_counted_on_the_page() {
    let site = Site::new().await;
    let end = (now() + chrono::TimeDelta::days(90)).format("%Y-%m-%d");
    let tenants: Vec<String> = (0..300)
        .map(|index| {
            let more = format!("    mdm: {{ kind: none }}\n    certificate: {{ declared: {{ not_after: {end} }} }}\n");
            tenant(&format!("t{index:03}"), &more)
        })
        .collect();
    site.configure("", &tenants);
    let daemon = site.serve().await;
    daemon.ready().await;
    let page = daemon.get("/handover").await.body;
    daemon.stop().await;
    assert!(page.contains("There are 300 tenants, too many for one sheet."), "{page}");
    assert!(page.contains("t019") && !page.contains("t020"), "{page}");
}

/// Prints with a browser; gives the number of pages.
async fn pages(folder: &Path, address: &str) -> usize {
    let pdf = folder.join("sheet.pdf");
    let mut command = Command::new("chromium");
    command.args([
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-pdf-header-footer",
    ]);
    command.arg(format!("--user-data-dir={}", folder.join("browser").display()));
    command.arg(format!("--print-to-pdf={}", pdf.display())).arg(address);
    command.env("HOME", folder).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let printed = ended(command).await;
    assert_eq!(printed.status, Some(0), "{}", printed.stderr);
    let mut command = Command::new("pdfinfo");
    command.arg(&pdf).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let told = ended(command).await;
    let number = told.stdout.lines().find_map(|line| line.strip_prefix("Pages:")).unwrap_or_else(|| panic!("{told:?}"));
    number.trim().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_installation_is_one_sheet_of_paper() {
    let site = small("").await;
    learnt(&site).await;
    let done = site.run(&["confirm", "--tenant", "desk", "--serial", "0C01", "--by", "kim"]).await;
    assert_eq!(done.status, Some(0), "{}", done.stderr);
    let daemon: Daemon = site.serve().await;
    daemon.ready().await;
    let folder = tempfile::tempdir().unwrap();
    let page = pages(folder.path(), &format!("http://{}/handover", daemon.address)).await;
    daemon.stop().await;
    assert_eq!(page, 1, "the page");
    // The browser prints on Letter unless a page says otherwise; A4 is higher and less wide.
    let path = folder.path().join("sheet.html");
    let html = site.run(&["handover", "--html"]).await.stdout;
    let on_a4 = html.replacen("</style>", "@page { size: A4; }</style>", 1);
    assert_ne!(on_a4, html);
    for sheet in [html, on_a4] {
        std::fs::write(&path, sheet).unwrap();
        assert_eq!(pages(folder.path(), &format!("file://{}", path.display())).await, 1, "the file");
    }
}
