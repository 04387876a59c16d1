//! The product: one companion in five colors, each with its current price.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::money::Money;

/// A color in which Rolitt is made.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ProductColor {
    #[serde(rename = "Honey Khaki")]
    HoneyKhaki,
    #[serde(rename = "Sakura Pink")]
    SakuraPink,
    #[serde(rename = "Healing Green")]
    HealingGreen,
    #[serde(rename = "Moonlight Grey")]
    MoonlightGrey,
    #[serde(rename = "Red")]
    Red,
}

/// A color on the storefront. A color without a price is shown as unavailable and cannot be bought.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Offer {
    pub color: ProductColor,
    pub price: Option<Money>,
}

/// The error for a text that names no color of Rolitt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UnknownColor;

impl ProductColor {
    pub const ALL: [Self; 5] = [Self::HoneyKhaki, Self::SakuraPink, Self::HealingGreen, Self::MoonlightGrey, Self::Red];

    /// Returns the one spelling for forms, metadata, the database, Klaviyo and pages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HoneyKhaki => "Honey Khaki",
            Self::SakuraPink => "Sakura Pink",
            Self::HealingGreen => "Healing Green",
            Self::MoonlightGrey => "Moonlight Grey",
            Self::Red => "Red",
        }
    }

    /// Returns the spelling for class names, ids and query strings: `honey-khaki`.
    pub const fn slug(self) -> &'static str {
        match self {
            Self::HoneyKhaki => "honey-khaki",
            Self::SakuraPink => "sakura-pink",
            Self::HealingGreen => "healing-green",
            Self::MoonlightGrey => "moonlight-grey",
            Self::Red => "red",
        }
    }

    /// Returns the color of a slug, or `None` if there is none.
    pub fn from_slug(slug: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|color| color.slug() == slug)
    }
}

impl FromStr for ProductColor {
    type Err = UnknownColor;

    fn from_str(text: &str) -> Result<Self, UnknownColor> {
        Self::ALL.into_iter().find(|color| color.as_str() == text).ok_or(UnknownColor)
    }
}

impl fmt::Display for ProductColor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for UnknownColor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not one of Rolitt's colors")
    }
}

impl std::error::Error for UnknownColor {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_round_trips() {
        for color in ProductColor::ALL {
            assert_eq!(color.as_str().parse(), Ok(color));
            assert_eq!(ProductColor::from_slug(color.slug()), Some(color));
        }
        assert_eq!("honey khaki".parse::<ProductColor>(), Err(UnknownColor));
    }
}
