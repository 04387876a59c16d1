//! What opens a customer's own page of an order: a token that only the customer holds, known here by its hash.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::domain::preorder::AccessHash;

pub fn hash(token: &str) -> AccessHash {
    AccessHash::from_digest(Sha256::digest(token).into())
}

/// Whether `token` opens what `known` guards, in a time that does not tell how close it came. Nothing opens what has no hash.
pub fn opens(token: &str, known: Option<&AccessHash>) -> bool {
    let given = hash(token);
    // Compared in any case, so that the time does not tell either whether there is something to open.
    let expected = known.unwrap_or(&given);
    bool::from(given.as_str().as_bytes().ct_eq(expected.as_str().as_bytes())) && known.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_token_itself_opens() {
        let known = hash("token");
        assert_eq!(AccessHash::parse(known.as_str()).as_ref(), Some(&known));
        assert_eq!(known.as_str(), "3c469e9d6c5875d37a43f353d4f88e61fcf812c66eee3457465a40b0da4153e0");
        assert!(opens("token", Some(&known)));
        for wrong in ["", "Token", "token ", known.as_str()] {
            assert!(!opens(wrong, Some(&known)), "{wrong}");
        }
        assert!(!opens("token", None) && !opens("", None));
    }
}
