//! The name of a preorder's row.

use std::fmt;

/// A preorder's row id: the shop's own name of an order, for logs, messages and joins. People use
/// the preorder number.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PreorderId(String);

impl PreorderId {
    /// Makes an id of any text; the store's primary key says whether it is free.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PreorderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
