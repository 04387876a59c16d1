//! `POST /sandbox/stripe/trigger`: has an event happen. Where its object names something that is there, it happens to that;
//! otherwise it is told about the given object, or about a plausible one.

use serde_json::{Map, Value, json};

use super::{
    billing::{
        invoice::{Invoice, InvoiceStatus},
        subscription::{Status, Subscription},
    },
    checkout::session::{self, Session},
    events::Cause,
    payments::{
        attempt::Attempted,
        charge::Charge,
        confirm::METHODS,
        dispute::{self, Dispute},
        refund::{Order, REASONS, Refund, RefundStatus},
        tender::{Decline, Settled},
    },
    wire::{error::ApiError, params::Metadata, resource::Resource},
};
use crate::state::World;

type Given = Map<String, Value>;

/// What an invoice's payment fails of when somebody wants it to.
const WANTED: Decline =
    Decline { code: "card_declined", reason: Some("generic_decline"), message: "Your card was declined." };

impl World {
    /// Has an event of this type happen; answers its id.
    pub fn trigger(&mut self, kind: &str, given: Option<Given>) -> Result<String, ApiError> {
        let Some(given) = given else {
            let sample = self.sample(kind);
            return Ok(self.emit(kind, &sample, Cause::default()));
        };
        let before = self.events.len();
        let Some(id) = self.act(kind, &given)? else {
            return Ok(self.emit(kind, &Value::Object(given), Cause::default()));
        };
        let told = |event: &&super::events::Event| event.kind == kind;
        let ids: Vec<String> = self.events.iter().skip(before).filter(told).map(|event| event.id.clone()).collect();
        let ids = if ids.is_empty() {
            let object = self.look_up(&id).unwrap_or_default();
            vec![self.emit(kind, &object, Cause::default())]
        } else {
            ids
        };
        let said = overriding(kind, given);
        for id in &ids {
            self.override_object(id, &said);
        }
        Ok(ids.last().cloned().unwrap_or_default())
    }

    /// Nothing was sent yet, because the world is still locked: what is delivered is what is written here.
    fn override_object(&mut self, id: &str, said: &Given) {
        let Some(event) = self.events.get_mut(id) else { return };
        let mut body: Value = serde_json::from_str(&event.body).unwrap_or_default();
        if let Some(object) = body.pointer_mut("/data/object").and_then(Value::as_object_mut) {
            object.extend(said.clone());
        }
        event.body = body.to_string();
    }

    /// Does to what is there what the type says; answers the id of the event's object, `None` when nothing is known of it.
    fn act(&mut self, kind: &str, given: &Given) -> Result<Option<String>, ApiError> {
        let cause = Cause::default();
        let text = |name: &str| given.get(name).and_then(Value::as_str);
        let status = text("status");
        let charge = self.charge_named(kind, given);
        match (kind, charge, text("id")) {
            ("charge.dispute.created", Some(charge), _) => self.open_dispute(&charge, given).map(Some),
            ("refund.created" | "charge.refunded", Some(charge), _) => self.give_back(kind, &charge, given).map(Some),
            (_, _, Some(id)) if self.disputes.get(id).is_some() && kind.starts_with("charge.dispute.") => {
                let closed = (kind == "charge.dispute.closed").then_some("lost");
                if let Some(status) = status.or(closed) {
                    let known = dispute::STATUSES.into_iter().find(|known| *known == status);
                    let known = known.ok_or_else(|| ApiError::not_one_of("status", &dispute::STATUSES))?;
                    known.clone_into(&mut self.find_mut::<Dispute>(id)?.status);
                }
                Ok(Some(id.to_owned()))
            }
            (_, _, Some(id)) if self.refunds.get(id).is_some() => {
                let status = match (kind, status) {
                    ("refund.failed", _) => Some(RefundStatus::Failed),
                    (_, Some(text)) => Some(RefundStatus::of(text).ok_or_else(|| {
                        ApiError::not_one_of("status", &["succeeded", "failed", "pending", "canceled"])
                    })?),
                    (_, None) => None,
                };
                if let Some(status) = status {
                    self.refund_turned(id, status, &cause)?;
                }
                Ok(Some(id.to_owned()))
            }
            ("checkout.session.expired", _, Some(id)) if self.sessions.get(id).is_some() => {
                if Session::find(self, id)?.status == session::Status::Open {
                    self.expire(id, cause)?;
                }
                Ok(Some(id.to_owned()))
            }
            ("payment_intent.succeeded" | "payment_intent.payment_failed", _, Some(id)) if self.is_settling(id) => {
                let settled = if kind == "payment_intent.succeeded" { Settled::Succeeds } else { Settled::Fails };
                self.settle(id, settled, &cause)?;
                Ok(Some(id.to_owned()))
            }
            (_, _, Some(id)) if self.subscriptions.get(id).is_some() => {
                self.turn_subscription(kind, id, given).map(|()| Some(id.to_owned()))
            }
            (_, _, Some(id)) if self.invoices.get(id).is_some() => {
                self.turn_invoice(kind, id).map(|()| Some(id.to_owned()))
            }
            (_, _, Some(id)) => Ok(self.look_up(id).map(|_| id.to_owned())),
            _ => Ok(None),
        }
    }

    /// The charge that a dispute or a refund is to hang on, if it is there.
    fn charge_named(&self, kind: &str, given: &Given) -> Option<String> {
        let text = |name: &str| given.get(name).and_then(Value::as_str);
        let own = text("id").filter(|_| kind == "charge.refunded");
        let named = own.or_else(|| text("charge")).filter(|charge| self.charges.get(charge).is_some());
        let paid = || text("payment_intent").and_then(|intent| self.charge_of(None, Some(intent)).ok());
        named.map(str::to_owned).or_else(paid)
    }

    fn open_dispute(&mut self, charge: &str, given: &Given) -> Result<String, ApiError> {
        let reason = given.get("reason").and_then(Value::as_str).unwrap_or("product_not_received");
        let id = self.dispute(charge, reason, &Cause::default())?;
        let dispute = self.find_mut::<Dispute>(&id)?;
        dispute.amount = given.get("amount").and_then(Value::as_i64).unwrap_or(dispute.amount);
        if let Some(status) = given.get("status").and_then(Value::as_str)
            && dispute::STATUSES.contains(&status)
        {
            status.clone_into(&mut dispute.status);
        }
        Ok(id)
    }

    /// Refunds what is asked for, or all that is left. Answers the id of the refund or of the charge, as the type has it.
    fn give_back(&mut self, kind: &str, charge: &str, given: &Given) -> Result<String, ApiError> {
        let whole = kind == "charge.refunded";
        let is_charge = given.get("object").and_then(Value::as_str) == Some("charge");
        let number = |name: &str| given.get(name).and_then(Value::as_i64);
        let already = Charge::find(self, charge)?.amount_refunded;
        let amount = match number("amount_refunded").filter(|_| whole) {
            Some(total) => Some(total - already),
            None if whole && is_charge => None,
            None => number("amount"),
        };
        if amount.is_some_and(|amount| amount < 1) {
            return if whole { Ok(charge.to_owned()) } else { Err(ApiError::invalid("amount: must be above zero")) };
        }
        let reason = given.get("reason").and_then(Value::as_str);
        let reason = reason.and_then(|reason| REASONS.into_iter().find(|known| *known == reason));
        let order = Order { amount, reason, metadata: Metadata::new() };
        let refund = self.refund(charge, order, &Cause::default())?;
        Ok(if whole { charge.to_owned() } else { refund })
    }

    fn turn_subscription(&mut self, kind: &str, id: &str, given: &Given) -> Result<(), ApiError> {
        let now = self.now();
        let ended = Subscription::find(self, id)?.status.has_ended();
        let status = given.get("status").and_then(Value::as_str).and_then(Status::of);
        let status = match kind {
            "customer.subscription.deleted" if !ended => return self.end_subscription(id, now, &Cause::default()),
            "customer.subscription.paused" => Some(Status::Paused),
            "customer.subscription.resumed" => Some(Status::Active),
            _ => status,
        };
        let ends = given.get("cancel_at_period_end").and_then(Value::as_bool);
        let told = if kind == "customer.subscription.updated" { kind } else { "" };
        let subscription = self.find_mut::<Subscription>(id)?;
        let before = subscription.render();
        subscription.status = status.unwrap_or(subscription.status);
        subscription.cancel_at_period_end = ends.unwrap_or(subscription.cancel_at_period_end);
        let after = subscription.render();
        if !told.is_empty() {
            self.emit_update(told, &before, &after, Cause::default());
        }
        Ok(())
    }

    fn turn_invoice(&mut self, kind: &str, id: &str) -> Result<(), ApiError> {
        let cause = Cause::default();
        let open = matches!(Invoice::find(self, id)?.status, InvoiceStatus::Open | InvoiceStatus::Uncollectible);
        match kind {
            "invoice.payment_failed" if open => self.invoice_attempted(id, Attempted::Declined(WANTED), &cause),
            "invoice.payment_action_required" if open => {
                self.invoice_attempted(id, Attempted::NeedsAuthentication, &cause)
            }
            "invoice.paid" | "invoice.payment_succeeded" if open => {
                self.invoice_attempted(id, Attempted::Collected, &cause)
            }
            "invoice.voided" if open => self.void_invoice(id, &cause).map(drop),
            _ => Ok(()),
        }
    }

    /// An object of the kind that an event type is about. It refers to the latest payment where there is one, so that what
    /// hangs on a payment can be joined to it.
    fn sample(&self, kind: &str) -> Value {
        let created = self.now();
        let latest = |object: &str| match object {
            "checkout.session" => self.sessions.iter().next_back().map(Session::render),
            "payment_intent" => self.intents.iter().next_back().map(Resource::render),
            "customer" => self.customers.iter().next_back().map(Resource::render),
            "customer.subscription" => self.subscriptions.iter().next_back().map(Resource::render),
            "invoice" => self.invoices.iter().next_back().map(Resource::render),
            "product" => self.products.iter().next().map(Resource::render),
            "price" => self.prices.iter().next().map(Resource::render),
            _ => None,
        };
        let paid = self.charges.iter().rev().find(|charge| charge.amount_captured > 0);
        let object = kind.rsplit_once('.').map_or(kind, |(object, _)| object);
        match (object, paid) {
            ("charge.dispute", Some(charge)) => self.sample_dispute(charge),
            ("refund" | "charge.refund", Some(charge)) => self.sample_refund(charge),
            ("charge", Some(charge)) => {
                let mut object = charge.render();
                if kind == "charge.refunded" {
                    object["amount_refunded"] = json!(charge.amount);
                    object["refunded"] = json!(true);
                }
                object
            }
            _ => latest(object).unwrap_or_else(|| bare(object, created)),
        }
    }

    fn sample_dispute(&self, charge: &Charge) -> Value {
        let dispute = Dispute {
            id: super::wire::ids::new("du_1"),
            created: self.now(),
            amount: charge.amount_captured,
            currency: charge.currency,
            charge: charge.id.clone(),
            intent: charge.intent.clone(),
            metadata: Metadata::new(),
            reason: "product_not_received".to_owned(),
            status: "needs_response".to_owned(),
            brand: "visa".to_owned(),
        };
        dispute.render()
    }

    fn sample_refund(&self, charge: &Charge) -> Value {
        let refund = Refund {
            id: super::wire::ids::new("re_3"),
            created: self.now(),
            amount: charge.amount_captured,
            currency: charge.currency,
            charge: charge.id.clone(),
            intent: charge.intent.clone(),
            metadata: Metadata::new(),
            reason: Some("requested_by_customer"),
            status: RefundStatus::Succeeded,
            kind: METHODS[0],
        };
        refund.render()
    }
}

/// What of a request goes over the object. Of a refund that was asked for, what the request says about the refund is no
/// word about the charge.
fn overriding(kind: &str, mut given: Given) -> Given {
    let is_charge = given.get("object").and_then(Value::as_str) == Some("charge");
    if kind == "charge.refunded" && !is_charge {
        for name in ["amount", "charge", "reason", "status", "payment_intent"] {
            given.remove(name);
        }
    }
    given
}

/// An object that nobody made, with what every object has.
fn bare(object: &str, created: i64) -> Value {
    let (prefix, name) = match object {
        "checkout.session" => ("cs_test_a1", object),
        "payment_intent" => ("pi_3", object),
        "charge" => ("ch_3", object),
        "charge.dispute" => ("du_1", "dispute"),
        "refund" | "charge.refund" => ("re_3", "refund"),
        "customer" => ("cus_", object),
        "customer.subscription" => ("sub_1", "subscription"),
        "invoice" => ("in_1", object),
        _ => ("obj_", object),
    };
    let mut bare = json!({
        "id": super::wire::ids::new(prefix), "object": name, "created": created, "livemode": false, "metadata": {},
    });
    if ["charge", "dispute", "refund"].contains(&name) {
        let fields = [
            ("amount", json!(29_900)),
            ("currency", json!("usd")),
            ("payment_intent", json!(super::wire::ids::new("pi_3"))),
            ("charge", json!(super::wire::ids::new("ch_3"))),
            ("status", json!(if name == "dispute" { "needs_response" } else { "succeeded" })),
        ];
        for (field, value) in fields {
            bare[field] = value;
        }
    }
    bare
}
