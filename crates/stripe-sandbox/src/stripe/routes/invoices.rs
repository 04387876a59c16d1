//! `/v1/invoices`

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
        actions::invoices,
        objects::{Cause, Invoice},
        wire::{Call, Reader},
    },
};

pub(crate) async fn pay(
    State(sandbox): State<Sandbox>,
    Extension(call): Extension<Call>,
    Path(id): Path<String>,
) -> Rendered {
    let mut reader = Reader::new(&call.params);
    let method = reader.text("payment_method")?;
    let off_session = reader.boolean("off_session")?.unwrap_or(true);
    let outside = reader.boolean("paid_out_of_band")?.unwrap_or(false);
    let expansions = Expansions::read(&mut reader)?;
    reader.finish_but(&["forgive", "mandate", "source"])?;
    sandbox.with(|world| {
        invoices::pay_invoice(world, &id, method, off_session, outside, &Cause::from(&call))?;
        expand::respond(world, world.rendered::<Invoice>(&id), &expansions)
    })
}

pub(crate) async fn void(
    State(sandbox): State<Sandbox>,
    Extension(call): Extension<Call>,
    Path(id): Path<String>,
) -> Rendered {
    let mut reader = Reader::new(&call.params);
    let expansions = Expansions::read(&mut reader)?;
    reader.finish()?;
    sandbox.with(|world| {
        let object = invoices::void_open_invoice(world, &id, &Cause::from(&call))?;
        expand::respond(world, object, &expansions)
    })
}
