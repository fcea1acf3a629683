//! `import`: many tenants from a CSV file, as an operator runs it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use apnswatch::config;
use serde_json::Value;

use crate::support::{Ended, SECRET, Site, answer, topic};

const HEAD: &str = "tenant_files: ['tenants.d/*.yaml']\naccounts:\n  - { id: shared, address: it-apns@example.com }";

/// A configuration that reads tenant files, and has one tenant of its own.
async fn site() -> Site {
    let site = Site::new().await;
    std::fs::create_dir(site.path("tenants.d")).unwrap();
    let own = site.intune("acme", answer("acme", 300), "");
    site.configure(HEAD, &[own]);
    site
}

/// Every file below the folder of a site, with what is in it.
fn files(site: &Site) -> BTreeMap<String, Vec<u8>> {
    let (mut found, mut ahead) = (BTreeMap::new(), vec![site.folder.path().to_owned()]);
    while let Some(folder) = ahead.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                ahead.push(path);
            } else {
                found.insert(path.display().to_string(), std::fs::read(&path).unwrap());
            }
        }
    }
    found
}

impl Site {
    async fn import(&self, csv: &str, more: &[&str]) -> Ended {
        let file = self.write("new customers.csv", csv);
        self.run(&[&["import", file.to_str().unwrap()], more].concat()).await
    }

    /// Imports what must be refused; nothing is written then.
    async fn refused(&self, csv: impl AsRef<[u8]>, more: &[&str]) -> String {
        let file = self.write("new customers.csv", csv.as_ref());
        let before = files(self);
        let told = self.run(&[&["import", file.to_str().unwrap(), "--write"], more].concat()).await;
        assert_eq!((told.status, told.stdout.as_str()), (Some(1), ""), "{told:?}");
        assert!(told.stderr.contains("nothing was written"), "{}", told.stderr);
        assert_eq!(files(self), before);
        told.stderr
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_says_what_each_tenant_can_know_and_writing_makes_it_so() {
    let site = site().await;
    let certificate = site.certificate("south.pem", &topic("south"), "0A01", 200);
    let directory = "00000000-0000-4000-8000-000000004711";
    let csv = format!(
        "name,kind,directory,url,client_id,client_secret_file,account,label.team,label.customer,certificate_file,\
         expected_topic,not_after,retired\n\
         4711,intune,{directory},,,,shared,mac,0815,,{},,\n\
         south,jamf,,https://south.example.com,reader,/run/secrets/south,,mobile,,{},,,\n\
         \"Schule \"\"Süd\"\", it's\",,,,,,,,,,,2027-03-01,\n\
         ,,,,,,,,,,,,\n\
         old,,,,,,,,,,,,TRUE\n",
        topic("4711"),
        certificate.display()
    );
    let before = files(&site).len();
    let dry = site.import(&csv, &[]).await;
    assert_eq!((dry.status, dry.stderr.as_str()), (Some(0), ""));
    for line in [
        "4711 (intune): can know when it ends, the topic; nobody watches the way to Apple, whether pushes arrive, \
         whether it could be renewed",
        "south (jamf): can know when it ends, the topic; nobody watches",
        "  client_secret_file: /run/secrets/south is not there yet",
        "Schule \"Süd\", it's (none): can know when it ends; nobody watches the topic",
        "old (none): retired, nothing is asked",
        "4 tenants in ",
        "  nobody watches the way to Apple of 3: add probe",
        "A dry run: nothing was written.",
        "tenants.d/new-customers.yaml",
    ] {
        assert!(dry.stdout.contains(line), "{line}\n{}", dry.stdout);
    }
    assert_eq!(files(&site).len(), before + 1, "the CSV file alone");

    let document: Value = serde_json::from_str(&site.import(&csv, &["--json"]).await.stdout).unwrap();
    assert_eq!((&document["schema"], &document["written"]), (&"apnswatch.import.v1".into(), &false.into()));
    let found = document["tenants"].as_array().unwrap().iter().find(|tenant| tenant["name"] == "south").unwrap();
    assert_eq!(found["knows"], serde_json::json!(["expiry", "lineage"]));
    assert_eq!(found["missing_files"][0]["key"], "client_secret_file");

    let written = site.import(&csv, &["--write"]).await;
    assert!(written.stdout.contains("Written: "), "{written:?}");
    let checked = site.run(&["check-config"]).await;
    assert_eq!(checked.status, Some(0), "{}", checked.stderr);
    assert!(checked.stdout.contains("4 tenants watched, 1 retired."), "{}", checked.stdout);
    let config = config::load(&site.path("apnswatch.yaml"), &BTreeMap::new(), None).unwrap();
    let tenant = config.tenants.values().find(|tenant| tenant.name.as_str() == "4711").unwrap();
    assert_eq!(
        tenant.labels,
        [("team", "mac"), ("customer", "0815")].map(|(name, value)| (name.into(), value.into())).into_iter().collect()
    );
    assert_eq!(tenant.account.as_ref().map(|id| id.as_str()), Some("shared"));

    // A second time it is there, and stays.
    let again = site.refused(&csv, &[]).await;
    assert!(again.contains("--output") && again.contains("--replace"), "{again}");
    let fewer: String = csv.lines().take(3).map(|line| format!("{line}\n")).collect();
    let replaced = site.import(&fewer, &["--write", "--replace"]).await;
    assert_eq!(replaced.status, Some(0), "{}", replaced.stderr);
    let checked = site.run(&["check-config"]).await.stdout;
    assert!(checked.contains("3 tenants watched, 0 retired."), "{checked}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_with_a_mistake_is_refused_whole_and_each_mistake_has_its_line() {
    let site = site().await;
    let told = site
        .refused(
            "name,kind,url,client_id,client_secret_file,account,expected_topic,push,label.team\n\
             north,jamf,jamf.example.com,reader,/run/s,,,,\n\
             south,jmaf,,,,,,,\n\
             \n\
             north,none,,,,,,,\n\
             acme,none,,,,,,,\n\
             east,none,,,,theirs,com.example.app,,\n\
             west,jamf,https://west.example.com,reader,/run/s,,,perhaps,\n\
             ,none,,,,,,,\n\
             more,,https://more.example.com,,,,,,\n\
             ..,none,,,,,,,\n",
            &[],
        )
        .await;
    for line in [
        "line 2: url: must begin with https://",
        "line 3: kind: must be one of intune, jamf, kandji, mosyle, none",
        "line 5: name: must be unique: line 2 has the name north, too",
        "line 6: name: must be unique: in the configuration, tenants[0] has the name acme, too",
        "line 7: account: must be the id of an entry of accounts",
        "line 7: expected_topic: must be a push topic",
        "line 8: push: must be true or false",
        "line 9: name: is missing",
        "line 10: kind: ",
        "line 11: name: must be another one: no browser gets to the page",
    ] {
        assert!(told.contains(line), "{line}\n{told}");
    }
    // A mistake of the form is told before what stands in the cells is looked at.
    for (csv, lines) in [
        (&b""[..], &["is empty: its first line must name the columns"][..]),
        (b"name,kind\n", &["has no line below its header"]),
        (b"kind\nnone\n", &["line 1: has no column called name"]),
        (b"name,kind,name\na,none,b\n", &["line 1: column 3 (name): stands there twice"]),
        (
            b"name,kind\na,none,x\nb\n",
            &["line 2: has 3 cells, and the header 2", "line 3: has 1 cell, and the header 2"],
        ),
        (b"name,kind\na,none\n\xff,none\n", &["line 3: is not UTF-8 text"]),
        (
            b"name,knid,client_secret,region code\na,none,made-up~NeverShown,x\n",
            &[
                "column 2 (knid): unknown column: did you mean kind?",
                "column 3 (client_secret): is read from a file, never from a cell",
                "client_secret_file",
                "column 4 (region code): unknown column, known here: ",
            ],
        ),
        (b"name;password\na;made-up~NeverShown\n", &["column 2 (password): is read from a file"]),
    ] {
        let told = site.refused(csv, &[]).await;
        for line in lines {
            assert!(told.contains(line), "{line}\n{told}");
        }
        assert!(!told.contains("NeverShown"), "{told}");
    }
    assert!(!told.contains(SECRET));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_spreadsheets_write_is_read() {
    let site = site().await;
    for (name, csv) in [
        ("a", "\u{feff}name;kind;label.note\r\n{name};none;\"a; b\"\r\n"),
        ("b", "name\tkind\tlabel.note\n {name} \tnone\ta; b\n"),
        ("c", "\"name\",\"kind\",\"label.note\"\n\"{name}\",\"none\",\"a; b\""),
    ] {
        let csv = csv.replace("{name}", name);
        let output = site.path(&format!("tenants.d/{name}.yaml"));
        let told = site.import(&csv, &["--write", "--output", output.to_str().unwrap()]).await;
        assert_eq!(told.status, Some(0), "{told:?}");
        let config = config::load(&site.path("apnswatch.yaml"), &BTreeMap::new(), None).unwrap();
        assert!(config.problems.is_empty(), "{:?}", config.problems);
        let tenant = config.tenants.values().find(|tenant| tenant.name.as_str() == name).unwrap();
        assert_eq!(tenant.labels.get("note").unwrap(), "a; b");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_written_only_where_the_configuration_reads_it() {
    let site = site().await;
    let csv = "name\na\n";
    let elsewhere = site.path("elsewhere.yaml");
    let told = site.refused(csv, &["--output", elsewhere.to_str().unwrap()]).await;
    assert!(told.contains("would not be read: tenant_files does not name it"), "{told}");
    let hidden = site.path("tenants.d/.hidden.yaml");
    let told = site.refused(csv, &["--output", hidden.to_str().unwrap()]).await;
    assert!(told.contains("would not be read"), "{told}");
    site.configure("tenant_files: [one.yaml]", &[]);
    let told = site.import(csv, &["--write"]).await;
    assert!(told.status == Some(0) && site.path("one.yaml").exists(), "{told:?}");
    site.configure("", &[]);
    let told = site.refused(csv, &[]).await;
    assert!(told.contains("put tenant_files: [tenants.d/*.yaml] into it first"), "{told}");
    // What is wrong already is not told as if it were the new tenants'.
    site.configure(HEAD, &[]);
    site.write("tenants.d/bad.yaml", "tenants: [{ name: 7 }]\n");
    let file = site.write("list.csv", csv);
    let told = site.run(&["import", file.to_str().unwrap()]).await;
    assert!(told.status == Some(64) && told.stderr.contains("tenants.d/bad.yaml"), "{told:?}");
    let gone = site.run(&["import", "gone.csv"]).await;
    assert_eq!(gone.status, Some(64), "the configuration comes first");
}

#[tokio::test(flavor = "multi_thread")]
async fn eighteen_hundred_tenants_take_a_moment() {
    let site = site().await;
    let mut csv = "name,kind,url,client_id,client_secret_file,account,label.team,expected_topic\n".to_owned();
    for number in 0..1800 {
        csv.push_str(&format!(
            "{number}-customer,jamf,https://c{number}.example.com,reader,/run/secrets/{number},shared,mac,{}\n",
            topic(&number.to_string())
        ));
    }
    let begun = Instant::now();
    let told = site.import(&csv, &["--write"]).await;
    let took = begun.elapsed();
    assert_eq!(told.status, Some(0), "{}", told.stderr);
    assert!(told.stdout.contains("1800 tenants in "), "{}", told.stdout);
    // In a debug build, beside the other tests; the release needs a fraction of it.
    assert!(took < Duration::from_secs(20), "{took:?}");
    println!("1800 tenants were imported within {took:?}");
    let checked = site.run(&["check-config"]).await;
    assert!(checked.stdout.contains("1801 tenants watched"), "{}", checked.stderr);
}
