//! The cases of the field that are about files: R-A22, R-A27, R-A28, R-B03, R-B08, R-B10, R-B15, R-B16.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::certificate::sample::{Sample, T1, T2, pem};

fn old() -> Sample {
    Sample { not_before: "250901101112Z", not_after: "260901101111Z", serial: vec![1], ..Sample::leaf(T1) }
}

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
    }

    /// As editors and Kubernetes do it.
    fn save_by_rename(&self, name: &str, content: impl AsRef<[u8]>) {
        self.write("new", content);
        fs::rename(self.path("new"), self.path(name)).unwrap();
    }

    fn files(&self, names: &[&str]) -> Files {
        Files::new(names.iter().map(|name| self.path(name)).collect())
    }

    async fn ask(&self, names: &[&str]) -> Outcome {
        // A pipe or a device must never hold the poll; without this a mistake would hang the test run instead.
        tokio::time::timeout(Duration::from_secs(20), self.files(names).poll(DateTime::UNIX_EPOCH)).await.unwrap()
    }

    /// The poll told nothing, with this reason, and a message that names the file.
    async fn fails(&self, name: &str, reason: Reason, words: &str) {
        let outcome = self.ask(&[name]).await;
        assert_eq!(outcome.facts, None, "{name}");
        let failure = outcome.failure.unwrap();
        assert_eq!(failure.reason, reason, "{failure}");
        assert!(failure.message.contains(&*self.path(name).to_string_lossy()), "{failure}");
        assert!(failure.message.contains(words), "{failure}");
    }
}

fn facts_of(outcome: Outcome) -> Facts {
    assert_eq!(outcome.failure, None);
    outcome.facts.unwrap()
}

fn end(facts: &Facts) -> String {
    facts.present().unwrap().not_after.unwrap().to_rfc3339()
}

#[tokio::test]
async fn one_good_file_is_the_whole_answer() {
    let folder = Folder::new();
    folder.write("a.pem", Sample::leaf(T1).pem());
    let files = folder.files(&["a.pem"]);
    assert_eq!((files.source(), files.identity(), files.host()), (Source::File, "file".to_owned(), None));
    let first = files.poll(DateTime::UNIX_EPOCH).await;
    let facts = facts_of(first.clone());
    assert_eq!(facts.present().unwrap().topic.as_ref().unwrap().as_str(), T1);
    assert_eq!(*facts.origin, *folder.path("a.pem").to_string_lossy());
    assert_eq!((facts.others.len(), facts.remarks.len(), facts.account), (0, 0, None));
    // A file that only got a new date of change is the same answer.
    for _ in 0..5 {
        folder.write("a.pem", Sample::leaf(T1).pem());
        assert_eq!(files.poll(DateTime::UNIX_EPOCH).await, first);
    }
}

#[tokio::test]
async fn what_is_missing_is_not_found() {
    let folder = Folder::new();
    folder.fails("gone.pem", Reason::NotFound, "does not exist").await;
    folder.fails("*.pem", Reason::NotFound, "no file matches").await;
    folder.fails("no folder/*.pem", Reason::NotFound, "no file matches").await;
    folder.fails("[", Reason::NotFound, "not valid").await;
    symlink("nowhere", folder.path("link")).unwrap();
    folder.fails("link", Reason::NotFound, "symbolic link").await;
    let none = folder.ask(&[]).await;
    assert_eq!(none, Outcome::default());
}

#[tokio::test]
async fn what_cannot_be_a_certificate_file_is_io() {
    let folder = Folder::new();
    fs::create_dir(folder.path("folder")).unwrap();
    folder.fails("folder", Reason::Io, "is a directory").await;
    fs::File::create(folder.path("huge")).unwrap().set_len(200 * 1024 * 1024).unwrap();
    folder.fails("huge", Reason::Io, "larger than 1 MiB").await;
    let made = std::process::Command::new("mkfifo").arg(folder.path("pipe")).status().unwrap();
    assert!(made.success());
    folder.fails("pipe", Reason::Io, "not a regular file").await;
    let device = Files::new(Arc::from(["/dev/zero".into()])).poll(DateTime::UNIX_EPOCH).await;
    assert_eq!(device.failure.unwrap().reason, Reason::Io);
}

#[tokio::test]
async fn what_holds_no_push_certificate_says_what_it_holds() {
    let folder = Folder::new();
    let pem_of = Sample::leaf(T1).pem();
    let app = Sample { apple: vec![&[6, 3, 6]], client_auth: false, ..Sample::leaf("com.example.app") };
    let utf16: Vec<u8> = "\u{feff}hello there".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (content, words) in [
        (b"".to_vec(), "is empty"),
        (pem_of.as_bytes()[..400].to_vec(), "END line is missing"),
        (Sample::leaf(T1).der()[..400].to_vec(), "cut off"),
        (vec![0x93; 3000], "is neither PEM nor DER"),
        (b"<!DOCTYPE html><html>".to_vec(), "is HTML: a web page, such as the portal's error page"),
        (utf16, "UTF-16 text"),
        (app.pem().into_bytes(), "is an app push certificate"),
        (Sample::ca().pem().into_bytes(), "is a CA certificate"),
        (Sample { client_auth: false, ..Sample::leaf(T1) }.der(), "not allowed for client authentication"),
        (pem("PRIVATE KEY", b"secret").into_bytes(), "is a private key"),
        (pem("PKCS7", b"x").into_bytes(), "one block labelled PKCS7 is not supported"),
    ] {
        folder.write("f", content);
        folder.fails("f", Reason::Malformed, words).await;
    }
}

#[tokio::test]
async fn the_certificate_that_ends_last_counts_and_the_others_are_told() {
    let folder = Folder::new();
    folder.write("1 \u{fc}ber (1).pem", Sample::leaf(T1).pem());
    folder.write("2 \u{fc}ber.pem", old().pem());
    folder.write("both.pem", Sample::leaf(T1).pem() + &old().pem());
    fs::create_dir(folder.path("folder.pem")).unwrap();
    for names in [
        &["*\u{fc}ber*.pem"][..],
        &["2 \u{fc}ber.pem", "1 \u{fc}ber (1).pem"],
        &["*.pem", "both.pem", "1*"],
        &["both.pem"],
    ] {
        let facts = facts_of(folder.ask(names).await);
        assert_eq!(end(&facts), "2027-09-01T10:11:11+00:00");
        assert_eq!(facts.others.len(), 1, "{names:?}");
        assert_eq!(facts.others[0].not_after.unwrap().to_rfc3339(), "2026-09-01T10:11:11+00:00");
        assert!(facts.remarks.iter().any(|remark| remark.starts_with("2 push certificates found")));
    }
}

#[tokio::test]
async fn the_same_file_counts_once_however_it_is_reached() {
    let folder = Folder::new();
    folder.write("a.pem", Sample::leaf(T1).pem());
    folder.write("copy.cer", Sample::leaf(T1).der());
    symlink(folder.path("a.pem"), folder.path("link.pem")).unwrap();
    fs::hard_link(folder.path("a.pem"), folder.path("hard.pem")).unwrap();
    let facts = facts_of(folder.ask(&["*.pem", "a*", "link.pem", "hard.pem", "copy.cer"]).await);
    assert_eq!((facts.others.len(), facts.remarks.len()), (0, 0));
    assert_eq!(*facts.origin, *folder.path("a.pem").to_string_lossy());
}

#[tokio::test]
async fn a_path_that_exists_is_no_pattern() {
    let folder = Folder::new();
    folder.write("[ab]*.pem", Sample::leaf(T1).pem());
    folder.write("a.pem", Sample::leaf(T2).pem());
    let literal = facts_of(folder.ask(&["[ab]*.pem"]).await);
    assert_eq!(literal.present().unwrap().topic.as_ref().unwrap().as_str(), T1);
    fs::remove_file(folder.path("[ab]*.pem")).unwrap();
    let pattern = facts_of(folder.ask(&["[ab]*.pem"]).await);
    assert_eq!(pattern.present().unwrap().topic.as_ref().unwrap().as_str(), T2);
}

#[tokio::test]
async fn one_bad_file_beside_a_good_one_is_a_partial_answer() {
    let folder = Folder::new();
    folder.write("good.pem", Sample::leaf(T1).pem());
    folder.write("page.pem", "<html>");
    let outcome = folder.ask(&["gone.pem", "*.pem", "*.cer"]).await;
    assert_eq!(end(&outcome.facts.unwrap()), "2027-09-01T10:11:11+00:00");
    let failure = outcome.failure.unwrap();
    assert_eq!(failure.reason, Reason::NotFound);
    assert!(failure.message.ends_with("gone.pem does not exist, and 2 more problems"), "{failure}");
}

#[tokio::test]
async fn what_people_keep_beside_a_certificate_is_a_remark_for_a_pattern() {
    let folder = Folder::new();
    folder.write("push.pem", Sample::leaf(T1).pem());
    folder.write("key.pem", pem("PRIVATE KEY", b"secret"));
    let facts = facts_of(folder.ask(&["*.pem"]).await);
    assert!(facts.remarks.iter().any(|remark| remark.contains("key.pem")), "{:?}", facts.remarks);
    // A path that somebody wrote down was meant.
    let outcome = folder.ask(&["push.pem", "key.pem"]).await;
    assert_eq!(outcome.failure.unwrap().reason, Reason::Malformed);
    // And a pattern that finds nothing better has found nothing.
    let outcome = folder.ask(&["k*.pem"]).await;
    assert_eq!((outcome.facts, outcome.failure.unwrap().reason), (None, Reason::Malformed));
    folder.write("garbage.pem", "what is this");
    assert_eq!(folder.ask(&["*.pem"]).await.failure.unwrap().reason, Reason::Malformed);
}

#[tokio::test]
async fn damage_and_a_key_beside_a_good_certificate_are_remarks() {
    let folder = Folder::new();
    let damaged = "-----BEGIN CERTIFICATE-----\nMIIF\n-----END CERTIFICATE-----\n";
    let key = pem("PRIVATE KEY", b"secret");
    folder.write("a.pem", Sample::leaf(T1).pem().trim_end().to_owned() + &key + damaged);
    let facts = facts_of(folder.ask(&["a.pem"]).await);
    let all = facts.remarks.join("\n");
    assert!(all.contains("block 3 at line"), "{all}");
    assert!(all.contains("holds a private key; only the certificate is needed here"), "{all}");
    assert!(!all.contains("c2VjcmV0"), "{all}");
}

#[tokio::test]
async fn each_version_of_a_file_shows_up() {
    let folder = Folder::new();
    let files = folder.files(&["a.pem"]);
    let ends = ["270901101111Z", "280901101111Z", "290901101111Z"];
    for not_after in ends {
        folder.save_by_rename("a.pem", Sample { not_after, ..Sample::leaf(T1) }.pem());
        let facts = facts_of(files.poll(DateTime::UNIX_EPOCH).await);
        assert_eq!(end(&facts)[2..4], not_after[..2]);
    }
    // Kubernetes swaps a link to a folder.
    for (version, not_after) in ["v1", "v2", "v3"].into_iter().zip(ends) {
        fs::create_dir(folder.path(version)).unwrap();
        folder.write(&format!("{version}/push.pem"), Sample { not_after, ..Sample::leaf(T1) }.pem());
        symlink(version, folder.path("next")).unwrap();
        fs::rename(folder.path("next"), folder.path("..data")).unwrap();
        let facts = facts_of(folder.ask(&["..data/*.pem"]).await);
        assert_eq!(end(&facts)[2..4], not_after[..2]);
    }
    // Half of it is written, then all of it, then it is gone.
    let whole = Sample::leaf(T1).pem();
    folder.write("a.pem", &whole[..whole.len() / 2]);
    folder.fails("a.pem", Reason::Malformed, "cut off").await;
    folder.write("a.pem", &whole);
    assert_eq!(end(&facts_of(files.poll(DateTime::UNIX_EPOCH).await)), "2027-09-01T10:11:11+00:00");
    fs::remove_file(folder.path("a.pem")).unwrap();
    folder.fails("a.pem", Reason::NotFound, "does not exist").await;
}
