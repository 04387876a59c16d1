//! What all addresses under `/v1` share: reading requests, and the shape of ids, lists and errors.

pub(crate) mod address;
mod amount;
mod call;
mod error;
mod form;
pub(crate) mod idempotency;
pub(crate) mod ids;
mod list;
mod params;

pub(crate) use amount::{exact, least};
pub(crate) use call::Call;
pub(crate) use error::{ApiError, Decline};
pub(crate) use form::Params;
pub(crate) use list::{Created, Page};
pub(crate) use params::{Change, Metadata, MetadataChange, Reader};

/// The filter of a list.
pub(crate) type Wanted<'a, T> = Box<dyn Fn(&T) -> bool + 'a>;
