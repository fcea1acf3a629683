//! Kills the daemon at random moments and looks for what is missing. Started by `scripts/crash`; `docs/performance.md`
//! tells of it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "it is a test, and prints what it found"
)]

#[allow(dead_code, reason = "other measurements use the rest")]
mod process;
#[path = "crash/run.rs"]
mod run;
#[allow(dead_code, reason = "it is the tests' own, and they use the rest")]
#[path = "../tests/suite/support.rs"]
mod support;

use std::time::Instant;

#[tokio::main]
async fn main() {
    let arguments = process::arguments();
    let (mut kills, mut seed) = (1000, rand::random());
    for pair in arguments.chunks(2) {
        match pair {
            [name, value] if name == "--kills" => kills = value.parse().expect("--kills takes a number"),
            [name, value] if name == "--seed" => seed = value.parse().expect("--seed takes a number"),
            _ => panic!("usage: crash [--kills NUMBER] [--seed NUMBER]"),
        }
    }
    println!("seed {seed}");
    let begun = Instant::now();
    let told = run::run(kills, seed).await;
    println!(
        "{} kills in {} s: {} of them before the daemon listened, {} at the first start of a store",
        told.kills,
        begun.elapsed().as_secs(),
        told.at_the_start,
        told.first_starts
    );
    println!(
        "{} words acknowledged ({} of them on the page), {} refused, {} of which nobody knows ({} commands killed)",
        told.acknowledged, told.on_page, told.refused, told.open, told.commands_killed
    );
    println!("{} things the daemon learnt by itself and showed twice", told.learnt);
    println!("nothing is missing, and nothing is there twice");
}
