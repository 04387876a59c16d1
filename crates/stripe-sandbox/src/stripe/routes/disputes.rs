//! `/v1/disputes`

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
        actions::disputes,
        objects::{Cause, Dispute},
        wire::{Call, Reader},
    },
};

/// Changes the metadata. Evidence is for a person to judge, and there is none here.
pub(crate) async fn update(
    State(sandbox): State<Sandbox>,
    Extension(call): Extension<Call>,
    Path(id): Path<String>,
) -> Rendered {
    let mut reader = Reader::new(&call.params);
    let metadata = reader.metadata_change("metadata")?;
    let expansions = Expansions::read(&mut reader)?;
    reader.finish_but(&["evidence", "submit"])?;
    sandbox.with(|world| {
        let rendered = world.change::<Dispute>(&id, "charge.dispute.updated", Cause::from(&call), |dispute| {
            metadata.apply(&mut dispute.metadata);
        })?;
        expand::respond(world, rendered, &expansions)
    })
}

/// Closes a dispute as lost.
pub(crate) async fn close(
    State(sandbox): State<Sandbox>,
    Extension(call): Extension<Call>,
    Path(id): Path<String>,
) -> Rendered {
    let mut reader = Reader::new(&call.params);
    let expansions = Expansions::read(&mut reader)?;
    reader.finish()?;
    sandbox.with(|world| {
        let rendered = disputes::close_dispute(world, &id, Cause::from(&call))?;
        expand::respond(world, rendered, &expansions)
    })
}
