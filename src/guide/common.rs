//! What is said in every MDM. Each step puts what is particular first and what is common after it.

use super::values::{Values, groups, quoted};
use super::{Mdm, PORTAL, Part, Step, StepId};
use crate::model::{PinOrigin, Precision};

/// Where a topic is read on a device.
const ON_A_DEVICE: &str = "On an iPhone or iPad that is enrolled: Settings > General > Device Management > the \
                           management profile > More Details > the profile once more; the line is named Topic (as \
                           documented by Microsoft). On a Mac: apnswatch pin confirm --help has the command.";

fn text(text: impl Into<String>) -> Part {
    Part::Text(text.into())
}

fn item(text: impl Into<String>) -> Part {
    Part::Item(text.into())
}

fn command(text: impl Into<String>) -> Part {
    Part::Command(text.into())
}

fn items(texts: &[&str]) -> Vec<Part> {
    texts.iter().copied().map(item).collect()
}

/// One step, for one MDM.
pub(super) fn step(id: StepId, mdm: &Mdm, values: &Values) -> Step {
    let (title, parts) = match id {
        StepId::Keep => ("Keep the certificate that is in use", keep(mdm, values)),
        StepId::Request => ("Begin the renewal in the MDM and download its request", request(mdm, values)),
        StepId::SignIn => ("Sign in to Apple's portal with exactly this account", sign_in(values)),
        StepId::Row => ("Find the row by its topic", row(values)),
        StepId::Renew => ("Press Renew on that row, and nothing else", renew(values)),
        StepId::Note => ("Write the note for next year", note(mdm, values)),
        StepId::Exchange => ("Upload the request, download the certificate", exchange()),
        StepId::Preflight => ("Try the file before you upload it", preflight(values)),
        StepId::Upload => ("Upload it to the existing entry in the MDM", upload(mdm)),
        StepId::Verify => ("Let apnswatch look", verify(mdm, values)),
        StepId::Look => ("Look with your own eyes", look(mdm)),
        StepId::Attest => ("Say that it was done", attest(mdm, values)),
    };
    Step { id, title: title.to_owned(), parts }
}

fn keep(mdm: &Mdm, values: &Values) -> Vec<Part> {
    let mut parts = vec![item(mdm.keep)];
    if let Some(wrong) = &values.wrong_topic {
        parts.insert(
            0,
            text(format!(
                "STOP and read: the certificate that is known here carries {wrong}, which is not the topic to keep. If the \
                 MDM uses it, what follows is the undo: renew the original row and upload that. Read docs/recovery.md, \"The wrong certificate \
                 was uploaded\", first."
            )),
        );
    }
    parts.extend([
        text(
            "Do it before anything is renewed. In the portal each row lets you download its certificate (Cisco Meraki \
             recommends that as a backup). It holds no private key. It is what the new one is compared with, and the \
             proof of which row was the right one.",
        ),
        command("apnswatch inspect OLD.pem"),
    ]);
    if values.watches_files == Some(true) {
        parts.push(text("apnswatch watches a file of this tenant: do not write over it before the end of this page."));
    }
    parts
}

fn request(mdm: &Mdm, values: &Values) -> Vec<Part> {
    let mut parts = Vec::new();
    if let Some(console) = &values.console {
        parts.push(item(format!("The console is at {console}.")));
    }
    parts.extend(items(mdm.request));
    parts.push(text(
        "Download it once, today, and finish in one sitting: an MDM may make a new key for every request (not confirmed \
         for each), and then only the certificate of the last request fits.",
    ));
    parts
}

fn sign_in(values: &Values) -> Vec<Part> {
    let mut parts = vec![
        item("Open a private browser window, so that nobody is signed in there with another account."),
        item(format!("Open {PORTAL}")),
    ];
    parts.push(match (&values.account, &values.account_shown) {
        (Some(account), Some(shown)) if !account.eq_ignore_ascii_case(shown) => item(format!(
            "Sign in with {account}. The MDM shows {shown} instead: one of the two is wrong or out of date. The row with \
             the right topic decides which account it is."
        )),
        (Some(account), _) => item(format!("Sign in with {account}, and with no other account.")),
        (None, Some(shown)) => item(format!(
            "Sign in with {shown}. The MDM shows this address, but somebody typed it there, and it proves nothing: the \
             row with the right topic does."
        )),
        (None, None) => item(
            "Sign in with the account that the certificate was made with. Its address stands beside the certificate in \
             most MDMs (as somebody typed it), in last year's ticket, and in Apple's mails about the end of the \
             certificate, which go to that address only.",
        ),
    });
    parts.push(match (&values.vault_item, &values.owner) {
        (Some(vault), Some(owner)) => item(format!("The password is in {vault}; the account is held by {owner}.")),
        (Some(vault), None) => item(format!("The password is in {vault}.")),
        (None, Some(owner)) => item(format!("The password is not noted here. Ask {owner}, who hold the account.")),
        (None, None) => item("The password is not noted here. Look in the team's vault, under Apple or APNs."),
    });
    parts.push(if values.second_factor.is_empty() {
        item("Who answers its second factor is not noted here. Find that out before you begin: a code is asked for.")
    } else {
        item(format!(
            "Its second factor is with: {}. Reach them before you begin: a code is asked for.",
            values.second_factor.join(", ")
        ))
    });
    parts.extend([
        text(
            "Not your own account, and none that only looks similar. The wrong account shows other rows, or none. Then \
             sign out and find the right one; never press Create because Renew is not to be found.",
        ),
        text("Nobody can sign in? Stop here and read docs/recovery.md, \"The account is lost\"."),
    ]);
    parts
}

fn row(values: &Values) -> Vec<Part> {
    let mut parts = Vec::new();
    if let Some(topic) = &values.topic {
        parts.push(Part::Verbatim(vec![topic.to_string(), groups(topic)]));
    } else {
        parts.push(item(format!(
            "The topic is not known here. It stands in the certificate that you kept (apnswatch inspect OLD.pem), and \
             surest of all on a device. {ON_A_DEVICE}"
        )));
    }
    if values.topic.is_some() && values.topic_origin == Some(PinOrigin::FirstSeen) {
        parts.push(item(format!("Nobody has compared this topic with a device yet. Do that once, now. {ON_A_DEVICE}")));
    }
    let serial = match &values.serial {
        Some(serial) => format!("Serial number: {serial} (blanks and colons do not count)."),
        None => "Serial number: not known here. The MDM may show it; so does apnswatch inspect OLD.pem.".to_owned(),
    };
    let end = match values.end() {
        Some(end) => format!("End: {end}."),
        None => "End: not known here. The MDM shows it; so does apnswatch inspect OLD.pem.".to_owned(),
    };
    parts.extend([item(serial), item(end)]);
    if values.precision.is_some_and(|precision| precision != Precision::Exact) {
        parts.push(item("That end is no proof of the row. Go by the topic."));
    }
    parts.extend([
        text(
            "Several rows may look alike: the same vendor, the same name. Open the information of the row and compare the \
             GUID in its subject with this topic, letter by letter (the row's Subject DN, its UID). Capital or small \
             letters are the same.",
        ),
        text("No row has this topic? Then it is the wrong account. Sign out; never press Create."),
    ]);
    parts
}

fn renew(values: &Values) -> Vec<Part> {
    let last = values.topic.as_ref().map(groups).and_then(|groups| Some(groups.rsplit(" - ").next()?.to_owned()));
    let last = last.map(|last| format!(" ({last})")).unwrap_or_default();
    vec![
        item(format!(
            "A second admin reads aloud the last group of the topic{last}, and the word on the button, before you press it."
        )),
        item("Renew keeps the topic. All devices stay."),
        item("Never Create: it makes a new topic, and no enrolled device is reached any more."),
        item("Never Revoke: it stands beside Renew and cannot be taken back."),
    ]
}

fn note(mdm: &Mdm, values: &Values) -> Vec<Part> {
    let or = |value: &Option<String>, else_: &str| value.clone().unwrap_or_else(|| else_.to_owned());
    let day = values.today.map_or_else(|| "(today's date)".to_owned(), |day| day.to_string());
    let place = match &values.tenant {
        Some(tenant) => format!("{tenant} ({})", mdm.product),
        None => "(which organisation, which MDM)".to_owned(),
    };
    let second_factor = match values.second_factor.as_slice() {
        [] => "(who answers it)".to_owned(),
        holders => holders.join(", "),
    };
    let topic = values.topic.as_ref().map_or_else(|| "(as in the row)".to_owned(), ToString::to_string);
    vec![
        Part::Verbatim(vec![
            format!("Renewed {day} by {}", or(&values.person, "(your name)")),
            format!("Second admin: {}", or(&values.witness, "(who read the topic aloud)")),
            format!("For: {place}"),
            format!("Apple Account: {}", or(&values.account, "(the address you signed in with)")),
            format!("Held by: {}", or(&values.owner, "(the team)")),
            format!("Password: {}", or(&values.vault_item, "(its entry in the vault, never the password)")),
            format!("Second factor: {second_factor}"),
            format!("Topic: {topic}"),
            format!("Ticket: {}", or(&values.ticket, "(its number)")),
            "Next year: press Renew on this row, with this account.".to_owned(),
        ]),
        text(
            "Fill in what stands in brackets. Put it into the field for notes, if the portal shows one beside the \
             upload, and into the ticket. No password, no code.",
        ),
    ]
}

fn exchange() -> Vec<Part> {
    vec![
        item("In the portal choose the request that the MDM gave you today, and upload it."),
        item(
            "Download the certificate. It is named after the vendor, ends in .pem (for some in .cer), and a second \
              download is named \"(1)\": keep one, and know which.",
        ),
    ]
}

fn preflight(values: &Values) -> Vec<Part> {
    vec![
        command(format!("apnswatch preflight NEW.pem {}", values.tenant_option())),
        text("Or, where apnswatch does not know the tenant, against the certificate that you kept:"),
        command("apnswatch preflight NEW.pem --against OLD.pem"),
        item("RENEWAL (exit status 0): sign out of the portal, close its window, and go on."),
        item("RENEWAL, WITH A WARNING (1): read it, then decide."),
        item(
            "DO NOT UPLOAD (2): stop. Nothing is lost yet, the MDM still has the old certificate. Find the right row.",
        ),
        item("CANNOT TELL (3): do not upload either, before it can."),
    ]
}

fn upload(mdm: &Mdm) -> Vec<Part> {
    let mut parts = items(mdm.upload);
    parts.push(text(
        "Into the entry that is there. Never delete the old entry or the old certificate first: it works until its end, \
         and devices hang on it.",
    ));
    parts
}

fn verify(mdm: &Mdm, values: &Values) -> Vec<Part> {
    let mut parts = Vec::new();
    if !mdm.kind.tells_certificate() {
        parts.push(text(
            "This MDM does not tell apnswatch the end of its certificate, so the next two steps count all the more.",
        ));
    }
    parts.extend([
        command(format!("apnswatch verify {}", values.tenant_option())),
        text(
            "It waits for the evidence that can be had: the new end, the same topic, devices that still answer. The old \
             end stays? Read docs/recovery.md, \"Renewed, but not in effect\".",
        ),
    ]);
    parts
}

fn look(mdm: &Mdm) -> Vec<Part> {
    vec![
        item(mdm.look),
        item("The end is about a year from today. Another year, or the old one, is no renewal."),
        item(
            "Send a harmless command (update the inventory, never a lock or a wipe) to one iPhone or iPad and to one Mac \
             that were enrolled before today. Both must answer. \"Sent\" or \"pending\" is no answer, and a push that \
             Apple accepts proves nothing.",
        ),
        text(
            "No answer? First the network (apnswatch doctor), then the topic on the device. Do not enrol anything again, \
             and do not roll the certificate back before.",
        ),
    ]
}

fn attest(mdm: &Mdm, values: &Values) -> Vec<Part> {
    let mut parts = Vec::new();
    if mdm.kind.tells_certificate() {
        parts.push(text(format!("{} tells the new end itself, so nobody needs to confirm the upload.", mdm.product)));
    } else {
        let option = values.tenant_option();
        if values.watches_files != Some(false) {
            parts.extend([
                text("Put the new file where certificate.files of the tenant looks. Once the daemon has seen it:"),
                command(format!("apnswatch confirm {option}")),
            ]);
        }
        if values.watches_files != Some(true) {
            parts.extend([
                text("Where no certificate file is watched, name the serial number that the MDM or the portal shows:"),
                command(format!("apnswatch confirm {option} --serial SERIAL")),
            ]);
        }
        parts.push(text("Until then the old end counts, and goes on raising its alerts. Confirm only what you saw."));
    }
    if let Some(id) = &values.sign_in_duty {
        parts.extend([
            text("You have signed in with the account today, which is a duty done:"),
            command(format!("apnswatch duty done sign_in --account {}", quoted(id))),
        ]);
    }
    parts.push(text(
        "Keep the old and the new file with the ticket, close the ticket, and say who holds the account in a year. Delete \
         no file in the MDM.",
    ));
    parts
}
