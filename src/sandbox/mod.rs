//! Stand-ins for Stripe and Klaviyo on a loopback listener of their own.
use crate::domain::money::Money;
use tokio_util::sync::CancellationToken;
#[derive(Default)]
pub struct SandboxConfig {
    pub webhook_url: Option<String>,
    pub webhook_secret: String,
    pub product_id: String,
    pub prices: Vec<SeedPrice>,
}
pub struct SeedPrice {
    pub id: String,
    pub nickname: String,
    pub money: Money,
}
pub async fn serve(_l: tokio::net::TcpListener, _c: SandboxConfig, end: CancellationToken) -> std::io::Result<()> {
    end.cancelled().await;
    Ok(())
}
