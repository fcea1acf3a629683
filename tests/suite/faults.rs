//! What real networks, vendors and machines do to the daemon, one at a time and all at once.
//!
//! `matrix` puts a `door` between the daemon and each simulator and breaks it in every way, for every vendor; `machine`
//! breaks the machine. What is to be seen stands in `docs/faults.md`, and is held against what was seen.

mod answers;
mod door;
mod identities;
mod kinds;
mod machine;
mod matrix;
mod place;
mod table;
