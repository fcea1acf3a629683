//! Jamf Pro. Jamf's own help page on push certificates was not at hand, so the way through its console is unconfirmed.

use super::{Mdm, NOT_HANDED_OUT};
use crate::model::MdmKind;

pub(super) static MDM: Mdm = Mdm {
    kind: MdmKind::Jamf,
    product: "Jamf Pro",
    keep: NOT_HANDED_OUT,
    request: &[
        "In Jamf Pro open Settings > Global > Push certificates, the entry for Apple's push service, and press Renew (not \
         confirmed: Jamf's own page was not at hand when this was written).",
        "Download the signed request. Jamf signs it for you, for which it asks for a Jamf Account (not confirmed); have \
         that login ready, too. It is another one than the Apple Account.",
        "Jamf School is another product. Where its push certificate is renewed is not known here.",
    ],
    upload: &["Go back to the same wizard and upload the new file where it asks for the certificate (not confirmed)."],
    look: "The entry under Push certificates shows the new end (not confirmed). A notice about the certificate that is \
           gone proves nothing: anybody can click it away.",
    grant: &[
        "In Jamf Pro open Settings > System > API roles and clients (not confirmed here: Jamf's own page was not at hand; \
         look for \"API roles\" in the search of the settings).",
        "A role. In the tab for roles make a new one, named apnswatch, with these privileges and no others. All of them \
         only read:",
    ],
    hand: &[
        "A client. In the tab for clients make a new one with that role, and enable it. Let it give you a client secret: it \
         is shown once. Note the client id, which stands beside it. When you change the role later, only new logins have \
         the change; another role may take a new secret.",
    ],
    credential: "whether the client id is right, the client enabled, and the secret the one that was shown last",
};
