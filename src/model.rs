//! The words of the field, as plain data. Knows neither tokio nor reqwest, reads no clock, does no I/O.

pub mod certificate;
pub mod drill;
mod finding;
mod letter;
pub mod memory;
pub mod names;
pub mod notice;
pub mod observation;
pub mod phase;
mod plan;
pub mod probe;
pub mod problem;
pub mod push;
pub mod reason;
pub mod serial;
pub mod source;
pub mod token;
pub mod topic;

pub use certificate::{Issuer, IssuerLevel, PushCertificate};
pub use drill::{Drill, DrillSeverity};
pub use finding::{Finding, Question};
pub use letter::LetterEvent;
pub use memory::{
    Attempt, Attestation, Drift, DutyDone, Estimate, HumanStep, KeptCertificate, Memory, Pin, PinChange, PinOrigin,
    Seen, SourceMemory, Statement,
};
pub use names::{AccountId, MdmKind, TenantName};
pub use notice::{Notice, Notices};
pub use observation::{DeviceTopics, Facts, Failure, Observation, Outcome, PooledCertificate, Presence};
pub use phase::{Phase, Policy, Precision};
pub use plan::{Plan, Tier};
pub use probe::{IpVersion, ProbeFailure, ProbeReason, Role, Step, StepTaken};
pub use problem::Problem;
pub use push::{Family, FamilyHealth, PushHealth};
pub use reason::Reason;
pub use serial::Serial;
pub use source::Source;
pub use token::{AppleToken, TokenKind};
pub use topic::Topic;
