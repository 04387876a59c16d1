//! The token that opens a customer's order page. Only the customer holds it; the shop stores its
//! hash.

use sha2::{Digest, Sha256};

use crate::domain::preorder::AccessHash;

/// Returns the SHA-256 of a token. An order is found by this hash only, so a guesser learns nothing
/// from the time that a lookup takes.
pub(crate) fn hash_token(token: &str) -> AccessHash {
    AccessHash::from_digest(Sha256::digest(token).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_known_by_its_sha_256() {
        let known = hash_token("token");
        assert_eq!(AccessHash::parse(known.as_str()).as_ref(), Some(&known));
        assert_eq!(known.as_str(), "3c469e9d6c5875d37a43f353d4f88e61fcf812c66eee3457465a40b0da4153e0");
    }
}
