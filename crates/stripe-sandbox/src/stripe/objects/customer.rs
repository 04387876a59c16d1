//! Customers. A deleted one leaves a stub.

use serde_json::{Value, json};

use super::Object;
use crate::stripe::wire::{ApiError, Metadata, Reader, Wanted, ids};

pub(crate) struct Customer {
    pub(crate) id: String,
    pub(crate) created: i64,
    pub(crate) deleted: bool,
    pub(crate) email: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) phone: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) address: Option<Value>,
    pub(crate) shipping: Option<Value>,
    pub(crate) locales: Vec<String>,
    pub(crate) tax_exempt: Option<&'static str>,
    pub(crate) default_method: Option<String>,
    pub(crate) metadata: Metadata,
    /// Whether the last payment of an invoice failed.
    pub(crate) delinquent: bool,
    pub(crate) invoice_prefix: String,
}

impl Customer {
    pub(crate) fn new(created: i64) -> Self {
        Self {
            id: ids::with_length("cus_", 14),
            created,
            deleted: false,
            email: None,
            name: None,
            phone: None,
            description: None,
            address: None,
            shipping: None,
            locales: Vec::new(),
            tax_exempt: Some("none"),
            default_method: None,
            metadata: Metadata::new(),
            delinquent: false,
            invoice_prefix: ids::with_length("", 8).to_uppercase(),
        }
    }

    pub(crate) fn stub(&self) -> Value {
        json!({"id": self.id, "object": "customer", "deleted": true})
    }

    fn whole(&self) -> Value {
        json!({
            "id": self.id, "object": "customer", "address": self.address, "balance": 0, "created": self.created,
            "currency": null, "default_source": null, "delinquent": self.delinquent, "description": self.description,
            "discount": null, "email": self.email, "invoice_prefix": self.invoice_prefix,
            "invoice_settings": {
                "custom_fields": null, "default_payment_method": self.default_method, "footer": null,
                "rendering_options": null,
            },
            "livemode": false, "metadata": self.metadata, "name": self.name, "next_invoice_sequence": 1,
            "phone": self.phone, "preferred_locales": self.locales, "shipping": self.shipping,
            "tax_exempt": self.tax_exempt, "test_clock": null,
        })
    }
}

impl Object for Customer {
    const UNSUPPORTED: &'static [&'static str] = &["test_clock"];

    fn is_listed(&self) -> bool {
        !self.deleted
    }

    /// The email address is compared with case, as with Stripe.
    fn filter<'a>(reader: &mut Reader<'a>) -> Result<Wanted<'a, Self>, ApiError> {
        let email = reader.text("email")?;
        Ok(Box::new(move |customer| email.is_none_or(|email| customer.email.as_deref() == Some(email))))
    }

    fn render(&self) -> Value {
        if self.deleted { self.stub() } else { self.whole() }
    }
}
