//! The demo: a tenant for everything that can be true of one, the simulators to ask, and the configuration that watches
//! it all.

mod builder;
mod scenes;
mod vendors;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tempfile::TempDir;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use self::builder::{Builder, Later, Simulators};
use super::{intune, jamf, kandji, mosyle};
use crate::clock::Clock;
use crate::config;
use crate::store::{self, Desk};

pub use self::scenes::{SCENES, Scene};

/// The demo changes a file this long after its start, when the first look at it is over.
const FIRST_LOOK: Duration = Duration::from_secs(3);

/// Living devices are seen anew this often, so that a demo that runs all day stays true.
const ALIVE: Duration = Duration::from_secs(30 * 60);

/// Rounds of bcrypt for the login of the demo, which lives as long as the demo does.
const COST: u32 = 8;

/// A login that was made for one demo. `Debug` does not show the password.
pub struct Login {
    /// The name.
    pub user: &'static str,
    /// The password: for whoever started the demo, and for nobody else.
    pub password: String,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("user", &self.user).finish_non_exhaustive()
    }
}

impl Login {
    /// A new one, as a web-config file in `folder`.
    fn make(folder: &Path) -> anyhow::Result<Self> {
        let login = Self { user: "demo", password: hex::encode(rand::random::<[u8; 10]>()) };
        let hash = bcrypt::hash(&login.password, COST).context("the demo cannot make a login")?;
        write(&folder.join("web.yml"), format!("basic_auth_users: {{ {}: '{hash}' }}\n", login.user))?;
        Ok(login)
    }
}

/// A simulated world. It ends when it is stopped or dropped, and leaves nothing behind.
#[derive(Debug)]
pub struct World {
    folder: TempDir,
    simulators: Arc<Mutex<Simulators>>,
    later: JoinHandle<()>,
    login: Option<Login>,
}

impl World {
    /// Makes certificates and configuration in a temporary folder and starts the simulators. With `actions` people may say
    /// things on the page, behind a login.
    ///
    /// # Errors
    ///
    /// If the folder cannot be written or no port of loopback can be had.
    pub async fn start(clock: &Clock, actions: bool) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("apnswatch-demo-")
            .tempdir()
            .context("the demo needs a temporary folder")?;
        let simulators = simulators().await.context("the demo needs a port of loopback")?;
        let mut builder = Builder::new(folder.path(), &simulators, clock.now())?;
        let mut configuration = builder.configuration(SCENES)?;
        let login = actions.then(|| Login::make(folder.path())).transpose()?;
        if login.is_some() {
            configuration.push_str("web: { actions: true, config_file: web.yml }\n");
        }
        let (later, said) = builder.into_parts();
        write(&folder.path().join("apnswatch.yaml"), configuration)?;
        attest(&folder.path().join("state.db"), said).await.context("the demo cannot keep what was said before it")?;
        let simulators = Arc::new(Mutex::new(simulators));
        let later = tokio::spawn(go_on(later, Arc::clone(&simulators), clock.clone()));
        Ok(Self { folder, simulators, later, login })
    }

    /// The configuration file.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.folder.path().join("apnswatch.yaml")
    }

    /// Who may say things on the page, if anybody may.
    #[must_use]
    pub fn login(&self) -> Option<&Login> {
        self.login.as_ref()
    }

    /// Stops the simulators and removes the folder.
    pub async fn stop(self) {
        self.later.abort();
        let mut simulators = self.simulators.lock().await;
        simulators.intune.stop().await;
        simulators.jamf.stop().await;
        simulators.kandji.stop().await;
        simulators.mosyle.stop().await;
        simulators.apple.stop().await;
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.later.abort();
    }
}

/// Keeps what people said before the demo began.
async fn attest(path: &Path, said: Vec<builder::Word>) -> Result<(), store::Error> {
    let mut desk = Desk::open(&config::Store::Sqlite(path.to_owned())).await?;
    for (tenant, word, pin) in said {
        desk.attest(&tenant, &[word], &pin).await?;
    }
    desk.close().await;
    Ok(())
}

async fn simulators() -> anyhow::Result<Simulators> {
    Ok(Simulators {
        intune: intune::Simulator::start().await?,
        jamf: jamf::Simulator::start().await?,
        kandji: kandji::Simulator::start().await?,
        mosyle: mosyle::Simulator::start().await?,
        apple: builder::Apple::start().await?,
    })
}

/// What happens in the world after its start.
async fn go_on(later: Later, simulators: Arc<Mutex<Simulators>>, clock: Clock) {
    tokio::time::sleep(FIRST_LOOK).await;
    for (path, pem) in later.files {
        if let Err(error) = std::fs::write(&path, pem) {
            tracing::warn!(%error, "the demo cannot renew {}", path.display());
        }
    }
    loop {
        tokio::time::sleep(ALIVE).await;
        let simulators = simulators.lock().await;
        later.fleets.iter().for_each(|fleet| fleet(&simulators, clock.now()));
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

fn write(path: &Path, content: impl AsRef<[u8]>) -> anyhow::Result<()> {
    std::fs::write(path, content).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn living_devices_stay_alive_for_as_long_as_the_demo_runs() {
        let world = World::start(&Clock::system(), false).await.unwrap();
        let first = seen(&world).await;
        tokio::time::pause();
        tokio::time::sleep(FIRST_LOOK + ALIVE + Duration::from_secs(1)).await;
        tokio::time::resume();
        assert!(seen(&world).await > first);
        world.stop().await;
    }

    async fn seen(world: &World) -> Option<chrono::DateTime<chrono::Utc>> {
        let mut seen = None;
        world.simulators.lock().await.kandji.change("demo-token-quarry", |tenant| seen = tenant.devices[0].agent);
        assert!(seen.is_some());
        seen
    }
}
