//! Identifiers in Stripe's shapes: a prefix and random letters and digits.

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// `prefix` and as many random symbols as Stripe's own ids of most kinds have.
pub fn new(prefix: &str) -> String {
    with_length(prefix, 24)
}

/// A checkout session's id of the test mode; Stripe's are this long.
pub fn session() -> String {
    with_length("cs_test_a1", 56)
}

pub fn with_length(prefix: &str, symbols: usize) -> String {
    let mut id = String::with_capacity(prefix.len() + symbols);
    id.push_str(prefix);
    id.extend((0..symbols).map(|_| char::from(ALPHABET[rand::random_range(0..ALPHABET.len())])));
    id
}
