//! `guide`: the walkthrough of a renewal, filled with what is known of a tenant.

use std::io::{self, Write};

use clap::Args;
use serde_json::{Map, Value, json};

use super::attest::{not_watched, person};
use super::{End, Scene};
use crate::app;
use crate::guide::{self, Part, Step, Values};
use crate::model::{MdmKind, Problem, TenantName};
use crate::words;

/// The `schema` of the JSON document.
const SCHEMA: &str = "apnswatch.guide.v1";

/// How wide the text is; what a terminal has at least, and what reads well on paper.
const WIDTH: usize = 80;

/// No value is longer than this on a terminal.
const LONGEST: usize = 2000;

/// Options of `guide`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The MDM: intune, jamf, kandji (or iru), mosyle, none (any other); not needed with --tenant
    #[arg(value_name = "KIND", value_parser = kind_of, required_unless_present = "tenant")]
    kind: Option<MdmKind>,
    /// A tenant of the configuration, whose account and certificate the steps then name
    #[arg(long, value_name = "NAME", value_parser = TenantName::parse)]
    tenant: Option<TenantName>,
}

pub(super) fn kind_of(text: &str) -> Result<MdmKind, String> {
    let word = text.to_ascii_lowercase();
    let kind = MdmKind::ALL.into_iter().find(|kind| kind.as_str() == word);
    // The name that the product has now.
    let kind = kind.or_else(|| (word == "iru").then_some(MdmKind::Kandji));
    kind.ok_or_else(|| format!("must be one of {}", MdmKind::ALL.map(MdmKind::as_str).join(", ")))
}

/// Prints the walkthrough.
pub(super) async fn run(scene: &Scene, options: Options) -> Result<u8, End> {
    let (kind, values) = match &options.tenant {
        Some(tenant) => of_tenant(scene, tenant, options.kind).await?,
        None => (options.kind.unwrap_or(MdmKind::None), Values::default()),
    };
    let moment = scene.clock.moment();
    let today = moment.is_plausible().then(|| moment.now.date_naive());
    // A name that nobody gave is filled in by hand.
    let who = Some(person(scene, None)).filter(|who| options.tenant.is_some() && who != "unknown");
    let values = Values { today, person: who, ..values };
    let steps = guide::steps(kind, &values);
    let mut out = io::stdout().lock();
    if scene.json {
        writeln!(out, "{:#}", document(kind, &values, &steps))?;
    } else {
        print(kind, &values, &steps, &mut out)?;
    }
    Ok(0)
}

/// The kind of a tenant's MDM, and what is known of the tenant.
async fn of_tenant(scene: &Scene, name: &TenantName, kind: Option<MdmKind>) -> Result<(MdmKind, Values), End> {
    let config = scene.load()?;
    let Some(tenant) = config.tenants.get(name).filter(|tenant| !tenant.retired) else {
        return Err(End::Config(vec![Problem::new("tenants", not_watched(name, &config))]));
    };
    let own = tenant.mdm.kind();
    if let Some(kind) = kind.filter(|kind| *kind != own) {
        return Err(End::Usage(format!(
            "the MDM of {name:?} is {own} in the configuration, and not {kind}; leave KIND away, or the tenant"
        )));
    }
    let account = tenant.account.as_ref().and_then(|id| config.accounts.get(id));
    let report = match app::remembered(&config, name, &scene.clock).await {
        Ok((report, _)) => Some(report),
        Err(app::Error::Config(problems)) => return Err(End::Config(problems)),
        // Renewal day does not wait for a store: the steps say where to look instead.
        Err(app::Error::Other(error)) => {
            let _ = writeln!(io::stderr(), "apnswatch: {error:#}; only what the configuration says is filled in");
            None
        }
    };
    Ok((own, Values::of(tenant, account, report.as_ref())))
}

fn print(kind: MdmKind, values: &Values, steps: &[Step], out: &mut dyn Write) -> io::Result<()> {
    let clean = |text: &str| words::clean(text, LONGEST);
    let tenant = values.tenant.as_ref().map(|tenant| format!(" of {}", clean(tenant))).unwrap_or_default();
    writeln!(out, "Renewing the push certificate{tenant}: {}\n", guide::product(kind))?;
    wrapped(guide::IN_SHORT, "", "", out)?;
    let known = values.known();
    if !known.is_empty() {
        writeln!(out)?;
    }
    for (name, value) in &known {
        writeln!(out, "  {name:<14} {}", clean(value))?;
    }
    for (number, step) in steps.iter().enumerate() {
        writeln!(out, "\n{:>2}. {}\n", number + 1, step.title)?;
        let mut above: Option<&Part> = None;
        for part in &step.parts {
            if above.is_some_and(|above| !matches!((above, part), (Part::Item(_), Part::Item(_)))) {
                writeln!(out)?;
            }
            above = Some(part);
            match part {
                Part::Text(text) => wrapped(&clean(text), "    ", "    ", out)?,
                Part::Item(text) => wrapped(&clean(text), "    - ", "      ", out)?,
                Part::Command(text) => writeln!(out, "        {}", clean(text))?,
                Part::Verbatim(lines) => {
                    for line in lines {
                        writeln!(out, "        {}", clean(line))?;
                    }
                }
            }
        }
    }
    Ok(())
}

/// Writes a paragraph, its first line after `first` and the others after `rest`, which are equally wide.
fn wrapped(text: &str, first: &str, rest: &str, out: &mut dyn Write) -> io::Result<()> {
    for (index, line) in words::wrap(text, WIDTH - rest.len()).iter().enumerate() {
        writeln!(out, "{}{line}", if index == 0 { first } else { rest })?;
    }
    Ok(())
}

fn document(kind: MdmKind, values: &Values, steps: &[Step]) -> Value {
    let mut document = Map::new();
    let mut put = |key: &str, value: Value| document.insert(key.to_owned(), value);
    put("schema", json!(SCHEMA));
    put("kind", json!(kind.as_str()));
    put("product", json!(guide::product(kind)));
    put("summary", json!(guide::IN_SHORT));
    if let Some(tenant) = &values.tenant {
        put("tenant", json!(tenant));
    }
    let steps: Vec<Value> = steps
        .iter()
        .map(|step| {
            let parts: Vec<Value> = step.parts.iter().map(part).collect();
            json!({ "id": step.id.as_str(), "title": step.title, "human": step.is_human(), "parts": parts })
        })
        .collect();
    put("steps", json!(steps));
    Value::Object(document)
}

fn part(part: &Part) -> Value {
    match part {
        Part::Text(text) => json!({ "kind": "text", "text": text }),
        Part::Item(text) => json!({ "kind": "item", "text": text }),
        Part::Command(text) => json!({ "kind": "command", "text": text }),
        Part::Verbatim(lines) => json!({ "kind": "verbatim", "lines": lines }),
    }
}
