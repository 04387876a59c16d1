//! The parts of Stripe's API that the shop may use.

use super::reader::Reader;
use crate::server::payments::stripe::Capabilities;

/// Reads `STRIPE_CAPABILITIES`: comma-separated names, or `none`. All are on if it is not set.
pub fn capabilities(reader: &mut Reader<'_>) -> Option<Capabilities> {
    if reader.text("STRIPE_CAPABILITIES").is_none() {
        return Some(Capabilities::default());
    }
    reader.parsed("STRIPE_CAPABILITIES", |text| {
        let mut found = Capabilities::NONE;
        if text == "none" {
            return Ok(found);
        }
        for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            let switch = match name {
                "customers" => &mut found.customers,
                "payment_intents" => &mut found.payment_intents,
                "subscriptions" => &mut found.subscriptions,
                "refunds" => &mut found.refunds,
                "disputes" => &mut found.disputes,
                "events" => &mut found.events,
                _ => return Err(REPAIR.to_owned()),
            };
            *switch = true;
        }
        if found == Capabilities::NONE { Err(REPAIR.to_owned()) } else { Ok(found) }
    })
}

const REPAIR: &str =
    "must be a comma-separated list of customers, payment_intents, subscriptions, refunds, disputes, events, or none";

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: Option<&str>) -> Result<Capabilities, Vec<String>> {
        let lookup = |name: &str| text.filter(|_| name == "STRIPE_CAPABILITIES").map(str::to_owned);
        let mut reader = Reader::new(&lookup);
        let found = capabilities(&mut reader);
        reader.finish(found).map_err(|error| error.0.into_iter().map(|fault| fault.variable).collect())
    }

    #[test]
    fn everything_is_on_unless_something_is_named() {
        for unset in [None, Some("")] {
            assert_eq!(read(unset), Ok(Capabilities::default()));
        }
        assert_eq!(
            read(Some(" refunds, disputes,")),
            Ok(Capabilities { refunds: true, disputes: true, ..Capabilities::NONE })
        );
        assert_eq!(read(Some("none")), Ok(Capabilities::NONE));
        let all = "customers,payment_intents,subscriptions,refunds,disputes,events";
        assert_eq!(read(Some(all)), Ok(Capabilities::default()));
    }

    #[test]
    fn a_misspelt_capability_is_a_fault_and_switches_nothing_off_silently() {
        for text in ["refund", "refunds,canary", ",", "none,refunds", "Refunds", "all"] {
            assert_eq!(read(Some(text)), Err(vec!["STRIPE_CAPABILITIES".to_owned()]), "{text}");
        }
    }
}
