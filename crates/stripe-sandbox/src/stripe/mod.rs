//! Stripe's API, version `2025-06-30.basil`, as far as a shop needs it.
//!
//! Shapes, error texts and rules follow Stripe's. What Stripe has and this has not is rejected
//! explicitly and never ignored: a parameter without effect would let a test pass that fails with
//! Stripe.
//!
//! The order: `wire` ← `objects` ← `resources`, `events` ← `actions` ← `routes`. A test in
//! `tests/layers.rs` holds it.

pub(crate) mod actions;
mod events;
pub(crate) mod middleware;
pub(crate) mod objects;
pub(crate) mod resources;
pub(crate) mod routes;
pub(crate) mod wire;
