//! What the settings of all kinds share.

/// `true`, for keys that are on unless they are switched off.
pub(super) fn yes() -> bool {
    true
}
