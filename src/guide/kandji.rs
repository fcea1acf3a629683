//! Kandji, now Iru. The vendor has a page on the push certificate, of which only the address was at hand.

use super::{Mdm, NOT_HANDED_OUT};
use crate::model::MdmKind;

pub(super) static MDM: Mdm = Mdm {
    kind: MdmKind::Kandji,
    product: "Kandji (now Iru)",
    keep: NOT_HANDED_OUT,
    request: &[
        "Open Settings > Apple integrations > Apple Push Notification service, and choose to renew. The vendor documents \
         it at docs.iru.com/en/endpoint/settings/apple-integrations/configure-apple-push-notification-service; what the \
         wizard shows is not confirmed here, so read that page beside this one.",
        "Download the request that the wizard gives (its form is not confirmed).",
    ],
    upload: &["Go back to the same wizard and upload the new file (not confirmed)."],
    look: "The entry of the Apple Push Notification service shows the new end (not confirmed).",
};
