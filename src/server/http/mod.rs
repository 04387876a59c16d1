//! HTTP plumbing: the client for calls out, the listener for calls in, and the limits on both.

pub mod client;
pub mod limits;
pub mod listener;
