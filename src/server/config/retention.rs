//! How long what is personal is kept.

use std::time::Duration;

use super::reader::Reader;

/// `None` keeps it for ever.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Retention {
    /// Bodies of events that were applied or ignored, and of messages that were sent or withdrawn.
    pub raw: Option<Duration>,
    /// Personal data of orders that are over.
    pub personal: Option<Duration>,
}

const DAY: Duration = Duration::from_hours(24);

/// Stripe repeats an event for three days (<https://docs.stripe.com/webhooks#retries>), and a weekend may lie between a fault in reading one and
/// whoever looks at it. Recognizing a repeat needs no body.
const SHORTEST_RAW: Duration = Duration::from_hours(7 * 24);

/// A card payment can be disputed for about 120 days (<https://docs.stripe.com/disputes>), and a dispute is answered with what is known of
/// the order.
const SHORTEST_PERSONAL: Duration = Duration::from_hours(120 * 24);

pub fn retention(reader: &mut Reader<'_>) -> Retention {
    let mut kept = |variable: &str, shortest: Duration, default: u32| {
        reader
            .parsed(variable, |text| match humantime::parse_duration(text) {
                _ if text == "off" => Ok(None),
                Ok(kept) if kept >= shortest => Ok(Some(kept)),
                _ => Err(format!(
                    "must be a duration of at least {} days, like {default}d, or off",
                    shortest.as_secs() / DAY.as_secs()
                )),
            })
            .unwrap_or(Some(DAY * default))
    };
    Retention {
        raw: kept("RETENTION_RAW", SHORTEST_RAW, 90),
        personal: kept("RETENTION_PERSONAL", SHORTEST_PERSONAL, 730),
    }
}
