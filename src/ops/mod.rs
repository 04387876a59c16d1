//! The merchant side.
