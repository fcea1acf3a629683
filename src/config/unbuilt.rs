//! What the configuration knows and this version does not do: its shape is checked, so that a file written for a later
//! version is told apart from a slip of the pen, and then it is refused.

use super::table::Table;
use super::values;

/// `notify`. The shape of a channel is decided with the channel.
pub(super) fn notify(root: &mut Table<'_>) {
    let Some(mut notify) = root.table("notify") else { return };
    for channel in ["smtp", "slack", "teams", "ntfy", "pagerduty", "webhook", "office_hours"] {
        notify.unbuilt(channel, |_| Ok(()));
    }
    if let Some(mut heartbeat) = notify.table("heartbeat") {
        heartbeat.unbuilt("url_file", values::text);
        heartbeat.read("interval", values::duration);
        heartbeat.finish();
    }
    if let Some(mut letter) = notify.table("letter") {
        letter.unbuilt_list("to", values::text);
        letter.read("every", values::duration);
        letter.finish();
    }
    notify.finish();
}
