//! Rolitt: a pre-order shop and its payments. The modules in reading order; the only feature gates of the project.

#![recursion_limit = "512"]

pub mod domain;

pub mod wire;

pub mod app;

#[cfg(feature = "ssr")]
pub mod server;

#[cfg(feature = "failpoints")]
pub mod negative_controls;

#[cfg(feature = "sandbox")]
pub mod sandbox;

/// Serves the sandbox, in a build that has one. A deployed shop is built without the feature, so
/// that it cannot be started on pretended payments by mistake.
#[cfg(feature = "sandbox")]
pub const SERVE_SANDBOX: Option<server::config::ServeSandbox> = Some(sandbox::serve);

/// This build has no sandbox.
#[cfg(all(feature = "ssr", not(feature = "sandbox")))]
pub const SERVE_SANDBOX: Option<server::config::ServeSandbox> = None;

#[cfg(feature = "ssr")]
pub mod ops;

#[cfg(feature = "ssr")]
pub mod router;

/// The browser's entry: wakes the islands of a server-rendered page.
#[cfg(feature = "hydrate")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    leptos::mount::hydrate_islands();
}
