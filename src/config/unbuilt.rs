//! What the configuration knows and this version does not do: its shape is checked, so that a file written for a later
//! version is told apart from a slip of the pen, and then it is refused.

use super::table::Table;
use super::values;

/// `notify.letter`.
pub(super) fn letter(notify: &mut Table<'_>) {
    if let Some(mut letter) = notify.table("letter") {
        letter.unbuilt_list("to", values::text);
        letter.read("every", values::duration);
        letter.finish();
    }
}
