//! From what is remembered, the policy and the present moment to what is true: pure, and the only place that decides.
//!
//! [`learn`] is the step from one outcome to the next memory: pins, drift, certificates seen.
//! [`report`] turns the memory of every tenant into the one [`Report`] that all faces show, so that the metrics, the
//! page and the command line cannot disagree.

pub mod account;
pub mod answers;
pub mod baseline;
pub mod certificate;
mod changed;
mod findings;
pub mod history;
pub mod learn;
pub mod letter;
pub mod network;
mod planned;
pub mod renamed;
pub mod report;
pub mod summary;
pub mod tenant;
pub mod tokens;
mod undated;
pub mod verification;

pub use changed::PinChanged;
pub use letter::LetterReport;
pub use network::NetworkReport;
pub use planned::Planned;
pub use report::{Judge, Report, Whole, evaluate};
pub use tenant::{Level, TenantReport};
