//! `preflight`: before the upload, is this file a renewal or a disaster?

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use clap::Args;
use serde_json::json;

use super::attest::not_watched;
use super::{End, Scene, password_in};
use crate::app;
use crate::certificate::preflight::{Baseline, Evidence, Given, Preflight, Verdict, judge, newest, without_clock};
use crate::certificate::{self, Certificate, Contents, key};
use crate::model::{Failure, Problem, TenantName, Topic};
use crate::secret::Secret;
use crate::source::file;
use crate::{guide, status, words};

/// Options of `preflight`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The certificate that was downloaded from the push portal
    #[arg(value_name = "NEW")]
    new: PathBuf,
    #[command(flatten)]
    baseline: Known,
    /// The request with which it was made, as the MDM gave it
    #[arg(long, value_name = "FILE")]
    csr: Option<PathBuf>,
    /// A file with the password of NEW or OLD, where one is a PKCS#12 container
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// The private key that belongs to it; it is read and forgotten
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// The CA that must have signed it, to check the signature and not only the name
    #[arg(long, value_name = "FILE")]
    push_ca: Option<PathBuf>,
}

/// What the new certificate is compared with.
#[derive(Debug, Args)]
#[group(multiple = false)]
struct Known {
    /// The certificate that is in use
    #[arg(long, value_name = "OLD")]
    against: Option<PathBuf>,
    /// The topic that must stay
    #[arg(long, value_parser = topic_of)]
    topic: Option<Topic>,
    /// A tenant of the configuration, whose topic the store knows
    #[arg(long, value_name = "NAME", value_parser = TenantName::parse)]
    tenant: Option<TenantName>,
}

fn topic_of(text: &str) -> Result<Topic, String> {
    Topic::parse_mdm(text).ok_or_else(|| "must be a topic: com.apple.mgmt.External.<guid>".to_owned())
}

/// Judges the file, prints the verdict, and says it with the exit status. Keeps nothing.
pub(super) async fn run(scene: &Scene, options: Options) -> Result<u8, End> {
    let password = password_in(options.password_file.as_deref())?;
    let new = read(&options.new, password.as_ref());
    // What is known, and why that is nothing, if it is.
    let (baseline, lack) = match &options.baseline {
        Known { against: Some(old), .. } => against(old, password.as_ref()).map(|baseline| (baseline, None)),
        Known { topic: Some(topic), .. } => Ok((Baseline { topic: Some(topic.clone()), ..Baseline::default() }, None)),
        Known { tenant: Some(tenant), .. } => match of_tenant(scene, tenant, new.as_ref().ok()).await {
            Err(End::Other(error)) => Err(error),
            Err(end) => return Err(end),
            Ok(known) => Ok(known),
        },
        Known { .. } => Ok((Baseline::default(), None)),
    }
    .unwrap_or_else(|error| (Baseline::default(), Some(format!("{error:#}"))));
    let cannot_tell =
        |why: String, next: &str| Preflight { verdict: Verdict::CannotTell, reasons: vec![why], next: next.to_owned() };
    // Whatever goes wrong is told by a status that nobody takes for leave to upload.
    let preflight = match &new {
        Err(failure) => cannot_tell(failure.message.clone(), "Give a file that can be read."),
        Ok(_) if !scene.clock.moment().is_plausible() => without_clock(scene.clock.now()),
        Ok(contents) => {
            let judged = judge(contents, &baseline, &evidence(&options), scene.clock.now());
            match lack {
                // What is wrong in itself, or cannot be read, is so without anything to compare it with.
                Some(lack) if judged.verdict != Verdict::DoNotUpload && !contents.is_unreadable() => cannot_tell(
                    format!("there is nothing to compare it with: {lack}"),
                    "Give the certificate that is in use (--against), its topic (--topic) or a tenant (--tenant).",
                ),
                _ => judged,
            }
        }
    };
    let mut out = io::stdout().lock();
    let printed = if scene.json {
        let mut document = status::preflight::document(new.as_ref().ok(), &baseline, &preflight);
        document["path"] = json!(options.new.to_string_lossy());
        writeln!(out, "{document:#}")
    } else {
        print(&options.new, &preflight, &mut out)
    };
    match printed {
        // A verdict that nobody could read is no leave to upload, and the status of any other failure would be that of a
        // renewal with a warning.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            let _ = writeln!(io::stderr(), "apnswatch: the verdict cannot be printed: {error}");
            Ok(status_of(preflight.verdict).max(status_of(Verdict::DoNotUpload)))
        }
        // Whoever reads has seen enough; the verdict stays as it is.
        Ok(()) | Err(_) => Ok(status_of(preflight.verdict)),
    }
}

fn status_of(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Renewal => 0,
        Verdict::Warning => 1,
        Verdict::DoNotUpload => 2,
        Verdict::CannotTell => 3,
    }
}

fn read(path: &Path, password: Option<&Secret>) -> Result<Contents, Failure> {
    file::read(path).map(|bytes| certificate::read_with(&bytes, password.and_then(Secret::expose_str)))
}

/// What was given beside the certificate.
fn evidence(options: &Options) -> Evidence {
    fn of<T>(path: Option<&PathBuf>, take: impl Fn(&[u8]) -> Given<T>) -> Option<Given<T>> {
        path.map(|path| file::read(path).map_err(|failure| failure.message).and_then(|bytes| take(&bytes)))
    }
    Evidence {
        request: of(options.csr.as_ref(), |bytes| Evidence::request_in(&certificate::read(bytes))),
        key: of(options.key.as_ref(), |bytes| Evidence::key_in(key::public_half(bytes))),
        push_ca: of(options.push_ca.as_ref(), |bytes| Evidence::push_ca_in(&certificate::read(bytes))),
    }
}

/// What the certificate in use says. A file that says nothing is a mistake, and no missing baseline.
fn against(old: &Path, password: Option<&Secret>) -> anyhow::Result<Baseline> {
    let contents = read(old, password).map_err(|failure| anyhow!("{}", failure.message))?;
    let shown = file::shown(old);
    let certificate =
        newest(&contents).ok_or_else(|| anyhow!("{shown} {} and no MDM push certificate", contents.description()))?;
    let topic = certificate.topic().ok_or_else(|| anyhow!("{shown} has no single topic to compare with"))?;
    if contents.push_certificates().any(|other| other.topic() != Some(topic)) {
        return Err(anyhow!(
            "{shown} has no single topic to compare with: it holds certificates of several topics, and nobody can say which \
             one is in use"
        ));
    }
    Ok(Baseline {
        topic: Some(topic.clone()),
        not_after: Some(certificate.not_after),
        serial: certificate.serial.clone(),
        key: Some(certificate.key.clone()),
        ..Baseline::default()
    })
}

/// What is known of a tenant: its pin, the certificate in use, what was seen before, and who keeps the new topic. And why
/// no topic of it is known, if none is.
async fn of_tenant(
    scene: &Scene,
    name: &TenantName,
    new: Option<&Contents>,
) -> Result<(Baseline, Option<String>), End> {
    let config = scene.load()?;
    if config.tenants.get(name).is_none_or(|tenant| tenant.retired) {
        return Err(End::Config(vec![Problem::new("tenants", not_watched(name, &config))]));
    }
    let (report, memory) = match app::remembered(&config, name, &scene.clock).await {
        Ok(known) => known,
        Err(app::Error::Config(problems)) => return Err(End::Config(problems)),
        Err(app::Error::Other(error)) => return Err(End::Other(error)),
    };
    let topic = new.and_then(newest).and_then(Certificate::topic);
    let baseline = guide::baseline(&report, &memory, &config, name, topic);
    if baseline.topic.is_some() {
        return Ok((baseline, None));
    }
    // "Nothing yet" and "it could not be asked" call for different things.
    let sources = report.tenants.iter().filter(|tenant| tenant.name == *name).flat_map(|tenant| &tenant.sources);
    let failure = sources.filter_map(|source| Some((source.source, source.failure.as_ref()?))).next();
    let why =
        failure.map_or_else(String::new, |(source, failure)| format!(", and {source} failed: {}", failure.message));
    Ok((baseline, Some(format!("no topic of tenant {name} is known yet{why}"))))
}

fn print(path: &Path, preflight: &Preflight, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}: {}", preflight.verdict.headline(), file::shown(path))?;
    for reason in &preflight.reasons {
        writeln!(out, "  - {}", words::clean(reason, 2000))?;
    }
    writeln!(out, "Next: {}", words::clean(&preflight.next, 2000))
}
