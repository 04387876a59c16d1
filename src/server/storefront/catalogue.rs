//! The live prices: cached for a while and refreshed in the background. While the provider is down,
//! the last known price is served.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{Mutex, watch},
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;

use crate::domain::{
    money::Money,
    payment::PriceId,
    product::{Offer, ProductColor},
};
use crate::server::{
    config::CatalogueConfig,
    payments::{self, PaymentError},
};

/// How long a price is used before it is fetched again. A checkout names Stripe's price id, so a
/// price that changed in between is charged as Stripe has it, and the difference is noticed.
pub const LIFETIME: Duration = Duration::from_mins(1);

/// How long after the start a page may wait for the first prices. After that no page waits for
/// missing prices: pages take turns, and each would wait in its turn.
const FIRST_WAIT: Duration = Duration::from_millis(1500);

/// The pause after a failed refresh.
const AFTER_FAILURE: Duration = Duration::from_secs(5);

/// The colors on sale, with their live prices.
pub struct Catalogue {
    source: Arc<dyn payments::Prices>,
    config: CatalogueConfig,
    known: watch::Sender<Option<Prices>>,
    /// Until when pages wait for the first prices.
    patient_until: Instant,
    /// Held during a refresh. The result of the last one, for callers that waited for it.
    last: Mutex<Option<Result<Prices, PaymentError>>>,
    /// How many refreshes have ended.
    ended: AtomicU64,
}

type Prices = Arc<BTreeMap<String, Money>>;

/// A color that can be bought now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sellable {
    pub id: PriceId,
    pub price: Money,
}

/// Why a color cannot be bought.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NotSellable {
    /// The color has no price.
    NoPrice,
    /// No price is known, because the provider could not be reached.
    Unknown(PaymentError),
}

impl Catalogue {
    /// Returns a catalogue without prices. [`Catalogue::run`] fetches them.
    pub fn new(source: Arc<dyn payments::Prices>, config: CatalogueConfig) -> Self {
        Self {
            source,
            config,
            known: watch::Sender::new(None),
            patient_until: Instant::now() + FIRST_WAIT,
            last: Mutex::new(None),
            ended: AtomicU64::new(0),
        }
    }

    /// Returns the colors in the merchant's order with the known prices, or `None` while no price
    /// is known. Just after the start, waits a moment for the first prices.
    pub async fn offers(&self) -> Option<Vec<Offer>> {
        let mut known = self.known.subscribe();
        let _ = timeout_at(self.patient_until, known.wait_for(Option::is_some)).await;
        let prices = self.known.borrow().clone()?;
        Some(
            self.config
                .colors
                .iter()
                .map(|(color, id)| Offer { color: *color, price: price(&prices, id.as_ref()) })
                .collect(),
        )
    }

    /// Returns the price of a color. Fetches the prices if none is known at all.
    pub async fn sellable(&self, color: ProductColor) -> Result<Sellable, NotSellable> {
        let configured = self.config.colors.iter().find(|(known, _)| *known == color).and_then(|(_, id)| id.clone());
        let id = configured.ok_or(NotSellable::NoPrice)?;
        let known = self.known.borrow().clone();
        let prices = match known {
            Some(prices) => prices,
            None => self.refresh().await.map_err(NotSellable::Unknown)?,
        };
        let price = price(&prices, Some(&id)).ok_or(NotSellable::NoPrice)?;
        Ok(Sellable { id, price })
    }

    /// Fetches the prices. A caller that arrives during a refresh gets that refresh's result, good
    /// or bad, and starts no other.
    pub async fn refresh(&self) -> Result<Prices, PaymentError> {
        let before = self.ended.load(Ordering::SeqCst);
        let mut last = self.last.lock().await;
        if let (true, Some(result)) = (self.ended.load(Ordering::SeqCst) != before, last.as_ref()) {
            return result.clone();
        }
        let result = self.fetch().await;
        *last = Some(result.clone());
        self.ended.fetch_add(1, Ordering::SeqCst);
        result
    }

    async fn fetch(&self) -> Result<Prices, PaymentError> {
        let prices = Arc::new(self.source.prices(&self.config.product).await?);
        for (color, id) in &self.config.colors {
            if price(&prices, id.as_ref()).is_none() {
                tracing::warn!(%color, "this color has no price; it is shown as unavailable");
            }
        }
        self.known.send_replace(Some(prices.clone()));
        Ok(prices)
    }

    /// Refreshes the prices until `end`.
    pub async fn run(&self, end: CancellationToken) {
        loop {
            let wait = match self.refresh().await {
                Ok(_) => LIFETIME,
                Err(error) => {
                    tracing::warn!(%error, "prices could not be refreshed; the last known ones are served");
                    AFTER_FAILURE
                }
            };
            tokio::select! {
                () = end.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }
}

fn price(prices: &BTreeMap<String, Money>, id: Option<&PriceId>) -> Option<Money> {
    prices.get(id?.as_str()).copied()
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use tokio::time::sleep;

    use super::*;
    use crate::domain::payment::ProductId;

    /// Returns no prices, after this long.
    struct After(Duration);

    #[async_trait]
    impl payments::Prices for After {
        async fn prices(&self, _: &ProductId) -> Result<BTreeMap<String, Money>, PaymentError> {
            sleep(self.0).await;
            Ok(BTreeMap::new())
        }
    }

    fn refreshing(after: Duration) -> Arc<Catalogue> {
        let config = CatalogueConfig { product: ProductId::parse("prod_1").unwrap(), colors: Vec::new() };
        let catalogue = Arc::new(Catalogue::new(Arc::new(After(after)), config));
        let refreshing = catalogue.clone();
        tokio::spawn(async move { refreshing.refresh().await });
        catalogue
    }

    #[tokio::test(start_paused = true)]
    async fn a_page_waits_for_the_first_prices_of_the_catalogue() {
        let began = Instant::now();
        assert_eq!(refreshing(Duration::from_secs(1)).offers().await, Some(Vec::new()));
        assert_eq!(began.elapsed(), Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_page_is_shown_without_prices_that_are_late_and_the_next_page_does_not_wait() {
        let catalogue = refreshing(Duration::from_secs(3));
        let began = Instant::now();
        assert_eq!(catalogue.offers().await, None);
        assert_eq!(began.elapsed(), FIRST_WAIT);
        assert_eq!(catalogue.offers().await, None);
        assert_eq!(began.elapsed(), FIRST_WAIT, "the second page did not wait");
        sleep(Duration::from_secs(2)).await;
        assert_eq!(catalogue.offers().await, Some(Vec::new()));
    }
}
