//! How long personal data is stored.

use std::time::Duration;

use super::reader::Reader;

/// After which time personal data is removed. `None` (`off`): never.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Retention {
    /// `RETENTION_RAW`, at least 7 days, default 90: bodies of events that were applied or ignored,
    /// and of messages that were sent or withdrawn.
    pub raw: Option<Duration>,
    /// `RETENTION_PERSONAL`, at least 120 days, default 730: personal data of orders that are
    /// complete.
    pub personal: Option<Duration>,
}

const DAY: Duration = Duration::from_hours(24);

/// Stripe repeats an event for three days (<https://docs.stripe.com/webhooks#retries>), and a
/// weekend may pass until a person looks at an event that could not be read. Recognizing a repeat
/// needs no body.
const SHORTEST_RAW: Duration = Duration::from_hours(7 * 24);

/// A card payment can be disputed for about 120 days (<https://docs.stripe.com/disputes>), and the
/// evidence for a dispute is what is known about the order.
const SHORTEST_PERSONAL: Duration = Duration::from_hours(120 * 24);

pub fn retention(reader: &mut Reader<'_>) -> Retention {
    let mut duration = |variable: &str, shortest: Duration, default: u32| {
        reader
            .parsed(variable, |text| match humantime::parse_duration(text) {
                _ if text == "off" => Ok(None),
                Ok(duration) if duration >= shortest => Ok(Some(duration)),
                _ => Err(format!(
                    "must be a duration of at least {} days, like {default}d, or off",
                    shortest.as_secs() / DAY.as_secs()
                )),
            })
            .unwrap_or(Some(DAY * default))
    };
    Retention {
        raw: duration("RETENTION_RAW", SHORTEST_RAW, 90),
        personal: duration("RETENTION_PERSONAL", SHORTEST_PERSONAL, 730),
    }
}
