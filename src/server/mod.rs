//! What the server does: the three use cases (checkout, webhook, outbox), the contracts that they stand on, and what serves them.

pub mod config;
pub mod state;
pub mod telemetry;

pub mod checkout;
pub mod outbox;
pub mod pages;
pub mod webhook;

pub mod lane;
pub mod worker;

pub mod catalogue;
pub mod clock;
pub mod ids;
pub mod limits;

pub mod marketing;
pub mod payments;
pub mod store;

pub mod http;
pub mod listener;
