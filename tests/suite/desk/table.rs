//! The rows, how they are run, and how they are shown.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
use tokio::process::Command;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::{baselines, certificates, containers, messages, shared, texts};
use crate::support::{Ended, Site, ended, filed, program, project};

/// The kinds, as `inspect --json` names them.
pub(super) const PUSH: &str = "mdm_push_certificate";
pub(super) const CERTIFICATE: &str = "certificate";
pub(super) const CA: &str = "ca_certificate";
pub(super) const P12: &str = "pkcs12";
pub(super) const CSR: &str = "csr";
pub(super) const PUSH_REQUEST: &str = "push_request";
pub(super) const PROFILE: &str = "profile";
pub(super) const KEY: &str = "private_key";
pub(super) const UNKNOWN: &str = "unknown";
pub(super) const EMPTY: &str = "empty";

/// Stands for the fingerprint of `renewed.pem`: however it is written, it is that certificate.
pub(super) const SAME: &str = "=";

/// The baseline of most rows: the certificate in use.
pub(super) const OLD: &str = "--against old.pem";

/// What `preflight` may say, as its exit status.
pub(super) const RENEWAL: u8 = 0;
pub(super) const WARNING: u8 = 1;
pub(super) const NO: u8 = 2;
pub(super) const CANNOT_TELL: u8 = 3;

const VERDICTS: [(&str, &str); 4] = [
    ("renewal", "RENEWAL: it may be uploaded"),
    ("renewal_with_warning", "RENEWAL, WITH A WARNING"),
    ("do_not_upload", "DO NOT UPLOAD"),
    ("cannot_tell", "CANNOT TELL"),
];

/// What must never be shown: parts of secrets that are in the files.
const SECRETS: [&str; 6] =
    ["hunter2-made-up", "AT_made_up", "CS_made_up", "\"made up\"", "s3cret-of-a-test", "PRIVATE KEY-----"];

/// A file and what is said of it.
#[derive(Clone, Copy)]
pub(super) struct Row {
    /// The case of the field, if it is one.
    case: &'static str,
    file: &'static str,
    kind: &'static str,
    /// The exit status of `inspect`.
    status: u8,
    /// What `inspect` must say.
    says: &'static str,
    /// The options of `preflight`; a `--password-file` goes to `inspect`, too.
    with: &'static str,
    verdict: u8,
    /// What `preflight` must say.
    because: &'static str,
}

/// A row; the two numbers are exit statuses.
#[expect(clippy::too_many_arguments, reason = "a table has columns")]
pub(super) const fn row(
    case: &'static str,
    file: &'static str,
    kind: &'static str,
    status: u8,
    says: &'static str,
    with: &'static str,
    verdict: u8,
    because: &'static str,
) -> Row {
    Row { case, file, kind, status, says, with, verdict, because }
}

impl Row {
    /// What is wrong with what the program says of it; nothing if nothing is.
    async fn complaints(self, desk: Arc<Desk>) -> Vec<String> {
        let mut out = Vec::new();
        let mut check = |holds: bool, what: String| {
            if !holds {
                out.push(format!("{} {} {}: {what}", self.case, self.file, self.with));
            }
        };
        let options: Vec<String> = self.with.split_whitespace().map(|word| desk.resolve(word)).collect();
        let password = options.iter().position(|word| word == "--password-file").map(|at| &options[at..at + 2]);
        let file = desk.resolve(self.file);

        let inspect = [&["inspect".to_owned(), file.clone()][..], password.unwrap_or_default()].concat();
        let json = desk.run(&[&inspect[..], &["--json".to_owned()]].concat()).await;
        let document: Value = serde_json::from_str(&json.stdout).unwrap_or_default();
        check(document["files"][0]["kind"] == self.kind, format!("it is {}", document["files"][0]["kind"]));
        let text = desk.run(&inspect).await;
        for ended in [&json, &text] {
            check(ended.status == Some(self.status.into()), format!("inspect ends with {:?}", ended.status));
            check(ended.stderr.is_empty(), format!("inspect complains: {}", ended.stderr));
        }
        check(text.stdout.contains(&file), format!("inspect does not name the file: {}", text.stdout));
        let says = if self.says == SAME { &desk.fingerprint } else { self.says };
        check(text.stdout.contains(says), format!("inspect does not say {says:?}: {}", text.stdout));

        let preflight = desk.run(&[&["preflight".to_owned(), file][..], &options].concat()).await;
        let (_, headline) = VERDICTS[usize::from(self.verdict)];
        check(preflight.status == Some(self.verdict.into()), format!("preflight ends with {:?}", preflight.status));
        check(preflight.stderr.is_empty(), format!("preflight complains: {}", preflight.stderr));
        check(preflight.stdout.starts_with(headline), format!("no {headline:?}: {}", preflight.stdout));
        check(preflight.stdout.contains("\nNext: "), format!("no next step: {}", preflight.stdout));
        for word in self.because.split(" & ") {
            check(preflight.stdout.contains(word), format!("preflight does not say {word:?}: {}", preflight.stdout));
        }
        for shown in [&json.stdout, &text.stdout, &preflight.stdout] {
            let told: Vec<_> = SECRETS.iter().filter(|secret| shown.contains(**secret)).collect();
            check(told.is_empty(), format!("{told:?} is shown"));
            check(desk.key.iter().all(|line| !shown.contains(line)), "a line of the key is shown".to_owned());
            // Nobody promises how late a renewal may be.
            check(!shown.contains("renewable until"), "a grace period is computed".to_owned());
        }
        out
    }
}

/// A folder with the files.
pub(super) struct Desk {
    pub(super) site: Site,
    /// SHA-256 of `renewed.der`, as it is shown.
    fingerprint: String,
    /// The lines of the private key.
    key: Vec<String>,
}

impl Desk {
    pub(super) async fn new() -> Self {
        let site = Site::new().await;
        let mut make = Command::new("python3");
        make.args(["-B", "tests/suite/desk/make.py"]).arg(site.folder.path()).current_dir(project(""));
        let made = make.output().await.expect("python3 is installed");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let digest = openssl_sha256(&site.path("renewed.der")).await;
        let key = std::fs::read_to_string(site.path("k1-pkcs1.pem")).unwrap();
        let key = key.lines().filter(|line| line.len() == 64).map(ToOwned::to_owned).collect();
        Self { site, fingerprint: format!("sha-256  {digest}"), key }
    }

    /// A file of the desk as it stands there, one beside the project as its path.
    fn resolve(&self, word: &str) -> String {
        word.strip_prefix(shared::MARK).map_or_else(|| word.to_owned(), |name| path(&shared::folder().join(name)))
    }

    async fn run(&self, arguments: &[String]) -> Ended {
        let mut command = program();
        command.args(arguments).current_dir(self.site.folder.path());
        ended(command).await
    }
}

async fn openssl_sha256(path: &Path) -> String {
    let output = Command::new("openssl").args(["dgst", "-sha256", "-r"]).arg(path).output().await.unwrap();
    String::from_utf8(output.stdout).unwrap()[..64].to_uppercase()
}

fn path(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// Two tenants that know their certificates, the first of them a newer one that was taken back; one whose file is
/// missing, and one whose MDM cannot be reached.
async fn remember(desk: &Desk) {
    let at = |name: &str| desk.site.path(name);
    let copy = |from: &str, to: &str| desk.site.write(to, std::fs::read(at(from)).unwrap());
    let files: Vec<PathBuf> = vec![copy("seen.pem", "north-now.pem"), copy("south-old.pem", "south-now.pem")];
    // Nobody listens there.
    let refused = "  - name: refused\n    mdm: { kind: intune, directory: 00000000-0000-4000-8000-00000000dead, \
                   login_url: 'http://127.0.0.1:1', graph_url: 'http://127.0.0.1:1' }\n";
    let tenants = [
        filed("north", &files[0]) + "    account: shared\n",
        filed("south", &files[1]),
        filed("nothing-known", &at("gone.pem")),
        refused.to_owned(),
    ];
    desk.site.configure("accounts:\n  - { id: shared, address: apns@example.com }\n", &tenants);
    let daemon = desk.site.serve().await;
    let end = "apns_certificate_not_after_timestamp_seconds";
    let north = [("tenant", "north")];
    let known = daemon.until("both are known", |scrape| scrape.all(end, &[]).len() == 2).await;
    let first = known.one(end, &north);
    daemon.ready().await;
    copy("old.pem", "north-now.pem");
    daemon.until("the older one is back", |scrape| scrape.one(end, &north) < first).await;
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_file_has_its_kind_its_verdict_and_its_exit_status() {
    let desk = Desk::new().await;
    remember(&desk).await;
    let mut rows = [certificates::ROWS, texts::ROWS, containers::ROWS, messages::ROWS, baselines::ROWS].concat();
    if shared::folder().is_dir() {
        rows.extend(shared::ROWS);
    } else {
        let names: BTreeSet<_> = shared::ROWS.iter().map(|row| row.file).collect();
        println!("skipped, for ../shared/certs is missing: {names:?}");
    }
    // A few at a time: the machine may have few processors, and each process has a deadline.
    let (desk, turns) = (Arc::new(desk), Arc::new(Semaphore::new(4)));
    let mut running = JoinSet::new();
    for row in rows.clone() {
        let (desk, turns) = (Arc::clone(&desk), Arc::clone(&turns));
        running.spawn(async move {
            let _turn = turns.acquire_owned().await.unwrap();
            row.complaints(desk).await
        });
    }
    let complaints = running.join_all().await.concat();
    let files: BTreeSet<_> = rows.iter().map(|row| row.file).collect();
    show(&rows, files.len());
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
    // The others of the 37 are no matter of a file; the head of this module says where they are tested.
    let cases: BTreeSet<_> = rows.iter().map(|row| row.case).filter(|case| !case.is_empty()).collect();
    assert_eq!(cases.len(), 30, "{cases:?}");
    assert!(files.len() >= 80, "only {} files", files.len());
}

fn show(rows: &[Row], files: usize) {
    println!("{:<6} {:<42} {:<22} {:<3} {:<21} {:<3} preflight with", "case", "file", "kind", "", "verdict", "");
    for Row { case, file, kind, status, with, verdict, .. } in rows {
        let (name, _) = VERDICTS[usize::from(*verdict)];
        println!("{case:<6} {file:<42} {kind:<22} {status:<3} {name:<21} {verdict:<3} {with}");
    }
    let mut verdicts = BTreeMap::new();
    for row in rows {
        *verdicts.entry(VERDICTS[usize::from(row.verdict)].0).or_insert(0) += 1;
    }
    let kinds: BTreeSet<_> = rows.iter().map(|row| row.kind).collect();
    let cases: BTreeSet<_> = rows.iter().map(|row| row.case).filter(|case| !case.is_empty()).collect();
    println!("{} rows, {files} files, {} kinds, {} cases; {verdicts:?}", rows.len(), kinds.len(), cases.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_empty_password_is_read_in_every_form_by_the_daemon() {
    let desk = Desk::new().await;
    let mut tenants = Vec::new();
    for form in ["zeros", "nothing"] {
        let file = path(&desk.site.path(&format!("empty-as-{form}.p12")));
        let password = path(&desk.site.path("password-empty"));
        for (given, entry) in
            [("none", format!("'{file}'")), ("empty", format!("{{ path: '{file}', password_file: '{password}' }}"))]
        {
            tenants.push(format!(
                "  - name: {form}-{given}\n    mdm: {{ kind: none }}\n    certificate: {{ files: [{entry}] }}\n"
            ));
        }
    }
    desk.site.configure("", &tenants);
    let daemon = desk.site.serve().await;
    let end = "apns_certificate_not_after_timestamp_seconds";
    daemon.until("all four are read", |scrape| scrape.all(end, &[]).len() == 4).await;
    daemon.stop().await;
}
