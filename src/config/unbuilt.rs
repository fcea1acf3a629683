//! What the configuration knows and this version does not do: its shape is checked, so that a file written for a later
//! version is told apart from a slip of the pen, and then it is refused.

use serde_json::Value;

use super::table::{NOT_BUILT, Table, is_empty};
use super::values;

/// `probe`. Even an empty mapping asks for probes, for only its absence means none.
pub(super) fn probe(root: &mut Table<'_>) {
    let Some(mut probe) = root.table("probe") else { return };
    probe.read("interval", values::duration);
    probe.read("timeout", values::duration);
    probe.read("confirmations", |value| values::number(value, 1, 100));
    let role = |value: &Value| values::one_of(value, &["device", "server"]);
    probe.list("roles", role);
    probe.read("site_runs_mdm", values::flag);
    if let Some(mut depth) = probe.table("depth") {
        let step = |value: &Value| values::one_of(value, &["tcp", "tls", "alpn", "chain", "http2"]);
        depth.read("device", step);
        depth.read("server", step);
        depth.finish();
    }
    for mut target in probe.tables("targets") {
        target.required("role", role);
        target.required("host", values::text);
        target.required("port", |value| values::number(value, 1, 65535));
        target.finish();
    }
    probe.read("courier_ca_file", values::text);
    probe.read("api_ca_file", values::text);
    probe.read("resolver", values::text);
    probe.list("allowed_ranges", values::text);
    // Its shape is decided with the control itself.
    probe.take("control");
    probe.finish();
    root.tell("probe", NOT_BUILT);
}

/// `notify`. The shape of a channel is decided with the channel.
pub(super) fn notify(root: &mut Table<'_>) {
    let Some(mut notify) = root.table("notify") else { return };
    for channel in ["smtp", "slack", "teams", "ntfy", "pagerduty", "webhook", "office_hours"] {
        notify.unbuilt(channel, |_| Ok(()));
    }
    if let Some(mut heartbeat) = notify.table("heartbeat") {
        heartbeat.unbuilt("url_file", values::text);
        heartbeat.read("interval", values::duration);
        heartbeat.finish();
    }
    if let Some(mut letter) = notify.table("letter") {
        letter.unbuilt_list("to", values::text);
        letter.read("every", values::duration);
        letter.finish();
    }
    notify.finish();
}

/// An entry of `certificate.files` with a password.
pub(super) fn protected_file(path: String, entry: Value, tenant: &Table<'_>) {
    if is_empty(&entry) {
        tenant.problems().add(path, "must be text");
        return;
    }
    if let Value::Object(entries) = entry {
        let mut file = Table::new(path.clone(), entries, tenant.problems());
        file.required("path", values::text);
        file.required("password_file", values::text);
        file.finish();
    }
    tenant.problems().add(path, "a file with a password is not built yet: remove it");
}
