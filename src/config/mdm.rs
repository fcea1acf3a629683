//! `mdm` of a tenant.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::defaults::{Merged, resolve};
use super::table::{Table, join};
use super::tenants::{Common, Origin};
use super::{Mdm, Network, sections, values, wire};
use crate::model::{MdmKind, Problem, TenantName};
use crate::provider::{intune, jamf, kandji, mosyle};

/// Reads `mdm`, and how that MDM is reached. `None` if anything is wrong, which has been told then.
pub(super) fn read(
    tenant: &mut Table<'_>,
    name: Option<&TenantName>,
    origin: &Origin<'_>,
    common: &Common,
) -> Option<(Mdm, Arc<Network>)> {
    let path = tenant.at("mdm");
    let problems = tenant.problems();
    let Some(mut own) = tenant.map("mdm") else { return Some((Mdm::None, Arc::clone(&common.network))) };
    let kind = own.remove_entry("kind");
    let mut head = Table::new(&path, Map::from_iter(kind), problems);
    let kind = head.required("kind", values::text);
    head.finish();
    resolve(&mut own, origin.base);
    let kind = kind?;
    let place = Place { path: &path, tenant: &*tenant, name, origin, common };
    match MdmKind::ALL.into_iter().find(|known| known.as_str() == kind) {
        Some(MdmKind::Intune) => place.settings::<intune::Settings>(own),
        Some(MdmKind::Jamf) => place.settings::<jamf::Settings>(own),
        Some(MdmKind::Kandji) => place.settings::<kandji::Settings>(own),
        Some(MdmKind::Mosyle) => place.settings::<mosyle::Settings>(own),
        Some(MdmKind::None) => {
            let mut table = Table::new(&path, own, problems);
            // So that it is listed among the known keys.
            table.take("kind");
            table.finish();
            Some((Mdm::None, Arc::clone(&common.network)))
        }
        None => {
            let kinds = MdmKind::ALL.map(MdmKind::as_str);
            problems.add(join(&path, "kind"), format!("must be one of {}", kinds.join(", ")));
            None
        }
    }
}

/// The settings of one kind of MDM, as its provider declares them.
pub(super) trait Settings: DeserializeOwned {
    /// The kind.
    const KIND: MdmKind;

    /// Checks what the shape alone cannot say; `path` is where these settings stand.
    fn check(&self, path: &str, problems: &mut Vec<Problem>);

    /// The whole.
    fn into_mdm(self) -> Mdm;
}

macro_rules! settings {
    ($($provider:ident $kind:ident),*) => {$(
        impl Settings for $provider::Settings {
            const KIND: MdmKind = MdmKind::$kind;

            fn check(&self, path: &str, problems: &mut Vec<Problem>) {
                // The inherent one, of the provider.
                Self::check(self, path, problems);
            }

            fn into_mdm(self) -> Mdm {
                Mdm::$kind(Box::new(self))
            }
        }
    )*};
}

settings!(intune Intune, jamf Jamf, kandji Kandji, mosyle Mosyle);

/// Where settings stand, and what lies under them.
struct Place<'a, 'p> {
    path: &'a str,
    tenant: &'a Table<'p>,
    name: Option<&'a TenantName>,
    origin: &'a Origin<'a>,
    common: &'a Common,
}

impl Place<'_, '_> {
    fn settings<S: Settings>(&self, own: Map<String, Value>) -> Option<(Mdm, Arc<Network>)> {
        let Self { path, tenant, name, origin, common } = *self;
        let Merged { mut entries, inherited, told } = common.defaults.merge(S::KIND.as_str(), own, name);
        let problems = tenant.problems();
        let start = problems.count();
        let network = entries.remove("network").map(|network| ("network".to_owned(), network));
        let network = Table::new(path, Map::from_iter(network), problems).table("network");
        let network = network.map(|network| sections::network(Some(network), &common.network, origin.base));
        let network =
            network.map_or_else(|| Arc::clone(&common.network), |network| common.shared.networks.share(network));

        // What a tenant inherits is wrong where the defaults stand, once; a tenant file cannot point there.
        let defaults = join("defaults", S::KIND.as_str());
        let place = |key: &str| {
            let elsewhere = inherited.contains(key) && origin.prefix.is_empty();
            join(if elsewhere { &defaults } else { path }, key)
        };
        let mut reader = wire::Reader::new(told, false);
        let settings: Option<S> =
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
        (problems.count() == start && reader.told.is_empty()).then(|| (settings.into_mdm(), network))
    }
}
