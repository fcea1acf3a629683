//! Whatever ends `setup` early leaves everything as it was, the terminal included.

use std::collections::BTreeMap;

use super::{Desk, Person, tells_the_account};
use crate::support::{APP, SECRET};

/// The questions of a Jamf Pro, each with what brings one past it.
const QUESTIONS: [&str; 6] =
    ["Which MDM", "Client id", "Client secret", "Its path", "The team that holds it", "Write this to"];

/// Goes on to a question and stops before its answer.
async fn until(question: &str, desk: &Desk) -> Person {
    let mut person = desk.person(&["--probe", "none"]);
    let (url, file) = (desk.jamf.url("/acme"), desk.file("acme.pem").to_str().unwrap().to_owned());
    for (asked, answer) in [
        ("Which MDM", "jamf"),
        ("Address of Jamf Pro", &url),
        ("Client id", APP),
        ("A name for this tenant", "acme"),
        ("Client secret", SECRET),
        ("Its path", &file),
    ] {
        if asked == question {
            person.sees(question).await;
            return person;
        }
        person.answers(asked, answer).await;
    }
    if question == "The team that holds it" {
        person.answers("The address of the account", "it-apns@example.com").await;
    } else {
        tells_the_account(&mut person).await;
    }
    person.sees(question).await;
    person
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_by_an_interrupt_at_any_question() {
    let desk = Desk::new().await;
    for question in QUESTIONS {
        let mut person = until(question, &desk).await;
        assert_eq!(person.echoes(), question != "Client secret", "{question}");
        assert_eq!(desk.etc(), BTreeMap::new(), "{question}: nothing is there, not even for the time being");
        person.interrupts();
        assert_eq!(person.ends().await, Some(1), "{question}: {}", person.screen());
        assert!(person.screen().contains("interrupted; nothing was written"), "{question}: {}", person.screen());
        assert!(person.echoes(), "{question}: the terminal shows again what is typed");
        assert_eq!(desk.etc(), BTreeMap::new(), "{question}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_by_whatever_else_ends_it() {
    let desk = Desk::new().await;
    for (question, name) in [("Client secret", "TERM"), ("Client secret", "HUP"), ("Write this to", "INT")] {
        let mut person = until(question, &desk).await;
        person.signal(name).await;
        assert_eq!(person.ends().await, Some(1), "{name}: {}", person.screen());
        assert!(person.echoes() && desk.etc().is_empty(), "{name}");
    }
    // The secret was typed, and lies nowhere.
    let mut person = until("Write this to", &desk).await;
    person.signal("KILL").await;
    assert_eq!(person.ends().await, None);
    assert_eq!(desk.etc(), BTreeMap::new());
    // The terminal is closed, or the person has seen enough.
    for (question, word) in [("Client secret", "the terminal was closed"), ("Write this to", "the terminal was closed")]
    {
        let mut person = until(question, &desk).await;
        person.closes();
        assert_eq!(person.ends().await, Some(1));
        assert!(person.screen().contains(&format!("{word}; nothing was written")), "{}", person.screen());
        assert!(person.echoes() && desk.etc().is_empty());
    }
    let mut person = until("Write this to", &desk).await;
    person.types("n");
    assert_eq!(person.ends().await, Some(1));
    assert!(person.screen().contains("nothing was written") && desk.etc().is_empty(), "{}", person.screen());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_in_between_is_not_overwritten_and_nothing_is_half_written() {
    let desk = Desk::new().await;
    let mut person = until("Write this to", &desk).await;
    // Somebody else was quicker.
    std::fs::write(desk.config(), "site: theirs\n").unwrap();
    let before = desk.etc();
    person.types("y");
    assert_eq!(person.ends().await, Some(1), "{}", person.screen());
    assert!(person.screen().contains("nothing was written"), "{}", person.screen());
    assert_eq!(desk.etc(), before, "the secret and the certificate are gone, too");

    // From now on it is there from the beginning.
    let mut person = desk.person(&[]);
    assert_eq!(person.ends().await, Some(1));
    let screen = person.screen();
    assert!(
        screen.contains("exists and is not touched") && screen.contains("tenant_files: [tenants.d/*.yaml]"),
        "{screen}"
    );
    assert_eq!(desk.etc(), before);
    std::fs::write(desk.config(), "site: [\n").unwrap();
    let mut person = desk.person(&[]);
    assert_eq!(person.ends().await, Some(64), "what is there is wrong: {}", person.screen());
}

#[tokio::test(flavor = "multi_thread")]
async fn beside_a_configuration_that_reads_tenant_files_one_is_written() {
    let desk = Desk::new().await;
    let main = "site: hq\nstore: 'sqlite::memory:'\ntenant_files: [tenants.d/*.yaml]\naccounts:\n  - { id: shared, address: \
                it-apns@example.com }\ntenants:\n  - { name: north }\n";
    std::fs::write(desk.config(), main).unwrap();
    std::fs::create_dir(desk.folder.path().join("etc/tenants.d")).unwrap();
    let theirs = "tenants: [{ name: south }]\n";
    std::fs::write(desk.folder.path().join("etc/tenants.d/acme.yaml"), theirs).unwrap();
    let mut person = desk.person(&["--kind", "jamf", "--url", &desk.jamf.url("/acme"), "--client-id", APP]);
    person.sees("a tenant file beside").await;
    person.answers("A name for this tenant", "north").await;
    person.hides("Client secret", SECRET).await;
    person.sees("Name: must be unique").await;
    person.answers("A name for this tenant", "acme").await;
    person.answers("Its path", desk.file("acme.pem").to_str().unwrap()).await;
    person.answers("The account it was made with (shared)", "theirs").await;
    person.sees("It is none of these.").await;
    person.answers("The account it was made with (shared)", "shared").await;
    person.sees("acme ok expires in 200 days").await;
    person.answers("Write this to", "").await;
    assert_eq!(person.ends().await, Some(0), "{}", person.screen());
    let etc = desk.etc();
    assert_eq!(etc["apnswatch.yaml"].1, main.as_bytes(), "it is not touched");
    let names = [
        "acme-client-secret",
        "acme.pem",
        "apnswatch.yaml",
        "tenants.d/",
        "tenants.d/acme-2.yaml",
        "tenants.d/acme.yaml",
    ];
    assert_eq!(etc["tenants.d/acme.yaml"].1, theirs.as_bytes(), "nor is this");
    assert_eq!(etc.keys().collect::<Vec<_>>(), names);
    let tenant = desk.served("acme").await;
    assert_eq!((&tenant["level"], &tenant["account"]), (&"ok".into(), &"shared".into()), "{tenant:#}");
}
