//! The HTTP client that all adapters share: one pool, one TLS provider, no redirects.

use std::time::Duration;

/// Returns a client with bounded waits. It follows no redirects: no service that the shop calls has
/// a reason to send it elsewhere.
pub fn client() -> Result<reqwest::Client, reqwest::Error> {
    // Installed once for the process. A second call finds it installed, which is no error.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .connect_timeout(Duration::from_secs(3))
        .pool_idle_timeout(Duration::from_mins(1))
        .tcp_keepalive(Duration::from_secs(30))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .user_agent(concat!("rolitt/", env!("CARGO_PKG_VERSION")))
        .build()
}
