//! What a service manager such as systemd is told (`sd_notify(3)`). Without a `NOTIFY_SOCKET` in the environment nothing
//! is said to anybody.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::sync::{mpsc, oneshot};

use crate::config::Config;
use crate::store::Store;

/// A question to the main loop, which answers it if it is not stuck.
pub(super) type Ping = oneshot::Sender<()>;

/// Says that the process runs: it listens, and its pollers have been started.
///
/// That is what `systemctl start` waits for. It does not wait for vendors: whether each source had its first try is
/// told by `/-/ready`.
pub(super) fn running(config: &Config, address: Option<SocketAddr>) {
    say(&[NotifyState::Ready, NotifyState::Status(&status(config, address))]);
}

/// Says that the configuration is being read again.
pub(super) fn reloading() {
    // systemd 253 and later compares the moment with that of its own request.
    let Ok(moment) = NotifyState::monotonic_usec_now() else { return };
    say(&[NotifyState::Reloading, moment, NotifyState::Status("reading the configuration again")]);
}

/// Says that the configuration on disk is wrong and the one before it goes on.
pub(super) fn refused(problems: usize) {
    let status =
        format!("the configuration on disk is wrong ({problems} problems) and the one before it stays in force");
    say(&[NotifyState::Ready, NotifyState::Status(&status)]);
}

/// Says that the process is on its way out.
pub(super) fn stopping() {
    say(&[NotifyState::Stopping, NotifyState::Status("stopping")]);
}

/// Starts the beats of the watchdog if the service manager wants them: `WATCHDOG=1` at half of the time after which it
/// takes this process for dead, as long as the main loop and the writer of the store answer.
pub(super) fn watch(store: &Store) -> mpsc::Receiver<Ping> {
    let (pings, questions) = mpsc::channel(1);
    // A limit of nothing is no limit.
    if let Some(period) = sd_notify::watchdog_enabled().map(|limit| limit / 2).filter(|period| !period.is_zero()) {
        tokio::spawn(beats(period, store.clone(), pings, || say(&[NotifyState::Watchdog])));
    }
    questions
}

/// Answers the watchdog for as long as the main loop waits for something. What it waits for has a bound of its own.
pub(super) async fn answer(questions: &mut mpsc::Receiver<Ping>) -> Infallible {
    while let Some(ping) = questions.recv().await {
        // Whoever asked may have given up.
        let _ = ping.send(());
    }
    std::future::pending().await
}

/// Gives a beat every `period` in which both answer. Ends with the main loop.
async fn beats(period: Duration, store: Store, main_loop: mpsc::Sender<Ping>, beat: impl Fn()) {
    let mut ticks = tokio::time::interval(period);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while !main_loop.is_closed() {
        ticks.tick().await;
        let is_alive = async {
            let (ping, answered) = oneshot::channel();
            main_loop.send(ping).await.is_ok() && answered.await.is_ok() && store.answers().await
        };
        if let Ok(true) = tokio::time::timeout(period, is_alive).await {
            beat();
        } else if !main_loop.is_closed() {
            tracing::error!("the main loop or the writer of the store does not answer: the watchdog gets no beat");
        }
    }
}

/// One line for `systemctl status`.
fn status(config: &Config, address: Option<SocketAddr>) -> String {
    let watched = config.tenants.values().filter(|tenant| !tenant.retired).count();
    let tenants = if watched == 1 { "1 tenant".to_owned() } else { format!("{watched} tenants") };
    let probes = if config.probe.is_some() { " and the way to Apple" } else { "" };
    let place = address.map(|address| format!(", listening on {address}")).unwrap_or_default();
    let trouble = match config.problems.len() {
        0 => String::new(),
        problems => format!("; {problems} problems in tenant files"),
    };
    format!("watching {tenants}{probes}{place}{trouble}")
}

fn say(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "the service manager cannot be told");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::store::Contents;

    const PERIOD: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn a_main_loop_that_hangs_gets_no_beat_and_one_that_comes_back_does() {
        let count = Arc::new(AtomicUsize::new(0));
        let (pings, mut questions) = mpsc::channel(1);
        let counted = Arc::clone(&count);
        let beat = move || _ = counted.fetch_add(1, Ordering::Relaxed);
        let beats = tokio::spawn(beats(PERIOD, Store::in_memory(Contents::default()), pings, beat));
        let so_far = || count.load(Ordering::Relaxed);

        let _ = tokio::time::timeout(PERIOD * 4 + PERIOD / 2, answer(&mut questions)).await;
        assert_eq!(so_far(), 5, "one at the start and one a period");
        // It sleeps where it should answer.
        tokio::time::sleep(PERIOD * 10).await;
        assert_eq!(so_far(), 5);
        let _ = tokio::time::timeout(PERIOD * 2 + PERIOD / 2, answer(&mut questions)).await;
        assert!(so_far() > 5, "{}", so_far());
        drop(questions);
        tokio::time::timeout(PERIOD * 2, beats).await.unwrap().unwrap();
    }
}
