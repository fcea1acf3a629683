//! What the operating system asks of the process.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

/// The handlers, installed before anything else: a hang-up during the start must not end the process.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    /// Installs the handlers.
    ///
    /// # Errors
    ///
    /// If the operating system refuses.
    pub fn install() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Splits them into the wish to stop and the wishes to read the configuration again. A second wish to stop ends
    /// the process at once.
    pub fn split(self) -> (impl Future<Output = ()> + Send, mpsc::Receiver<()>) {
        let Self { mut terminate, mut interrupt, mut hang_up } = self;
        // One place is enough: a wish that comes while another waits is the same wish.
        let (wish, wishes) = mpsc::channel(1);
        tokio::spawn(async move {
            while hang_up.recv().await.is_some() {
                if wish.is_closed() {
                    return;
                }
                let _ = wish.try_send(());
            }
        });
        let stop = async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            tokio::spawn(async move {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                std::process::exit(1);
            });
        };
        (stop, wishes)
    }
}
