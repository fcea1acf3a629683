//! `POST /api/v1/preflight`, and the same from the page: the verdict on a file before its upload. Nothing of it is kept.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::extract::multipart::{Field, Multipart, MultipartError, MultipartRejection};
use axum::http::StatusCode;
use serde_json::Value;
use zeroize::Zeroizing;

use super::Context;
use super::problem::Problem;
use crate::certificate::preflight::{Baseline, Evidence, Preflight, judge as verdict, newest, without_clock};
use crate::certificate::{self, Certificate, Contents};
use crate::config::Config;
use crate::evaluate::{Report, TenantReport};
use crate::model::{Memory, TenantName};
use crate::{guide, status};

/// The most bytes of a request. A certificate has 2 KiB.
pub(super) const LIMIT: usize = 1024 * 1024;

/// How long sending it may take. There are only so many connections, and one that is never through would keep its place.
const SENDING: Duration = Duration::from_secs(30);

/// The bytes of a part.
type Content = Zeroizing<Vec<u8>>;

/// A name has at most 128 characters of at most 4 bytes.
const NAME_LIMIT: usize = 512;

type Form = Result<Multipart, MultipartRejection>;

/// Judges the part `file` against what is known of the tenant in the part `tenant`.
pub(super) async fn judge(State(context): State<Context>, form: Form) -> Result<Json<Value>, Problem> {
    let Sent { file, tenant } = sent(form).await?;
    let tenant = tenant.ok_or_else(|| missing("tenant"))?;
    let name = Some(tenant).filter(|name| name.len() <= NAME_LIMIT);
    let name = name.and_then(|name| TenantName::parse(std::str::from_utf8(&name).ok()?).ok());
    let contents = read(&file)?;
    let (running, report) = context.report().await;
    let known = name.and_then(|name| report.tenants.iter().find(|tenant| tenant.name == name));
    let Some(known) = known else {
        return Err(Problem::new(StatusCode::NOT_FOUND, "no tenant of this name is watched"));
    };
    let memory = context.store.memory(&known.name).as_deref().cloned().unwrap_or_default();
    let (baseline, preflight) = compare(&contents, known, &memory, &report, &running.config);
    Ok(Json(status::preflight::document(Some(&contents), &baseline, &preflight)))
}

/// Judges the part `file` of a form that stands on the page of a tenant.
pub(super) async fn of_form(
    form: Form,
    tenant: &TenantReport,
    memory: &Memory,
    report: &Report,
    config: &Config,
) -> Result<Preflight, Problem> {
    let contents = read(&sent(form).await?.file)?;
    Ok(compare(&contents, tenant, memory, report, config).1)
}

fn compare(
    contents: &Contents,
    tenant: &TenantReport,
    memory: &Memory,
    report: &Report,
    config: &Config,
) -> (Baseline, Preflight) {
    let topic = newest(contents).and_then(Certificate::topic);
    let baseline = guide::baseline(report, memory, config, &tenant.name, topic);
    let preflight = if report.clock_plausible {
        verdict(contents, &baseline, &Evidence::default(), report.now)
    } else {
        without_clock(report.now)
    };
    (baseline, preflight)
}

fn read(file: &[u8]) -> Result<Contents, Problem> {
    certificate::read_public(file).map_err(|why| {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, format!("{why}: send the certificate alone; nothing was kept"))
    })
}

fn missing(part: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, format!("the part {part} is missing"))
}

/// What was sent.
struct Sent {
    file: Zeroizing<Vec<u8>>,
    tenant: Option<Zeroizing<Vec<u8>>>,
}

async fn sent(form: Form) -> Result<Sent, Problem> {
    let form = form.map_err(|error| Problem::new(error.status(), "send multipart/form-data with file and tenant"))?;
    let late = |_| Problem::new(StatusCode::REQUEST_TIMEOUT, "the form did not come within 30 s");
    tokio::time::timeout(SENDING, parts(form)).await.map_err(late)?
}

async fn parts(mut form: Multipart) -> Result<Sent, Problem> {
    let (mut file, mut tenant) = (None, None);
    while let Some(field) = form.next_field().await.map_err(refused)? {
        let slot = match field.name() {
            Some("file") => &mut file,
            Some("tenant") => &mut tenant,
            _ => return Err(Problem::new(StatusCode::BAD_REQUEST, "there is a part other than file and tenant")),
        };
        if slot.is_some() {
            return Err(Problem::new(StatusCode::BAD_REQUEST, "a part is there twice"));
        }
        *slot = Some(content(field).await?);
    }
    Ok(Sent { file: file.ok_or_else(|| missing("file"))?, tenant })
}

/// The bytes of a part, wiped when dropped: somebody may have sent a private key.
async fn content(mut field: Field<'_>) -> Result<Content, Problem> {
    // Reserved whole, so that growing leaves no unwiped copy behind.
    let mut content = Zeroizing::new(Vec::with_capacity(LIMIT));
    while let Some(chunk) = field.chunk().await.map_err(refused)? {
        content.extend_from_slice(&chunk);
    }
    Ok(content)
}

fn refused(error: MultipartError) -> Problem {
    let status = error.status();
    let detail = match status {
        StatusCode::PAYLOAD_TOO_LARGE => "it is larger than 1 MiB, so it is no certificate",
        _ => "the form is damaged or cut off",
    };
    Problem::new(status, detail)
}
