//! The merchant's side: the operations listener, and the bodies of the subcommands.

pub mod listener;

pub mod books;
pub mod commands;
pub mod context;
pub mod erase;
pub mod metrics;
pub mod preorders;
pub mod store;
