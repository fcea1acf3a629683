//! When people are there.

use chrono::{DateTime, Datelike, FixedOffset, IsoWeek, NaiveTime, Utc, Weekday};

/// Monday at this hour the list is sent where no office hours are set (UTC).
const LIST_HOUR: NaiveTime = match NaiveTime::from_hms_opt(8, 0, 0) {
    Some(time) => time,
    None => NaiveTime::MIN,
};

/// `notify.office_hours`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfficeHours {
    /// The days on which people are there.
    pub days: Vec<Weekday>,
    /// When they come.
    pub from: NaiveTime,
    /// When they go; later than `from`.
    pub to: NaiveTime,
    /// How far their clocks are ahead of UTC.
    pub offset: FixedOffset,
}

impl OfficeHours {
    /// Whether people are there.
    #[must_use]
    pub fn is_open(&self, now: DateTime<Utc>) -> bool {
        let here = now.with_timezone(&self.offset);
        self.days.contains(&here.weekday()) && (self.from..self.to).contains(&here.time())
    }
}

/// Whether people are there. Without office hours they always are.
#[must_use]
pub fn is_open(office: Option<&OfficeHours>, now: DateTime<Utc>) -> bool {
    office.is_none_or(|office| office.is_open(now))
}

/// Whether the weekly list is due that was sent last at `last`: in the first office hour of a later week.
#[must_use]
pub fn is_list_due(office: Option<&OfficeHours>, last: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    let week = |moment: DateTime<Utc>| -> IsoWeek {
        match office {
            Some(office) => moment.with_timezone(&office.offset).iso_week(),
            // Until Monday morning it is still last week.
            None => (moment - LIST_HOUR.signed_duration_since(NaiveTime::MIN)).iso_week(),
        }
    };
    week(last) < week(now) && is_open(office, now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn office() -> OfficeHours {
        OfficeHours {
            days: vec![Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri],
            from: NaiveTime::from_hms_opt(8, 0, 0).unwrap(),
            to: NaiveTime::from_hms_opt(17, 0, 0).unwrap(),
            offset: FixedOffset::east_opt(2 * 3600).unwrap(),
        }
    }

    #[test]
    fn people_are_there_by_their_own_clock() {
        for (moment, open) in [
            // A Friday.
            ("2026-09-11T05:59:59Z", false),
            ("2026-09-11T06:00:00Z", true),
            ("2026-09-11T14:59:59Z", true),
            ("2026-09-11T15:00:00Z", false),
            ("2026-09-12T10:00:00Z", false),
        ] {
            assert_eq!(office().is_open(at(moment)), open, "{moment}");
        }
        assert!(is_open(None, at("2026-09-12T03:00:00Z")));
    }

    #[test]
    fn the_list_comes_once_a_week_also_after_a_pause() {
        let friday = at("2026-09-11T10:00:00Z");
        let due = |office: Option<&OfficeHours>, last, now: &str| is_list_due(office, last, at(now));
        assert!(!due(Some(&office()), friday, "2026-09-13T10:00:00Z"));
        assert!(!due(Some(&office()), friday, "2026-09-14T05:00:00Z"), "nobody is there yet");
        assert!(due(Some(&office()), friday, "2026-09-14T06:00:00Z"));
        assert!(due(Some(&office()), friday, "2026-09-16T12:00:00Z"), "this program did not run on Monday");
        assert!(!due(Some(&office()), at("2026-09-14T06:00:00Z"), "2026-09-18T06:00:00Z"));
        assert!(!due(None, friday, "2026-09-14T07:59:59Z"));
        assert!(due(None, friday, "2026-09-14T08:00:00Z"));
    }
}
