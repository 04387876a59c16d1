//! The payment providers that the shop offers, and what each needs.

use super::reader::Reader;
use crate::{
    domain::{payment::ProviderId, sanitize::clean},
    server::payments::invoice::{BankAccount, Bic, Iban, InvoiceConfig},
};

/// `PAYMENT_PROVIDERS`: comma-separated, in the order of the storefront; default `stripe`. Each at
/// most once, and Stripe always, because prices come from it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProvidersConfig {
    /// The first one, which is preselected.
    pub default: ProviderConfig,
    pub others: Vec<ProviderConfig>,
}

/// One provider, with the configuration that only it needs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ProviderConfig {
    /// Its configuration is [`super::Config::stripe`], because the catalogue needs it in any case.
    Stripe,
    /// Bank transfer: `INVOICE_ACCOUNT_HOLDER` (at most 70 characters), `INVOICE_IBAN`,
    /// `INVOICE_BIC` (optional) and `INVOICE_DUE_DAYS` (1 to 90 days, default 14).
    Invoice(InvoiceConfig),
}

impl ProvidersConfig {
    pub fn all(&self) -> impl Iterator<Item = &ProviderConfig> {
        std::iter::once(&self.default).chain(&self.others)
    }

    pub fn invoice(&self) -> Option<&InvoiceConfig> {
        self.all().find_map(|provider| match provider {
            ProviderConfig::Invoice(invoice) => Some(invoice),
            ProviderConfig::Stripe => None,
        })
    }
}

/// The default of `INVOICE_DUE_DAYS`, in days.
const DUE_DAYS: u16 = 14;

/// Reads `PAYMENT_PROVIDERS`, and what the listed providers need.
pub fn providers(reader: &mut Reader<'_>) -> Option<ProvidersConfig> {
    let listed = reader.parsed("PAYMENT_PROVIDERS", listed);
    let ids = match listed {
        None if reader.text("PAYMENT_PROVIDERS").is_some() => return None,
        None => vec![ProviderId::Stripe],
        Some(ids) => ids,
    };
    // Each one is read before the first is missed, so that all faults are reported together.
    let read: Vec<Option<ProviderConfig>> = ids
        .into_iter()
        .map(|id| match id {
            ProviderId::Stripe => Some(ProviderConfig::Stripe),
            ProviderId::Invoice => invoice(reader).map(ProviderConfig::Invoice),
        })
        .collect();
    let mut read = read.into_iter().collect::<Option<Vec<_>>>()?.into_iter();
    Some(ProvidersConfig { default: read.next()?, others: read.collect() })
}

fn listed(text: &str) -> Result<Vec<ProviderId>, String> {
    let known = || ProviderId::ALL.map(ProviderId::as_str).join(", ");
    let mut ids = Vec::new();
    for name in text.split(',').map(str::trim) {
        let id = ProviderId::from_name(name)
            .ok_or_else(|| format!("must be a comma-separated list of: {}; the first is the default", known()))?;
        if ids.contains(&id) {
            return Err("must name each provider once".to_owned());
        }
        ids.push(id);
    }
    if ids.contains(&ProviderId::Stripe) {
        Ok(ids)
    } else {
        Err("must contain stripe, because prices come from it".to_owned())
    }
}

fn invoice(reader: &mut Reader<'_>) -> Option<InvoiceConfig> {
    for variable in ["INVOICE_ACCOUNT_HOLDER", "INVOICE_IBAN"] {
        if reader.text(variable).is_none() {
            reader.fault(variable, "is required when PAYMENT_PROVIDERS contains invoice");
        }
    }
    let holder = reader.parsed("INVOICE_ACCOUNT_HOLDER", |text| {
        let holder = clean(text, 70);
        if holder.is_empty() || holder != text {
            return Err("must be the name at the bank, of at most 70 characters".to_owned());
        }
        Ok(holder)
    });
    let iban = reader.parsed("INVOICE_IBAN", |text| {
        Iban::parse(text).ok_or_else(|| "must be a valid IBAN; check the digits for a typing error".to_owned())
    });
    let bic = reader
        .parsed("INVOICE_BIC", |text| Bic::parse(text).ok_or_else(|| "must be a BIC of 8 or 11 characters".to_owned()));
    let due_days = reader.parsed("INVOICE_DUE_DAYS", |text| {
        text.parse::<u16>()
            .ok()
            .filter(|days| (1..=90).contains(days))
            .ok_or_else(|| "must be a whole number of days from 1 to 90".to_owned())
    });
    Some(InvoiceConfig {
        account: BankAccount { holder: holder?, iban: iban?, bic },
        due_days: due_days.unwrap_or(DUE_DAYS),
        livemode: reader.production,
    })
}
