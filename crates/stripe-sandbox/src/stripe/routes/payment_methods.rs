//! `/v1/payment_methods`

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
        actions::{customers, payment_methods},
        objects::Cause,
        wire::{Call, Reader},
    },
};

pub(crate) async fn attach(
    State(sandbox): State<Sandbox>,
    Extension(call): Extension<Call>,
    Path(name): Path<String>,
) -> Rendered {
    let mut reader = Reader::new(&call.params);
    let customer = reader.required("customer")?;
    let expansions = Expansions::read(&mut reader)?;
    reader.finish()?;
    sandbox.with(|world| {
        customers::existing_customer(world, customer, "customer")?;
        let id = payment_methods::find_or_create_method(world, &name, "payment_method")?;
        let rendered = payment_methods::attach_method(world, &id, customer, Cause::from(&call))?;
        expand::respond(world, rendered, &expansions)
    })
}

pub(crate) async fn detach(
    State(sandbox): State<Sandbox>,
    Extension(call): Extension<Call>,
    Path(id): Path<String>,
) -> Rendered {
    let mut reader = Reader::new(&call.params);
    let expansions = Expansions::read(&mut reader)?;
    reader.finish()?;
    sandbox.with(|world| {
        let rendered = payment_methods::detach_method(world, &id, Cause::from(&call))?;
        expand::respond(world, rendered, &expansions)
    })
}
