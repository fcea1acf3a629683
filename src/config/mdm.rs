//! `mdm` of a tenant.

use serde_json::Map;

use super::defaults::{Merged, resolve};
use super::table::{Table, join};
use super::tenants::{Common, Origin};
use super::{Mdm, Network, sections, unbuilt, values, wire};
use crate::model::{MdmKind, TenantName};
use crate::provider::intune;

/// Reads `mdm`, and how that MDM is reached. `None` if anything is wrong, which has been told then.
pub(super) fn read(
    tenant: &mut Table<'_>,
    name: Option<&TenantName>,
    origin: &Origin<'_>,
    common: &Common,
) -> Option<(Mdm, Network)> {
    let path = tenant.at("mdm");
    let problems = tenant.problems();
    let Some(mut own) = tenant.map("mdm") else { return Some((Mdm::None, common.network.clone())) };
    let kind = own.remove_entry("kind");
    let mut head = Table::new(&path, Map::from_iter(kind), problems);
    let kind = head.required("kind", values::text);
    head.finish();
    resolve(&mut own, origin.base);
    match kind?.as_str() {
        "intune" => intune(&path, common.defaults.merge("intune", own, name), tenant, origin, common),
        "none" => {
            let mut table = Table::new(&path, own, problems);
            // So that it is listed among the known keys.
            table.take("kind");
            table.finish();
            Some((Mdm::None, common.network.clone()))
        }
        kind if unbuilt::KINDS.contains(&kind) => {
            let mut table = Table::new(&path, common.defaults.merge(kind, own, name).entries, problems);
            sections::network(table.table("network"), &common.network, origin.base);
            table.take("kind");
            unbuilt::settings(kind, &mut table, false);
            table.tell("kind", format!("{kind} is not built yet: remove it, or watch its certificate as kind none"));
            table.finish();
            None
        }
        _ => {
            let kinds = MdmKind::ALL.map(MdmKind::as_str);
            problems.add(join(&path, "kind"), format!("must be one of {}", kinds.join(", ")));
            None
        }
    }
}

fn intune(
    path: &str,
    merged: Merged,
    tenant: &Table<'_>,
    origin: &Origin<'_>,
    common: &Common,
) -> Option<(Mdm, Network)> {
    let Merged { mut entries, inherited, told } = merged;
    let problems = tenant.problems();
    let start = problems.count();
    let network = entries.remove("network").map(|network| ("network".to_owned(), network));
    let network = Table::new(path, Map::from_iter(network), problems).table("network");
    let network = sections::network(network, &common.network, origin.base);

    // What a tenant inherits is wrong where the defaults stand, once; a tenant file cannot point there.
    let place = |key: &str| {
        let elsewhere = inherited.contains(key) && origin.prefix.is_empty();
        join(if elsewhere { "defaults.intune" } else { path }, key)
    };
    let mut reader = wire::Reader::new(told, false);
    let settings: Option<intune::Settings> =
        reader.read(&mut entries, &["kind", "network"], |key, message| problems.add(place(key), message));

    let mut found = Vec::new();
    let settings = settings?;
    settings.check(path, &mut found);
    for problem in found {
        let below = problem.path.strip_prefix(path).and_then(|below| below.strip_prefix('.'));
        match below.map(|below| below.split(['.', '[']).next().unwrap_or(below)) {
            // It follows from something cut, and would send people after a second mistake that is none.
            Some(key) if reader.told.contains(key) => {}
            None if !reader.told.is_empty() => {}
            Some(key) if below == Some(key) => problems.add(place(key), problem.message),
            _ => problems.add(problem.path, problem.message),
        }
    }
    (problems.count() == start && reader.told.is_empty()).then_some((Mdm::Intune(settings), network))
}
