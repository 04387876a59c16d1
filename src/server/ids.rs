//! Generates the ids of new database rows and the numbers of new orders.

use nanoid::alphabet;
use sha2::{Digest as _, Sha256};

use super::store::{Ids, LeaseToken, PreorderNames};
use crate::domain::{
    payment::SessionId,
    preorder::{PreorderId, PreorderNumber},
};

/// Draws row ids from the operating system's randomness. Derives the id and number of an order from
/// its session id, which holds the provider's randomness.
pub struct FreshIds;

/// The length of a row id: that of a nanoid.
const ID_SYMBOLS: usize = 21;

impl Ids for FreshIds {
    fn lease_token(&self) -> LeaseToken {
        LeaseToken::random()
    }

    /// Derives the names by SHA-256, so that no name reveals the session or another name.
    fn preorder_names(&self, session: &SessionId, draw: u32) -> PreorderNames {
        let digest = Sha256::digest(format!("rolitt preorder {draw} {session}"));
        // The alphabet has 64 symbols, so each is equally likely.
        let symbol = |byte: &u8| alphabet::SAFE[usize::from(*byte) % alphabet::SAFE.len()];
        PreorderNames {
            id: PreorderId::new(digest.iter().rev().take(ID_SYMBOLS).map(symbol).collect::<String>()),
            number: PreorderNumber::from_bytes(std::array::from_fn(|place| digest[place])),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn names(session: &str, draw: u32) -> PreorderNames {
        FreshIds.preorder_names(&SessionId::parse(session).unwrap(), draw)
    }

    /// The expected values are written out: a change of the derivation would give another number to
    /// every order that is rebuilt after a backup was restored.
    #[test]
    fn the_id_and_number_of_an_order_never_change() {
        let PreorderNames { id, number } = names("cs_test_a1b2c3", 0);
        assert_eq!((id.as_str(), number.as_str()), ("udXgOnzuzNPZH00v9dbp-", "ROL-XDNVC4TB"));
    }

    #[test]
    fn each_session_and_draw_has_its_own_id_and_number() {
        let all: Vec<PreorderNames> = (0..2000).map(|n| names(&format!("cs_{}", n / 4), n % 4)).collect();
        let ids: HashSet<&str> = all.iter().map(|names| names.id.as_str()).collect();
        let numbers: HashSet<&str> = all.iter().map(|names| names.number.as_str()).collect();
        assert_eq!((ids.len(), numbers.len()), (2000, 2000));
        assert!(ids.iter().all(|id| id.len() == ID_SYMBOLS));
        let symbols: HashSet<char> = numbers.iter().flat_map(|number| number[4..].chars()).collect();
        assert_eq!(symbols, HashSet::from(PreorderNumber::ALPHABET), "every symbol is used");
    }
}
