//! Money: an integer number of minor units with a currency. Nothing here divides, so nothing rounds
//! and no floating point is needed.
//!
//! The exponent of a currency is Stripe's, not ISO 4217's. They differ for ISK and UGX (two decimals
//! in Stripe's API) and for MGA (none). Source: <https://docs.stripe.com/currencies>.
//!
//! ```
//! use minor_money::Money;
//!
//! let price = Money::new(29_950, "eur".parse()?)?;
//! assert_eq!(price.display(), "€299.50");
//! assert_eq!(price.decimal(), "299.50");
//! assert!(Money::new(-1, "eur".parse()?).is_err());
//! # Ok::<(), minor_money::MoneyError>(())
//! ```

#![warn(missing_docs)]

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// An amount that was asked for or paid. It is never negative, and it is counted in the minor unit
/// that Stripe uses for the currency (`29900` is 299 USD).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Money {
    minor: i64,
    currency: Currency,
}

/// A currency code as Stripe writes it: three lower-case letters (ISO 4217).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency([u8; 3]);

/// Why a number or a text is not an amount or a currency.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MoneyError {
    /// The amount is below zero, which no price and no payment is.
    Negative,
    /// The currency code is not three ASCII letters.
    NotACurrency,
}

impl Money {
    /// Makes an amount of `minor` units of `currency`. Zero is allowed: a free sample is a payment, too.
    ///
    /// # Errors
    ///
    /// [`MoneyError::Negative`] when `minor` is below zero.
    pub const fn new(minor: i64, currency: Currency) -> Result<Self, MoneyError> {
        if minor < 0 {
            return Err(MoneyError::Negative);
        }
        Ok(Self { minor, currency })
    }

    /// Returns the number of minor units, at least 0.
    pub const fn minor(self) -> i64 {
        self.minor
    }

    /// Returns the currency.
    pub const fn currency(self) -> Currency {
        self.currency
    }

    /// Returns whether Stripe can charge or refund exactly this amount: see [`Currency::step`].
    pub const fn is_whole(self) -> bool {
        self.minor % self.currency.step() == 0
    }

    /// Returns the amount in major units, with all decimals and no symbol: `299.00`, `45000`, `12.340`.
    pub fn decimal(self) -> String {
        let digits = self.currency.exponent();
        if digits == 0 {
            return self.minor.to_string();
        }
        let scale = 10_i64.pow(digits);
        let (major, rest) = (self.minor / scale, self.minor % scale);
        format!("{major}.{rest:0width$}", width = digits as usize)
    }

    /// Returns the amount as a person reads it: `$299`, `€299.50`, `¥45,000`, `299 CHF`. Decimals are
    /// left out where all of them are zero.
    pub fn display(self) -> String {
        let decimal = self.decimal();
        let (major, rest) = decimal.split_once('.').unwrap_or((&decimal, ""));
        let mut number = grouped(major);
        if rest.bytes().any(|digit| digit != b'0') {
            number.push('.');
            number.push_str(rest);
        }
        match self.currency.symbol() {
            Some(symbol) => format!("{symbol}{number}"),
            None => format!("{number} {}", self.currency.code().to_ascii_uppercase()),
        }
    }
}

/// Separates thousands by commas.
fn grouped(digits: &str) -> String {
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

impl Currency {
    /// The US dollar.
    pub const USD: Self = Self(*b"usd");

    /// Returns the code in lower case, as Stripe's API and databases write it.
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// Returns how many decimals Stripe's minor unit stands for: 0, 2 or 3.
    pub const fn exponent(self) -> u32 {
        match &self.0 {
            b"bif" | b"clp" | b"djf" | b"gnf" | b"jpy" | b"kmf" | b"krw" | b"mga" | b"pyg" | b"rwf" | b"vnd"
            | b"vuv" | b"xaf" | b"xof" | b"xpf" => 0,
            b"bhd" | b"jod" | b"kwd" | b"omr" | b"tnd" => 3,
            _ => 2,
        }
    }

    /// Returns the number of minor units of which an amount must be a multiple. Stripe charges no
    /// fraction of a króna or of a Ugandan shilling, and it rounds thousandths to ten.
    /// Source: <https://docs.stripe.com/currencies#special-cases>.
    pub const fn step(self) -> i64 {
        match &self.0 {
            b"isk" | b"ugx" => 100,
            b"bhd" | b"jod" | b"kwd" | b"omr" | b"tnd" => 10,
            _ => 1,
        }
    }

    const fn symbol(self) -> Option<&'static str> {
        match &self.0 {
            b"usd" => Some("$"),
            b"eur" => Some("€"),
            b"gbp" => Some("£"),
            b"jpy" => Some("¥"),
            _ => None,
        }
    }
}

impl FromStr for Currency {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Self, MoneyError> {
        let bytes: [u8; 3] = text.as_bytes().try_into().map_err(|_| MoneyError::NotACurrency)?;
        if !bytes.iter().all(u8::is_ascii_alphabetic) {
            return Err(MoneyError::NotACurrency);
        }
        Ok(Self(bytes.map(|byte| byte.to_ascii_lowercase())))
    }
}

impl TryFrom<String> for Currency {
    type Error = MoneyError;

    fn try_from(text: String) -> Result<Self, MoneyError> {
        text.parse()
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.code().to_owned()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.display())
    }
}

impl fmt::Display for MoneyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Negative => "an amount below zero",
            Self::NotACurrency => "not a three-letter currency code",
        })
    }
}

impl std::error::Error for MoneyError {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn money(minor: i64, code: &str) -> Money {
        Money::new(minor, code.parse().unwrap()).unwrap()
    }

    #[test]
    fn amounts_display_without_needless_decimals() {
        assert_eq!(money(29_900, "usd").display(), "$299");
        assert_eq!(money(29_950, "eur").display(), "€299.50");
        assert_eq!(money(1_234_567, "USD").display(), "$12,345.67");
        assert_eq!(money(45_000, "jpy").display(), "¥45,000");
        assert_eq!(money(12_340, "kwd").display(), "12.340 KWD");
        assert_eq!(money(0, "chf").display(), "0 CHF");
    }

    #[test]
    fn currency_exponents_are_stripes_where_iso_4217_differs() {
        assert_eq!(money(500, "isk").decimal(), "5.00");
        assert_eq!(money(500, "ugx").decimal(), "5.00");
        assert_eq!(money(500, "mga").decimal(), "500");
    }

    /// Every currency in which Stripe presents prices, by the exponent of its minor unit.
    /// Source: <https://docs.stripe.com/currencies#presentment-currencies>.
    const OFFERED: [(u32, &str); 3] = [
        (0, "bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf"),
        (3, "bhd jod kwd omr tnd"),
        (
            2,
            "usd aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bmd bnd bob brl bsd bwp byn bzd cad cdf chf cny cop \
             crc cve czk dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gtq gyd hkd hnl htg huf idr ils inr isk jmd kes kgs \
             khr kyd kzt lak lbp lkr lrd lsl mad mdl mkd mmk mnt mop mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd pab pen \
             pgk php pkr pln qar ron rsd rub sar sbd scr sek sgd shp sle sos srd std szl thb tjs top try ttd twd tzs uah ugx \
             uyu uzs wst yer zar zmw",
        ),
    ];

    #[test]
    fn every_presentment_currency_has_stripes_exponent_and_step() {
        for (exponent, codes) in OFFERED {
            for code in codes.split_whitespace() {
                let one = money(10_i64.pow(exponent), code);
                assert_eq!(one.currency().exponent(), exponent, "{code}");
                let (decimal, shown) = (one.decimal(), one.display());
                assert_eq!(
                    decimal,
                    if exponent == 0 { "1".to_owned() } else { format!("1.{}", "0".repeat(exponent as usize)) }
                );
                assert!(shown.chars().filter(char::is_ascii_digit).eq("1".chars()), "{code}: {shown}");
                assert!(one.is_whole(), "{code}: one of it can be charged");
                let smallest = money(1, code);
                let coarse = ["isk", "ugx", "bhd", "jod", "kwd", "omr", "tnd"].contains(&code);
                assert_eq!(smallest.is_whole(), !coarse, "{code}");
            }
        }
        assert!(money(1_230, "kwd").is_whole() && !money(1_234, "kwd").is_whole());
    }

    #[test]
    fn amounts_and_currencies_format_in_one_way() {
        let price = money(123_456_789, "Usd");
        assert_eq!((price.minor(), price.currency()), (123_456_789, Currency::USD));
        assert_eq!((price.to_string().as_str(), price.decimal().as_str()), ("$1,234,567.89", "1234567.89"));
        assert_eq!(money(99_999, "gbp").to_string(), "£999.99");
        assert_eq!(money(5, "usd").decimal(), "0.05");
        let euro = money(1, "EUR").currency();
        assert_eq!((euro.code(), euro.to_string().as_str(), format!("{euro:?}").as_str()), ("eur", "eur", "eur"));
        assert_eq!((String::from(euro).as_str(), Currency::try_from("Eur".to_owned())), ("eur", Ok(euro)));
        assert!(MoneyError::Negative.to_string().contains("below zero"));
        assert!(MoneyError::NotACurrency.to_string().contains("three-letter"));
    }

    #[test]
    fn negative_amounts_and_malformed_currencies_are_rejected() {
        assert_eq!(Money::new(0, Currency::USD).map(Money::minor), Ok(0));
        assert_eq!(Money::new(-1, Currency::USD), Err(MoneyError::Negative));
        for text in ["", "us", "usdd", "u$d", "€ur"] {
            assert_eq!(text.parse::<Currency>(), Err(MoneyError::NotACurrency), "{text}");
        }
    }

    proptest! {
        #[test]
        fn decimal_text_parses_back_to_the_same_minor_units(minor in 0_i64.., code in "[a-z]{3}") {
            let amount = money(minor, &code);
            let digits: String = amount.decimal().chars().filter(char::is_ascii_digit).collect();
            prop_assert_eq!(digits.parse::<i64>().unwrap(), minor);
            let decimals = amount.decimal().split_once('.').map_or(0, |(_, rest)| rest.len());
            prop_assert_eq!(decimals, amount.currency().exponent() as usize);
        }
    }
}
