//! What a service manager is told: by a real datagram socket in its place.

use std::time::Duration;

use tokio::net::UnixDatagram;
use tokio::time::{Instant, timeout};

use crate::support::{Daemon, SOON, Site, answer, tenant};

/// A site, and the socket on which its daemon speaks.
struct Managed {
    site: Site,
    socket: UnixDatagram,
}

impl Managed {
    async fn new() -> Self {
        let site = Site::new().await;
        let socket = UnixDatagram::bind(site.path("notify")).unwrap();
        Self { site, socket }
    }

    async fn serve(&self, environment: &[(&str, &str)]) -> Daemon {
        let mut command = self.site.command();
        command.args(["serve", "--listen", "127.0.0.1:0"]);
        command.env("NOTIFY_SOCKET", self.site.path("notify")).envs(environment.iter().copied());
        Daemon::start(command).await
    }

    /// The next message, its lines.
    async fn told(&self) -> Vec<String> {
        let mut bytes = [0; 4096];
        let length = timeout(SOON, self.socket.recv(&mut bytes)).await.expect("a message").unwrap();
        let text = std::str::from_utf8(&bytes[..length]).unwrap();
        text.lines().map(ToOwned::to_owned).collect()
    }

    /// Waits for one message, which must be this.
    async fn is_told(&self, expected: &[&str]) {
        let told = self.told().await;
        let fits =
            told.len() == expected.len() && told.iter().zip(expected).all(|(line, start)| line.starts_with(start));
        assert!(fits, "{told:?}, expected {expected:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_manager_is_told_of_the_start_each_reload_and_the_end() {
    let managed = Managed::new().await;
    let site = &managed.site;
    site.configure("", &[site.intune("acme", answer("acme", 290), "")]);
    let mut daemon = managed.serve(&[]).await;
    managed.is_told(&["READY=1", "STATUS=watching 1 tenant, listening on 127.0.0.1:"]).await;
    assert_eq!(daemon.get("/-/healthy").await.status, 200, "it listens when it says so");

    let reload = ["RELOADING=1", "MONOTONIC_USEC=", "STATUS=reading"];
    site.configure("", &[site.intune("acme", answer("acme", 290), ""), tenant("north", "    mdm: { kind: none }\n")]);
    daemon.signal("HUP").await;
    managed.is_told(&reload).await;
    managed.is_told(&["READY=1", "STATUS=watching 2 tenants, listening on "]).await;

    site.write("apnswatch.yaml", "tenants: 5\nweb: 6\n");
    daemon.signal("HUP").await;
    managed.is_told(&reload).await;
    managed.is_told(&["READY=1", "STATUS=the configuration on disk is wrong (2 problems)"]).await;

    daemon.signal("TERM").await;
    managed.is_told(&["STOPPING=1", "STATUS=stopping"]).await;
    assert_eq!(daemon.wait(SOON).await, Some(0), "{}", daemon.log());
    assert!(managed.socket.try_recv(&mut [0; 16]).is_err(), "nothing more is said, and nobody asked for beats");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_does_not_wait_for_a_vendor() {
    let managed = Managed::new().await;
    let site = &managed.site;
    let hangs = site.intune("mist", apnswatch::demo::intune::Answer::Hang, "");
    site.configure("poll: { interval: 1h, timeout: 30m }", &[hangs]);
    let daemon = managed.serve(&[]).await;
    managed.is_told(&["READY=1", "STATUS=watching 1 tenant"]).await;
    assert_eq!(daemon.get("/-/ready").await.status, 503, "that is another question");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_watchdog_gets_a_beat_twice_in_its_time() {
    let managed = Managed::new().await;
    managed.site.configure("", &[managed.site.intune("acme", answer("acme", 290), "")]);
    let mut daemon = managed.serve(&[("WATCHDOG_USEC", "600000")]).await;
    managed.is_told(&["READY=1", "STATUS="]).await;
    managed.is_told(&["WATCHDOG=1"]).await;
    let begun = Instant::now();
    for _ in 0..6 {
        managed.is_told(&["WATCHDOG=1"]).await;
    }
    let taken = begun.elapsed();
    assert!((Duration::from_millis(1500)..Duration::from_secs(4)).contains(&taken), "{taken:?} for six beats");

    // A process that does nothing gives no beat, and gives them again when it goes on.
    daemon.signal("STOP").await;
    while timeout(Duration::from_millis(100), managed.socket.recv(&mut [0; 64])).await.is_ok() {}
    assert!(timeout(Duration::from_secs(1), managed.socket.recv(&mut [0; 64])).await.is_err(), "a beat of the dead");
    daemon.signal("CONT").await;
    managed.is_told(&["WATCHDOG=1"]).await;
    daemon.signal("TERM").await;
    while managed.told().await != ["STOPPING=1", "STATUS=stopping"] {}
    assert_eq!(daemon.wait(SOON).await, Some(0), "{}", daemon.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watchdog_for_another_process_or_of_no_time_gets_nothing() {
    for environment in [&[("WATCHDOG_USEC", "200000"), ("WATCHDOG_PID", "1")][..], &[("WATCHDOG_USEC", "0")]] {
        let managed = Managed::new().await;
        managed.site.configure("", &[]);
        let _daemon = managed.serve(environment).await;
        managed.is_told(&["READY=1", "STATUS="]).await;
        assert!(timeout(Duration::from_millis(500), managed.told()).await.is_err(), "{environment:?}");
    }
}
