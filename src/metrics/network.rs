//! The series of the way to Apple.

use super::inventory::{flag, seconds};
use super::text::Text;
use crate::evaluate::network::{NetworkReport, PathReport, PortReport, TargetReport};

/// Writes what the probes told.
pub(super) fn render(text: &mut Text, network: Option<&NetworkReport>) {
    let Some(network) = network else { return };
    ports(text, network);
    paths(text, network);
    targets(text, network);
    let mut family = text.family(
        "apns_site_runs_mdm",
        "gauge",
        "Whether the MDM runs at this site, so that the server path is ours.",
    );
    family.sample(&[("site", &network.site)], flag(network.site_runs_mdm));
    if let Some(open) = network.control_open {
        let help = "Whether an address that must not open did: then something on the way accepts everything.";
        text.family("apns_control_open", "gauge", help).sample(&[("site", &network.site)], flag(open));
    }
}

fn ports(text: &mut Text, network: &NetworkReport) {
    let each = || network.targets.iter().flat_map(|target| target.ports.iter().map(move |port| (target, port)));
    let mut family =
        text.family("apns_port_up", "gauge", "Whether any member of a target answered at a port in its last round.");
    for (target, port) in each() {
        if let Some(up) = port.up {
            with_labels(network, target, port, |labels| family.sample(labels, flag(up)));
        }
    }
    let mut family = text.family(
        "apns_port_step_success",
        "gauge",
        "How a step last ended; without a sample if it was not reached.",
    );
    for (target, port) in each() {
        for (step, success) in &port.steps {
            with_labels(network, target, port, |labels| {
                let mut labels = labels.to_vec();
                labels.push(("step", step.as_str()));
                family.sample(&labels, flag(*success));
            });
        }
    }
}

fn paths(text: &mut Text, network: &NetworkReport) {
    let of = |path: &PathReport| [("site", network.site.as_str()), ("role", path.role.as_str())];
    let mut family = text.family("apns_path_up", "gauge", "Whether Apple can be reached from this site.");
    for path in &network.paths {
        if let Some(up) = path.up {
            family.sample(&of(path), flag(up));
        }
    }
    let mut family = text.family(
        "apns_path_degraded",
        "gauge",
        "Whether Apple can be reached, and a port is closed or what answers is not plainly Apple.",
    );
    for path in &network.paths {
        if let Some(degraded) = path.degraded {
            family.sample(&of(path), flag(degraded));
        }
    }
    let mut family = text.family(
        "apns_probe_last_round_timestamp_seconds",
        "gauge",
        "End of the last round of the target that is furthest behind, Unix time.",
    );
    for path in &network.paths {
        if let Some(last_round) = path.last_round {
            family.sample(&of(path), seconds(last_round));
        }
    }
    let mut family = text.family("apns_probe_interval_seconds", "gauge", "How often rounds begin.");
    for path in &network.paths {
        family.sample(&of(path), network.interval.as_secs_f64());
    }
}

fn targets(text: &mut Text, network: &NetworkReport) {
    let of = |target: &TargetReport| {
        [("site", network.site.clone()), ("role", target.role.to_string()), ("target", target.target.clone())]
    };
    for (name, help, value) in [
        (
            "apns_tls_intercepted",
            "Whether a certificate was issued by somebody else than Apple.",
            (|target| target.intercepted) as fn(&TargetReport) -> Option<bool>,
        ),
        ("apns_dns_outside_apple", "Whether a name was answered with an address that cannot be Apple's.", |target| {
            target.outside_apple
        }),
    ] {
        let mut family = text.family(name, "gauge", help);
        for target in &network.targets {
            if let Some(value) = value(target) {
                let labels = of(target);
                let labels: Vec<(&str, &str)> = labels.iter().map(|(name, value)| (*name, value.as_str())).collect();
                family.sample(&labels, flag(value));
            }
        }
    }
}

fn with_labels(network: &NetworkReport, target: &TargetReport, port: &PortReport, write: impl FnOnce(&[(&str, &str)])) {
    write(&[
        ("site", &network.site),
        ("role", target.role.as_str()),
        ("target", &target.target),
        ("port", &port.port.to_string()),
        ("ip_version", port.ip_version.as_str()),
    ]);
}
