//! Amounts as Stripe's errors name them, and the smallest ones that it charges.

use minor_money::{Currency, Money};

/// Returns Stripe's smallest charge in minor units, for common currencies; 1 for the others.
/// Source: <https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts>.
pub(crate) fn least(currency: Currency) -> i64 {
    match currency.code() {
        "usd" | "eur" | "chf" | "cad" | "aud" | "jpy" => 50,
        "gbp" => 30,
        "hkd" => 400,
        _ => 1,
    }
}

/// Returns an amount as Stripe's errors show it, with all decimals: `$30.00`.
pub(crate) fn exact(minor: i64, currency: Currency) -> String {
    let Ok(money) = Money::new(minor, currency) else { return minor.to_string() };
    let (display, decimal) = (money.display(), money.decimal());
    let symbol = display.chars().next().filter(|first| !first.is_ascii_digit());
    symbol.map_or_else(|| format!("{decimal} {currency}"), |symbol| format!("{symbol}{decimal}"))
}
