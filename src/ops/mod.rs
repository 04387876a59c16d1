//! The merchant's side: the operations listener, and the bodies of the subcommands.

pub mod listener;

pub mod books;
pub mod commands;
pub mod desk;
pub mod erase;
pub mod figures;
pub mod preorders;
pub mod store;
