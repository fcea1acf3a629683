//! Every cell of the table of what each MDM can tell, from a simulator to `/metrics`: what is told, and what is not.

mod intune;
mod jamf;
mod kandji;
mod mosyle;
mod none;
mod reads;
pub(crate) mod site;
mod tokens;
