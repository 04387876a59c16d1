//! The merchant's side: the operations listener, and the bodies of the subcommands.

pub mod commands;
pub mod listener;
