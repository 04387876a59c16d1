//! Removes personal data: one customer's on request, everyone's by age.

pub mod erasure;
pub mod retention;
