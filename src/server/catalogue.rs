//! What is on sale at which price: live from the provider, kept for a while, refreshed in the background, and the last known
//! price served while the provider is down.

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
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::{
    config::CatalogueConfig,
    payments::{self, PaymentError},
};
use crate::domain::{
    money::Money,
    payment::PriceId,
    product::{Offer, ProductColor},
};

/// How long a price is believed before it is asked for again. A checkout asks Stripe for the price id, so that a price that
/// changed in between is charged as Stripe has it, and the difference is noticed.
pub const LIFETIME: Duration = Duration::from_mins(1);

/// How long a page waits for the end of the very first try before it shows a skeleton.
const FIRST_WAIT: Duration = Duration::from_millis(1500);

/// How long after a failure the next try waits.
const AFTER_FAILURE: Duration = Duration::from_secs(5);

pub struct Catalogue {
    source: Arc<dyn payments::Prices>,
    config: CatalogueConfig,
    known: watch::Sender<Known>,
    /// One refresh at a time; how the last one ended, for those who waited for it.
    last: Mutex<Option<Result<Prices, PaymentError>>>,
    /// How many refreshes have ended.
    ended: AtomicU64,
}

type Prices = Arc<BTreeMap<String, Money>>;

/// What is known of the prices.
#[derive(Clone)]
enum Known {
    /// The first try has not ended.
    NotYet,
    /// No try has succeeded. The page does not wait for the next one.
    Nothing,
    Prices(Prices),
}

impl Known {
    fn prices(&self) -> Option<Prices> {
        match self {
            Self::NotYet | Self::Nothing => None,
            Self::Prices(prices) => Some(prices.clone()),
        }
    }
}

/// A color that can be bought now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sellable {
    pub id: PriceId,
    pub price: Money,
}

/// Why a color cannot be bought.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NotSellable {
    /// It has no price at which it could be sold.
    NoPrice,
    /// No price is known, because the provider could not be asked.
    Unknown(PaymentError),
}

impl Catalogue {
    pub fn new(source: Arc<dyn payments::Prices>, config: CatalogueConfig) -> Self {
        Self {
            source,
            config,
            known: watch::Sender::new(Known::NotYet),
            last: Mutex::new(None),
            ended: AtomicU64::new(0),
        }
    }

    /// The colors in the merchant's order with the prices that are known; `None` while none is. Waits a moment for the first
    /// answer; once the provider has failed to give one, nobody waits.
    pub async fn offers(&self) -> Option<Vec<Offer>> {
        let mut known = self.known.subscribe();
        let _ = timeout(FIRST_WAIT, known.wait_for(|known| !matches!(known, Known::NotYet))).await;
        let prices = self.known.borrow().prices()?;
        Some(
            self.config
                .colors
                .iter()
                .map(|(color, id)| Offer { color: *color, price: price(&prices, id.as_ref()) })
                .collect(),
        )
    }

    /// The price of a color, asked for now if none is known at all.
    pub async fn sellable(&self, color: ProductColor) -> Result<Sellable, NotSellable> {
        let configured = self.config.colors.iter().find(|(known, _)| *known == color).and_then(|(_, id)| id.clone());
        let id = configured.ok_or(NotSellable::NoPrice)?;
        let known = self.known.borrow().prices();
        let prices = match known {
            Some(prices) => prices,
            None => self.refresh().await.map_err(NotSellable::Unknown)?,
        };
        let price = price(&prices, Some(&id)).ok_or(NotSellable::NoPrice)?;
        Ok(Sellable { id, price })
    }

    /// Asks the provider. Who comes while somebody asks already gets that answer, good or bad, and asks nothing more.
    pub async fn refresh(&self) -> Result<Prices, PaymentError> {
        let before = self.ended.load(Ordering::SeqCst);
        let mut last = self.last.lock().await;
        if let (true, Some(result)) = (self.ended.load(Ordering::SeqCst) != before, last.as_ref()) {
            return result.clone();
        }
        let result = self.ask().await;
        self.known.send_if_modified(|known| {
            let first = matches!(known, Known::NotYet);
            match &result {
                Ok(prices) => *known = Known::Prices(prices.clone()),
                Err(_) if first => *known = Known::Nothing,
                Err(_) => return false,
            }
            true
        });
        *last = Some(result.clone());
        self.ended.fetch_add(1, Ordering::SeqCst);
        result
    }

    async fn ask(&self) -> Result<Prices, PaymentError> {
        let prices = Arc::new(self.source.prices(&self.config.product).await?);
        for (color, id) in &self.config.colors {
            if price(&prices, id.as_ref()).is_none() {
                tracing::warn!(%color, "no price can be had for this color; it is shown as unavailable");
            }
        }
        Ok(prices)
    }

    /// Keeps the prices fresh until the end.
    pub async fn run(&self, end: CancellationToken) {
        loop {
            let wait = match self.refresh().await {
                Ok(_) => LIFETIME,
                Err(error) => {
                    tracing::warn!(%error, "prices could not be refreshed; the last known ones stay");
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
