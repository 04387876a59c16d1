//! Refunds: what went back to the customer, and what came back after all.

use axum::{
    Extension,
    extract::{Path, State},
};
use serde_json::{Value, json};

use super::{
    charge::{Charge, ChargeStatus},
    dispute::Dispute,
    intent::exact,
};
use minor_money::Currency;

use crate::{
    state::{Sandbox, World},
    stripe::{
        events::Cause,
        wire::{
            error::ApiError,
            expand::{self, Expansions},
            gate::Call,
            ids,
            params::{Metadata, Reader},
            resource::{Answered, Resource, Wanted},
            shelf::Shelf,
        },
    },
};

pub struct Refund {
    pub id: String,
    pub created: i64,
    pub amount: i64,
    pub currency: Currency,
    pub charge: String,
    pub intent: String,
    pub metadata: Metadata,
    pub reason: Option<&'static str>,
    pub status: RefundStatus,
    /// The payment method's kind: where the money goes.
    pub kind: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RefundStatus {
    Pending,
    Succeeded,
    Failed,
    Canceled,
}

/// What is asked to be given back.
#[derive(Default)]
pub struct Order {
    pub amount: Option<i64>,
    pub reason: Option<&'static str>,
    pub metadata: Metadata,
}

pub const REASONS: [&str; 3] = ["duplicate", "fraudulent", "requested_by_customer"];

impl RefundStatus {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
        }
    }

    pub fn of(text: &str) -> Option<Self> {
        [Self::Pending, Self::Succeeded, Self::Failed, Self::Canceled]
            .into_iter()
            .find(|status| status.as_str() == text)
    }

    /// Whether the money counts as given back.
    const fn counts(self) -> bool {
        matches!(self, Self::Pending | Self::Succeeded)
    }
}

impl Resource for Refund {
    const KIND: &'static str = "refund";
    const URL: &'static str = "/v1/refunds";

    fn shelf(world: &World) -> &Shelf<Self> {
        &world.refunds
    }

    fn shelf_mut(world: &mut World) -> &mut Shelf<Self> {
        &mut world.refunds
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }

    fn filter<'a>(reader: &mut Reader<'a>) -> Result<Wanted<'a, Self>, ApiError> {
        let charge = reader.text("charge")?;
        let intent = reader.text("payment_intent")?;
        Ok(Box::new(move |refund| {
            charge.is_none_or(|charge| refund.charge == charge) && intent.is_none_or(|intent| refund.intent == intent)
        }))
    }

    fn render(&self) -> Value {
        let mut destination = json!({ "type": self.kind });
        destination[self.kind] = if self.kind == "card" { json!({"type": "refund"}) } else { json!({}) };
        let mut refund = json!({
            "id": self.id, "object": "refund", "amount": self.amount, "balance_transaction": null,
            "charge": self.charge, "created": self.created, "currency": self.currency,
            "destination_details": destination, "metadata": self.metadata, "payment_intent": self.intent,
            "reason": self.reason, "receipt_number": null, "source_transfer_reversal": null,
            "status": self.status.as_str(), "transfer_reversal": null,
        });
        if self.status == RefundStatus::Failed {
            refund["failure_reason"] = json!("expired_or_canceled_card");
        }
        refund
    }
}

impl World {
    /// Gives a charge's money back, or part of it; answers the refund's id.
    pub fn refund(&mut self, charge: &str, order: Order, cause: &Cause) -> Result<String, ApiError> {
        let created = self.now();
        let disputed = self.disputes.iter().any(|dispute| dispute.charge == charge && !dispute.is_refundable());
        let found = self.charges.get_mut(charge).ok_or_else(|| ApiError::no_such("charge", charge, "charge"))?;
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
            kind: super::confirm::METHODS.into_iter().find(|known| *known == kind).unwrap_or("card"),
        };
        let charge = found.render();
        let id = refund.id.clone();
        self.emit("refund.created", &refund.render(), cause.clone());
        self.emit("charge.refunded", &charge, cause.clone());
        self.put(refund);
        Ok(id)
    }

    /// Says how a refund went after all; a failed one's money is the shop's again.
    pub fn refund_turned(&mut self, id: &str, status: RefundStatus, cause: &Cause) -> Result<Value, ApiError> {
        let refund = self.find_mut::<Refund>(id)?;
        let before = refund.render();
        let delta = match (refund.status.counts(), status.counts()) {
            (true, false) => -refund.amount,
            (false, true) => refund.amount,
            _ => 0,
        };
        refund.status = status;
        let (after, charge) = (refund.render(), refund.charge.clone());
        if delta != 0 {
            self.change::<Charge>(&charge, "charge.updated", cause.clone(), |charge| charge.amount_refunded += delta)?;
        }
        self.refund_updated(&before, &after, cause);
        if status == RefundStatus::Failed && before != after {
            self.emit("refund.failed", &after, cause.clone());
        }
        Ok(after)
    }

    /// The same change under both of its names.
    fn refund_updated(&mut self, before: &Value, after: &Value, cause: &Cause) {
        for kind in ["refund.updated", "charge.refund.updated"] {
            self.emit_update(kind, before, after, cause.clone());
        }
    }

    /// The charge that a refund or a dispute is about, named by itself or by its intent.
    pub fn charge_of(&self, charge: Option<&str>, intent: Option<&str>) -> Result<String, ApiError> {
        match (charge, intent) {
            (Some(charge), _) => {
                let found = self.charges.get(charge).ok_or_else(|| ApiError::no_such("charge", charge, "charge"))?;
                if intent.is_some_and(|intent| found.intent != intent) {
                    return Err(ApiError::invalid("The charge does not belong to the payment intent.").at("charge"));
                }
                Ok(charge.to_owned())
            }
            (None, Some(id)) => {
                let found = self.intents.get(id);
                let intent = found.ok_or_else(|| ApiError::no_such("payment_intent", id, "payment_intent"))?;
                let paid = |charge: &&String| {
                    self.charges.get(charge).is_some_and(|charge| charge.status == ChargeStatus::Succeeded)
                };
                intent.latest_charge.as_ref().filter(paid).cloned().ok_or_else(|| {
                    let message = format!("This PaymentIntent ({id}) does not have a successful charge to refund.");
                    ApiError::unexpected_state(message, intent.render())
                })
            }
            (None, None) => {
                let message =
                    "One of the following params should be provided for this request: payment_intent or charge.";
                Err(ApiError::invalid(message).code("parameter_missing"))
            }
        }
    }
}

pub async fn create(State(sandbox): State<Sandbox>, Extension(call): Extension<Call>) -> Answered {
    let mut reader = Reader::new(&call.params);
    let charge = reader.text("charge")?;
    let intent = reader.text("payment_intent")?;
    let amount = reader.amount("amount")?;
    let reason = reader.one_of("reason", &REASONS)?;
    let metadata = reader.metadata("metadata")?;
    let expansions = Expansions::read(&mut reader)?;
    reader.finish_but(&[
        "currency",
        "customer",
        "instructions_email",
        "origin",
        "refund_application_fee",
        "reverse_transfer",
    ])?;
    sandbox.with(|world| {
        let charge = world.charge_of(charge, intent)?;
        let id = world.refund(&charge, Order { amount, reason, metadata }, &Cause::from(&call))?;
        expand::answer(world, world.rendered::<Refund>(&id), &expansions)
    })
}

pub async fn update(
    State(sandbox): State<Sandbox>,
    Extension(call): Extension<Call>,
    Path(id): Path<String>,
) -> Answered {
    let mut reader = Reader::new(&call.params);
    let metadata = reader.metadata_change("metadata")?;
    let expansions = Expansions::read(&mut reader)?;
    reader.finish()?;
    sandbox.with(|world| {
        let refund = world.find_mut::<Refund>(&id)?;
        let before = refund.render();
        metadata.apply(&mut refund.metadata);
        let after = refund.render();
        world.refund_updated(&before, &after, &Cause::from(&call));
        expand::answer(world, after, &expansions)
    })
}

impl Dispute {
    /// Whether the charge can be refunded while this is going on: only as long as the bank merely asks.
    pub fn is_refundable(&self) -> bool {
        self.status.starts_with("warning_") || self.status == "won"
    }
}
