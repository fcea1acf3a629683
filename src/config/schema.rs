//! The JSON Schema of the configuration, for editors. It stands beside the readers and says the same in the words of a
//! schema; a test asks the readers for the keys they know and holds them against it.
//!
//! It never refuses what the readers take. What only they can see (two tenants of one name, a timeout longer than its
//! interval, what the defaults lend to a tenant) it lets pass.

use serde_json::{Map, Value, json};

mod notify;
mod tenants;

/// Text with something in it.
const TEXT: &str = "\\S";
/// A path: `~` is not replaced.
const PATH: &str = "^([^~\\s]|\\s+\\S)";
/// 20s, 15m, 1h 30m.
const DURATION: &str = "^(0|\\s*([0-9.]+\\s*[A-Za-z\u{b5}]+\\s*)+)$";
const DATE: &str = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$";
/// A date, or a moment as RFC 3339 has it.
const MOMENT: &str = "^[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt _].+)?$";
/// An IP address and a port.
const SOCKET: &str = "^(\\[[0-9A-Fa-f:.%]+\\]|[0-9]{1,3}(\\.[0-9]{1,3}){3}):[0-9]{1,5}$";
/// `http` or `https`, without login, query and fragment.
const ADDRESS: &str = "^\\s*[Hh][Tt][Tt][Pp][Ss]?:[/\\\\]*[^/@?#\\s]+(/[^?#]*)?\\s*$";
const HOST: &str = "^[A-Za-z0-9._-]+$";
/// Topics do not differ in case.
const TOPIC: &str = "^\\s*[Cc][Oo][Mm]\\.[Aa][Pp][Pp][Ll][Ee]\\.[Mm][Gg][Mm][Tt]\\.[!-~]+\\s*$";
/// The name of a Prometheus label.
const LABEL: &str = "^([A-Za-z][A-Za-z0-9_]*|_([A-Za-z0-9][A-Za-z0-9_]*)?)$";
const NAME: &str = "^[^\\x00-\\x1f\\x7f]+$";

/// The schema, as it is shipped in `config/apnswatch.schema.json`.
#[must_use]
pub fn schema() -> Value {
    let mut root = object(
        "The configuration of apnswatch, or a file with further tenants.",
        &[],
        [
            ("site", text("Where this process stands in the network: the label of its probes.")),
            ("web", web()),
            ("store", store()),
            ("network", of("network")),
            ("limits", limits()),
            ("poll", of("poll")),
            ("policy", of("policy")),
            ("tenant_labels", tenant_labels()),
            ("defaults", tenants::defaults()),
            ("accounts", list("The Apple Accounts that certificates were made with.", tenants::account())),
            ("tenants", list("One entry for each certificate.", tenants::tenant())),
            ("tenant_files", patterns("Files with further tenants, and patterns.")),
            ("certificate_pool", patterns("Certificate files that belong to whichever tenant keeps their topic.")),
            ("probe", probe()),
            ("notify", notify::notify()),
        ],
    );
    let more = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "apnswatch",
        "type": "object",
        "minProperties": 1,
        // Probes speak for one place.
        "if": { "required": ["probe"], "properties": { "probe": { "type": "object" } } },
        "then": { "required": ["site"], "properties": { "site": { "type": "string" } } },
        "$defs": { "network": network(), "poll": poll(), "policy": policy() },
    });
    if let (Value::Object(root), Value::Object(more)) = (&mut root, more) {
        root.extend(more);
    }
    root
}

/// The schema as the text of that file.
#[must_use]
pub fn schema_text() -> String {
    format!("{:#}\n", schema())
}

/// A mapping with these keys and no other. A key without a value is as good as an absent one, except where it is
/// required.
fn object<const N: usize>(description: &str, required: &[&str], properties: [(&str, Value); N]) -> Value {
    let properties: Map<String, Value> = properties
        .into_iter()
        .map(|(key, value)| (key.to_owned(), if required.contains(&key) { value } else { or_nothing(value) }))
        .collect();
    let mut object = json!({
        "description": description, "type": "object", "additionalProperties": false, "properties": properties,
    });
    if !required.is_empty() {
        object["required"] = required.into();
    }
    object
}

/// The same value, or none.
fn or_nothing(mut value: Value) -> Value {
    let kind = value.get("type").cloned();
    if kind.is_none() && value.get("enum").is_none() {
        return json!({ "anyOf": [value, { "type": "null" }] });
    }
    if let Some(kind) = kind {
        value["type"] = json!([kind, "null"]);
    }
    if let Some(Value::Array(words)) = value.get_mut("enum")
        && !words.contains(&Value::Null)
    {
        words.push(Value::Null);
    }
    value
}

fn of(definition: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{definition}") })
}

fn matching(description: &str, pattern: &str) -> Value {
    json!({ "description": description, "type": "string", "pattern": pattern })
}

fn text(description: &str) -> Value {
    matching(description, TEXT)
}

fn path(description: &str) -> Value {
    matching(description, PATH)
}

fn name(description: &str, most: u32) -> Value {
    json!({ "description": description, "type": "string", "maxLength": most, "pattern": NAME })
}

fn flag(description: &str, default: bool) -> Value {
    json!({ "description": description, "type": "boolean", "default": default })
}

fn number(description: &str, least: u32, most: u32, default: u32) -> Value {
    json!({
        "description": description, "type": "integer", "minimum": least, "maximum": most, "default": default,
    })
}

fn duration(description: &str, default: &str) -> Value {
    json!({ "description": description, "type": "string", "pattern": DURATION, "default": default })
}

fn list(description: &str, entry: Value) -> Value {
    json!({ "description": description, "type": "array", "items": entry })
}

fn patterns(description: &str) -> Value {
    list(description, json!({ "type": "string", "pattern": PATH }))
}

fn words(description: &str, words: &[&str]) -> Value {
    json!({ "description": description, "enum": words })
}

fn web() -> Value {
    object(
        "The HTTP side.",
        &[],
        [
            ("listen", matching("The address to listen on, such as 127.0.0.1:12197.", SOCKET)),
            ("config_file", path("The web configuration file of Prometheus: TLS, logins, headers.")),
            ("health_listen", matching("A second address for /-/healthy and /-/ready alone, plain and open.", SOCKET)),
            ("external_url", matching("Where people reach the page, if not there.", ADDRESS)),
            (
                "reload",
                json!({
                    "description": "SIGHUP always reloads. true: also POST /-/reload. watch: also when a file changes.",
                    "enum": [false, true, "watch"],
                    "default": false,
                }),
            ),
            (
                "actions",
                flag("People who logged in may say on the page what they did; needs config_file with logins.", false),
            ),
            ("allowed_hosts", list("Further host names for the page.", matching("Without port.", HOST))),
            ("calendar_key_file", path("The file with a key that opens /calendar.ics without a login.")),
            ("days_gauge", flag("Export apns_certificate_expiry_days and apple_token_expiry_days.", true)),
        ],
    )
}

fn store() -> Value {
    json!({
        "description": "What was learnt is kept here; sqlite::memory: keeps nothing. postgres://USER@HOST/DATABASE is shared by replicas.",
        "type": "string",
        "pattern": "^(sqlite::memory:|sqlite:///[^?#]*[^/?#]|postgres(ql)?://[^:@/?#]+@[^@?#]*/[^?#]+([?][^#]*)?)$",
        "default": "sqlite:///var/lib/apnswatch/state.db",
    })
}

fn network() -> Value {
    object(
        "How MDMs are reached.",
        &[],
        [
            ("ca_files", patterns("PEM files with CAs to trust besides those of the machine.")),
            ("proxy", matching("none, or the address of an HTTP proxy.", &format!("^none$|{ADDRESS}"))),
        ],
    )
}

fn limits() -> Value {
    object(
        "How many polls are under way at once.",
        &[],
        [("polls", number("In all.", 1, 10_000, 64)), ("per_host", number("Of one host.", 1, 10_000, 5))],
    )
}

fn poll() -> Value {
    object(
        "How often an MDM is asked.",
        &[],
        [
            ("interval", duration("From 1s to 24h.", "15m")),
            ("timeout", duration("What one poll may take in all; below the interval.", "20s")),
        ],
    )
}

fn policy() -> Value {
    object(
        "Where the phases begin.",
        &[],
        [
            ("plan_days", number("Days left: find the Apple Account, plan the day.", 0, 3650, 180)),
            ("renew_days", number("Days left: renew now.", 0, 3650, 30)),
            ("grace_days", number("Days past the end until the certificate counts as lost.", 0, 3650, 30)),
            ("account_domains", list("The mail domains that an Apple Account may have.", matching("A domain.", HOST))),
            (
                "personal_account_patterns",
                list(
                    "Addresses that belong to a person and not to a team.",
                    matching("Such as *@mail.example.com.", "^[^\\s]*[*?@][^\\s]*$"),
                ),
            ),
        ],
    )
}

fn tenant_labels() -> Value {
    let mut labels = list("The label names that apns_tenant_info carries.", matching("A label name.", LABEL));
    labels["items"]["not"] = json!({ "enum": ["tenant", "mdm", "account"] });
    labels["uniqueItems"] = true.into();
    labels
}

fn probe() -> Value {
    let role = words("device: couriers. server: the provider API.", &["device", "server"]);
    let target = object(
        "A host to probe.",
        &["role", "host", "port"],
        [
            ("role", role.clone()),
            ("host", text("A name or an address.")),
            ("port", json!({ "description": "Its port.", "type": "integer", "minimum": 1, "maximum": 65535 })),
        ],
    );
    let depth = object(
        "The deepest step.",
        &[],
        [
            ("device", words("For couriers.", &["tcp", "tls", "alpn", "chain"])),
            ("server", words("For the API.", &["tcp", "tls", "alpn", "chain", "http2"])),
        ],
    );
    let at_least_one = |mut list: Value| {
        list["minItems"] = 1.into();
        list
    };
    object(
        "The way to Apple, probed from here. Leave it out to probe nothing; {} takes the defaults.",
        &[],
        [
            ("interval", duration("From 1s to 1h.", "60s")),
            ("timeout", duration("For each step; a quarter of the interval at most.", "5s")),
            ("confirmations", number("So many rounds must fail before a path counts as down.", 1, 10, 2)),
            ("roles", at_least_one(list("Which paths are probed.", role))),
            ("site_runs_mdm", flag("An MDM runs here: the loss of the server path is critical.", false)),
            ("depth", depth),
            ("targets", at_least_one(list("Instead of Apple's hosts.", target))),
            ("courier_ca_file", path("CAs that count as Apple's own for couriers.")),
            ("api_ca_file", path("CAs to trust for the API besides those of the machine.")),
            ("resolver", text("A DNS server to ask instead of the machine's: 192.0.2.53 or 192.0.2.53:53.")),
            (
                "allowed_ranges",
                list("Addresses that are meant though they are not Apple's.", text("Such as 10.20.30.0/24.")),
            ),
            ("control", matching("An address that must not open, such as 192.0.2.1:5223.", SOCKET)),
        ],
    )
}
