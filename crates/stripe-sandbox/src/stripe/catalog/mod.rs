//! What is sold: products and prices.

pub mod price;
pub mod product;
