//! A page of instructions, done from its first block to its last, in a folder that stands for the machine.

use std::path::PathBuf;
use std::process::Stdio;

use tokio::process::Command;

use super::blocks::{Block, blocks};
use crate::support::{Daemon, Ended, document, ended, project};

/// Paths of a machine, each below the folder here.
const PLACES: [&str; 5] = ["/etc/apnswatch", "/etc/systemd", "/etc/cron.d", "/var/", "/usr/local/bin"];

/// What may be asked of root without being run here: it changes the machine. Units are checked where they are written.
const OF_ROOT: [&str; 1] = ["systemctl"];

/// How often what is only read is read again until it is as shown: the daemon needs a moment.
const TRIES: u32 = 100;

/// The machine that a page is done on.
pub(crate) struct Machine {
    folder: tempfile::TempDir,
    port: u16,
    /// What stands in the page, and what it is here. The first that fits counts.
    replaced: Vec<(String, String)>,
    daemon: Option<Daemon>,
    status: i32,
    /// How many commands were run.
    pub(crate) run: usize,
}

impl Machine {
    pub(crate) fn new(replaced: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut replaced: Vec<(String, String)> =
            replaced.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect();
        replaced.push(("127.0.0.1:12197".to_owned(), format!("127.0.0.1:{port}")));
        let root = folder.path().display().to_string();
        replaced.extend(PLACES.map(|place| (place.to_owned(), format!("{root}{place}"))));
        let machine = Self { folder, port, replaced, daemon: None, status: 0, run: 0 };
        let bin = machine.path("usr/local/bin");
        std::fs::create_dir_all(&bin).unwrap();
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_apnswatch"), bin.join("apnswatch")).unwrap();
        // The package makes the others.
        for folder in ["home", "etc/apnswatch/tenants.d", "var/lib/apnswatch"] {
            std::fs::create_dir_all(machine.path(folder)).unwrap();
        }
        machine
    }

    /// A place on the machine.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// Puts a file there that the reader has already.
    pub(crate) fn has(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// Puts a folder of the project there.
    pub(crate) fn copy(&self, from: &str, to: &str) {
        let status = std::process::Command::new("cp").arg("-r").args([project(from), self.path(to)]).status().unwrap();
        assert!(status.success(), "{from}");
    }

    /// Runs a line of shell there.
    pub(crate) async fn ended(&self, line: &str) -> Ended {
        ended(self.command(line)).await
    }

    /// Does everything that a page says; a command must end well unless the next one shows its status, and what is
    /// shown of its output must come, in this order.
    pub(crate) async fn follow(&mut self, page: &str) {
        for block in blocks(&document(page)) {
            self.does(page, &block).await;
        }
        self.stops().await;
    }

    /// Ends the daemon, if it runs.
    pub(crate) async fn stops(&mut self) {
        if let Some(daemon) = self.daemon.take() {
            daemon.stop().await;
        }
    }

    /// The daemon that was started.
    pub(crate) fn daemon(&self) -> &Daemon {
        self.daemon.as_ref().expect("it runs")
    }

    /// Does what one block of a page says.
    pub(crate) async fn does(&mut self, page: &str, block: &Block) {
        let place = format!("{page}:{}", block.line);
        if let Some(file) = block.file() {
            self.write(&place, file, block).await;
        } else if block.is("run") || block.is("root") {
            let commands = block.commands();
            for (number, (command, shown)) in commands.iter().enumerate() {
                let asked = commands.get(number + 1).is_some_and(|(next, _)| next == "echo $?");
                if block.is("root") {
                    self.as_root(&place, command).await;
                } else {
                    self.run(&place, command, shown, asked).await;
                }
            }
        } else {
            let language = block.language();
            assert!(
                language != "console" && language != "sh" || block.is("elsewhere"),
                "{place}: say how this is tested: run, root, elsewhere or file="
            );
            for (command, _) in block.commands().iter().filter(|_| block.is("elsewhere")) {
                self.parses(&place, command).await;
            }
        }
    }

    /// The text with what it is here.
    pub(crate) fn here(&self, text: &str) -> String {
        let mut here = String::new();
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            // The binary is in the search path already, and its user is who runs the tests.
            if let Some(after) = rest.strip_prefix("sudo -u apnswatch ") {
                rest = after;
            } else if let Some((from, to)) = self.replaced.iter().find(|(from, _)| rest.starts_with(from.as_str())) {
                here.push_str(to);
                rest = &rest[from.len()..];
            } else {
                here.push(c);
                rest = &rest[c.len_utf8()..];
            }
        }
        here
    }

    /// The other way round: what was told here as the page tells it.
    fn there(&self, text: &str) -> String {
        self.replaced.iter().fold(text.to_owned(), |text, (from, to)| match to.lines().count() {
            1 => text.replace(to, from),
            _ => text,
        })
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new("sh");
        let path = std::env::var("PATH").unwrap_or_default();
        command.args(["-c", line]).current_dir(self.path("home")).env_clear();
        command.env("PATH", format!("{}:{path}", self.path("usr/local/bin").display()));
        command.env("APNSWATCH_CONFIG", self.path("etc/apnswatch/apnswatch.yaml"));
        command.env("APNSWATCH__WEB__LISTEN", format!("127.0.0.1:{}", self.port));
        command.env("USER", "kim");
        command.env("APNSWATCH__STORE", format!("sqlite://{}", self.path("var/lib/apnswatch/state.db").display()));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }

    async fn write(&self, place: &str, file: &str, block: &Block) {
        let text = self.here(&block.text);
        // The default targets are Apple's, and nothing here leaves loopback.
        let probes = text.lines().any(|line| line.starts_with("probe:"));
        assert!(!probes || text.contains("targets:"), "{place}: probes without targets of the test");
        let path = PathBuf::from(self.here(file));
        assert!(path.starts_with(self.folder.path()), "{place}: {file} is no place of a machine here");
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        if block.language() == "sh" {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
            self.parses(place, &block.text).await;
        }
        if block.language() == "ini" {
            // The page's own text: a unit may not name paths of a test. What it names need not be installed here.
            let unit = self.path("units").join(path.file_name().unwrap());
            std::fs::create_dir_all(unit.parent().unwrap()).unwrap();
            std::fs::write(&unit, block.text.replace("/usr/bin/apnswatch", "/bin/true")).unwrap();
            let checked = ended(self.command(&format!("systemd-analyze verify --man=no '{}'", unit.display()))).await;
            assert!(checked.status == Some(0) && !checked.stderr.contains("Unknown"), "{place}: {checked:?}");
        }
    }

    async fn parses(&self, place: &str, script: &str) {
        let checked = ended(self.command(&format!("sh -n <<'END_OF_SCRIPT'\n{script}\nEND_OF_SCRIPT"))).await;
        assert_eq!(checked.status, Some(0), "{place}: {script}: {checked:?}");
    }

    async fn run(&mut self, place: &str, line: &str, shown: &[String], is_status_asked: bool) {
        let here = self.here(line);
        // A reader is slower than the daemon; a test is not.
        let reads = ["apnswatch pin list", "apnswatch once", "curl "];
        let tries = if reads.iter().any(|start| here.starts_with(start)) { TRIES } else { 1 };
        let mut left = tries;
        loop {
            left -= 1;
            let Ended { status, stdout, stderr } =
                ended(self.command(&format!("(exit {}); {here}", self.status))).await;
            let told = self.there(&format!("{stdout}{stderr}"));
            // A made-up certificate is never without a warning: its issuer is not Apple.
            let is_warned = here.starts_with("apnswatch preflight ") && status == Some(1);
            let is_good = is_status_asked || is_warned || status == Some(0);
            let missing = missing(shown, &told).or_else(|| (!is_good).then(|| format!("status 0 but {status:?}")));
            if std::env::var_os("DOCUMENTS_SHOW").is_some() && (missing.is_none() || left == 0) {
                println!("$ {line}\n{told}[{status:?}]");
            }
            if left > 0 && missing.is_some() {
                // It looks for what people said every half a minute, and whenever it is scraped.
                if let Some(daemon) = &self.daemon {
                    daemon.scrape().await;
                }
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                continue;
            }
            assert!(missing.is_none(), "{place}: {line}: not shown: {}\nbut\n{told}", missing.unwrap_or_default());
            self.status = status.unwrap_or(-1);
            self.run += 1;
            return;
        }
    }

    async fn as_root(&mut self, place: &str, line: &str) {
        self.parses(place, line).await;
        match line {
            "sudo systemctl enable --now apnswatch" | "sudo systemctl start apnswatch" => {
                let mut serve = self.command("exec apnswatch serve");
                // A reader can wait for half a minute.
                serve.env("APNSWATCH__POLL__INTERVAL", "1s").env("APNSWATCH__POLL__TIMEOUT", "900ms");
                let daemon = Daemon::start(serve).await;
                daemon.ready().await;
                self.daemon = Some(daemon);
            }
            "sudo systemctl stop apnswatch" => self.daemon.take().expect("it runs").stop().await,
            "sudo systemctl reload apnswatch" => self.daemon.as_ref().expect("it runs").reload().await,
            _ => {
                let command = line.strip_prefix("sudo ").unwrap_or_else(|| panic!("{place}: {line} needs no root"));
                let program = command.split(' ').next().unwrap_or_default();
                if ["install", "rm", "cp", "mv"].contains(&program) {
                    // For real, but that everything belongs to whoever runs the tests.
                    let mut mine = self.here(command);
                    for owner in ["-o root ", "-g apnswatch ", "-o apnswatch "] {
                        mine = mine.replace(owner, "");
                    }
                    let done = ended(self.command(&mine)).await;
                    assert_eq!(done.status, Some(0), "{place}: {line}: {done:?}");
                } else {
                    assert!(OF_ROOT.contains(&program), "{place}: nobody checks {line}");
                }
            }
        }
    }
}

/// The first line that is shown and was not told. `...` stands for whatever comes, at the end of a line too; numbers
/// and dates are others every day.
fn missing(shown: &[String], told: &str) -> Option<String> {
    let mut told = told.lines().map(plain);
    shown
        .iter()
        .filter(|line| !line.trim().is_empty() && line.trim() != "...")
        .find(|line| {
            let wanted = plain(line);
            match wanted.strip_suffix("...") {
                Some(start) => !told.any(|told| told.starts_with(start.trim_end())),
                None => !told.any(|told| told == wanted),
            }
        })
        .cloned()
}

/// Without what changes from day to day: every number is one.
fn plain(line: &str) -> String {
    let mut plain = String::new();
    for c in line.split_whitespace().collect::<Vec<&str>>().join(" ").chars() {
        if !c.is_ascii_digit() {
            plain.push(c);
        } else if !plain.ends_with('#') {
            plain.push('#');
        }
    }
    plain
}
