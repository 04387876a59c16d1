//! `/v1/charges`

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
        objects::{Cause, Charge},
        wire::{Call, Reader},
    },
};

pub(crate) async fn update(
    State(sandbox): State<Sandbox>,
    Extension(call): Extension<Call>,
    Path(id): Path<String>,
) -> Rendered {
    let mut reader = Reader::new(&call.params);
    let metadata = reader.metadata_change("metadata")?;
    let description = reader.change("description")?;
    let receipt_email = reader.email("receipt_email")?;
    let expansions = Expansions::read(&mut reader)?;
    reader.finish_but(&["customer", "fraud_details", "shipping", "transfer_group"])?;
    sandbox.with(|world| {
        let rendered = world.change::<Charge>(&id, "charge.updated", Cause::from(&call), |charge| {
            metadata.apply(&mut charge.metadata);
            description.apply(&mut charge.description);
            charge.receipt_email = receipt_email.or(charge.receipt_email.take());
        })?;
        expand::respond(world, rendered, &expansions)
    })
}
