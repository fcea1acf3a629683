//! How values are written.

use chrono::DateTime;

use super::{Broken, Value, broken};

/// `%q`, `%s`, `%.0f`, each also by its number.
pub(super) fn printf(format: &str, values: &[Value]) -> Result<String, Broken> {
    let mut out = String::new();
    let mut next = 0;
    let mut rest = format;
    while let Some((text, after)) = rest.split_once('%') {
        out.push_str(text);
        let after = match after.strip_prefix('[').and_then(|after| after.split_once(']')) {
            Some((number, after)) => {
                next = number.parse::<usize>().map_or_else(|_| broken(format), Ok)?.saturating_sub(1);
                after
            }
            None => after,
        };
        let Some(value) = values.get(next) else { return broken(format) };
        next += 1;
        rest = if let Some(rest) = after.strip_prefix('q') {
            out.push_str(&quoted(&value.text()));
            rest
        } else if let Some(rest) = after.strip_prefix('s') {
            out.push_str(&value.text());
            rest
        } else if let Some(rest) = after.strip_prefix(".0f") {
            out.push_str(&format!("{:.0}", value.number()?));
            rest
        } else {
            return broken(format);
        };
    }
    out.push_str(rest);
    Ok(out)
}

/// A text in quotes, as Go has it for what can be printed.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A moment, to the second.
pub(super) fn timestamp(seconds: f64) -> String {
    #[allow(clippy::cast_possible_truncation, reason = "seconds of a date")]
    let moment = DateTime::from_timestamp(seconds as i64, 0);
    moment.map(|moment| moment.format("%Y-%m-%d %H:%M:%S UTC").to_string()).unwrap_or_default()
}

/// As Prometheus writes it: the largest unit first, down to the second.
pub(super) fn duration(seconds: f64) -> String {
    let sign = if seconds < 0.0 { "-" } else { "" };
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative, and far below 2^53")]
    let whole = seconds.abs() as u64;
    let (days, hours, minutes, rest) = (whole / 86_400, whole / 3600 % 24, whole / 60 % 60, whole % 60);
    if days > 0 {
        format!("{sign}{days}d {hours}h {minutes}m {rest}s")
    } else if hours > 0 {
        format!("{sign}{hours}h {minutes}m {rest}s")
    } else if minutes > 0 {
        format!("{sign}{minutes}m {rest}s")
    } else {
        format!("{}s", significant(seconds))
    }
}

/// A number with four digits that count.
pub(super) fn significant(number: f64) -> String {
    let digits = if number.abs() >= 1000.0 {
        0
    } else if number.abs() >= 100.0 {
        1
    } else if number.abs() >= 10.0 {
        2
    } else {
        3
    };
    let text = format!("{number:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}
