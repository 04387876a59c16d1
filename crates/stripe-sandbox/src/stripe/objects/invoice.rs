//! An invoice: its state, and how the API renders it.

use minor_money::Currency;
use serde_json::{Value, json};

use super::Object;
use crate::stripe::wire::{ApiError, Metadata, Reader, Wanted};

pub(crate) struct Invoice {
    pub(crate) id: String,
    pub(crate) created: i64,
    pub(crate) number: Option<String>,
    pub(crate) status: InvoiceStatus,
    /// Why it was created: `subscription_create` or `subscription_cycle`.
    pub(crate) reason: &'static str,
    pub(crate) customer: String,
    pub(crate) customer_email: Option<String>,
    pub(crate) customer_name: Option<String>,
    pub(crate) subscription: String,
    pub(crate) subscription_metadata: Metadata,
    pub(crate) currency: Currency,
    pub(crate) lines: Vec<InvoiceLine>,
    pub(crate) intent: Option<String>,
    pub(crate) attempts: i64,
    pub(crate) period: (i64, i64),
    pub(crate) finalized_at: Option<i64>,
    pub(crate) paid_at: Option<i64>,
    pub(crate) voided_at: Option<i64>,
    pub(crate) uncollectible_at: Option<i64>,
}

/// One line: an item of a subscription for one period.
#[derive(Clone)]
pub(crate) struct InvoiceLine {
    pub(crate) id: String,
    pub(crate) item: String,
    pub(crate) price: String,
    pub(crate) product: String,
    pub(crate) description: String,
    pub(crate) quantity: i64,
    pub(crate) unit_amount: i64,
    pub(crate) period: (i64, i64),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum InvoiceStatus {
    Draft,
    Open,
    Paid,
    Uncollectible,
    Void,
}

impl InvoiceStatus {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Open => "open",
            Self::Paid => "paid",
            Self::Uncollectible => "uncollectible",
            Self::Void => "void",
        }
    }
}

impl Invoice {
    pub(crate) fn total(&self) -> i64 {
        self.lines.iter().map(|line| line.unit_amount * line.quantity).sum()
    }

    fn render_line(&self, line: &InvoiceLine) -> Value {
        json!({
            "id": line.id, "object": "line_item", "amount": line.unit_amount * line.quantity, "currency": self.currency,
            "description": line.description, "discount_amounts": [], "discountable": true, "discounts": [],
            "invoice": self.id, "livemode": false, "metadata": {},
            "parent": {
                "invoice_item_details": null,
                "subscription_item_details": {
                    "invoice_item": null, "proration": false, "proration_details": {"credited_items": null},
                    "subscription": self.subscription, "subscription_item": line.item,
                },
                "type": "subscription_item_details",
            },
            "period": {"end": line.period.1, "start": line.period.0}, "pretax_credit_amounts": [],
            "pricing": {
                "price_details": {"price": line.price, "product": line.product}, "type": "price_details",
                "unit_amount_decimal": line.unit_amount.to_string(),
            },
            "quantity": line.quantity, "subscription": self.subscription, "taxes": [],
        })
    }

    /// `expand[]=payments`
    pub(crate) fn payments(&self) -> Value {
        let paid = self.status == InvoiceStatus::Paid;
        let payment = self.intent.as_ref().map(|intent| {
            json!({
                "id": intent.replacen("pi_", "inpay_", 1), "object": "invoice_payment",
                "amount_paid": paid.then(|| self.total()), "amount_requested": self.total(), "created": self.created,
                "currency": self.currency, "invoice": self.id, "is_default": true, "livemode": false,
                "payment": {"payment_intent": intent, "type": "payment_intent"},
                "status": if paid { "paid" } else { "open" },
                "status_transitions": {"canceled_at": null, "paid_at": self.paid_at},
            })
        });
        let data: Vec<Value> = payment.into_iter().collect();
        json!({"object": "list", "data": data, "has_more": false, "url": "/v1/invoice_payments"})
    }
}

impl Object for Invoice {
    const UNSUPPORTED: &'static [&'static str] = &["due_date"];

    fn filter<'a>(reader: &mut Reader<'a>) -> Result<Wanted<'a, Self>, ApiError> {
        let customer = reader.text("customer")?;
        let subscription = reader.text("subscription")?;
        let status = reader.one_of("status", &["draft", "open", "paid", "uncollectible", "void"])?;
        let method = reader.one_of("collection_method", &["charge_automatically", "send_invoice"])?;
        Ok(Box::new(move |invoice| {
            customer.is_none_or(|customer| invoice.customer == customer)
                && subscription.is_none_or(|subscription| invoice.subscription == subscription)
                && status.is_none_or(|status| invoice.status.as_str() == status)
                && method.is_none_or(|method| method == "charge_automatically")
        }))
    }

    fn render(&self) -> Value {
        let total = self.total();
        let paid = if self.status == InvoiceStatus::Paid { total } else { 0 };
        let lines: Vec<Value> = self.lines.iter().map(|line| self.render_line(line)).collect();
        let mut invoice = json!({
            "id": self.id, "object": "invoice", "amount_due": total, "amount_overpaid": 0, "amount_paid": paid,
            "amount_remaining": total - paid, "amount_shipping": 0, "attempt_count": self.attempts,
            "attempted": self.attempts > 0, "auto_advance": self.status == InvoiceStatus::Open,
            "billing_reason": self.reason, "collection_method": "charge_automatically", "created": self.created,
            "currency": self.currency, "customer": self.customer, "customer_email": self.customer_email,
            "customer_name": self.customer_name, "effective_at": self.finalized_at,
            "ending_balance": self.finalized_at.map(|_| 0), "id": self.id, "lines": {
                "object": "list", "data": lines, "has_more": false, "url": format!("/v1/invoices/{}/lines", self.id),
            },
            "livemode": false, "metadata": {}, "number": self.number,
            "parent": {
                "quote_details": null,
                "subscription_details": {"metadata": self.subscription_metadata, "subscription": self.subscription},
                "type": "subscription_details",
            },
            "period_end": self.period.1, "period_start": self.period.0, "status": self.status.as_str(),
            "status_transitions": {
                "finalized_at": self.finalized_at, "marked_uncollectible_at": self.uncollectible_at,
                "paid_at": self.paid_at, "voided_at": self.voided_at,
            },
            "subtotal": total, "subtotal_excluding_tax": total, "total": total, "total_excluding_tax": total,
        });
        // The rest is the same for every invoice and must be there: clients read these keys.
        let constant = json!({
            "account_country": "US", "account_name": "The sandbox", "account_tax_ids": null, "application": null,
            "automatic_tax": {
                "disabled_reason": null, "enabled": false, "liability": null, "provider": null, "status": null,
            },
            "automatically_finalizes_at": null, "custom_fields": null, "customer_address": null,
            "customer_phone": null, "customer_shipping": null, "customer_tax_exempt": "none", "customer_tax_ids": [],
            "default_payment_method": null, "default_source": null, "default_tax_rates": [], "description": null,
            "discounts": [], "due_date": null, "footer": null, "from_invoice": null, "hosted_invoice_url": null,
            "invoice_pdf": null, "issuer": {"type": "self"}, "last_finalization_error": null, "latest_revision": null,
            "next_payment_attempt": null, "on_behalf_of": null,
            "payment_settings": {
                "default_mandate": null, "payment_method_options": null, "payment_method_types": null,
            },
            "post_payment_credit_notes_amount": 0, "pre_payment_credit_notes_amount": 0, "receipt_number": null,
            "rendering": null, "shipping_cost": null, "shipping_details": null, "starting_balance": 0,
            "statement_descriptor": null, "test_clock": null, "total_discount_amounts": [],
            "total_pretax_credit_amounts": [], "total_taxes": [], "webhooks_delivered_at": null,
        });
        if let (Value::Object(invoice), Value::Object(constant)) = (&mut invoice, constant) {
            invoice.extend(constant);
        }
        invoice
    }
}
