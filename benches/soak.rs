//! Watches a large fleet for a long time, and reads the configuration again many times. Started by `scripts/soak`;
//! `docs/performance.md` tells of it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "it is a test, and prints what it found"
)]

#[allow(dead_code, reason = "the measurement of polls uses the rest")]
#[path = "polls/fleet.rs"]
mod fleet;
#[allow(dead_code, reason = "other measurements use the rest")]
mod process;
#[path = "soak/run.rs"]
mod run;
#[allow(dead_code, reason = "it is the tests' own, and they use the rest")]
#[path = "../tests/suite/support.rs"]
mod support;

use std::time::Duration;

use run::{Plan, Trend};

#[tokio::main]
async fn main() {
    let mut arguments = process::arguments();
    let is_reload = arguments.first().is_some_and(|word| word == "reload");
    if is_reload {
        arguments.remove(0);
    }
    let (mut minutes, mut tenants, mut reloads, mut seed) =
        (60, if is_reload { 60 } else { 2000 }, 1000, rand::random());
    for pair in arguments.chunks(2) {
        let [name, value] = pair else { panic!("{pair:?} has no value") };
        let number = || value.parse::<u64>().unwrap_or_else(|_| panic!("{name} takes a number"));
        match name.as_str() {
            "--minutes" => minutes = number(),
            "--tenants" => tenants = number() as usize,
            "--reloads" => reloads = number() as usize,
            "--seed" => seed = number(),
            _ => {
                panic!("usage: soak [--minutes N] [--tenants N] [--seed N], or soak reload [--reloads N] [--tenants N]")
            }
        }
    }
    if is_reload {
        let told = run::reload::run(reloads, tenants).await;
        println!("{} reloads in {} s, with {} scrapes beside them", told.reloads, told.took.as_secs(), told.scrapes);
        print(&told.trend);
        let (fewest, most) = told.requests;
        println!("requests of a tenant    {fewest} to {most} in {} s, asked every 2 s", told.window.as_secs());
        println!("every series is there, no other is, and nobody is polled twice");
        return;
    }
    println!("seed {seed}");
    let plan = Plan { tenants, length: Duration::from_secs(60 * minutes), interval: Duration::from_secs(30), seed };
    let told = run::run(plan).await;
    println!("{tenants} tenants for {minutes} minutes, each source asked every 30 s or every 2 minutes");
    println!("polls                   {}, of which {} failed", told.polls, told.failures);
    println!("faults                  {}, and {} outages of a whole vendor", told.faults, told.outages);
    println!("most sources down       {}", told.most_failing);
    println!("scrapes                 {} of {} to {} series", told.scrapes, told.series.0, told.series.1);
    let (middle, late, longest) = told.scrape_times;
    println!(
        "a scrape                {middle:.0?}, 99 of 100 below {late:.0?}, the longest {longest:.0?}, {} KiB",
        told.bytes / 1024
    );
    print(&told.trend);
    println!("peak memory             {:.1} MiB", told.peak as f64 / 1024.0);
    let faults = told.trend.faults();
    assert!(faults.is_empty(), "something grows: {faults:?}");
    println!("every scrape had every series and no other, and nothing grew");
}

/// What the first quarter used, and the last.
fn print(trend: &Trend) {
    let (first, last) = (trend.first, trend.last);
    println!(
        "memory                  {:.1} MiB at first, {:.1} MiB at last",
        first.memory as f64 / 1024.0,
        last.memory as f64 / 1024.0
    );
    println!("descriptors             {} at first, {} at last", first.descriptors, last.descriptors);
    println!("threads                 {} at first, {} at last", first.threads, last.threads);
    println!("tasks                   {} at first, {} at last", first.tasks, last.tasks);
}
