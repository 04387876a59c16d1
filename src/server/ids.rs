//! Fresh names: the only randomness that ends in the database.

use nanoid::nanoid;

use super::store::Ids;
use crate::domain::preorder::PreorderNumber;

/// Names from the operating system's randomness.
pub struct RandomIds;

impl Ids for RandomIds {
    fn row_id(&self) -> String {
        nanoid!()
    }

    fn preorder_number(&self) -> PreorderNumber {
        loop {
            let symbols = nanoid!(PreorderNumber::SYMBOLS, &PreorderNumber::ALPHABET);
            if let Some(number) = PreorderNumber::from_symbols(&symbols) {
                return number;
            }
        }
    }
}
