//! Tokens with awkward names and numbers.

use std::collections::BTreeSet;

use apnswatch::demo::jamf::{Answer, Resource, enrollment};
use apnswatch::demo::kandji::{Integration, Tenant};
use apnswatch::demo::{intune, world};
use serde_json::Value;

use super::site::{TOKEN_END, USABLE, Vendors, days, seconds, server, up};
use crate::support::{Scrape, answer};

/// The labels `token` of a tenant, of one kind.
fn labels(scrape: &Scrape, tenant: &str, kind: &str) -> BTreeSet<String> {
    let tokens = scrape.all(TOKEN_END, &[("tenant", tenant), ("kind", kind)]);
    tokens.iter().map(|token| token.labels["token"].clone()).collect()
}

fn words(words: &[&str]) -> BTreeSet<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_one_name_are_told_apart_by_every_vendor() {
    let vendors = Vendors::new().await;
    let end = days(200);
    let twins = |count: u64| (1..=count).map(|id| enrollment(id, "main", days(200 + id.cast_signed())));
    let jamf = server().with(Resource::Enrollments, Answer::List(twins(2).collect::<Vec<Value>>()));
    let kandji = Tenant {
        integrations: vec![Integration::new("e1", "main", end), Integration::new("e2", "main", end).broken()],
        ..Tenant::default()
    };
    let site = &vendors.site;
    let intune = site.intune("acme", answer("acme", 300), "");
    site.microsoft.change(&world::directory("acme"), |directory| {
        let tokens = ["a1", "a2"].map(|id| intune::server_token(id, "main", end));
        let same = intune::content_token("v1", "main", end, "valid");
        directory.server_tokens = intune::Answer::List(intune::List::of(tokens));
        directory.content_tokens = intune::Answer::List(intune::List::of([same]));
    });
    site.configure("", &[intune, vendors.jamf("south", jamf, "", ""), vendors.kandji("east", kandji, "", "")]);
    let daemon = site.serve().await;
    let scrape = daemon
        .until("all", |scrape| ["acme", "south", "east"].iter().all(|tenant| up(scrape, tenant).contains("tokens")))
        .await;
    assert_eq!(labels(&scrape, "acme", "ade"), words(&["main (a1)", "main (a2)"]));
    assert_eq!(labels(&scrape, "acme", "vpp"), words(&["main"]), "another kind is another series already");
    assert_eq!(labels(&scrape, "south", "ade"), words(&["main (1)", "main (2)"]));
    assert_eq!(labels(&scrape, "east", "ade"), words(&["main (e1)", "main (e2)"]));
    let usable = |token| scrape.one(USABLE, &[("tenant", "east"), ("token", token)]);
    assert_eq!([usable("main (e1)"), usable("main (e2)")], [1.0, 0.0], "each with its own state");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_the_first_to_end_are_told_and_long_names_are_cut() {
    let vendors = Vendors::new().await;
    let many = (1..=50).map(|id| Integration::new(format!("e{id}"), format!("token {id}"), days(400 - id)));
    let stem = "ö".repeat(70);
    let long = [("l1", "x".repeat(100)), ("l2", format!("{stem}1")), ("l3", format!("{stem}2"))];
    let long = long.map(|(id, name)| Integration::new(id, name, days(9)));
    let odd = ["quoted \"name\"", "back\\slash", "two\nlines", " "].into_iter().enumerate();
    let odd = odd.map(|(id, name)| Integration::new(format!("o{id}"), name, days(9)));
    let tenant = |integrations| Tenant { integrations, ..Tenant::default() };
    vendors.site.configure(
        "",
        &[
            vendors.kandji("many", tenant(many.collect()), "", ""),
            vendors.kandji("long", tenant(long.into()), "", ""),
            vendors.kandji("odd", tenant(odd.collect()), "", ""),
        ],
    );
    let daemon = vendors.site.serve().await;
    let scrape = daemon
        .until("all", |scrape| ["many", "long", "odd"].iter().all(|tenant| up(scrape, tenant).contains("tokens")))
        .await;
    let told = labels(&scrape, "many", "ade");
    assert_eq!(told, (31..=50).map(|id| format!("token {id}")).collect());
    let first = scrape.one(TOKEN_END, &[("tenant", "many"), ("token", "token 50")]);
    assert!(first <= seconds(days(350)), "{first}");
    let cut = "ö".repeat(64);
    let told = labels(&scrape, "long", "ade");
    assert_eq!(told, words(&[&"x".repeat(64), &format!("{cut} (l2)"), &format!("{cut} (l3)")]));
    assert_eq!(labels(&scrape, "odd", "ade").len(), 4, "{}", scrape.text);
}
