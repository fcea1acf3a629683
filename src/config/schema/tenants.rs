//! Tenants, their accounts and their MDMs.

use serde_json::{Map, Value, json};

use super::{DATE, DURATION, LABEL, MOMENT, NAME, PATH, TOPIC};
use super::{flag, list, matching, name, object, of, or_nothing, path, patterns, text, words};
use crate::model::MdmKind;

pub(super) fn account() -> Value {
    let duty = object(
        "What the team must do.",
        &["every"],
        [
            ("every", matching("How often, from 1d to 3650d.", DURATION)),
            ("last", matching("The day on which it was last done.", DATE)),
        ],
    );
    let duties = json!({
        "description": "What the team must do, under any name.",
        "type": "object",
        "propertyNames": { "maxLength": 64, "pattern": NAME },
        "additionalProperties": duty,
    });
    object(
        "An Apple Account.",
        &["id", "address"],
        [
            ("id", name("By which tenants name it.", 128)),
            ("address", matching("Its address.", "^[^@]+@(.|\\s)+$")),
            ("owner", text("The team that holds it.")),
            ("vault_item", text("Where its password is.")),
            ("second_factor", list("Who or what holds its second factor.", text("A person or a thing."))),
            ("duties", duties),
        ],
    )
}

/// The settings of a kind of MDM. What one tenant must have may come from the defaults, so nothing is required.
fn settings(kind: MdmKind) -> Map<String, Value> {
    let mut settings = match kind {
        MdmKind::Intune => json!({
            "directory": text("The Entra tenant: its id or a verified domain."),
            "cloud": words("Which of Microsoft's clouds.", &["global", "usgov", "usgov_dod", "china"]),
            "login_url": text("Together with graph_url, instead of cloud."),
            "graph_url": text("Together with login_url, instead of cloud."),
            "client_id": text("The id of the app."),
            "client_secret_file": text("File with its secret."),
            "client_certificate_file": text("File with its certificate, together with client_key_file."),
            "client_key_file": text("File with the key of that certificate."),
            "federated_token_file": text("File with the token of another identity provider."),
        }),
        MdmKind::Jamf => json!({
            "url": text("The address of the server; a base path is kept."),
            "client_id": text("The id of an API client, together with client_secret_file."),
            "client_secret_file": text("File with its secret."),
            "username": text("A user, together with password_file and instead of an API client."),
            "password_file": text("File with the password of that user."),
            "enrolment_profile": flag("Fetch the enrolment profile once a day, for its topic.", false),
        }),
        MdmKind::Kandji => json!({
            "url": text("The address of the API, as the console shows it beside the token."),
            "token_file": text("File with the API token."),
            "enrolment_profile": flag("Fetch the enrolment profile once a day, for its topic.", false),
        }),
        MdmKind::Mosyle => json!({
            "product": words("business (and Fuse) or manager.", &["business", "manager"]),
            "url": text("The address of the API, if it is not the usual one of the product."),
            "access_token_file": text("File with the access token."),
            "email": text("The address of an administrator."),
            "password_file": text("File with the password of that administrator."),
        }),
        MdmKind::None => return Map::new(),
    };
    let is_asked = kind != MdmKind::Mosyle;
    settings["credential_expires"] = matching("When the credential ends, as far as you know.", DATE);
    settings["tokens"] = flag("Ask for ADE and VPP tokens.", is_asked);
    settings["push"] = flag("Ask for the check-ins of devices.", is_asked);
    settings["network"] = of("network");
    let Value::Object(settings) = settings else { return Map::new() };
    settings.into_iter().map(|(key, value)| (key, or_nothing(value))).collect()
}

pub(super) fn defaults() -> Value {
    let kinds = MdmKind::ALL.map(|kind| {
        let description = format!("Merged under mdm of every {kind} tenant; {{name}} is its name.");
        let mut defaults = object(&description, &[], []);
        defaults["properties"] = settings(kind).into();
        (kind.as_str(), defaults)
    });
    object("What is merged under mdm of every tenant of a kind. The tenant wins.", &[], kinds)
}

fn mdm() -> Value {
    let kinds = MdmKind::ALL.map(|kind| {
        let mut mdm = object(&format!("Kind {kind}."), &["kind"], [("kind", json!({ "const": kind.as_str() }))]);
        if let Some(properties) = mdm["properties"].as_object_mut() {
            properties.extend(settings(kind));
        }
        mdm
    });
    json!({ "description": "Its MDM.", "anyOf": kinds })
}

pub(super) fn tenant() -> Value {
    let labels = json!({
        "description": "Values of tenant_labels.",
        "type": "object",
        "propertyNames": { "pattern": LABEL },
        "additionalProperties": { "type": "string" },
    });
    let token = object(
        "An Apple token that the MDM does not tell of.",
        &["kind", "name", "not_after"],
        [
            ("kind", words("What it is for.", &["ade", "vpp"])),
            ("name", name("Its name.", 64)),
            ("not_after", matching("Its end.", MOMENT)),
        ],
    );
    let mut muted = object(
        "Quiet until a date.",
        &[],
        [("until", matching("The first day that is loud again.", DATE)), ("reason", text("Why."))],
    );
    let mut own_name = name("Its name, unique.", 128);
    // Browsers do not get to the page of such a one.
    own_name["not"] = json!({ "enum": [".", ".."] });
    // Both, or neither.
    muted["anyOf"] = json!([
        { "properties": { "until": { "type": "null" }, "reason": { "type": "null" } } },
        {
            "required": ["until", "reason"],
            "properties": { "until": { "type": "string" }, "reason": { "type": "string" } },
        },
    ]);
    object(
        "A tenant: one certificate of one organisation in one MDM.",
        &["name"],
        [
            ("name", own_name),
            ("labels", labels),
            ("account", name("The id of an entry of accounts.", 128)),
            ("mdm", mdm()),
            ("certificate", certificate()),
            ("poll", of("poll")),
            ("policy", of("policy")),
            ("tokens", list("Apple tokens that the MDM does not tell of.", token)),
            ("muted", muted),
            ("retired", flag("Neither polled nor exported.", false)),
            (
                "formerly",
                list("The names it had before, the oldest first: what is known of it follows.", name("A name.", 128)),
            ),
        ],
    )
}

fn certificate() -> Value {
    let protected = object(
        "A PKCS#12 container.",
        &["path", "password_file"],
        [("path", path("The container.")), ("password_file", path("The file with its password."))],
    );
    let declared = object(
        "What you know, where nothing else tells it.",
        &[],
        [("not_after", matching("The end.", MOMENT)), ("topic", matching("The topic.", TOPIC))],
    );
    let file = json!({ "anyOf": [{ "type": "string", "pattern": PATH }, protected] });
    object(
        "What else is known about the certificate.",
        &[],
        [
            ("expected_topic", matching("The topic that must stay.", TOPIC)),
            ("files", list("Certificate files and patterns.", file)),
            ("profiles", patterns("Enrolment profiles and patterns.")),
            ("device_topics", patterns("Files with topics that were read on devices, and patterns.")),
            ("declared", declared),
        ],
    )
}
