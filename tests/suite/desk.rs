//! What may lie on the desk of an admin on renewal day, as one table: what each file is called, how `inspect` ends, and
//! what `preflight` says of it. Everything is run through the real binary.
//!
//! The files are made on the spot by `desk/make.py`, with the `openssl` program and with what Python brings along; the
//! public certificates in `../shared/certs` are read in place, where that folder is there. A row that stands for a case
//! of the field carries its number.
//!
//! Cases of part A that are no matter of a file, or not only, and where they are tested:
//!
//! | Case | Where |
//! |---|---|
//! | R-A02, R-A36 (the account) | `src/evaluate/tenant/tests.rs`: `an_account_is_compared_where_both_are_known` |
//! | R-A02 (one series after it) | `daemon/lasting.rs`: `a_renewal_changes_no_label_of_a_date` |
//! | R-A04 | `src/evaluate/tenant/tests.rs`: `a_renewed_file_that_was_never_uploaded_is_found` |
//! | R-A07 (the alarm names the other tenant) | `demo.rs`, and `src/evaluate/tenant/tests/mdm.rs` |
//! | R-A09 (no series says that the topic fits) | `src/evaluate/tenant/tests.rs`: `two_uids_are_no_topic` |
//! | R-A14 | `intune/answers.rs`: `an_odd_account_costs_neither_the_date_nor_the_topic` |
//! | R-A18 (configuration and API) | `src/model/serial.rs`: `every_spelling_is_one_serial` |
//! | R-A25, R-A36 (the alarm) | `daemon/lasting.rs`: `another_topic_is_drift_at_once_and_ends_after_two_agreeing_polls` |
//! | R-A26 (configuration) | here, `the_empty_password_is_read_in_every_form_by_the_daemon` |
//! | R-A27 (configuration, patterns) | `src/source/file/tests.rs` |
//! | R-A28 | `src/source/file/tests.rs` and `src/evaluate/learn/tests.rs`: `an_unchanged_certificate_is_one_certificate` |
//! | R-A31 | `cells/jamf.rs`: `a_revocation_stays_until_somebody_says_that_another_was_uploaded` |

mod baselines;
mod certificates;
mod containers;
mod messages;
mod shared;
mod table;
mod texts;
