//! `POST /api/v1/preflight`: the verdict on a file before its upload. Nothing of it is kept.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::extract::multipart::{Field, Multipart, MultipartError, MultipartRejection};
use axum::http::StatusCode;
use serde_json::Value;
use zeroize::Zeroizing;

use super::Context;
use super::problem::Problem;
use crate::certificate::preflight::{Evidence, judge as verdict, newest};
use crate::certificate::{self, Certificate};
use crate::evaluate::baseline;
use crate::model::TenantName;
use crate::status;

/// The most bytes of a request. A certificate has 2 KiB.
pub(super) const LIMIT: usize = 1024 * 1024;

/// How long sending it may take. There are only so many connections, and one that is never through would keep its place.
const SENDING: Duration = Duration::from_secs(30);

/// The bytes of a part.
type Content = Zeroizing<Vec<u8>>;

/// A name has at most 128 characters of at most 4 bytes.
const NAME_LIMIT: usize = 512;

/// Judges the part `file` against what is known of the tenant in the part `tenant`.
pub(super) async fn judge(
    State(context): State<Context>,
    form: Result<Multipart, MultipartRejection>,
) -> Result<Json<Value>, Problem> {
    let form = form.map_err(|error| Problem::new(error.status(), "send multipart/form-data with file and tenant"))?;
    let sent = tokio::time::timeout(SENDING, parts(form)).await;
    let (file, tenant) =
        sent.map_err(|_| Problem::new(StatusCode::REQUEST_TIMEOUT, "the form did not come within 30 s"))??;
    let name = Some(tenant).filter(|name| name.len() <= NAME_LIMIT);
    let name = name.and_then(|name| TenantName::parse(std::str::from_utf8(&name).ok()?).ok());

    let contents = certificate::read_public(&file).map_err(|why| {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, format!("{why}: send the certificate alone; nothing was kept"))
    })?;
    let (running, report) = context.report().await;
    let known = |name: &TenantName| report.tenants.iter().any(|tenant| tenant.name == *name);
    let Some(name) = name.filter(known) else {
        return Err(Problem::new(StatusCode::NOT_FOUND, "no tenant of this name is watched"));
    };
    let memory = context.store.memory(&name);
    let topic = newest(&contents).and_then(Certificate::topic);
    let baseline =
        baseline::of(&report, &memory.as_deref().cloned().unwrap_or_default(), &running.config, &name, topic);
    let preflight = verdict(&contents, &baseline, &Evidence::default(), report.now);
    Ok(Json(status::preflight::document(Some(&contents), &baseline, &preflight)))
}

/// The parts `file` and `tenant`.
async fn parts(mut form: Multipart) -> Result<(Content, Content), Problem> {
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
    let missing = |part: &str| Problem::new(StatusCode::BAD_REQUEST, format!("the part {part} is missing"));
    Ok((file.ok_or_else(|| missing("file"))?, tenant.ok_or_else(|| missing("tenant"))?))
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
