//! Any other MDM.

use super::Mdm;
use crate::model::MdmKind;

pub(super) static MDM: Mdm = Mdm {
    kind: MdmKind::None,
    product: "any other MDM",
    keep: "Some MDMs hand it out (Cisco Meraki documents it, under Organization > MDM). If yours does not, take it from Apple's portal, once you are signed in.",
    request: &[
        "Find the push certificate in the settings of your MDM, mostly under Apple, and choose to renew or replace the \
         one that is there. Do not add a second one beside it. The vendor's page has the way.",
        "N-able, as it documents: Configuration > Device Management for Apple > Push Certificates, mark the certificate, \
         Renew Certificate, Download CSR.",
        "Download the request: a file that ends in .csr, .plist, .txt or .b64, whatever your MDM calls it.",
    ],
    upload: &[
        "Upload the new file where the renewal was begun. An MDM that asks for a private key, too, wants the one that \
         belongs to the request: the portal's file holds none.",
        "An MDM that you run yourself may go on with the old certificate until it is started again (reported of some).",
    ],
    look: "The page of the push certificate in your MDM shows the new end.",
    grant: &[],
    hand: &[],
    credential: "",
};
