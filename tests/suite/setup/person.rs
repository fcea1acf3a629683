//! A person at a terminal: a pseudo-terminal with the program on its other side.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use nix::pty::openpty;
use nix::sys::termios::{LocalFlags, tcgetattr};
use tokio::process::{Child, Command};

use crate::support::{SOON, eventually, signal};

/// Somebody who runs `setup`.
pub(crate) struct Person {
    master: File,
    terminal: OwnedFd,
    child: Child,
    screen: Arc<Mutex<String>>,
    /// What of the screen was looked at.
    seen: usize,
}

impl Person {
    /// Sits down at a terminal of their own, and starts `setup` for a configuration.
    pub(crate) fn begins(config: &Path, options: &[&str]) -> Self {
        let pty = openpty(None, None).unwrap();
        let side = || Stdio::from(pty.slave.try_clone().unwrap());
        // A terminal rules its session: Ctrl-C is its doing.
        let mut command = Command::new("setsid");
        command.args(["--ctty", env!("CARGO_BIN_EXE_apnswatch"), "setup", "--config"]).arg(config).args(options);
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.stdin(side()).stdout(side()).stderr(side()).kill_on_drop(true);
        let child = command.spawn().unwrap();
        let master = File::from(pty.master);
        let screen = Arc::new(Mutex::new(String::new()));
        let (mut reader, shown) = (master.try_clone().unwrap(), Arc::clone(&screen));
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut bytes) {
                shown.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..count]));
            }
        });
        Self { master, terminal: pty.slave, child, screen, seen: 0 }
    }

    /// Everything that was ever on the screen.
    pub(crate) fn screen(&self) -> String {
        self.screen.lock().unwrap().clone()
    }

    /// Waits for words below what was seen before, wherever their lines are broken.
    pub(crate) async fn sees(&mut self, words: &str) {
        let patience = SOON / 2;
        let end = tokio::time::Instant::now() + patience;
        loop {
            let screen = self.screen();
            if let Some(end) = find(&screen[self.seen..], words) {
                self.seen += end;
                return;
            }
            assert!(tokio::time::Instant::now() < end, "not within {patience:?}: {words}\n{}", &screen[self.seen..]);
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    /// Types a line.
    pub(crate) fn types(&mut self, line: &str) {
        self.master.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    /// Answers a question.
    pub(crate) async fn answers(&mut self, question: &str, line: &str) {
        self.sees(question).await;
        self.types(line);
    }

    /// Answers a question whose answer must not be seen.
    pub(crate) async fn hides(&mut self, question: &str, secret: &str) {
        self.sees(question).await;
        assert!(!self.echoes(), "what is typed is shown");
        self.types(secret);
    }

    /// Whether the terminal shows what is typed.
    pub(crate) fn echoes(&self) -> bool {
        tcgetattr(&self.terminal).unwrap().local_flags.contains(LocalFlags::ECHO)
    }

    /// Presses Ctrl-C.
    pub(crate) fn interrupts(&mut self) {
        self.master.write_all(b"\x03").unwrap();
    }

    /// Presses Ctrl-D.
    pub(crate) fn closes(&mut self) {
        self.master.write_all(b"\x04").unwrap();
    }

    pub(crate) async fn signal(&self, name: &str) {
        signal(self.child.id().expect("it runs"), name).await;
    }

    /// Waits for the end; gives the exit status, and none if a signal ended it.
    pub(crate) async fn ends(&mut self) -> Option<i32> {
        let status = tokio::time::timeout(SOON, self.child.wait()).await;
        let status = status.unwrap_or_else(|_| panic!("it does not end:\n{}", self.screen())).unwrap().code();
        // What it wrote last is on its way still.
        let mut before = String::new();
        eventually("the screen stands still", SOON, || {
            let still = before == self.screen() && !before.is_empty();
            before = self.screen();
            async move { still.then_some(()) }
        })
        .await;
        status
    }
}

/// Where words end in a text, whatever white space is between them.
fn find(text: &str, words: &str) -> Option<usize> {
    let words: Vec<&str> = words.split_whitespace().collect();
    let first = words.first()?;
    text.match_indices(first).find_map(|(start, _)| {
        let mut at = start;
        for (number, word) in words.iter().enumerate() {
            let rest = &text[at..];
            let trimmed = rest.trim_start();
            if number > 0 && trimmed.len() == rest.len() {
                return None;
            }
            at += rest.len() - trimmed.len();
            at += trimmed.strip_prefix(word).map(|_| word.len())?;
        }
        Some(at)
    })
}
