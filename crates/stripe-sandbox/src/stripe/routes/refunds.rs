//! `/v1/refunds`

use axum::{
    Extension,
    extract::{Path, State},
};

use super::{
    Rendered,
    expand::{self, Expansions},
};
use crate::{
    sandbox::Sandbox,
    stripe::{
        actions::refunds::{self, RefundRequest},
        objects::{Cause, Object, REFUND_REASONS, Refund},
        wire::{Call, Reader},
    },
};

pub(crate) async fn create(State(sandbox): State<Sandbox>, Extension(call): Extension<Call>) -> Rendered {
    let mut reader = Reader::new(&call.params);
    let charge = reader.text("charge")?;
    let intent = reader.text("payment_intent")?;
    let amount = reader.amount("amount")?;
    let reason = reader.one_of("reason", &REFUND_REASONS)?;
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
        let charge = refunds::find_charge(world, charge, intent)?;
        let id =
            refunds::refund_charge(world, &charge, RefundRequest { amount, reason, metadata }, &Cause::from(&call))?;
        expand::respond(world, world.rendered::<Refund>(&id), &expansions)
    })
}

pub(crate) async fn update(
    State(sandbox): State<Sandbox>,
    Extension(call): Extension<Call>,
    Path(id): Path<String>,
) -> Rendered {
    let mut reader = Reader::new(&call.params);
    let metadata = reader.metadata_change("metadata")?;
    let expansions = Expansions::read(&mut reader)?;
    reader.finish()?;
    sandbox.with(|world| {
        let refund = world.find_mut::<Refund>(&id)?;
        let before = refund.render();
        metadata.apply(&mut refund.metadata);
        let after = refund.render();
        refunds::emit_refund_updated(world, &before, &after, &Cause::from(&call));
        expand::respond(world, after, &expansions)
    })
}
