//! `POST /api/v1/preflight`, and the same from the page: the verdict on a file before its upload. Nothing of it is kept.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::Value;

use super::Context;
use super::parts::{Form, Parts};
use super::problem::Problem;
use crate::certificate::preflight::{Baseline, Evidence, Preflight, judge as verdict, newest, without_clock};
use crate::certificate::{self, Certificate, Contents};
use crate::config::Config;
use crate::evaluate::{Report, TenantReport};
use crate::model::{Memory, TenantName};
use crate::{guide, status};

/// Judges the part `file` against what is known of the tenant in the part `tenant`.
pub(super) async fn judge(State(context): State<Context>, form: Form) -> Result<Json<Value>, Problem> {
    let parts = Parts::read(form, &["file", "tenant"]).await?;
    let tenant = parts.required("tenant")?;
    let name = std::str::from_utf8(tenant).ok().and_then(|name| TenantName::parse(name).ok());
    let contents = read(parts.required("file")?)?;
    let (running, report) = context.report().await;
    let known = name.and_then(|name| report.tenants.iter().find(|tenant| tenant.name == name));
    let Some(known) = known else {
        return Err(Problem::new(StatusCode::NOT_FOUND, "no tenant of this name is watched"));
    };
    let memory = context.store.memory(&known.name).as_deref().cloned().unwrap_or_default();
    let (baseline, preflight) = compare(&contents, known, &memory, &report, &running.config);
    Ok(Json(status::preflight::document(Some(&contents), &baseline, &preflight)))
}

/// The verdict on a file that was sent from the page of a tenant.
#[derive(Debug)]
pub(super) struct Judged {
    /// The verdict.
    pub(super) preflight: Preflight,
    /// The certificate that it is about, if there is one.
    pub(super) certificate: Option<Certificate>,
}

/// Judges the part `file` of a form that stands on the page of a tenant.
pub(super) async fn of_form(
    form: Form,
    tenant: &TenantReport,
    memory: &Memory,
    report: &Report,
    config: &Config,
) -> Result<Judged, Problem> {
    let parts = Parts::read(form, &["file"]).await?;
    let contents = read(parts.required("file")?)?;
    let (_, preflight) = compare(&contents, tenant, memory, report, config);
    Ok(Judged { preflight, certificate: newest(&contents).cloned() })
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
