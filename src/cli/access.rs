//! `access`: what each login may read, tried for real.

use std::io::{self, Write};

use anyhow::anyhow;
use clap::Args;
use serde_json::json;

use super::{End, Scene};
use crate::app;
use crate::config::Tenant;
use crate::model::{Source, TenantName};
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
}

/// Runs `access`.
pub(super) async fn run(scene: &Scene, options: Options) -> Result<u8, End> {
    let config = scene.load()?;
    let wanted = options.tenant.as_deref().map(TenantName::parse).transpose();
    let wanted = wanted.map_err(|problem| anyhow!("--tenant {problem}"))?;
    if let Some(name) = wanted.as_ref().filter(|name| !config.tenants.contains_key(*name)) {
        return Err(anyhow!("no tenant is called {name:?}").into());
    }
    let now = scene.clock.now();
    let mut rows = Vec::new();
    // One after the other: a person waits, and no vendor should see all tenants at once.
    for tenant in config.tenants.values().filter(|tenant| !tenant.retired) {
        if wanted.as_ref().is_some_and(|wanted| *wanted != tenant.name) {
            continue;
        }
        if let Some(provider) = app::provider(tenant) {
            rows.push(Row { tenant, access: provider.access(now).await });
        }
    }
    let mut out = io::stdout().lock();
    if scene.json {
        writeln!(out, "{:#}", document(&rows))?;
    } else {
        table(&rows, &mut out)?;
    }
    Ok(status(&rows))
}

/// 2 the login or the certificate read is refused, 3 not reached, 1 something is lost, 0 all allowed; the first that
/// is true.
fn status(rows: &[Row<'_>]) -> u8 {
    let all = || rows.iter().flat_map(|row| &row.access);
    let is_refused = |access: &Access| match access.verdict {
        Verdict::LoginRefused(_) => true,
        Verdict::Denied(_) => access.source == Source::Api,
        Verdict::Allowed | Verdict::Unsupported | Verdict::NotReached(_) => false,
    };
    if all().any(is_refused) {
        2
    } else if all().any(|access| matches!(access.verdict, Verdict::NotReached(_))) {
        3
    } else if all().any(|access| matches!(access.verdict, Verdict::Denied(_) | Verdict::Unsupported)) {
        1
    } else {
        0
    }
}

fn table(rows: &[Row<'_>], out: &mut dyn Write) -> io::Result<()> {
    if rows.is_empty() {
        return writeln!(out, "No tenant has an MDM that can be asked.");
    }
    for row in rows {
        writeln!(out, "{} ({})", words::clean(row.tenant.name.as_str(), 128), row.tenant.mdm.kind())?;
        if row.access.is_empty() {
            writeln!(out, "  nothing is asked of this MDM with these settings")?;
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
        json!({
            "name": row.tenant.name,
            "mdm": row.tenant.mdm.kind(),
            "access": row.access.iter().map(access).collect::<Vec<_>>(),
        })
    });
    json!({ "schema": "apnswatch.access.v1", "tenants": tenants.collect::<Vec<_>>() })
}
