//! Vendors and surroundings that behave badly: bounded memory, bounded descriptors, nobody else touched.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use apnswatch::demo::intune::{Answer, LoginAnswer};
use apnswatch::demo::world;
use tokio::net::TcpListener;

use crate::support::{Daemon, SOON, Site, answer, eventually};

/// In kilobytes. A test build needs about 40 MB; a body of 50 MB, or one without end, must not add to it.
const MOST_MEMORY: u64 = 100 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_takes_more_than_its_share() {
    let site = Site::new().await;
    let cases = [
        ("page", Answer::Html(200), &["malformed"][..]),
        ("empty", Answer::Empty(200), &["malformed"]),
        ("cut", Answer::Truncated, &["malformed", "connect", "http"]),
        ("huge", Answer::Huge(50_000_000), &["malformed"]),
        ("endless", Answer::Endless, &["malformed"]),
        ("drip", Answer::Trickle(std::time::Duration::from_millis(50)), &["timeout"]),
        ("silent", Answer::Hang, &["timeout"]),
        ("closed", Answer::CloseConnection, &["connect"]),
        ("wrong", Answer::WrongRoute, &["not_found"]),
        ("limited", Answer::Status(429, Some("1".to_owned())), &["rate_limited"]),
        ("broken", Answer::Status(500, None), &["http"]),
        ("garbage", Answer::Json(serde_json::json!([1, 2, 3])), &["malformed"]),
        ("moved", Answer::Redirect("http://127.0.0.1:1/".to_owned()), &["http"]),
    ];
    let mut tenants: Vec<String> =
        cases.iter().map(|(name, answer, _)| site.intune(name, answer.clone(), "")).collect();
    tenants.push(site.intune("acme", answer("acme", 290), ""));
    site.configure("limits: { polls: 64, per_host: 16 }", &tenants);
    let daemon = site.serve().await;
    for (name, _, _) in &cases {
        site.reads_reach(name, 3).await;
    }
    let scrape = daemon
        .until("every one has its reason", |scrape| {
            cases.iter().all(|(name, _, reasons)| {
                scrape.up(name) == Some(0.0) && scrape.reason(name).is_some_and(|reason| reasons.contains(&reason))
            })
        })
        .await;
    assert_eq!((scrape.up("acme"), scrape.drift("acme")), (Some(1.0), Some(0.0)), "nobody else is touched");
    for (name, _, _) in &cases {
        assert_eq!(scrape.value("apns_certificate_not_after_timestamp_seconds", &[("tenant", name)]), None);
        assert_eq!(scrape.value("apns_certificate_phase", &[("tenant", name), ("phase", "unknown")]), Some(1.0));
    }
    let peak = daemon.memory("VmHWM:");
    assert!(peak < MOST_MEMORY, "{peak} kB at the most");
    let told = scrape.one("process_resident_memory_bytes", &[]);
    assert!(told > 0.0 && told < 1024.0 * MOST_MEMORY as f64, "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn proxy_variables_are_not_obeyed() {
    let trap = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = trap.local_addr().unwrap();
    let caught = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&caught);
    tokio::spawn(async move {
        while trap.accept().await.is_ok() {
            count.fetch_add(1, Ordering::Relaxed);
        }
    });
    let site = Site::new().await;
    // One over TLS as well, which has a variable of its own. There is no TLS there, so it fails, but not at the proxy.
    let secure = site.intune("secure", answer("secure", 290), "");
    let url = site.microsoft.graph_url().replace("http:", "https:");
    let secure = secure.replace(" }\n", &format!(", login_url: '{url}', graph_url: '{url}' }}\n"));
    site.configure("", &[site.intune("acme", answer("acme", 290), ""), secure]);
    let mut command = site.command();
    command.args(["serve", "--listen", "127.0.0.1:0"]);
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"] {
        command.env(name, format!("http://{address}"));
    }
    let daemon = Daemon::start(command).await;
    site.reads_reach("acme", 3).await;
    let scrape = daemon.until("both were asked", |scrape| scrape.reason("secure").is_some()).await;
    assert_eq!(scrape.up("acme"), Some(1.0));
    assert_eq!(scrape.reason("secure"), Some("tls"));
    assert_eq!(caught.load(Ordering::Relaxed), 0, "somebody went to the proxy");
}

/// R-B23, in quick time: half of the tenants fail, in every way in which a connection can.
#[tokio::test(flavor = "multi_thread")]
async fn descriptors_level_off() {
    let site = Site::new().await;
    let closed = {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        listener.local_addr().unwrap()
    };
    let secure = site.microsoft.graph_url().replace("http:", "https:");
    let elsewhere = |name: &str, url: &str| {
        let yaml = site.intune(name, answer(name, 290), "");
        yaml.replace(" }\n", &format!(", login_url: '{url}', graph_url: '{url}' }}\n"))
    };
    let tenants: Vec<String> = (0..50)
        .map(|number| {
            let name = format!("t{number}");
            match number % 10 {
                0 => elsewhere(&name, &format!("http://{closed}")),
                2 => elsewhere(&name, &secure),
                4 => site.intune(&name, Answer::Hang, ""),
                6 => site.intune(&name, Answer::CloseConnection, ""),
                8 => site.intune(&name, Answer::Truncated, ""),
                _ => site.intune(&name, answer(&name, 290), ""),
            }
        })
        .collect();
    // Logins that hang, too.
    site.microsoft.set_login(&world::directory("t4"), LoginAnswer::Hang);
    site.configure("limits: { polls: 100, per_host: 100 }", &tenants);
    let daemon = site.serve().await;
    let polls = |number: f64| {
        let daemon = &daemon;
        async move {
            eventually("many polls", 2 * SOON, || async {
                let scrape = daemon.scrape().await;
                (scrape.one("apns_source_polls_total", &[("mdm", "intune"), ("source", "api")]) >= number).then_some(())
            })
            .await;
        }
    };
    // The most that is open at once, over a window of five rounds or so.
    let window = |number: f64| {
        let (daemon, polls) = (&daemon, &polls);
        async move {
            let mut most = 0;
            for step in 0..5 {
                polls(number + 25.0 * f64::from(step)).await;
                most = most.max(daemon.descriptors());
            }
            most
        }
    };
    let early = window(100.0).await;
    let late = window(400.0).await;
    assert!(late <= early + 10, "{early} descriptors at first, {late} later");
    assert!(late < 200, "{late}");
    let scrape = daemon.scrape().await;
    assert_eq!(scrape.all("apns_source_failing", &[]).len(), 25);
    assert!(scrape.one("process_open_fds", &[]) < 200.0);
}
