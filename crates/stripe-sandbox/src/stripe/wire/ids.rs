//! Identifiers in Stripe's shapes: a prefix and random letters and digits.

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Returns `prefix` and 24 random symbols, as most of Stripe's ids have.
pub(crate) fn new(prefix: &str) -> String {
    with_length(prefix, 24)
}

/// Returns an id for a checkout session of the test mode, as long as Stripe's.
pub(crate) fn session() -> String {
    with_length("cs_test_a1", 56)
}

pub(crate) fn with_length(prefix: &str, symbols: usize) -> String {
    let mut id = String::with_capacity(prefix.len() + symbols);
    id.push_str(prefix);
    id.extend((0..symbols).map(|_| char::from(ALPHABET[rand::random_range(0..ALPHABET.len())])));
    id
}
