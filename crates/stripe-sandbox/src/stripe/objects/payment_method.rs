//! Payment methods: made from Stripe's test names, attached to customers, used by intents.

use serde_json::{Value, json};

use super::{Means, Object, TestMethod};
use crate::stripe::wire::{ApiError, Metadata, Reader, Wanted};

/// The kinds of methods that the sandbox supports: cards, and debits that settle later.
pub(crate) const METHODS: [&str; 3] = ["card", "sepa_debit", "us_bank_account"];

pub(crate) struct PaymentMethod {
    pub(crate) id: String,
    pub(crate) created: i64,
    pub(crate) test_method: TestMethod,
    pub(crate) customer: Option<String>,
    pub(crate) billing: Billing,
    pub(crate) metadata: Metadata,
}

/// The payer's details, as the bank has them.
#[derive(Clone, Default)]
pub(crate) struct Billing {
    pub(crate) email: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) phone: Option<String>,
    /// In the shape of Stripe's API, or null.
    pub(crate) address: Value,
}

impl Billing {
    pub(crate) fn render(&self) -> Value {
        let nowhere =
            json!({"city": null, "country": null, "line1": null, "line2": null, "postal_code": null, "state": null});
        let address = if self.address.is_null() { nowhere } else { self.address.clone() };
        json!({"address": address, "email": self.email, "name": self.name, "phone": self.phone, "tax_id": null})
    }
}

impl PaymentMethod {
    /// Returns what a charge shows about its payment method.
    pub(crate) fn details(&self) -> Value {
        let kind = self.test_method.means.kind();
        let details = match self.test_method.means {
            Means::Card { brand, last4 } => json!({
                "amount_authorized": null, "authorization_code": null, "brand": brand,
                "checks": {
                    "address_line1_check": null, "address_postal_code_check": null, "cvc_check": "pass",
                },
                "country": "US", "exp_month": 8, "exp_year": 2030, "extended_authorization": {"status": "disabled"},
                "fingerprint": "AOB934RVNwzk6xtn", "funding": "credit",
                "incremental_authorization": {"status": "unavailable"}, "installments": null, "last4": last4,
                "mandate": null, "multicapture": {"status": "unavailable"}, "network": brand,
                "network_token": {"used": false}, "network_transaction_id": null,
                "overcapture": {"maximum_amount_capturable": 0, "status": "unavailable"}, "regulated_status": "unregulated",
                "three_d_secure": null, "wallet": null,
            }),
            Means::Debit("us_bank_account") => json!({
                "account_holder_type": "individual", "account_type": "checking", "bank_name": "STRIPE TEST BANK",
                "fingerprint": "FFDMA0xfhBjWSZLu", "last4": "6789", "payment_reference": null,
                "routing_number": "110000000",
            }),
            Means::Debit(_) => json!({
                "bank_code": "37040044", "branch_code": "", "country": "DE", "fingerprint": "1nc2vHtTh9MmD3gL",
                "last4": "3000", "mandate": null,
            }),
        };
        let mut all = json!({ "type": kind });
        all[kind] = details;
        all
    }
}

impl Object for PaymentMethod {
    fn filter<'a>(reader: &mut Reader<'a>) -> Result<Wanted<'a, Self>, ApiError> {
        let customer = reader.text("customer")?;
        let kind = reader.text("type")?;
        Ok(Box::new(move |method| {
            customer.is_none_or(|customer| method.customer.as_deref() == Some(customer))
                && kind.is_none_or(|kind| method.test_method.means.kind() == kind)
        }))
    }

    fn render(&self) -> Value {
        let kind = self.test_method.means.kind();
        let details = match self.test_method.means {
            Means::Card { brand, last4 } => json!({
                "brand": brand,
                "checks": {
                    "address_line1_check": null, "address_postal_code_check": null, "cvc_check": "pass",
                },
                "country": "US", "display_brand": brand, "exp_month": 8, "exp_year": 2030,
                "fingerprint": "AOB934RVNwzk6xtn", "funding": "credit", "generated_from": null, "last4": last4,
                "networks": {"available": [brand], "preferred": null}, "regulated_status": "unregulated",
                "three_d_secure_usage": {"supported": true}, "wallet": null,
            }),
            Means::Debit("us_bank_account") => json!({
                "account_holder_type": "individual", "account_type": "checking", "bank_name": "STRIPE TEST BANK",
                "financial_connections_account": null, "fingerprint": "FFDMA0xfhBjWSZLu", "last4": "6789",
                "networks": {"preferred": "ach", "supported": ["ach"]}, "routing_number": "110000000",
                "status_details": {},
            }),
            Means::Debit(_) => json!({
                "bank_code": "37040044", "branch_code": "", "country": "DE", "fingerprint": "1nc2vHtTh9MmD3gL",
                "generated_from": {"charge": null, "setup_attempt": null}, "last4": "3000",
            }),
        };
        let mut method = json!({
            "id": self.id, "object": "payment_method", "allow_redisplay": "unspecified",
            "billing_details": self.billing.render(), "created": self.created, "customer": self.customer,
            "livemode": false, "metadata": self.metadata, "type": kind,
        });
        method[kind] = details;
        method
    }
}
