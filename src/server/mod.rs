//! What the server does.

pub mod pages;
