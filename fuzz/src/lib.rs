//! What fuzzing asserts of everything that reads bytes of strangers: one function for each target, which panics where a property does
//! not hold. The main package's tests run the same functions over the committed corpus.

#![forbid(unsafe_code)]

mod answers;
mod config;
mod events;
mod form;
mod headers;
mod life;
mod names;
mod signature;

pub use self::{
    answers::answers,
    config::price_map,
    events::{event, object},
    form::form,
    headers::headers,
    life::life,
    names::{locale, names},
    signature::signature,
};

/// A target: its name, which is its corpus folder's too, and its function.
pub type Target = (&'static str, fn(&[u8]));

pub const TARGETS: [Target; 10] = [
    ("answers", answers),
    ("event", event),
    ("form", form),
    ("headers", headers),
    ("life", life),
    ("locale", locale),
    ("names", names),
    ("object", object),
    ("price_map", price_map),
    ("signature", signature),
];

/// Nothing that PostgreSQL's `text` refuses or that a terminal obeys, and no more than `max` characters.
fn is_clean(text: &str, max: usize) -> bool {
    text.chars().count() <= max && !text.chars().any(char::is_control)
}

/// The alphabet of references into a provider's world.
fn is_reference(text: &str) -> bool {
    (1..=255).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}
