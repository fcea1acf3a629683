//! The walkthrough of a renewal, as an admin reads it, and the document that says the same.

use std::fmt::Write as _;

use apnswatch::guide::{self, Part, StepId, Values};
use apnswatch::model::MdmKind;
use apnswatch::words::wrap;
use serde_json::Value;

use crate::support::{Ended, Site, answer, document, ended, filed, program, topic};

/// Between these the document says what the guide says.
const MARKERS: (&str, &str) = ("<!-- guide: begin -->\n", "<!-- guide: end -->\n");

/// How wide the documents are.
const WIDTH: usize = 140;

async fn run(arguments: &[&str]) -> Ended {
    let mut command = program();
    command.arg("guide").args(arguments);
    ended(command).await
}

#[tokio::test]
async fn without_a_tenant_no_configuration_is_needed() {
    for kind in MdmKind::ALL {
        // A configuration that is not there would be told.
        let told = run(&[kind.as_str(), "--config", "/nonexistent/apnswatch.yaml"]).await;
        assert_eq!((told.status, told.stderr.as_str()), (Some(0), ""), "{kind}");
        assert!(told.stdout.starts_with("Renewing the push certificate: "), "{}", told.stdout);
        for (number, step) in guide::steps(kind, &Values::default()).iter().enumerate() {
            assert!(told.stdout.contains(&format!("\n{:>2}. {}\n", number + 1, step.title)), "{}", told.stdout);
        }
        let wide: Vec<&str> = told.stdout.lines().filter(|line| line.chars().count() > 80).collect();
        // What is copied is never broken.
        assert!(wide.iter().all(|line| line.trim_start().split(' ').any(|word| word.len() > 50)), "{wide:?}");
        assert!(told.stdout.is_ascii(), "a terminal of any kind shows it");
    }
    assert_eq!(run(&["iru"]).await.stdout, run(&["kandji"]).await.stdout);
    assert_eq!(run(&[]).await.status, Some(64));
    let unknown = run(&["airwatch"]).await;
    assert_eq!(unknown.status, Some(64));
    assert!(unknown.stderr.contains("must be one of intune, jamf, kandji, mosyle, none"), "{}", unknown.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_fills_it_in() {
    let site = Site::new().await;
    let file = site.certificate("desk.pem", &topic("desk"), "0C01", 20);
    let account = "    account: shared\n";
    let config = site.configure(
        "accounts:\n  - id: shared\n    address: it-apns@example.com\n    owner: it-operations\n    \
         vault_item: Vault > Apple > APNs\n    second_factor: [desk phone, second admin]\n    \
         duties: { sign_in: { every: 90d } }\n",
        &[site.intune("acme", answer("acme", 20), account), filed("desk", &file), filed("odd \u{1f34e} one", &file)],
    );
    let config = config.to_str().unwrap();
    let of = |tenant: &'static str| ["--config", config, "--tenant", tenant];

    // Before anything was asked, the configuration alone speaks.
    let told = run(&of("acme")).await;
    assert_eq!((told.status, told.stderr.as_str()), (Some(0), ""));
    assert!(told.stdout.contains("Sign in with it-apns@example.com") && told.stdout.contains("not known here"));

    let daemon = site.serve().await;
    let known = |tenant: &'static str| {
        move |scrape: &crate::support::Scrape| scrape.value("apns_topic_pin_info", &[("tenant", tenant)]).is_some()
    };
    daemon.until("the topic of acme is known", known("acme")).await;
    daemon.until("the topic of desk is known", known("desk")).await;
    daemon.stop().await;

    let told = run(&of("acme")).await;
    assert_eq!((told.status, told.stderr.as_str()), (Some(0), ""));
    for known in [
        "Renewing the push certificate of acme: Microsoft Intune",
        "\n  Apple Account  it-apns@example.com\n",
        "Vault > Apple > APNs",
        "desk phone, second admin",
        &topic("acme"),
        &guide::groups(&apnswatch::model::Topic::parse(&topic("acme")).unwrap()),
        "Nobody has compared this topic",
        "\n        apnswatch preflight NEW.pem --tenant acme\n",
        "\n        apnswatch verify --tenant acme\n",
        "apnswatch duty done sign_in --account shared",
    ] {
        assert!(told.stdout.contains(known), "{known} is not in\n{}", told.stdout);
    }
    assert!(!told.stdout.contains("apnswatch confirm --tenant"), "Intune tells the end: {}", told.stdout);

    let told = run(&[&of("desk")[..], &["--json"]].concat()).await;
    let document: Value = serde_json::from_str(&told.stdout).unwrap();
    assert_eq!(document["schema"], "apnswatch.guide.v1");
    assert_eq!((&document["kind"], &document["tenant"]), (&"none".into(), &"desk".into()));
    let steps = document["steps"].as_array().unwrap();
    let ids: Vec<&str> = steps.iter().map(|step| step["id"].as_str().unwrap()).collect();
    assert_eq!(ids, StepId::ALL.map(StepId::as_str));
    let attest = steps.last().unwrap()["parts"].to_string();
    assert!(attest.contains("apnswatch confirm --tenant desk") && !attest.contains("--serial"), "{attest}");
    assert!(steps[3]["parts"].to_string().contains("0C01"), "{}", steps[3]);

    let told = run(&of("odd \u{1f34e} one")).await;
    assert!(told.stdout.contains("apnswatch verify --tenant 'odd \u{1f34e} one'"), "{}", told.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_wrong_certificate_in_the_mdm_lends_neither_serial_nor_end() {
    let site = Site::new().await;
    let kept = format!("    certificate: {{ expected_topic: {} }}\n", topic("original"));
    let config = site.configure("", &[site.intune("acme", answer("acme", 300), &kept)]);
    let daemon = site.serve().await;
    daemon.until("the drift is seen", |scrape| scrape.drift("acme") == Some(1.0)).await;
    daemon.stop().await;
    let told = run(&["--config", config.to_str().unwrap(), "--tenant", "acme"]).await.stdout;
    let flat = told.split_whitespace().collect::<Vec<&str>>().join(" ");
    for said in ["STOP and read", &topic("acme"), &topic("original"), "Serial number: not known here", "End: not known"]
    {
        assert!(flat.contains(said), "{said} is not in\n{told}");
    }
    assert!(!flat.contains("Nobody has compared"), "the configuration fixed it: {told}");
}

#[tokio::test]
async fn a_contradiction_is_bad_usage() {
    let site = Site::new().await;
    let config = site.configure("", &[site.intune("acme", answer("acme", 20), "")]);
    let config = config.to_str().unwrap();
    let same = run(&["intune", "--config", config, "--tenant", "acme"]).await;
    assert_eq!((same.status, same.stderr.as_str()), (Some(0), ""));
    let other = run(&["jamf", "--config", config, "--tenant", "acme"]).await;
    assert_eq!((other.status, other.stdout.as_str()), (Some(64), ""));
    assert!(
        other.stderr.contains("the MDM of \"acme\" is intune in the configuration, and not jamf"),
        "{}",
        other.stderr
    );
    let nobody = run(&["--config", config, "--tenant", "nobody"]).await;
    assert_eq!(nobody.status, Some(64));
    assert!(nobody.stderr.contains("no tenant nobody is watched"), "{}", nobody.stderr);
}

#[tokio::test]
async fn a_store_that_cannot_be_read_does_not_hold_up_renewal_day() {
    let site = Site::new().await;
    let config = site.configure("", &[site.intune("acme", answer("acme", 20), "")]);
    site.write("state.db", "no database");
    let told = run(&["--config", config.to_str().unwrap(), "--tenant", "acme"]).await;
    assert_eq!(told.status, Some(0), "{}", told.stderr);
    assert!(told.stderr.contains("only what the configuration says"), "{}", told.stderr);
    assert!(told.stdout.contains("preflight NEW.pem --tenant acme"), "{}", told.stdout);
}

#[test]
fn the_document_says_what_the_guide_says() {
    let document = document("docs/renewal.md");
    let right = walkthrough();
    let inner = document.split_once(MARKERS.0).and_then(|(_, rest)| rest.split_once(MARKERS.1)).map(|(inner, _)| inner);
    assert!(
        inner == Some(right.as_str()),
        "docs/renewal.md differs from the guide. Between its markers this is right:\n{}{right}{}",
        MARKERS.0,
        MARKERS.1
    );
}

#[test]
fn what_the_guide_points_at_is_there() {
    let recovery = document("docs/recovery.md");
    for kind in MdmKind::ALL {
        let text =
            guide::steps(kind, &Values { wrong_topic: apnswatch::model::Topic::parse("x"), ..Values::default() });
        let text = format!("{text:?}");
        let named: Vec<&str> =
            text.split("docs/recovery.md, \\\"").skip(1).filter_map(|rest| rest.split('\\').next()).collect();
        assert!(named.len() >= 3, "{named:?}");
        for heading in named {
            assert!(recovery.contains(&format!("\n## {heading}\n")), "docs/recovery.md has no heading {heading:?}");
        }
    }
    for file in ["README.md", "docs/runbook.md"] {
        let text = document(file);
        assert!(text.contains("renewal.md)") && text.contains("recovery.md)"), "{file} does not point at them");
    }
}

/// The whole walkthrough as it stands in the document: each step with what every MDM shares, and beneath its own
/// name what one MDM does in its own way.
fn walkthrough() -> String {
    let guides: Vec<(MdmKind, Vec<guide::Step>)> =
        MdmKind::ALL.into_iter().map(|kind| (kind, guide::steps(kind, &Values::default()))).collect();
    let mut out = String::new();
    for (index, id) in StepId::ALL.into_iter().enumerate() {
        let step = |steps: &[guide::Step]| steps.iter().find(|step| step.id == id).unwrap().clone();
        let every: Vec<(MdmKind, guide::Step)> = guides.iter().map(|(kind, steps)| (*kind, step(steps))).collect();
        let is_shared = |part: &Part| every.iter().all(|(_, step)| step.parts.contains(part));
        let _ = write!(out, "\n## {}. {}\n", index + 1, every[0].1.title);
        // MDMs of which the same is said share a paragraph.
        let mut own: Vec<(String, Vec<&Part>)> = Vec::new();
        for (kind, step) in &every {
            let parts: Vec<&Part> = step.parts.iter().filter(|part| !is_shared(part)).collect();
            match own.iter_mut().find(|(_, known)| *known == parts) {
                Some((names, _)) => *names = format!("{names}, {}", guide::product(*kind)),
                None => own.push((guide::product(*kind).to_owned(), parts)),
            }
        }
        for (names, own) in own.iter().filter(|(_, own)| !own.is_empty()) {
            let _ = write!(out, "\n**In {names}**\n");
            parts(own, &mut out);
        }
        let shared: Vec<&Part> = every[0].1.parts.iter().filter(|part| is_shared(part)).collect();
        if !shared.is_empty() && shared.len() < every[0].1.parts.len() {
            out.push_str("\n**Everywhere**\n");
        }
        parts(&shared, &mut out);
    }
    out.push('\n');
    out
}

fn parts(parts: &[&Part], out: &mut String) {
    let mut above: Option<&Part> = None;
    for part in parts {
        if !matches!((above, part), (Some(Part::Item(_)), Part::Item(_))) {
            out.push('\n');
        }
        above = Some(part);
        match part {
            Part::Text(text) => out.push_str(&(wrap(text, WIDTH).join("\n") + "\n")),
            Part::Item(text) => out.push_str(&format!("- {}\n", wrap(text, WIDTH - 2).join("\n  "))),
            Part::Command(text) => out.push_str(&format!("```sh\n{text}\n```\n")),
            Part::Verbatim(lines) => out.push_str(&format!("```text\n{}\n```\n", lines.join("\n"))),
        }
    }
}
