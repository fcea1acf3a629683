//! What the configuration knows and this version does not do: its shape is checked, so that a file written for a later
//! version is told apart from a slip of the pen, and then it is refused.

use serde_json::Value;

use super::table::{NOT_BUILT, Table, is_empty};
use super::values;

/// `duties` of an account: what a team must do, each every so often.
pub(super) fn duties(account: &mut Table<'_>) {
    let Some(duties) = account.map("duties").filter(|duties| !duties.is_empty()) else { return };
    for (name, duty) in duties {
        let path = super::table::join(&account.at("duties"), &name);
        let Value::Object(entries) = duty else {
            account.problems().add(path, "must be a mapping of keys to values");
            continue;
        };
        let mut duty = Table::new(path, entries, account.problems());
        duty.required("every", values::duration);
        duty.read("last", values::date);
        duty.finish();
    }
    account.tell("duties", NOT_BUILT);
}

/// `tokens` of a tenant, typed in where an MDM does not tell them.
pub(super) fn tokens(tenant: &mut Table<'_>) {
    let tokens = tenant.tables("tokens");
    let set = !tokens.is_empty();
    for mut token in tokens {
        token.required("kind", |value| values::one_of(value, &["ade", "vpp"]));
        token.required("name", values::text);
        token.required("not_after", values::moment);
        token.finish();
    }
    if set {
        tenant.tell("tokens", NOT_BUILT);
    }
}

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

/// The kinds of MDM that the design has and this version has not.
pub(super) const KINDS: [&str; 3] = ["jamf", "kandji", "mosyle"];

/// The settings of such a kind; in `defaults` nothing is required.
pub(super) fn settings(kind: &str, mdm: &mut Table<'_>, partial: bool) {
    let mut text = |key, required: bool| {
        if required && !partial {
            mdm.required(key, values::text)
        } else {
            mdm.read(key, values::text)
        };
    };
    match kind {
        "jamf" => {
            text("client_id", false);
            text("client_secret_file", false);
            text("username", false);
            text("password_file", false);
            text("enrolment_profile", false);
        }
        "kandji" => {
            text("token_file", true);
            text("enrolment_profile", false);
        }
        _ => {
            text("access_token_file", true);
            text("email", true);
            text("password_file", true);
            mdm.read("product", |value| values::one_of(value, &["business", "manager"]));
        }
    }
    if kind == "mosyle" || partial {
        mdm.read("url", values::address)
    } else {
        mdm.required("url", values::address)
    };
    mdm.read("credential_expires", values::date);
    mdm.read("tokens", values::flag);
    mdm.read("push", values::flag);
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
