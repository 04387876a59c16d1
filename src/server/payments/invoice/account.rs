//! The merchant's bank account, as customers copy it into their bank's form: checked, because a wrong digit sends their money
//! elsewhere.

use std::fmt;

/// Where transfers go.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BankAccount {
    pub holder: String,
    pub iban: Iban,
    pub bic: Option<Bic>,
}

/// An account's number by ISO 13616, without spaces; its check digits are right.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Iban(String);

impl Iban {
    /// Reads it as people write it: spaces anywhere, any case.
    pub fn parse(text: &str) -> Option<Self> {
        let iban: String = text.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_ascii_uppercase()).collect();
        let bytes = iban.as_bytes();
        let shaped = (15..=34).contains(&bytes.len())
            && bytes.iter().all(u8::is_ascii_alphanumeric)
            && bytes[..2].iter().all(u8::is_ascii_uppercase)
            && bytes[2..4].iter().all(u8::is_ascii_digit);
        (shaped && remainder(bytes) == 1).then_some(Self(iban))
    }

    /// In groups of four, as it stands on paper.
    pub fn grouped(&self) -> String {
        let groups: Vec<String> =
            self.0.chars().collect::<Vec<_>>().chunks(4).map(|group| group.iter().collect()).collect();
        groups.join(" ")
    }
}

/// Modulo 97 with the first four characters moved to the end and letters read as 10 to 35 (ISO 7064, MOD 97-10).
fn remainder(iban: &[u8]) -> u32 {
    iban[4..].iter().chain(&iban[..4]).fold(0, |rest, byte| match byte {
        b'0'..=b'9' => (rest * 10 + u32::from(byte - b'0')) % 97,
        letter => (rest * 100 + u32::from(letter - b'A') + 10) % 97,
    })
}

/// A bank's name by ISO 9362: 8 or 11 characters.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bic(String);

impl Bic {
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

    /// The examples of the standard's registry, and the longest there is.
    const GOOD: [&str; 5] = [
        "DE89370400440532013000",
        "GB29 NWBK 6016 1331 9268 19",
        "no9386011117947",
        "MT84MALT011000012345MTLCAST001S",
        "LC14BOSL123456789012345678901234",
    ];

    #[test]
    fn numbers_read_as_people_write_them_and_print_in_groups() {
        for good in GOOD {
            assert!(Iban::parse(good).is_some(), "{good}");
        }
        assert_eq!(Iban::parse(GOOD[0]).unwrap().grouped(), "DE89 3704 0044 0532 0130 00");
        for bad in
            ["", "DE89", "DE00370400440532013000", "89DE370400440532013000", "DE89-3704-0044-0532-0130-00", "ÄÖ89"]
        {
            assert!(Iban::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn banks_have_eight_or_eleven_characters() {
        assert_eq!(Bic::parse(" cobadeff ").unwrap().to_string(), "COBADEFF");
        assert!(Bic::parse("COBADEFFXXX").is_some());
        for bad in ["", "COBADEF", "COBADEFFX", "C0BADEFF", "COBADEFF XX", "ÄOBADEF"] {
            assert!(Bic::parse(bad).is_none(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn a_wrong_digit_and_two_changed_about_are_noticed(place in 4_usize..22, digit in 0_u8..10) {
            let good = GOOD[0].as_bytes();
            let mut wrong = good.to_vec();
            wrong[place] = b'0' + digit;
            prop_assert_eq!(Iban::parse(std::str::from_utf8(&wrong).unwrap()).is_some(), wrong == good);
            let mut swapped = good.to_vec();
            swapped.swap(place, (place + 1).min(21));
            prop_assert_eq!(Iban::parse(std::str::from_utf8(&swapped).unwrap()).is_some(), swapped == good);
        }

        #[test]
        fn no_text_panics(text in any::<String>()) {
            let _ = (Iban::parse(&text), Bic::parse(&text));
        }
    }
}
