//! The server, one room per job: the use cases, the contracts that they use, and what serves them.

pub mod config;
pub mod state;
pub mod telemetry;
pub mod timing;

pub mod doctor;
pub mod orders;
pub mod outbox;
pub mod privacy;
pub mod reconcile;
pub mod store_copy;
pub mod storefront;
pub mod webhook;

pub mod marketing;
pub mod payments;
pub mod store;

pub mod backoff;
pub mod clock;
pub mod http;
pub mod ids;
mod retry;
pub mod worker;
