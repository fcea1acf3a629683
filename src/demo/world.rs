//! The demo: a tenant for everything that can be true of one, a simulator to ask, and the configuration that watches
//! it all.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use chrono::{DateTime, TimeDelta, Utc};
use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::certificates::{Authority, Leaf};
use super::intune::{
    Answer, Certificate, Credential, Directory, List, LoginAnswer, Simulator, content_token, managed_device,
    server_token,
};
use crate::clock::Clock;

/// The app id of every tenant.
const CLIENT: &str = "00000000-0000-4000-8000-00000000c11e";

/// How often the demo asks.
const INTERVAL: &str = "5s";

/// The demo changes a file this long after its start, when the first look at it is over.
const FIRST_LOOK: Duration = Duration::from_secs(3);

/// A tenant of the demo.
#[derive(Clone, Copy, Debug)]
pub struct Scene {
    /// Its name.
    pub name: &'static str,
    /// What it shows.
    pub explanation: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    /// Intune tells a certificate with so many days left.
    Days(i64),
    /// Intune says that there is none.
    NotConfigured,
    /// Intune tells another topic than the expected one.
    Drift,
    /// Intune answers once, then never again.
    Deaf,
    /// Intune tells a certificate once, then says that there is none.
    Removed,
    /// The login is refused: our own secret has expired.
    OurSecretExpired,
    /// The login is good and may read nothing.
    Forbidden,
    /// Intune tells the old certificate, and the renewed one lies beside it as a file.
    NotUploaded,
    /// A file, and no MDM to ask.
    File,
    /// A file, replaced by its renewal.
    Unconfirmed,
    /// Files with different topics.
    FilesDisagree,
    /// A date that somebody typed.
    Declared,
    /// A file that is not there.
    MissingFile,
}

/// Every tenant of the demo.
pub const SCENES: &[Scene] = &[
    Scene { name: "acme", explanation: "290 days left: nothing to do", kind: Kind::Days(290) },
    Scene { name: "north", explanation: "120 days left: plan the renewal", kind: Kind::Days(120) },
    Scene { name: "south", explanation: "12 days left: renew now", kind: Kind::Days(12) },
    Scene { name: "east", explanation: "expired 3 days ago: no device is reached", kind: Kind::Days(-3) },
    Scene { name: "west", explanation: "expired 60 days ago", kind: Kind::Days(-60) },
    Scene { name: "island", explanation: "the MDM says that it has no certificate: quiet", kind: Kind::NotConfigured },
    Scene {
        name: "harbour",
        explanation: "340 days left and the wrong topic: made with Create, every device is deaf",
        kind: Kind::Drift,
    },
    Scene {
        name: "valley",
        explanation: "the MDM answered once and is dead since: the date stays, its age grows",
        kind: Kind::Deaf,
    },
    Scene { name: "ridge", explanation: "the MDM had a certificate and has none any more", kind: Kind::Removed },
    Scene {
        name: "mist",
        explanation: "our own client secret has expired: nobody can say anything",
        kind: Kind::OurSecretExpired,
    },
    Scene { name: "fog", explanation: "the app may not read the certificate", kind: Kind::Forbidden },
    Scene {
        name: "cellar",
        explanation: "renewed and never uploaded: the file is newer than what the MDM tells",
        kind: Kind::NotUploaded,
    },
    Scene { name: "desk", explanation: "no MDM to ask, a certificate file with 200 days left", kind: Kind::File },
    Scene {
        name: "drawer",
        explanation: "a newer file appeared and nobody confirmed the upload: the old end stands",
        kind: Kind::Unconfirmed,
    },
    Scene { name: "attic", explanation: "files with different topics: none can be pinned", kind: Kind::FilesDisagree },
    Scene {
        name: "paper",
        explanation: "only a date that somebody typed; nobody watches the topic",
        kind: Kind::Declared,
    },
    Scene { name: "shelf", explanation: "a certificate file that is not there", kind: Kind::MissingFile },
];

/// A simulated world. It ends when it is stopped or dropped, and leaves nothing behind.
#[derive(Debug)]
pub struct World {
    folder: TempDir,
    intune: Simulator,
    later: JoinHandle<()>,
}

impl World {
    /// Makes certificates and configuration in a temporary folder and starts the simulators.
    ///
    /// # Errors
    ///
    /// If the folder cannot be written or no port of loopback can be had.
    pub async fn start(clock: &Clock) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("apnswatch-demo-")
            .tempdir()
            .context("the demo needs a temporary folder")?;
        let intune = Simulator::start().await.context("the demo needs a port of loopback")?;
        let authority = Authority::new().context("cannot make the authority of the demo")?;
        let mut builder =
            Builder { folder: folder.path(), intune: &intune, authority, now: clock.now(), later: vec![] };
        let configuration = builder.configuration()?;
        let renewals = std::mem::take(&mut builder.later);
        write(&folder.path().join("apnswatch.yaml"), &configuration)?;
        let later = tokio::spawn(async move {
            tokio::time::sleep(FIRST_LOOK).await;
            for (path, pem) in renewals {
                if let Err(error) = std::fs::write(&path, pem) {
                    tracing::warn!(%error, "the demo cannot renew {}", path.display());
                }
            }
        });
        Ok(Self { folder, intune, later })
    }

    /// The configuration file.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.folder.path().join("apnswatch.yaml")
    }

    /// The simulated Microsoft.
    #[must_use]
    pub fn intune(&mut self) -> &mut Simulator {
        &mut self.intune
    }

    /// Stops the simulators and removes the folder.
    pub async fn stop(mut self) {
        self.later.abort();
        self.intune.stop().await;
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.later.abort();
    }
}

/// The directory that a tenant of the demo asks.
#[must_use]
pub fn directory(name: &str) -> String {
    guid(name, "d1")
}

/// The topic that a tenant of the demo keeps.
#[must_use]
pub fn topic(name: &str) -> String {
    format!("com.apple.mgmt.External.{}", guid(name, "70"))
}

/// A made-up GUID that is the same at every start, so that whoever looks twice sees the same demo.
fn guid(name: &str, kind: &str) -> String {
    use sha2::{Digest, Sha256};
    let digest = hex::encode(Sha256::digest(format!("{kind} {name}")));
    format!("{kind}{}-{}-4{}-8{}-{}", &digest[..6], &digest[6..10], &digest[10..13], &digest[13..16], &digest[16..28])
}

fn serial(name: &str, generation: u8) -> String {
    let guid = guid(name, "5e").replace('-', "");
    format!("0{generation}{}", &guid[..14].to_uppercase())
}

struct Builder<'a> {
    folder: &'a Path,
    intune: &'a Simulator,
    authority: Authority,
    now: DateTime<Utc>,
    /// Files to be written when the first look is over.
    later: Vec<(PathBuf, String)>,
}

impl Builder<'_> {
    fn configuration(&mut self) -> anyhow::Result<String> {
        write(&self.folder.join("secret"), "demo-secret\n")?;
        let mut yaml = format!(
            "# The configuration of `apnswatch demo`.\n\
             site: demo\n\
             store: sqlite://{folder}/state.db\n\
             poll: {{ interval: {INTERVAL}, timeout: 2s }}\n\
             tenant_labels: [team]\n\
             defaults:\n  intune:\n    client_id: {CLIENT}\n    client_secret_file: {folder}/secret\n    \
             login_url: {login}\n    graph_url: {graph}\n\
             accounts:\n  - id: apns-shared\n    address: apns@example.com\n    owner: it-operations\n\
             tenants:\n",
            folder = self.folder.display(),
            login = self.intune.login_url(),
            graph = self.intune.graph_url(),
        );
        for scene in SCENES {
            self.tenant(scene, &mut yaml)?;
        }
        Ok(yaml)
    }

    fn tenant(&mut self, scene: &Scene, yaml: &mut String) -> anyhow::Result<()> {
        let name = scene.name;
        let mut certificate = Vec::new();
        let answer = match scene.kind {
            Kind::Days(days) => Some(self.told(name, 1, days)),
            Kind::NotConfigured => Some(Answer::NotConfigured),
            Kind::Drift => {
                certificate.push(format!("expected_topic: {}", topic("harbour, before")));
                Some(self.told(name, 1, 340))
            }
            Kind::Deaf => Some(Answer::sequence([self.told(name, 1, 250), Answer::Status(500, None)])),
            Kind::Removed => Some(Answer::sequence([self.told(name, 1, 250), Answer::NotConfigured])),
            Kind::OurSecretExpired => Some(self.told(name, 1, 250)),
            Kind::Forbidden => Some(Answer::Forbidden),
            Kind::NotUploaded => {
                let file = self.file(name, "renewed.pem", &topic(name), 2, 364)?;
                certificate.push(format!("files: [{}]", file.display()));
                Some(self.told(name, 1, 20))
            }
            Kind::File => {
                let file = self.file(name, "push.pem", &topic(name), 1, 200)?;
                certificate.push(format!("files: [{}]", file.display()));
                None
            }
            Kind::Unconfirmed => {
                let file = self.file(name, "push.pem", &topic(name), 1, 25)?;
                let pem = self.pem(&topic(name), &serial(name, 2), 365)?;
                certificate.push(format!("files: [{}]", file.display()));
                self.later.push((file, pem));
                None
            }
            Kind::FilesDisagree => {
                self.file(name, "one.pem", &topic("attic, one"), 1, 300)?;
                let file = self.file(name, "two.pem", &topic("attic, two"), 2, 200)?;
                certificate.push(format!("files: [{}]", file.with_file_name("*.pem").display()));
                None
            }
            Kind::Declared => {
                let end = (self.now + TimeDelta::days(100)).format("%Y-%m-%d");
                certificate.push(format!("declared: {{ not_after: {end} }}"));
                None
            }
            Kind::MissingFile => {
                certificate.push(format!("files: [{}]", self.folder.join(name).join("push.pem").display()));
                None
            }
        };
        let _ = write!(yaml, "  - name: {name}\n    labels: {{ team: mac }}\n    account: apns-shared\n");
        if !certificate.is_empty() {
            let _ = writeln!(yaml, "    certificate: {{ {} }}", certificate.join(", "));
        }
        if let Some(answer) = answer {
            let _ = writeln!(yaml, "    mdm: {{ kind: intune, directory: {} }}", directory(name));
            self.direct(scene, answer);
        }
        Ok(())
    }

    fn direct(&self, scene: &Scene, answer: Answer) {
        let certificate = Certificate::new(topic(scene.name), self.now);
        let mut directory_ = Directory::new(CLIENT, Credential::Secret("demo-secret".to_owned()), certificate);
        directory_.answer = answer;
        directory_.server_tokens = Answer::List(List::of([server_token("ade", "enrolment", self.end(200))]));
        directory_.content_tokens = Answer::List(List::of([content_token("vpp", "Example", self.end(150), "valid")]));
        let devices = [("iOS", "iPhone 15"), ("iOS", "iPad Air"), ("macOS", "MacBook Air")];
        directory_.devices = Answer::List(List::of(
            devices.map(|(system, model)| managed_device(system, model, self.now - TimeDelta::minutes(20))),
        ));
        if let Kind::Deaf = scene.kind {
            directory_.server_tokens = Answer::Status(500, None);
            directory_.content_tokens = Answer::Status(500, None);
            directory_.devices = Answer::Status(500, None);
        }
        if let Kind::OurSecretExpired = scene.kind {
            directory_.login = LoginAnswer::Refuse(401, 7_000_222);
        }
        self.intune.set_directory(&directory(scene.name), directory_);
    }

    /// What Intune tells of a certificate with so many days left.
    fn told(&self, name: &str, generation: u8, days: i64) -> Answer {
        let mut certificate = Certificate::new(topic(name), self.end(days));
        certificate.serial = serial(name, generation);
        certificate.account = "apns@example.com".to_owned();
        Answer::Certificate(certificate)
    }

    fn file(&self, name: &str, file: &str, topic: &str, generation: u8, days: i64) -> anyhow::Result<PathBuf> {
        let folder = self.folder.join(name);
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let path = folder.join(file);
        write(&path, &self.pem(topic, &serial(&format!("{name} {file}"), generation), days)?)?;
        Ok(path)
    }

    fn pem(&self, topic: &str, serial: &str, days: i64) -> anyhow::Result<String> {
        let not_after = self.end(days);
        let leaf = Leaf {
            topic: topic.to_owned(),
            serial: serial.to_owned(),
            not_before: not_after - TimeDelta::days(365) + TimeDelta::seconds(1),
            not_after,
        };
        self.authority.issue(&leaf).context("cannot make a certificate for the demo")
    }

    /// So many days from now, and a few hours, so that the number on the page is the one in the list.
    fn end(&self, days: i64) -> DateTime<Utc> {
        self.now + TimeDelta::days(days) + TimeDelta::hours(3)
    }
}

fn write(path: &Path, content: &str) -> anyhow::Result<()> {
    std::fs::write(path, content).with_context(|| format!("cannot write {}", path.display()))
}
