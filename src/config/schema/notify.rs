//! The schema of `notify`.

use serde_json::{Value, json};

use super::{ADDRESS, duration, list, matching, object, of, path, text, words};

/// A mail address, alone or behind a name.
const MAIL: &str = "^[^\\x00-\\x1f]*[^\\s,<>@]+@[^\\s,<>@]+>?$";
/// A host, or a host and a port.
const SERVER: &str = "^[A-Za-z0-9._-]+(:[0-9]{1,5})?$";
/// 08:00
const TIME: &str = "^[0-9]{2}:[0-9]{2}$";
/// +01:00
const OFFSET: &str = "^[+-][0-9]{2}:[0-9]{2}$";

fn tiers(usual: &[&str], all: &[&str]) -> Value {
    let mut tiers = list("What it takes; left out, the default.", words("A tier.", all));
    tiers["minItems"] = 1.into();
    tiers["default"] = usual.into();
    tiers
}

fn any_tier() -> Value {
    tiers(&["critical", "warning", "digest"], &["critical", "warning", "digest"])
}

fn smtp() -> Value {
    let mut to = list("To whom.", matching("A mail address.", MAIL));
    to["minItems"] = 1.into();
    let tls = json!({
        "description": "starttls, implicit (TLS from the start), or none: only for a server on this machine.",
        "enum": ["starttls", "implicit", "none"],
        "default": "starttls",
    });
    let mut smtp = object(
        "Mail.",
        &["server", "from", "to"],
        [
            ("server", matching("A host, or a host and a port; without one 587, or 465 with implicit TLS.", SERVER)),
            ("tls", tls),
            ("from", matching("Who writes.", MAIL)),
            ("to", to),
            ("username", text("Who logs in.")),
            ("password_file", path("The file with the password.")),
            ("tiers", any_tier()),
        ],
    );
    smtp["dependentRequired"] = json!({ "username": ["password_file"], "password_file": ["username"] });
    smtp
}

fn webhook() -> Value {
    object(
        "Anything that takes a POST.",
        &["url_file"],
        [
            ("url_file", path("The file with the address.")),
            ("authorization_file", path("The file with the value of the header Authorization.")),
            ("template", text("What is sent, with places such as {{title}}; our own JSON document, if left out.")),
            ("content_type", matching("What that is.", "^[ -~]*/[ -~]*$")),
            ("tiers", any_tier()),
        ],
    )
}

fn office_hours() -> Value {
    let day = words("A day.", &["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]);
    let mut days = list("Monday to Friday, if left out.", day);
    days["minItems"] = 1.into();
    object(
        "When people are there for warnings and the weekly list; always, if left out.",
        &["from", "to"],
        [
            ("days", days),
            ("from", matching("When they come, such as \"08:00\".", TIME)),
            ("to", matching("When they go.", TIME)),
            ("utc_offset", matching("How far their clocks are ahead of UTC, such as \"+01:00\".", OFFSET)),
        ],
    )
}

/// `notify`.
pub(super) fn notify() -> Value {
    let address = |description: &str| {
        object(description, &["url_file"], [("url_file", path("The file with its address.")), ("tiers", any_tier())])
    };
    let ntfy = object(
        "ntfy.",
        &["url_file"],
        [
            ("url_file", path("The file with the address of the topic, such as https://ntfy.sh/TOPIC.")),
            ("token_file", path("The file with an access token.")),
            ("tiers", any_tier()),
        ],
    );
    let pagerduty = object(
        "PagerDuty, Events API v2.",
        &["routing_key_file"],
        [
            ("routing_key_file", path("The file with the integration key of a service.")),
            ("url", matching("Where events go: https://events.eu.pagerduty.com/ in the EU.", ADDRESS)),
            ("tiers", tiers(&["critical"], &["critical", "warning"])),
        ],
    );
    let repeat = object(
        "After how long a message is sent again while it still holds.",
        &[],
        [("critical", duration("From 1m to 31d.", "4h")), ("warning", duration("From 1m to 31d.", "24h"))],
    );
    let heartbeat = object(
        "An address that is asked only while polls come to their end and the store is up.",
        &[],
        [
            ("url_file", path("The file with the address; without one there is no heartbeat.")),
            ("interval", duration("From 10s to 24h.", "5m")),
        ],
    );
    let letter = object(
        "A letter by mail, which a reader confirms within 14 days; it needs smtp.",
        &[],
        [
            ("to", list("Its readers; without one there is no letter.", matching("A mail address.", MAIL))),
            ("every", duration("From one letter to the next, from 7d to 366d.", "30d")),
        ],
    );
    object(
        "Whom to tell, where no Alertmanager does. Use one of the two.",
        &[],
        [
            ("smtp", smtp()),
            ("slack", address("Slack, by an incoming webhook.")),
            ("teams", address("Microsoft Teams, by the webhook of a workflow.")),
            ("ntfy", ntfy),
            ("pagerduty", pagerduty),
            ("webhook", webhook()),
            ("network", of("network")),
            ("office_hours", office_hours()),
            ("repeat", repeat),
            ("heartbeat", heartbeat),
            ("letter", letter),
        ],
    )
}
