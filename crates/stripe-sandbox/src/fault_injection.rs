//! Fault injection: which share of calls fails, hangs or is late, and what happens to deliveries.
//!
//! This module only decides. The middleware and the delivery carry the decisions out.

use std::time::Duration;

use serde_json::{Map, Value, json};

/// All faults that are configured.
#[derive(Clone, Copy, Default)]
pub(crate) struct Faults {
    pub(crate) stripe: ApiFaults,
    pub(crate) klaviyo: ApiFaults,
    pub(crate) delivery: DeliveryFaults,
}

/// Faults of an API that the program under test calls.
#[derive(Clone, Copy)]
pub(crate) struct ApiFaults {
    pub(crate) error_rate: f64,
    pub(crate) status: u16,
    pub(crate) latency_ms: u64,
    pub(crate) hang_rate: f64,
    pub(crate) record_then_error_rate: f64,
}

/// Faults of the deliveries to webhook endpoints.
#[derive(Clone, Copy, Default)]
pub(crate) struct DeliveryFaults {
    pub(crate) duplicate_rate: f64,
    /// Two event objects, with ids of their own, for one occurrence.
    pub(crate) twin_rate: f64,
    pub(crate) drop_rate: f64,
    pub(crate) shuffle: bool,
    pub(crate) delay_ms: u64,
}

/// The fault that one call meets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Fate {
    pub(crate) latency: Duration,
    pub(crate) ending: Ending,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ending {
    Normal,
    /// The call gets no response, and nothing is done.
    Hang,
    /// The call gets this status, and nothing is done.
    Error(u16),
    /// The call is carried out, recorded as failed and gets this status.
    RecordThenError(u16),
}

/// One day: far longer than any test waits, and safe from overflow.
const LONGEST_MS: u64 = 86_400_000;

impl Default for ApiFaults {
    fn default() -> Self {
        Self { error_rate: 0.0, status: 500, latency_ms: 0, hang_rate: 0.0, record_then_error_rate: 0.0 }
    }
}

impl ApiFaults {
    /// Draws the fault of the next call.
    pub(crate) fn draw(&self) -> Fate {
        let ending = if happens(self.hang_rate) {
            Ending::Hang
        } else if happens(self.error_rate) {
            Ending::Error(self.status)
        } else if happens(self.record_then_error_rate) {
            Ending::RecordThenError(self.status)
        } else {
            Ending::Normal
        };
        Fate { latency: Duration::from_millis(self.latency_ms), ending }
    }

    fn set(&mut self, at: &str, given: &Map<String, Value>) -> Result<(), String> {
        for (name, value) in given {
            let at = format!("{at}.{name}");
            match name.as_str() {
                "error_rate" => self.error_rate = rate(&at, value)?,
                "hang_rate" => self.hang_rate = rate(&at, value)?,
                "record_then_error_rate" => self.record_then_error_rate = rate(&at, value)?,
                "latency_ms" => self.latency_ms = millis(&at, value)?,
                "status" => self.status = status(&at, value)?,
                _ => return Err(format!("{at}: no such fault")),
            }
        }
        Ok(())
    }

    fn to_json(self) -> Value {
        json!({
            "error_rate": self.error_rate, "status": self.status, "latency_ms": self.latency_ms,
            "hang_rate": self.hang_rate, "record_then_error_rate": self.record_then_error_rate,
        })
    }
}

impl DeliveryFaults {
    fn set(&mut self, at: &str, given: &Map<String, Value>) -> Result<(), String> {
        for (name, value) in given {
            let at = format!("{at}.{name}");
            match name.as_str() {
                "duplicate_rate" => self.duplicate_rate = rate(&at, value)?,
                "twin_rate" => self.twin_rate = rate(&at, value)?,
                "drop_rate" => self.drop_rate = rate(&at, value)?,
                "delay_ms" => self.delay_ms = millis(&at, value)?,
                "shuffle" => self.shuffle = value.as_bool().ok_or_else(|| format!("{at}: must be true or false"))?,
                _ => return Err(format!("{at}: no such fault")),
            }
        }
        Ok(())
    }

    fn to_json(self) -> Value {
        json!({
            "duplicate_rate": self.duplicate_rate, "twin_rate": self.twin_rate, "drop_rate": self.drop_rate,
            "shuffle": self.shuffle, "delay_ms": self.delay_ms,
        })
    }
}

impl Faults {
    /// Returns these faults with the changes that a request asks for. A part that is named starts
    /// from its defaults, so that exactly what the request says is set. A part that is not named
    /// stays as it was. Nothing is set when anything is wrong.
    pub(crate) fn with(mut self, asked: &Value) -> Result<Self, String> {
        let parts = asked.as_object().ok_or("the body must be a JSON object")?;
        for (name, part) in parts {
            let given = part.as_object().ok_or_else(|| format!("{name}: must be an object"))?;
            match name.as_str() {
                "stripe" => {
                    self.stripe = ApiFaults::default();
                    self.stripe.set(name, given)?;
                }
                "klaviyo" => {
                    self.klaviyo = ApiFaults::default();
                    self.klaviyo.set(name, given)?;
                }
                "delivery" => {
                    self.delivery = DeliveryFaults::default();
                    self.delivery.set(name, given)?;
                }
                _ => return Err(format!("{name}: must be stripe, klaviyo or delivery")),
            }
        }
        Ok(self)
    }

    pub(crate) fn to_json(self) -> Value {
        json!({
            "stripe": self.stripe.to_json(), "klaviyo": self.klaviyo.to_json(), "delivery": self.delivery.to_json(),
        })
    }
}

/// Draws whether something that happens at this rate, from 0 to 1, happens now.
pub(crate) fn happens(rate: f64) -> bool {
    // Exactly never at 0 and exactly always at 1: tests rely on it.
    rate > 0.0 && rand::random::<f64>() < rate
}

fn rate(at: &str, value: &Value) -> Result<f64, String> {
    value
        .as_f64()
        .filter(|rate| (0.0..=1.0).contains(rate))
        .ok_or_else(|| format!("{at}: must be a number from 0 to 1"))
}

fn millis(at: &str, value: &Value) -> Result<u64, String> {
    value
        .as_u64()
        .filter(|ms| *ms <= LONGEST_MS)
        .ok_or_else(|| format!("{at}: must be a whole number of milliseconds from 0 to {LONGEST_MS}"))
}

fn status(at: &str, value: &Value) -> Result<u16, String> {
    value
        .as_u64()
        .and_then(|status| u16::try_from(status).ok())
        .filter(|status| (400..=599).contains(status))
        .ok_or_else(|| format!("{at}: must be an HTTP status from 400 to 599"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_that_does_not_exist_or_is_out_of_range_is_named_and_nothing_is_set() {
        let wrong = [
            (json!({"stripe": {"error_rate": 1.5}}), "stripe.error_rate"),
            (json!({"stripe": {"error_rate": "1"}}), "stripe.error_rate"),
            (json!({"klaviyo": {"status": 200}}), "klaviyo.status"),
            (json!({"stripe": {"latency_ms": -1}}), "stripe.latency_ms"),
            (json!({"stripe": {"duplicate_rate": 1}}), "stripe.duplicate_rate"),
            (json!({"delivery": {"shuffle": 1}}), "delivery.shuffle"),
            (json!({"paypal": {}}), "paypal"),
            (json!([]), "body"),
        ];
        for (asked, named) in wrong {
            let message = Faults::default().with(&asked).err().unwrap();
            assert!(message.contains(named), "{message}");
        }
    }

    #[test]
    fn a_named_part_is_what_was_said_and_the_others_stay() {
        let first = Faults::default().with(&json!({"stripe": {"error_rate": 1}, "delivery": {"delay_ms": 5}})).unwrap();
        assert_eq!(first.stripe.draw().ending, Ending::Error(500));
        let second = first.with(&json!({"stripe": {"hang_rate": 1.0}})).unwrap();
        assert_eq!(second.stripe.draw().ending, Ending::Hang);
        assert_eq!(second.delivery.delay_ms, 5);
    }

    #[test]
    fn without_faults_nothing_goes_wrong() {
        for _ in 0..100 {
            assert_eq!(Faults::default().stripe.draw(), Fate { latency: Duration::ZERO, ending: Ending::Normal });
        }
    }
}
