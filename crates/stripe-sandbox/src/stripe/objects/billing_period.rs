//! When a billing period ends.

use time::{Date, Month, OffsetDateTime};

use super::{Interval, Recurring};

/// Returns when the period that starts at `start` ends, in Unix seconds. A month that lacks the day
/// of `anchor` ends on its last day, and later months use that day again.
pub(crate) fn period_end(start: i64, anchor: i64, recurring: Recurring) -> i64 {
    const DAY: i64 = 86_400;
    match recurring.interval {
        Interval::Day => start + DAY * recurring.count,
        Interval::Week => start + 7 * DAY * recurring.count,
        Interval::Month => months_after(start, anchor, recurring.count),
        Interval::Year => months_after(start, anchor, 12 * recurring.count),
    }
}

fn months_after(start: i64, anchor: i64, count: i64) -> i64 {
    let at = |seconds| OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (start, anchor) = (at(start), at(anchor));
    let months = i64::from(start.year()) * 12 + i64::from(u8::from(start.month())) - 1 + count;
    let year = i32::try_from(months.div_euclid(12)).unwrap_or(i32::MAX);
    let month = u8::try_from(months.rem_euclid(12) + 1).ok().and_then(|month| Month::try_from(month).ok());
    let month = month.unwrap_or(Month::January);
    let day = anchor.day().min(month.length(year));
    let date = Date::from_calendar_date(year, month, day).unwrap_or(Date::MAX);
    start.replace_date(date).unix_timestamp()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339).unwrap().unix_timestamp()
    }

    #[test]
    fn months_end_on_the_anchors_day_where_they_have_it() {
        let monthly = Recurring { interval: Interval::Month, count: 1 };
        let anchor = at("2027-01-31T10:00:00Z");
        let february = period_end(anchor, anchor, monthly);
        assert_eq!(february, at("2027-02-28T10:00:00Z"));
        assert_eq!(period_end(february, anchor, monthly), at("2027-03-31T10:00:00Z"));
        let yearly = Recurring { interval: Interval::Year, count: 1 };
        assert_eq!(
            period_end(at("2028-02-29T00:00:00Z"), at("2028-02-29T00:00:00Z"), yearly),
            at("2029-02-28T00:00:00Z")
        );
        let half = Recurring { interval: Interval::Month, count: 6 };
        assert_eq!(
            period_end(at("2027-08-31T00:00:00Z"), at("2027-08-31T00:00:00Z"), half),
            at("2028-02-29T00:00:00Z")
        );
        let weekly = Recurring { interval: Interval::Week, count: 2 };
        assert_eq!(period_end(anchor, anchor, weekly), anchor + 14 * 86_400);
    }
}
