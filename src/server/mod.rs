//! What the server does: the use cases (checkout, fulfilment, webhook, outbox, reconcile), the contracts that they stand on, and what serves them.

pub mod config;
pub mod state;
pub mod telemetry;

pub mod checkout;
pub mod copy;
pub mod doctor;
pub mod erase;
pub mod fulfilment;
pub mod ledger;
pub mod outbox;
pub mod pages;
pub mod reconcile;
pub mod refund;
pub mod retention;
pub mod settle;
pub mod webhook;

pub mod lane;
pub mod worker;

pub mod access;
pub mod backoff;
pub mod catalogue;
pub mod clock;
pub mod ids;
pub mod limits;
pub mod seldom;
pub mod signatures;

pub mod marketing;
pub mod payments;
pub mod store;

pub mod http;
pub mod listener;
