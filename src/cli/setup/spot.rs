//! Where the configuration will stand, and how it gets there: all of it, or nothing.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};

use super::answers::{Answers, Known, Paths};
use super::held::{Held, free};
use super::notices::Notices;
use crate::cli::place::{Ready, Rights, file_name, folder_of, settle, tenant_file};
use crate::cli::{CONFIG, End, Scene};
use crate::config::{self, Config, Draft, Store};
use crate::model::Problem;

/// The example that the package puts in the place of a configuration.
const EXAMPLE: &str = include_str!("../../../config/apnswatch.yaml");

/// The folder that the package keeps the store in.
const STORE: &str = "/var/lib/apnswatch";

/// What is written.
#[derive(Debug)]
pub(super) enum Target {
    /// The main file.
    Main {
        /// Whether the example of the package stands there, which belongs to nobody.
        has_example: bool,
    },
    /// A tenant file beside this configuration, which is not touched.
    Beside(Box<Config>),
}

/// Where it is written.
#[derive(Debug)]
pub(super) struct Spot {
    /// The main file, absolute.
    pub(super) main: PathBuf,
    pub(super) target: Target,
}

impl Spot {
    /// Looks at what is there.
    ///
    /// # Errors
    ///
    /// If there is a configuration that reads no tenant files, or is wrong, or nothing can be written there.
    pub(super) fn find(scene: &Scene) -> Result<Self, End> {
        let main = std::path::absolute(&scene.config)?;
        let folder = folder_of(&main);
        if !folder.is_dir() {
            return Err(anyhow!(
                "there is no folder {}: make it first, or choose another one with --config",
                folder.display()
            )
            .into());
        }
        // A file without a name: it is gone whatever comes.
        tempfile::tempfile_in(folder).with_context(|| {
            format!("cannot write to {}: run it as root, or choose another place with --config", folder.display())
        })?;
        if fs::symlink_metadata(&main).is_err() {
            return Ok(Self { main, target: Target::Main { has_example: false } });
        }
        if fs::read_to_string(&main).is_ok_and(|text| is_example(&text)) {
            return Ok(Self { main, target: Target::Main { has_example: true } });
        }
        let config = scene.load()?;
        if config.tenant_file_patterns.is_empty() {
            return Err(anyhow!(
                "{} exists and is not touched: put tenant_files: [tenants.d/*.yaml] into it, and setup writes a tenant file \
                 beside it; or move it away to begin anew",
                main.display()
            )
            .into());
        }
        Ok(Self { main, target: Target::Beside(Box::new(config)) })
    }

    /// The file of the configuration that is written.
    pub(super) fn file(&self, answers: &Answers) -> PathBuf {
        match &self.target {
            Target::Main { .. } => self.main.clone(),
            Target::Beside(config) => {
                let name = answers.name.as_str();
                let names =
                    (1..100).map(|number| if number == 1 { name.to_owned() } else { format!("{name}-{number}") });
                let free = names.filter_map(|name| tenant_file(config, &name)).find(|path| !path.exists());
                // It is not read, which is told.
                free.unwrap_or_else(|| self.main.with_file_name("no-place.yaml"))
            }
        }
    }

    /// The configuration as it would be now, with credentials and certificate where they are at this moment.
    ///
    /// # Errors
    ///
    /// What the configuration does not accept.
    pub(super) fn staged(&self, scene: &Scene, answers: &Answers) -> Result<Config, Vec<Problem>> {
        self.load(scene, answers, &answers.paths_now())
    }

    fn load(&self, scene: &Scene, answers: &Answers, paths: &Paths) -> Result<Config, Vec<Problem>> {
        let (file, text) = (self.file(answers), self.text(scene, answers, paths));
        let config = config::load_with(Draft { path: &file, text: &text }, &self.main, &scene.environment)?;
        let shown = file.strip_prefix(folder_of(&self.main)).unwrap_or(&file).display().to_string();
        let own: Vec<Problem> =
            config.problems.iter().filter(|problem| problem.path.starts_with(&shown)).cloned().collect();
        if !own.is_empty() {
            return Err(own);
        }
        if !config.tenants.contains_key(&answers.name) {
            return Err(vec![Problem::new("name", "no file of this name is read by tenant_files: choose another one")]);
        }
        Ok(config)
    }

    fn text(&self, scene: &Scene, answers: &Answers, paths: &Paths) -> String {
        let today = scene.clock.now().date_naive();
        match &self.target {
            Target::Main { .. } => answers.main_file(paths, &self.store(), today),
            Target::Beside(_) => answers.tenant_file(paths, today),
        }
    }

    /// The store: where the package keeps it, or beside a configuration of one's own.
    fn store(&self) -> PathBuf {
        let is_usual = self.main == Path::new(CONFIG) && Path::new(STORE).is_dir();
        if is_usual { Path::new(STORE).join("state.db") } else { self.main.with_file_name("state.db") }
    }

    /// The folder of a store that a service as it is shipped could not write to.
    pub(super) fn odd_store(&self) -> Option<PathBuf> {
        let file = match &self.target {
            Target::Main { .. } => self.store(),
            Target::Beside(config) => match &config.store {
                Store::Sqlite(path) => path.clone(),
                Store::Memory | Store::Postgres(_) => return None,
            },
        };
        Some(folder_of(&file).to_owned()).filter(|folder| !folder.starts_with(STORE))
    }

    /// Writes everything, the configuration last, and gives the files.
    ///
    /// # Errors
    ///
    /// If anything cannot be written, or is not accepted as it would stand; then nothing is there that was not before.
    pub(super) fn write(&self, scene: &Scene, answers: &Answers) -> Result<Vec<PathBuf>, End> {
        let folder = folder_of(&self.main);
        let stem = file_name(answers.name.as_str());
        let mut paths = answers.paths_now();
        // By the paths where they will be, those that are ours first.
        let mut ready: Vec<(PathBuf, Ready)> = Vec::new();
        for (key, held) in &answers.credentials.0 {
            if let Held::Here { secret, .. } = held {
                let path = free(folder, &format!("{stem}-{}", key.trim_end_matches("_file").replace('_', "-")), "");
                ready.push((path.clone(), Ready::new(&path, secret.as_bytes(), Rights::Secret)?));
                paths.credentials.set(key, path);
            }
        }
        for (name, key, held) in answers.notices.iter().flat_map(Notices::held) {
            if let Held::Here { secret, .. } = held {
                let path = free(folder, &name, "");
                ready.push((path.clone(), Ready::new(&path, secret.as_bytes(), Rights::Secret)?));
                paths.notices.set(key, path);
            }
        }
        if let Known::File(from, bytes) = &answers.certificate
            && !from.starts_with(folder)
        {
            let path = free(folder, &stem, ".pem");
            ready.push((path.clone(), Ready::new(&path, bytes, Rights::Config)?));
            paths.certificate = Some(path);
        }
        // As it will be read, before it is there.
        self.load(scene, answers, &paths).map_err(End::Config)?;
        let (file, text) = (self.file(answers), self.text(scene, answers, &paths));
        let made = make_folder(folder_of(&file))?;
        let mut undo = Undo { files: Vec::new(), folder: made };
        let last = Ready::new(&file, text.as_bytes(), Rights::Config)?;
        for (path, ready) in ready {
            ready.put(false)?;
            undo.files.push(path);
        }
        let has_example = matches!(self.target, Target::Main { has_example: true });
        if has_example {
            // Its words are in the package's documents too, but whoever looks for it finds it.
            let kept = free(folder, "apnswatch.yaml", KEPT);
            fs::hard_link(&file, &kept).with_context(|| format!("cannot keep {}", kept.display()))?;
            undo.files.push(kept);
        }
        last.put(has_example)?;
        undo.files.push(file.clone());
        let files = undo.done();
        settle(folder)?;
        settle(folder_of(&file))?;
        Ok(files)
    }
}

/// What the name of the example ends with once it made place.
const KEPT: &str = ".example";

/// Whether a file is the example that made place.
pub(super) fn is_kept_example(file: &Path) -> bool {
    file.to_string_lossy().ends_with(KEPT)
}

/// Whether a text is the example as the package has it, which differs in the first line alone.
fn is_example(text: &str) -> bool {
    let below = |text: &'static str| text.split_once('\n').map_or("", |(_, below)| below);
    text.split_once('\n').is_some_and(|(_, found)| found == below(EXAMPLE))
}

fn make_folder(folder: &Path) -> anyhow::Result<Option<PathBuf>> {
    if folder.is_dir() {
        return Ok(None);
    }
    let failed = || format!("cannot make {}", folder.display());
    fs::create_dir(folder).with_context(failed)?;
    // For whoever reads the folder it is in.
    let above = fs::metadata(folder_of(folder)).with_context(failed)?;
    fs::set_permissions(folder, above.permissions()).with_context(failed)?;
    if fs::metadata(folder).with_context(failed)?.uid() == 0 {
        chown(folder, None, Some(above.gid())).with_context(failed)?;
    }
    Ok(Some(folder.to_owned()))
}

/// What was made so far: taken away again unless all of it is done.
#[derive(Debug)]
struct Undo {
    files: Vec<PathBuf>,
    folder: Option<PathBuf>,
}

impl Undo {
    fn done(mut self) -> Vec<PathBuf> {
        self.folder = None;
        std::mem::take(&mut self.files)
    }
}

impl Drop for Undo {
    fn drop(&mut self) {
        for file in &self.files {
            let _ = fs::remove_file(file);
        }
        if let Some(folder) = &self.folder {
            let _ = fs::remove_dir(folder);
        }
    }
}
