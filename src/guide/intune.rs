//! Microsoft Intune. The way through its console is the one of Microsoft's page "Get an Apple MDM push certificate".

use super::{Mdm, NOT_HANDED_OUT};
use crate::model::MdmKind;

pub(super) static MDM: Mdm = Mdm {
    kind: MdmKind::Intune,
    product: "Microsoft Intune",
    keep: NOT_HANDED_OUT,
    request: &[
        "In the Intune admin center open Devices > Enroll devices > Apple enrollment > Apple MDM Push Certificate (as \
         documented by Microsoft; newer consoles say Enrollment and Apple, which is not confirmed).",
        "Select \"Download your CSR\" and save the file (.csr).",
        "A link there is named \"Create your MDM push Certificate\". It only opens Apple's portal; in the portal you \
         press Renew, and never Create.",
    ],
    upload: &[
        "Go back to the same page of the admin center. Enter the Apple Account as the reminder it asks for, choose the \
         new file, and select Upload (as documented by Microsoft).",
    ],
    look: "The same page of the admin center shows the certificate as active, with the new end. The old end may stay \
           for a while (reported, no time is promised).",
    grant: &[
        "In the Microsoft Entra admin center open App registrations and make a new one, named apnswatch, for this directory \
         only (the way through the console is not confirmed here: look for \"App registrations\" in its search).",
        "Under API permissions add these application permissions of Microsoft Graph, no delegated ones, and let an \
         administrator grant admin consent. Both only read:",
    ],
    hand: &[
        "Under Certificates & secrets make a new client secret and copy its value at once: it is shown once, and its id is \
         not the secret. The page Overview of the registration has the application (client) id and the directory (tenant) \
         id.",
    ],
    credential: "whether both ids are right, and the secret its value (not its id) and not expired",
};
