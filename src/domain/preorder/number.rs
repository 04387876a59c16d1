//! A preorder's number, made for reading aloud.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// `ROL-` and eight symbols of Crockford's base 32. It is a label for the phone, never a secret: it
/// has 40 bits.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PreorderNumber(String);

impl PreorderNumber {
    /// Crockford's alphabet: no I, L, O and U. Source: <https://www.crockford.com/base32.html>.
    pub const ALPHABET: [char; 32] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'J', 'K', 'M', 'N',
        'P', 'Q', 'R', 'S', 'T', 'V', 'W', 'X', 'Y', 'Z',
    ];
    pub const SYMBOLS: usize = 8;

    /// Returns the number that encodes five bytes, five bits to a symbol.
    pub fn from_bytes(bytes: [u8; 5]) -> Self {
        let bits = bytes.iter().fold(0, |bits, byte| (bits << 8) | u64::from(*byte));
        let symbol = |place: usize| Self::ALPHABET[usize::try_from((bits >> (5 * place)) & 0x1f).unwrap_or_default()];
        Self((0..Self::SYMBOLS).rev().fold(String::from("ROL-"), |mut text, place| {
            text.push(symbol(place));
            text
        }))
    }

    /// Parses `symbols` as people write them: in any case, with `O` for zero, `I` and `L` for one.
    pub fn from_symbols(symbols: &str) -> Option<Self> {
        let read: String = symbols
            .chars()
            .map(|c| match c.to_ascii_uppercase() {
                'O' => '0',
                'I' | 'L' => '1',
                other => other,
            })
            .collect();
        let fits = read.chars().count() == Self::SYMBOLS && read.chars().all(|c| Self::ALPHABET.contains(&c));
        fits.then(|| Self(format!("ROL-{read}")))
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PreorderNumber {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let symbols = text.get(..4).filter(|prefix| prefix.eq_ignore_ascii_case("ROL-")).and_then(|_| text.get(4..));
        symbols.and_then(Self::from_symbols).ok_or("a preorder number looks like ROL-7K3M9QXZ")
    }
}

impl TryFrom<String> for PreorderNumber {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<PreorderNumber> for String {
    fn from(number: PreorderNumber) -> Self {
        number.0
    }
}

impl fmt::Display for PreorderNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preorder_numbers_parse_as_people_write_them() {
        let number: PreorderNumber = "rol-oil7k3m9".parse().unwrap();
        assert_eq!(number.as_str(), "ROL-0117K3M9");
        for bad in ["", "ROL-", "ROL-7K3M9QX", "ROL-7K3M9QXZZ", "7K3M9QXZ", "ROL-7K3M9QXU", "ROL-ÄÖÜ7K3M9"] {
            assert!(bad.parse::<PreorderNumber>().is_err(), "{bad}");
        }
    }

    #[test]
    fn five_bytes_encode_as_eight_symbols() {
        for (bytes, number) in [
            ([0; 5], "ROL-00000000"),
            ([0xff; 5], "ROL-ZZZZZZZZ"),
            ([0x08, 0, 0, 0, 0x01], "ROL-10000001"),
            ([0x00, 0x44, 0x32, 0x14, 0xc7], "ROL-01234567"),
        ] {
            let made = PreorderNumber::from_bytes(bytes);
            assert_eq!(made.as_str(), number);
            assert_eq!(made.as_str().parse(), Ok(made));
        }
    }

    #[test]
    fn preorder_numbers_have_one_canonical_form() {
        let number = PreorderNumber::from_symbols("7k3m9qxz").unwrap();
        assert_eq!((number.as_str(), number.to_string().as_str()), ("ROL-7K3M9QXZ", "ROL-7K3M9QXZ"));
        assert_eq!(String::from(number.clone()), "ROL-7K3M9QXZ");
        assert_eq!(PreorderNumber::try_from(" rol-7k3m9qxz ".to_owned()), Ok(number));
    }
}
