//! The scenarios, each in a file of its own.

pub mod abuse;
pub mod controls;
pub mod disk_full;
pub mod guesses;
pub mod outage;
pub mod restore;
pub mod rolling;
pub mod soak;
pub mod storm;
