//! Payment methods: made from Stripe's test names, attached to customers, used by intents.

use axum::{
    Extension,
    extract::{Path, State},
};
use serde_json::{Value, json};

use super::tender::{Conduct, Means, Tender};
use crate::{
    state::{Sandbox, World},
    stripe::{
        billing::customer::Customer,
        events::Cause,
        wire::{
            error::ApiError,
            expand::{self, Expansions},
            gate::Call,
            ids,
            params::{Metadata, Reader},
            resource::{Answered, Resource, Wanted},
            shelf::Shelf,
        },
    },
};

pub struct Method {
    pub id: String,
    pub created: i64,
    pub tender: Tender,
    pub customer: Option<String>,
    pub billing: Billing,
    pub metadata: Metadata,
}

/// Who pays, as the bank knows them.
#[derive(Clone, Default)]
pub struct Billing {
    pub email: Option<String>,
    pub name: Option<String>,
    pub phone: Option<String>,
    /// In Stripe's shape, or null.
    pub address: Value,
}

impl Billing {
    pub fn render(&self) -> Value {
        let nowhere =
            json!({"city": null, "country": null, "line1": null, "line2": null, "postal_code": null, "state": null});
        let address = if self.address.is_null() { nowhere } else { self.address.clone() };
        json!({"address": address, "email": self.email, "name": self.name, "phone": self.phone, "tax_id": null})
    }
}

impl Method {
    /// What a charge says about what it was paid with.
    pub fn details(&self) -> Value {
        let kind = self.tender.means.kind();
        let details = match self.tender.means {
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

impl Resource for Method {
    const KIND: &'static str = "payment_method";
    const URL: &'static str = "/v1/payment_methods";

    fn shelf(world: &World) -> &Shelf<Self> {
        &world.methods
    }

    fn shelf_mut(world: &mut World) -> &mut Shelf<Self> {
        &mut world.methods
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }

    fn filter<'a>(reader: &mut Reader<'a>) -> Result<Wanted<'a, Self>, ApiError> {
        let customer = reader.text("customer")?;
        let kind = reader.text("type")?;
        Ok(Box::new(move |method| {
            customer.is_none_or(|customer| method.customer.as_deref() == Some(customer))
                && kind.is_none_or(|kind| method.tender.means.kind() == kind)
        }))
    }

    fn render(&self) -> Value {
        let kind = self.tender.means.kind();
        let details = match self.tender.means {
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

impl World {
    pub fn add_method(&mut self, tender: Tender, billing: Billing) -> String {
        let id = ids::new("pm_1");
        let created = self.now();
        let metadata = Metadata::new();
        self.put(Method { id: id.clone(), created, tender, customer: None, billing, metadata });
        id
    }

    /// The payment method that a request names: one that is there, or a new one where it is one of Stripe's test names.
    pub fn method_named(&mut self, name: &str, param: &str) -> Result<String, ApiError> {
        if self.methods.get(name).is_some() {
            return Ok(name.to_owned());
        }
        let tender = Tender::of_name(name).ok_or_else(|| ApiError::no_such("PaymentMethod", name, param))?;
        Ok(self.add_method(tender, Billing::default()))
    }

    /// Keeps a payment method for a customer. A card that is declined whatever one does with it is declined here, too.
    pub fn attach(&mut self, method: &str, customer: &str, cause: Cause) -> Result<Value, ApiError> {
        let found = self.find_mut::<Method>(method)?;
        if let Conduct::Declined(decline) = found.tender.conduct {
            return Err(ApiError::declined(decline));
        }
        match &found.customer {
            Some(owner) if owner == customer => return Ok(found.render()),
            Some(_) => {
                let message = "The payment method you provided has already been attached to a customer.";
                return Err(ApiError::invalid(message).at("customer"));
            }
            None => {}
        }
        found.customer = Some(customer.to_owned());
        let rendered = found.render();
        self.emit("payment_method.attached", &rendered, cause);
        Ok(rendered)
    }
}

pub async fn attach(
    State(sandbox): State<Sandbox>,
    Extension(call): Extension<Call>,
    Path(name): Path<String>,
) -> Answered {
    let mut reader = Reader::new(&call.params);
    let customer = reader.required("customer")?;
    let expansions = Expansions::read(&mut reader)?;
    reader.finish()?;
    sandbox.with(|world| {
        Customer::alive(world, customer, "customer")?;
        let id = world.method_named(&name, "payment_method")?;
        let rendered = world.attach(&id, customer, Cause::from(&call))?;
        expand::answer(world, rendered, &expansions)
    })
}

pub async fn detach(
    State(sandbox): State<Sandbox>,
    Extension(call): Extension<Call>,
    Path(id): Path<String>,
) -> Answered {
    let mut reader = Reader::new(&call.params);
    let expansions = Expansions::read(&mut reader)?;
    reader.finish()?;
    sandbox.with(|world| {
        let method = world.find_mut::<Method>(&id)?;
        let Some(customer) = method.customer.take() else {
            let message = "The payment method you provided is not attached to a customer so detachment is impossible.";
            return Err(ApiError::invalid(message).at("payment_method"));
        };
        let rendered = method.render();
        if let Some(customer) = world.customers.get_mut(&customer)
            && customer.default_method.as_deref() == Some(&id)
        {
            customer.default_method = None;
        }
        world.emit("payment_method.detached", &rendered, Cause::from(&call));
        expand::answer(world, rendered, &expansions)
    })
}
