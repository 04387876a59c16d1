//! How long workers hold leases, and how long they wait between tries. Only a failpoint build can
//! change these, so that a short run sees leases end and many tries.

use std::{num::NonZeroU32, time::Duration};

use failpoints::Settings;

/// Longer than any attempt to send a message or to apply an event.
const LEASE: Duration = Duration::from_mins(1);

/// The lengths that a run of the shop works with.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// How long one worker may hold an event or a message before another worker may take it.
    pub lease: Duration,
    /// What the delays between tries are divided by: 1, except in a failpoint build.
    speedup: u32,
}

impl Timing {
    /// Reads the settings of a failpoint build; every other build has the default ones.
    pub fn new(settings: &Settings) -> Self {
        Self { lease: settings.lease.unwrap_or(LEASE), speedup: settings.speedup.map_or(1, NonZeroU32::get) }
    }

    /// Returns the delay to wait where `full` is the usual one.
    pub fn retry_delay(self, full: Duration) -> Duration {
        full / self.speedup
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leases_and_retry_delays_are_the_usual_ones_unless_settings_say_otherwise() {
        let usual = Timing::new(&Settings::default());
        assert_eq!((usual.lease, usual.retry_delay(Duration::from_secs(5))), (LEASE, Duration::from_secs(5)));
        let fast = Timing::new(&"lease_ms=4000;speedup=10".parse().unwrap());
        assert_eq!(
            (fast.lease, fast.retry_delay(Duration::from_secs(5))),
            (Duration::from_secs(4), Duration::from_millis(500))
        );
    }
}
