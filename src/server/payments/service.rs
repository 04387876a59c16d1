//! The configured providers by name. One of them is the default.

use std::sync::Arc;

use super::PaymentProvider;
use crate::domain::payment::ProviderId;

/// The configured payment providers.
#[derive(Clone)]
pub struct PaymentService {
    default: Arc<dyn PaymentProvider>,
    others: Vec<Arc<dyn PaymentProvider>>,
}

impl PaymentService {
    pub fn new(default: Arc<dyn PaymentProvider>, others: Vec<Arc<dyn PaymentProvider>>) -> Self {
        Self { default, others }
    }

    /// Returns the provider of a checkout that names none.
    pub fn default_provider(&self) -> &Arc<dyn PaymentProvider> {
        &self.default
    }

    /// Returns all providers, the default first.
    pub fn all(&self) -> impl Iterator<Item = &Arc<dyn PaymentProvider>> {
        std::iter::once(&self.default).chain(&self.others)
    }

    /// Returns the provider with this id, if it is configured.
    pub fn by_id(&self, id: ProviderId) -> Option<&Arc<dyn PaymentProvider>> {
        self.all().find(|provider| provider.id() == id)
    }

    /// Returns the provider that `/api/webhooks/{name}` addresses.
    pub(crate) fn by_name(&self, name: &str) -> Option<&Arc<dyn PaymentProvider>> {
        self.by_id(ProviderId::from_name(name)?)
    }
}
