//! Disputes: opened by a bank, closed by the shop.

use serde_json::Value;

use crate::{
    stripe::{
        objects::{Cause, Charge, Dispute, Object},
        wire::{ApiError, Metadata, ids},
    },
    world::World,
};

/// Opens a dispute, as the bank of a charge's customer does. Returns its id.
pub(crate) fn open_dispute(world: &mut World, charge: &str, reason: &str, cause: &Cause) -> Result<String, ApiError> {
    let created = world.now();
    let found = world.charges.get(charge).ok_or_else(|| ApiError::no_such("charge", charge, "charge"))?;
    let dispute = Dispute {
        id: ids::new("du_1"),
        created,
        amount: found.amount_captured,
        currency: found.currency,
        charge: charge.to_owned(),
        intent: found.intent.clone(),
        metadata: Metadata::new(),
        reason: reason.to_owned(),
        status: "needs_response".to_owned(),
        brand: found.details["card"]["brand"].as_str().unwrap_or("visa").to_owned(),
    };
    let (id, object) = (dispute.id.clone(), dispute.render());
    world.put(dispute);
    world.change::<Charge>(charge, "charge.updated", cause.clone(), |charge| charge.disputed = true)?;
    world.emit("charge.dispute.created", &object, cause.clone());
    Ok(id)
}

/// Accepts a dispute as lost: the shop gives in.
pub(crate) fn close_dispute(world: &mut World, id: &str, cause: Cause) -> Result<Value, ApiError> {
    let dispute = world.find_mut::<Dispute>(id)?;
    if ["won", "lost", "warning_closed"].contains(&dispute.status.as_str()) {
        return Err(ApiError::invalid("This dispute is already closed"));
    }
    "lost".clone_into(&mut dispute.status);
    let rendered = dispute.render();
    world.emit("charge.dispute.closed", &rendered, cause);
    Ok(rendered)
}
