//! The merchant's bank account, as customers copy it into their bank's form. It is validated,
//! because a wrong digit sends their money elsewhere.

use std::fmt;

/// The account that receives transfers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BankAccount {
    pub holder: String,
    pub iban: Iban,
    pub bic: Option<Bic>,
}

/// An account's number by ISO 13616, with valid check digits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Iban(iban::Iban);

impl Iban {
    /// Parses a number as people write it: spaces anywhere, any case. Returns `None` if the check
    /// digits, or the length and shape of its country (the registry of ISO 13616), are wrong.
    pub fn parse(text: &str) -> Option<Self> {
        let iban: String = text.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_ascii_uppercase()).collect();
        iban.parse().ok().map(Self)
    }

    /// Returns the number in groups of four, as on paper.
    pub fn grouped(&self) -> String {
        self.0.to_string()
    }
}

/// A bank's identifier (BIC) by ISO 9362: 8 or 11 characters.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bic(String);

impl Bic {
    /// Parses an identifier in any case; `None` if it is malformed.
    pub fn parse(text: &str) -> Option<Self> {
        let bic = text.trim().to_ascii_uppercase();
        let bytes = bic.as_bytes();
        let fits = matches!(bytes.len(), 8 | 11)
            && bytes.iter().all(u8::is_ascii_alphanumeric)
            && bytes[..6].iter().all(u8::is_ascii_uppercase);
        fits.then_some(Self(bic))
    }
}

impl fmt::Display for Bic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Examples of the standard's registry, and some long ones.
    const GOOD: [&str; 5] = [
        "DE89370400440532013000",
        "GB29 NWBK 6016 1331 9268 19",
        "no9386011117947",
        "MT84MALT011000012345MTLCAST001S",
        "LC14BOSL123456789012345678901234",
    ];

    #[test]
    fn an_iban_parses_as_people_write_it_and_prints_in_groups() {
        for good in GOOD {
            assert!(Iban::parse(good).is_some(), "{good}");
        }
        assert_eq!(Iban::parse(GOOD[0]).unwrap().grouped(), "DE89 3704 0044 0532 0130 00");
        for bad in
            ["", "DE89", "DE00370400440532013000", "89DE370400440532013000", "DE89-3704-0044-0532-0130-00", "ÄÖ89"]
        {
            assert!(Iban::parse(bad).is_none(), "{bad}");
        }
        for (bad, why) in [
            ("DE5137040044053201300", "a digit too few for its country, with fitting check digits"),
            ("DE0537040044053201300A", "a letter where its country has digits, with fitting check digits"),
            ("ZZ22370400440532013000", "no country of the registry, with fitting check digits"),
        ] {
            assert!(Iban::parse(bad).is_none(), "{why}");
        }
    }

    #[test]
    fn a_bic_has_eight_or_eleven_characters() {
        assert_eq!(Bic::parse(" cobadeff ").unwrap().to_string(), "COBADEFF");
        assert!(Bic::parse("COBADEFFXXX").is_some());
        for bad in ["", "COBADEF", "COBADEFFX", "C0BADEFF", "COBADEFF XX", "ÄOBADEF"] {
            assert!(Bic::parse(bad).is_none(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn the_iban_check_digits_catch_a_wrong_digit_and_two_swapped_ones(place in 4_usize..22, digit in 0_u8..10) {
            let good = GOOD[0].as_bytes();
            let mut wrong = good.to_vec();
            wrong[place] = b'0' + digit;
            prop_assert_eq!(Iban::parse(std::str::from_utf8(&wrong).unwrap()).is_some(), wrong == good);
            let mut swapped = good.to_vec();
            swapped.swap(place, (place + 1).min(21));
            prop_assert_eq!(Iban::parse(std::str::from_utf8(&swapped).unwrap()).is_some(), swapped == good);
        }

        #[test]
        fn parsing_an_iban_or_a_bic_never_panics(text in any::<String>()) {
            let _ = (Iban::parse(&text), Bic::parse(&text));
        }
    }
}
