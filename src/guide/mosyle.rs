//! Mosyle Business and Mosyle Manager. What its console shows is known from a partner's copy of Mosyle's training.

use super::{Mdm, NOT_HANDED_OUT};
use crate::model::MdmKind;

pub(super) static MDM: Mdm = Mdm {
    kind: MdmKind::Mosyle,
    product: "Mosyle",
    keep: NOT_HANDED_OUT,
    request: &[
        "Open My School (or My Organization) > Apple Basic Setup > Push Certificate (as in a partner's copy of Mosyle's \
         training; not confirmed by Mosyle). Whoever comes through the Partner Portal cannot open that area.",
        "The page shows the Apple Account, the topic, the serial number and the end. Compare them with those below before \
         you press anything. Does it list devices under more than one certificate? Then one was replaced earlier: find \
         out which topic most devices have.",
        "Press Renew there and download the request (its form is not confirmed).",
    ],
    upload: &["Go back to the same wizard and upload the new file (not confirmed)."],
    look: "The page Push Certificate shows the new end, the new serial number, the same topic, and all devices under \
           this one certificate (as in the same copy of the training).",
    grant: &[
        "Mosyle's API takes two things: the access token of an integration, and the address and the password of an \
         administrator. Make an administrator for this alone, with this right and no others (as an integrator found out; \
         Mosyle's own page was not at hand):",
    ],
    hand: &[
        "Enable the API integration and let it make an access token (not confirmed here where: look for \"API\" among the \
         integrations). Renewing that token revokes the one before it. Where it is bound to addresses of servers, the one \
         of this machine must be among them.",
    ],
    credential: "whether the access token, the address and the password belong together and to this product",
};
