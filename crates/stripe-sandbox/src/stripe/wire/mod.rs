//! What every address under `/v1` shares: how requests are read, what they pass, how answers and errors look.

pub mod address;
pub mod error;
pub mod expand;
pub mod form;
pub mod gate;
pub mod idempotency;
pub mod ids;
pub mod list;
pub mod params;
pub mod resource;
pub mod shelf;
