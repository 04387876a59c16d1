//! What server and browser spell alike: page data, checkout errors, and the names of headers and
//! paths. Builds for both targets, and uses `domain` and serde only.

pub mod checkout_seed;
pub mod error;
pub mod names;
pub mod page;
