//! The providers that are set up, by name, one of them the default.

use std::sync::Arc;

use super::PaymentProvider;
use crate::domain::payment::ProviderId;

#[derive(Clone)]
pub struct PaymentService {
    default: Arc<dyn PaymentProvider>,
    others: Vec<Arc<dyn PaymentProvider>>,
}

impl PaymentService {
    pub fn new(default: Arc<dyn PaymentProvider>, others: Vec<Arc<dyn PaymentProvider>>) -> Self {
        Self { default, others }
    }

    pub fn default_provider(&self) -> &Arc<dyn PaymentProvider> {
        &self.default
    }

    /// Every provider, the default first.
    pub fn all(&self) -> impl Iterator<Item = &Arc<dyn PaymentProvider>> {
        std::iter::once(&self.default).chain(&self.others)
    }

    pub fn by_id(&self, id: ProviderId) -> Option<&Arc<dyn PaymentProvider>> {
        self.all().find(|provider| provider.id() == id)
    }

    /// The provider that `/api/webhooks/{name}` means.
    pub fn by_name(&self, name: &str) -> Option<&Arc<dyn PaymentProvider>> {
        self.by_id(ProviderId::from_name(name)?)
    }
}
