//! Refunds: money that is returned to the customer, and what happens when a refund fails.

use serde_json::Value;

use crate::{
    stripe::{
        objects::{Cause, Charge, ChargeStatus, METHODS, Object, Refund, RefundStatus},
        wire::{ApiError, Metadata, exact, ids},
    },
    world::World,
};

/// What is to be refunded.
#[derive(Default)]
pub(crate) struct RefundRequest {
    pub(crate) amount: Option<i64>,
    pub(crate) reason: Option<&'static str>,
    pub(crate) metadata: Metadata,
}

/// Refunds a charge, in whole or in part. Returns the refund's id.
pub(crate) fn refund_charge(
    world: &mut World,
    charge: &str,
    order: RefundRequest,
    cause: &Cause,
) -> Result<String, ApiError> {
    let created = world.now();
    let disputed = world.disputes.iter().any(|dispute| dispute.charge == charge && !dispute.is_refundable());
    let found = world.charges.get_mut(charge).ok_or_else(|| ApiError::no_such("charge", charge, "charge"))?;
    if found.status != ChargeStatus::Succeeded || !found.captured {
        let message = format!("Charge {charge} has not been captured, so there is nothing to refund.");
        return Err(ApiError::invalid(message).code("charge_not_refundable"));
    }
    if found.is_refunded() {
        let message = format!("Charge {charge} has already been refunded.");
        return Err(ApiError::invalid(message).code("charge_already_refunded"));
    }
    if disputed {
        let message = format!("Charge {charge} has been charged back; cannot issue a refund.");
        return Err(ApiError::invalid(message).code("charge_disputed"));
    }
    let amount = order.amount.unwrap_or_else(|| found.refundable());
    if amount > found.refundable() {
        let (amount, left) = (exact(amount, found.currency), exact(found.refundable(), found.currency));
        let whole = if found.amount_refunded == 0 { "charge amount" } else { "unrefunded amount on charge" };
        return Err(
            ApiError::invalid(format!("Refund amount ({amount}) is greater than {whole} ({left})")).at("amount")
        );
    }
    found.amount_refunded += amount;
    let kind = found.details["type"].as_str().unwrap_or("card");
    let refund = Refund {
        id: ids::new("re_3"),
        created,
        amount,
        currency: found.currency,
        charge: charge.to_owned(),
        intent: found.intent.clone(),
        metadata: order.metadata,
        reason: order.reason,
        status: RefundStatus::Succeeded,
        kind: METHODS.into_iter().find(|known| *known == kind).unwrap_or("card"),
    };
    let charge = found.render();
    let id = refund.id.clone();
    world.emit("refund.created", &refund.render(), cause.clone());
    world.emit("charge.refunded", &charge, cause.clone());
    world.put(refund);
    Ok(id)
}

/// Changes the status of a refund. The money of a failed refund is the shop's again.
pub(crate) fn set_refund_status(
    world: &mut World,
    id: &str,
    status: RefundStatus,
    cause: &Cause,
) -> Result<Value, ApiError> {
    let refund = world.find_mut::<Refund>(id)?;
    let before = refund.render();
    let delta = match (refund.status.counts(), status.counts()) {
        (true, false) => -refund.amount,
        (false, true) => refund.amount,
        _ => 0,
    };
    refund.status = status;
    let (after, charge) = (refund.render(), refund.charge.clone());
    if delta != 0 {
        world.change::<Charge>(&charge, "charge.updated", cause.clone(), |charge| charge.amount_refunded += delta)?;
    }
    emit_refund_updated(world, &before, &after, cause);
    if status == RefundStatus::Failed && before != after {
        world.emit("refund.failed", &after, cause.clone());
    }
    Ok(after)
}

/// Records the same change under both of its event types.
pub(crate) fn emit_refund_updated(world: &mut World, before: &Value, after: &Value, cause: &Cause) {
    for kind in ["refund.updated", "charge.refund.updated"] {
        world.emit_update(kind, before, after, cause.clone());
    }
}

/// Returns the charge that a refund or a dispute is about, named by its own id or by its intent's.
pub(crate) fn find_charge(world: &World, charge: Option<&str>, intent: Option<&str>) -> Result<String, ApiError> {
    match (charge, intent) {
        (Some(charge), _) => {
            let found = world.charges.get(charge).ok_or_else(|| ApiError::no_such("charge", charge, "charge"))?;
            if intent.is_some_and(|intent| found.intent != intent) {
                return Err(ApiError::invalid("The charge does not belong to the payment intent.").at("charge"));
            }
            Ok(charge.to_owned())
        }
        (None, Some(id)) => {
            let found = world.intents.get(id);
            let intent = found.ok_or_else(|| ApiError::no_such("payment_intent", id, "payment_intent"))?;
            let paid = |charge: &&String| {
                world.charges.get(charge).is_some_and(|charge| charge.status == ChargeStatus::Succeeded)
            };
            intent.latest_charge.as_ref().filter(paid).cloned().ok_or_else(|| {
                let message = format!("This PaymentIntent ({id}) does not have a successful charge to refund.");
                ApiError::unexpected_state(message, intent.render())
            })
        }
        (None, None) => {
            let message = "One of the following params should be provided for this request: payment_intent or charge.";
            Err(ApiError::invalid(message).code("parameter_missing"))
        }
    }
}
