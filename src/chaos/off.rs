//! Chaos as every released build has it: none. Each of these is nothing, and the compiler leaves nothing of it.

mod names;

use std::time::Duration;

pub use self::names::{Control, Point};
use crate::server::{marketing::klaviyo::Klaviyo, store::Message};

/// A build without chaos does not go on where somebody asks for it.
pub fn start(spec: Option<&str>) -> Result<(), String> {
    match spec {
        None => Ok(()),
        Some(_) => Err("ROLITT_CHAOS is set, and this build has no chaos in it".to_owned()),
    }
}

#[inline]
pub const fn pass(_: Point) {}

#[inline]
pub const fn breaks(_: Control) -> bool {
    false
}

#[inline]
pub const fn lease(usual: Duration) -> Duration {
    usual
}

#[inline]
pub const fn draw(usual: u32) -> u32 {
    usual
}

#[inline]
pub const fn pause(usual: Duration) -> Duration {
    usual
}

#[inline]
pub const fn body(frozen: Vec<u8>) -> Vec<u8> {
    frozen
}

#[inline]
pub const fn divert(_: Option<&Klaviyo>, messages: Vec<Message>) -> Vec<Message> {
    messages
}
