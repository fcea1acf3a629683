//! `access`: what each login may read, tried for real.

use std::io::{self, Write};

use anyhow::anyhow;
use clap::Args;
use serde_json::json;

use super::attest::nearest;
use super::{End, Scene};
use crate::app;
use crate::config::Tenant;
use crate::model::{MdmKind, Source, TenantName};
use crate::provider::access::{Access, Verdict};
use crate::words;

/// Options of `access`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Only this tenant
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
}

/// A tenant and what its login may read.
struct Row<'a> {
    tenant: &'a Tenant,
    access: Vec<Access>,
    /// Why nothing was tried.
    untried: Option<&'static str>,
}

const NO_MDM: &str = "it has no MDM that can be asked";
const NOT_WANTED: &str = "nothing is asked of this MDM with these settings";
const NOT_BUILT: &str = "this MDM cannot be asked with these settings";

/// Runs `access`.
pub(super) async fn run(scene: &Scene, options: Options) -> Result<u8, End> {
    let config = scene.load()?;
    for problem in &config.problems {
        writeln!(io::stderr(), "apnswatch: {problem}")?;
    }
    let wanted = options.tenant.as_deref().map(TenantName::parse).transpose();
    let wanted = wanted.map_err(|problem| anyhow!("--tenant {problem}"))?;
    if let Some(name) = &wanted {
        let tenant = config
            .tenants
            .get(name)
            .ok_or_else(|| anyhow!("no tenant is called {name:?}{}", nearest(name, &config)))?;
        if tenant.retired {
            return Err(anyhow!("the tenant {name:?} is retired, so nothing is asked of its MDM").into());
        }
    }
    let now = scene.clock.now();
    let mut rows = Vec::new();
    // One after the other: a person waits, and no vendor should see all tenants at once.
    for tenant in config.tenants.values().filter(|tenant| !tenant.retired) {
        if wanted.as_ref().is_some_and(|wanted| *wanted != tenant.name) {
            continue;
        }
        let (access, reason) = match app::provider(tenant) {
            Some(provider) => (provider.access(now).await, NOT_WANTED),
            None if tenant.mdm.kind() == MdmKind::None => (Vec::new(), NO_MDM),
            None => (Vec::new(), NOT_BUILT),
        };
        let untried = access.is_empty().then_some(reason);
        rows.push(Row { tenant, access, untried });
    }
    let mut out = io::stdout().lock();
    if scene.json {
        writeln!(out, "{:#}", document(&rows))?;
    } else {
        table(&rows, &mut out)?;
    }
    // What stands in a tenant file that is bad was not tried.
    Ok(status(&rows).max(u8::from(!config.problems.is_empty())))
}

/// 2 the login or the certificate read is refused, 3 not reached or nothing tried at all, 1 something is lost, 0 all
/// allowed; the first that is true.
fn status(rows: &[Row<'_>]) -> u8 {
    let all = || rows.iter().flat_map(|row| &row.access);
    let is_refused = |access: &Access| match access.verdict {
        Verdict::LoginRefused(_) => true,
        Verdict::Denied(_) => access.source == Source::Api,
        Verdict::Allowed | Verdict::Unsupported | Verdict::NotReached(_) => false,
    };
    if all().any(is_refused) {
        2
    } else if all().next().is_none()
        || rows.iter().any(|row| row.untried == Some(NOT_BUILT))
        || all().any(|access| matches!(access.verdict, Verdict::NotReached(_)))
    {
        3
    } else if all().any(|access| matches!(access.verdict, Verdict::Denied(_) | Verdict::Unsupported)) {
        1
    } else {
        0
    }
}

fn table(rows: &[Row<'_>], out: &mut dyn Write) -> io::Result<()> {
    if rows.is_empty() {
        return writeln!(out, "There is no tenant whose MDM could be asked.");
    }
    for row in rows {
        writeln!(out, "{} ({})", words::clean(row.tenant.name.as_str(), 128), row.tenant.mdm.kind())?;
        if let Some(untried) = row.untried {
            writeln!(out, "  {untried}")?;
        }
        for access in &row.access {
            writeln!(out, "  {:11} {}", word(&access.verdict), access.endpoint)?;
            let reason = match &access.verdict {
                Verdict::Allowed => continue,
                Verdict::Unsupported => "this server does not have it".to_owned(),
                Verdict::Denied(failure) | Verdict::LoginRefused(failure) | Verdict::NotReached(failure) => {
                    failure.to_string()
                }
            };
            writeln!(out, "              {reason}")?;
            if !access.privilege.is_empty() && matches!(access.verdict, Verdict::Denied(_)) {
                writeln!(out, "              privilege to add: {}", access.privilege)?;
            }
            writeln!(out, "              without it nobody knows {}", access.lost)?;
        }
    }
    Ok(())
}

fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Allowed => "allowed",
        Verdict::Denied(_) => "denied",
        Verdict::LoginRefused(_) => "refused",
        Verdict::Unsupported => "unsupported",
        Verdict::NotReached(_) => "unreached",
    }
}

fn document(rows: &[Row<'_>]) -> serde_json::Value {
    let access = |access: &Access| {
        let mut object = json!({
            "source": access.source,
            "endpoint": access.endpoint,
            "verdict": word(&access.verdict),
            "privilege": access.privilege,
            "lost": access.lost,
        });
        if let Verdict::Denied(failure) | Verdict::LoginRefused(failure) | Verdict::NotReached(failure) =
            &access.verdict
        {
            object["reason"] = json!(failure.reason);
            object["message"] = json!(failure.message);
        }
        object
    };
    let tenants = rows.iter().map(|row| {
        let mut object = json!({
            "name": row.tenant.name,
            "mdm": row.tenant.mdm.kind(),
            "access": row.access.iter().map(access).collect::<Vec<_>>(),
        });
        if let Some(untried) = row.untried {
            object["untried"] = json!(untried);
        }
        object
    });
    json!({ "schema": "apnswatch.access.v1", "tenants": tenants.collect::<Vec<_>>() })
}
