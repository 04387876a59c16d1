//! The names of the shop that the outside depends on, as the harness uses them. A test of the shop
//! compares them with its own.

/// What can be bought, in the order of the storefront.
pub const COLORS: [&str; 5] = ["Honey Khaki", "Sakura Pink", "Healing Green", "Moonlight Grey", "Red"];

/// The states of a preorder by rank. A preorder never goes back to a lower one.
pub const STATUSES: [&str; 7] =
    ["awaiting_payment", "payment_failed", "cancelled", "paid", "shipped", "delivered", "refunded"];

/// The Klaviyo metric of a paid preorder.
pub const PAID_METRIC: &str = "Preorder Success";

/// The state of a preorder, compared by rank.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Status(usize);

impl Status {
    /// The lowest state with money.
    pub const PAID: Self = Self(3);

    /// Reads a name of [`STATUSES`]; `None` for any other text.
    pub fn from_name(name: &str) -> Option<Self> {
        STATUSES.iter().position(|known| *known == name).map(Self)
    }

    /// Returns the name.
    pub fn as_str(self) -> &'static str {
        STATUSES[self.0]
    }
}

/// Returns the sandbox's price of a color.
pub fn sandbox_price(color: &str) -> String {
    format!("price_sandbox_{}", color.to_lowercase().replace(' ', "_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_ranks_above_states_without_it() {
        let status = |name| Status::from_name(name);
        assert_eq!(Status::PAID.as_str(), "paid");
        assert!(status("cancelled") < Some(Status::PAID) && Some(Status::PAID) < status("refunded"));
        assert_eq!(Status::from_name("lost"), None);
    }

    #[test]
    fn a_price_is_named_after_its_color() {
        assert_eq!(sandbox_price(COLORS[0]), "price_sandbox_honey_khaki");
    }
}
