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
    grant: &[
        "In Kandji (Iru) open Access, API tokens, and add a token named apnswatch (the rest of the way is not confirmed here).",
        "A token has rights to single endpoints. Give it these and no others. All of them only read:",
    ],
    hand: &[
        "Copy the token. On the same page stands the address of the API, such as https://acme.api.kandji.io: take it as it \
         stands there.",
    ],
    credential: "whether the token was copied whole, was not revoked, and belongs to this address",
};
