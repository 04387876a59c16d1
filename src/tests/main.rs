//! Black-box tests: over HTTP and the database, on a real PostgreSQL, the sandbox and real
//! signatures.
//!
//! Workers are driven step by step; nothing sleeps to wait for them.

#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

mod database;
mod emulated;
mod fixtures;
mod program;
mod raw;
mod test_app;

mod alerts;
mod architecture;
mod canary;
mod checkout;
mod commands;
mod configuration;
mod conformance;
mod contract;
mod copying;
mod corpus;
mod documents;
mod failures;
mod firestore;
mod invoice;
mod life;
mod listener;
mod migrations;
mod network;
mod outbox;
mod pages;
mod peers;
mod privacy;
mod prose;
mod reconcile;
mod redirects;
mod shutdown;
mod smuggling;
mod sql;
mod store;
mod web;
mod webhook;
mod webhook_meaning;
