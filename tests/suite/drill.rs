//! `drill`: proof that an alert arrives.

use crate::support::{Site, now};

#[tokio::test(flavor = "multi_thread")]
async fn the_running_daemon_shows_it_until_it_ends_by_itself() {
    let site = Site::new().await;
    // A port of its own, so that the command finds the daemon where the configuration says.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    site.configure(&format!("web: {{ listen: '127.0.0.1:{port}' }}"), &[]);
    let alone = site.run(&["drill", "--severity", "critical", "--by", "kim"]).await;
    assert_eq!(alone.status, Some(1), "{}", alone.stdout);
    assert!(alone.stderr.contains("Nobody will be called"), "{}", alone.stderr);

    let daemon = site.serve_with(&["--listen", &format!("127.0.0.1:{port}")]).await;
    // What was begun while nobody ran goes on, for its time is not over.
    let critical = [("severity", "critical")];
    daemon.until("it is shown", |scrape| scrape.all("apnswatch_drill", &critical).len() == 1).await;
    let ended = site.run(&["drill", "--for", "5m"]).await;
    assert_eq!((ended.status, ended.stderr.as_str()), (Some(0), ""), "{}", ended.stdout);
    assert!(
        ended.stdout.contains("severity warning") && ended.stdout.contains("The daemon shows it."),
        "{}",
        ended.stdout
    );
    let year = now().format("%Y-").to_string();
    assert!(ended.stdout.contains(&year), "{}", ended.stdout);
    for usage in [&["--for", "299s"][..], &["--for", "2h"], &["--severity", "page"]] {
        assert_eq!(site.run(&[&["drill"], usage].concat()).await.status, Some(64), "{usage:?}");
    }
    daemon.stop().await;
}
