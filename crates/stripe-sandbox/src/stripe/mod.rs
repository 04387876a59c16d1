//! Stripe's API, version `2025-06-30.basil`, as far as a shop needs it.
//!
//! Shapes, error texts and rules follow Stripe's. What Stripe has and this has not is refused in so many words, never
//! ignored: a parameter without effect would let a test pass that the real one fails.

pub mod billing;
pub mod catalog;
pub mod checkout;
pub mod events;
pub mod payments;
pub mod trigger;
pub mod wire;
