//! Stripe's API, version `2025-06-30.basil`, as far as a shop for one-off payments needs it.
//!
//! Shapes, error texts and rules follow Stripe's. What Stripe has and this has not is refused in so many words, never
//! ignored: a parameter without effect would let a test pass that the real one fails.

pub mod catalog;
pub mod countries;
pub mod create;
pub mod delivery;
pub mod endpoints;
pub mod error;
pub mod events;
pub mod expand;
pub mod form;
pub mod gate;
pub mod idempotency;
pub mod ids;
pub mod intent;
pub mod list;
pub mod params;
pub mod pay;
pub mod samples;
pub mod session;
pub mod sessions;
pub mod shelf;
pub mod signature;
