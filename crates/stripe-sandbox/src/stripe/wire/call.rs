//! A request to `/v1` as handlers see it.

use super::form::Params;

/// A request that the middleware has let through.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) params: Params,
    pub(crate) request_id: String,
    pub(crate) idempotency_key: Option<String>,
}
