//! Every tenant of the demo: its name, what it shows, and how it is made.

use super::builder::{Builder, Entry};
use super::topic;
use super::vendors::{blueprint, break_down, device_topics, refuse};
use crate::demo::intune::Answer;
use crate::demo::kandji::{Integration, enrolment_profile};

/// A tenant of the demo.
#[derive(Clone, Copy, Debug)]
pub struct Scene {
    /// Its name.
    pub name: &'static str,
    /// What it shows.
    pub explanation: &'static str,
    make: Make,
}

type Make = fn(&mut Builder<'_>, &str) -> anyhow::Result<Entry>;

impl Scene {
    /// Makes what the tenant needs, and gives its entry in the configuration.
    pub(super) fn make(&self, builder: &mut Builder<'_>) -> anyhow::Result<Entry> {
        (self.make)(builder, self.name)
    }
}

const fn scene(name: &'static str, explanation: &'static str, make: Make) -> Scene {
    Scene { name, explanation, make }
}

/// Every tenant of the demo.
pub const SCENES: &[Scene] = &[
    // Microsoft Intune, which tells the certificate itself.
    scene("acme", "290 days left: nothing to do", |b, name| Ok(b.intune(name, b.told(name, 1, 290)))),
    scene("north", "120 days left: the renewal is planned for the day after tomorrow", |b, name| {
        b.plans(name, 120, 2)?;
        Ok(b.intune(name, b.told(name, 1, 120)))
    }),
    scene("south", "12 days left: renew now", |b, name| Ok(b.intune(name, b.told(name, 1, 12)))),
    scene("east", "expired 3 days ago: no device is reached", |b, name| Ok(b.intune(name, b.told(name, 1, -3)))),
    scene("west", "expired 60 days ago", |b, name| Ok(b.intune(name, b.told(name, 1, -60)))),
    scene("island", "the MDM says that it has no certificate: quiet", |b, name| {
        Ok(b.intune(name, Answer::NotConfigured))
    }),
    scene("harbour", "340 days left and the wrong topic: made with Create, every device is deaf", |b, name| {
        Ok(b.intune(name, b.told(name, 1, 340)).expects(&topic("harbour, before")))
    }),
    scene("valley", "the MDM answered once and is dead since: the date stays, its age grows", |b, name| {
        let answer = Answer::sequence([b.told(name, 1, 250), Answer::Status(500, None)]);
        Ok(b.intune_with(name, answer, break_down))
    }),
    scene("ridge", "the MDM had a certificate and has none any more", |b, name| {
        Ok(b.intune(name, Answer::sequence([b.told(name, 1, 250), Answer::NotConfigured])))
    }),
    scene("crater", "the MDM went back to an older certificate: somebody restored a backup", |b, name| {
        let [old, new] = [b.told(name, 1, 220), b.told(name, 2, 360)];
        Ok(b.intune(name, Answer::sequence([old.clone(), new, old])))
    }),
    scene("mist", "our own client secret has expired: nobody can say anything", |b, name| {
        Ok(b.intune_with(name, b.told(name, 1, 250), refuse))
    }),
    scene("fog", "the app may not read the certificate", |b, name| Ok(b.intune(name, Answer::Forbidden))),
    scene("tower", "our own client secret ends in 10 days; the certificate has 250", |b, name| {
        let ends = format!("credential_expires: {}", b.day(10));
        Ok(b.intune(name, b.told(name, 1, 250)).mdm(&ends))
    }),
    scene("bridge", "the MDM shows another account than the configured one", |b, name| {
        Ok(b.intune(name, b.told_with_account(name, 250, "apns-old@example.com")))
    }),
    scene("cellar", "renewed and never uploaded: the file is newer than what the MDM tells", |b, name| {
        let file = b.certificate("cellar/renewed.pem", name, 2, 364)?;
        Ok(b.intune(name, b.told(name, 1, 20)).file(&file))
    }),
    scene("bank", "its file has the topic of shore: two renewals were swapped, upload neither", |b, name| {
        let file = b.certificate("bank/renewed.pem", "shore", 2, 364)?;
        Ok(b.intune(name, b.told(name, 1, 230)).expects(&topic(name)).file(&file))
    }),
    scene("shore", "its file has the topic of bank: the other half of the swap", |b, name| {
        let file = b.certificate("shore/renewed.pem", "bank", 2, 364)?;
        Ok(b.intune(name, b.told(name, 1, 230)).expects(&topic(name)).file(&file))
    }),
    // Jamf Pro, which tells no more than notices.
    scene("moor", "Jamf Pro without a notice and without a file: nobody can say when it ends", |b, name| {
        Ok(b.jamf(name, None))
    }),
    scene("meadow", "Jamf Pro with a certificate file and its enrolment profile: the end is exact", |b, name| {
        let file = b.certificate("meadow/push.pem", name, 1, 260)?;
        Ok(b.jamf_with_profile(name).file(&file))
    }),
    scene(
        "dune",
        "Jamf Pro warns of 12 days and the file says 200: one of them is about another certificate",
        |b, name| {
            let file = b.certificate("dune/push.pem", name, 1, 200)?;
            Ok(b.jamf(name, Some(("PUSH_CERT_WILL_EXPIRE", Some(12)))).file(&file))
        },
    ),
    scene("marsh", "Jamf Pro warns of 20 days and there is no file: the end is an estimate", |b, name| {
        Ok(b.jamf(name, Some(("PUSH_CERT_WILL_EXPIRE", Some(20)))))
    }),
    scene("gorge", "Jamf Pro says that the certificate has expired", |b, name| {
        Ok(b.jamf(name, Some(("PUSH_CERT_EXPIRED", None))))
    }),
    scene("cliff", "Jamf Pro says that the certificate was revoked, whatever days it has left", |b, name| {
        let file = b.certificate("cliff/push.pem", name, 1, 200)?;
        Ok(b.jamf(name, Some(("APNS_CERT_REVOKED", None))).file(&file))
    }),
    scene("tunnel", "Jamf Pro does not reach Apple", |b, name| {
        let file = b.certificate("tunnel/push.pem", name, 1, 200)?;
        Ok(b.jamf(name, Some(("APNS_CONNECTION_FAILURE", None))).file(&file))
    }),
    // Kandji and Mosyle, which tell nothing of the certificate.
    scene(
        "orchard",
        "Kandji with Macs that check in, and an enrolment token that is broken with 200 days left",
        |b, name| {
            let file = b.certificate("orchard/push.pem", name, 1, 270)?;
            let broken = Integration::new("1", "enrolment", b.end(200)).broken();
            Ok(b.kandji(name, 20, |tenant| tenant.integrations = vec![broken])?.file(&file))
        },
    ),
    scene("quarry", "Kandji whose Macs are alive and do not check in: pushes do not arrive", |b, name| {
        let file = b.certificate("quarry/push.pem", name, 1, 270)?;
        Ok(b.kandji(name, 100, |_| {})?.file(&file))
    }),
    scene("grove", "Kandji enrols new devices with another topic than the certificate has", |b, name| {
        let file = b.certificate("grove/push.pem", name, 1, 270)?;
        let entry = b.kandji(name, 20, |tenant| tenant.blueprints = vec![blueprint(&topic("grove, other"))])?;
        Ok(entry.mdm("enrolment_profile: true").expects(&topic(name)).file(&file))
    }),
    scene("garden", "Mosyle with push switched on: heartbeats and inventory answers are compared", |b, name| {
        let file = b.certificate("garden/push.pem", name, 1, 240)?;
        Ok(b.mosyle(name)?.file(&file))
    }),
    // Files, and what is typed.
    scene("desk", "no MDM to ask, a certificate file with 200 days left", |b, name| {
        Ok(Entry::unasked().file(&b.certificate("desk/push.pem", name, 1, 200)?))
    }),
    scene("drawer", "a newer file appeared and nobody confirmed the upload: the old end stands", |b, name| {
        let file = b.certificate("drawer/push.pem", name, 1, 25)?;
        b.renew_later(file.clone(), name)?;
        Ok(Entry::unasked().file(&file))
    }),
    scene("attic", "files with different topics: none can be pinned", |b, _| {
        b.certificate("attic/one.pem", "attic, one", 1, 300)?;
        let file = b.certificate("attic/two.pem", "attic, two", 2, 200)?;
        Ok(Entry::unasked().file(&file.with_file_name("*.pem")))
    }),
    scene("fork", "a certificate with two topics in its subject: nobody can say which one counts", |b, _| {
        Ok(Entry::unasked().file(&b.certificate_of_two("fork/push.pem", ["fork, one", "fork, two"], 250)?))
    }),
    scene("pond", "a certificate that lives for 90 days: this was no renewal at Apple's portal", |b, name| {
        Ok(Entry::unasked().file(&b.certificate_of_life("pond/push.pem", name, 1, 85, 90)?))
    }),
    scene("cape", "a certificate that begins next week: no device is reached before", |b, name| {
        Ok(Entry::unasked().file(&b.certificate("cape/push.pem", name, 1, 372)?))
    }),
    scene("shelf", "a certificate file that is not there", |b, _| Ok(Entry::unasked().file(&b.path("shelf/push.pem")))),
    scene("paper", "only a date that somebody typed; nobody watches the topic", |b, _| {
        Ok(Entry::unasked().certificate(format!("declared: {{ not_after: {} }}", b.day(100))))
    }),
    scene("gate", "a certificate file and an enrolment profile with the same topic", |b, name| {
        let file = b.certificate("gate/push.pem", name, 1, 210)?;
        let profile = b.write("gate/enrol.mobileconfig", enrolment_profile(Some(&topic(name))))?;
        Ok(Entry::unasked().file(&file).certificate(format!("profiles: [{}]", profile.display())))
    }),
    scene("camp", "its topic was changed two days ago, devices confirm it, and three are still off it", |b, name| {
        let file = b.certificate("camp/push.pem", name, 1, 250)?;
        b.changes(name, [&topic(name), &topic("camp, before")])?;
        let topics = b.write("camp/topics.csv", device_topics(&topic(name), &topic("camp, before")))?;
        Ok(Entry::unasked().file(&file).certificate(format!("device_topics: [{}]", topics.display())))
    }),
    scene("spring", "its certificate was found by its topic in the pool, where another one is a stray", |b, name| {
        b.certificate("pool/one.pem", name, 1, 260)?;
        b.certificate("pool/two.pem", "nobody", 1, 260)?;
        Ok(Entry::unasked().expects(&topic(name)))
    }),
    // Tokens, accounts, and what is kept quiet.
    scene("market", "a declared content token that ends in 10 days", |b, name| {
        let file = b.certificate("market/push.pem", name, 1, 220)?;
        let token = format!("tokens: [{{ kind: vpp, name: main, not_after: {} }}]", b.day(10));
        Ok(Entry::unasked().file(&file).more(token))
    }),
    scene("chapel", "a declared content token that ended yesterday", |b, name| {
        let file = b.certificate("chapel/push.pem", name, 1, 220)?;
        let token = format!("tokens: [{{ kind: vpp, name: main, not_after: {} }}]", b.day(-1));
        Ok(Entry::unasked().file(&file).more(token))
    }),
    scene("lodge", "an account that is a person's and in none of the team's domains", |b, name| {
        Ok(Entry::unasked().file(&b.certificate("lodge/push.pem", name, 1, 230)?).account("apns-lodge"))
    }),
    scene("castle", "an account whose duties were done in time, with two who hold its second factor", |b, name| {
        Ok(Entry::unasked().file(&b.certificate("castle/push.pem", name, 1, 230)?).account("apns-castle"))
    }),
    scene("ferry", "an account to which nobody signed in for 120 days: the duty is overdue", |b, name| {
        Ok(Entry::unasked().file(&b.certificate("ferry/push.pem", name, 1, 230)?).account("apns-ferry"))
    }),
    scene("cove", "5 days left and muted for a month, with a reason: shown, and no alert", |b, name| {
        let file = b.certificate("cove/push.pem", name, 1, 5)?;
        let muted = format!("muted: {{ until: {}, reason: the MDM moves away }}", b.day(30));
        Ok(Entry::unasked().file(&file).more(muted))
    }),
    scene("ruin", "retired: counted, and neither asked nor exported", |b, name| {
        Ok(Entry::unasked().file(&b.certificate("ruin/push.pem", name, 1, -200)?).more("retired: true"))
    }),
];
