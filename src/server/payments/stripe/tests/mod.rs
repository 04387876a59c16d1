//! Tests of the adapter that need several of its modules, and Stripe's objects as JSON.

mod events;
mod objects;
mod retries;
