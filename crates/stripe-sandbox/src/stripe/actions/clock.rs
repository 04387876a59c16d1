//! Time: what falls due by itself.

use std::time::Duration;

use super::{checkout_sessions, payments, renewals};
use crate::world::World;

/// Moves time forward. Everything that becomes due happens at once.
pub(crate) fn advance_clock(world: &mut World, by: Duration) {
    world.clock_ahead = world.clock_ahead.saturating_add(by);
    tick(world);
}

pub(crate) fn tick(world: &mut World) {
    checkout_sessions::expire_due(world);
    payments::settle_due(world);
    renewals::renew_due(world);
    let now = world.now();
    world.keys.prune(now);
}
