//! Paying a session that is about a subscription: it begins when the card is taken, not before.

use super::{
    pay::{Paid, Unpayable},
    session::{Buyer, PaymentStatus, Session},
};
use crate::{
    state::World,
    stripe::{
        billing::{
            items::begin,
            subscription::{Status, Subscription},
        },
        events::Cause,
        payments::{
            method::Billing,
            tender::{Conduct, Tender},
        },
        wire::{error::ApiError, resource::Resource},
    },
};

impl World {
    /// One attempt; a card that is declined leaves nothing behind.
    pub fn subscribe(&mut self, id: &str, tender: Tender, buyer: Buyer) -> Result<Paid, Unpayable> {
        match tender.conduct {
            Conduct::Declined(decline) | Conduct::FailsWhenCharged(decline) => return Ok(Paid::Declined(decline)),
            Conduct::Authenticates => {
                self.payable(id)?.authenticating = Some((buyer, tender));
                return Ok(Paid::NeedsAuthentication);
            }
            Conduct::Delayed(_) => return Err(Unpayable::MethodNotOffered),
            Conduct::Pays | Conduct::Disputed => {}
        }
        self.begin_subscription(id, tender, &buyer)?;
        self.close(id, buyer, PaymentStatus::Paid)
    }

    fn begin_subscription(&mut self, id: &str, tender: Tender, buyer: &Buyer) -> Result<(), ApiError> {
        let cause = Cause::default();
        let now = self.now();
        let customer = match &Session::find(self, id)?.customer {
            Some(customer) => customer.clone(),
            None => self.customer_of(buyer),
        };
        let billing =
            Billing { email: Some(buyer.email.clone()), name: Some(buyer.name.clone()), ..Billing::default() };
        let method = self.add_method(tender, billing);
        self.attach(&method, &customer, cause.clone())?;
        let session = Session::find(self, id)?;
        let lines: Vec<(String, i64)> = session
            .items
            .iter()
            .map(|item| (item.price["id"].as_str().unwrap_or_default().to_owned(), item.quantity))
            .collect();
        let mut subscription = Subscription::new(&customer, session.currency, now);
        subscription.metadata = session.asked.subscription_metadata.clone();
        subscription.description.clone_from(&session.asked.subscription_description);
        subscription.default_method = Some(method);
        for (price, quantity) in lines {
            subscription.items.push(begin(self, &price, quantity, now)?);
        }
        let subscription_id = subscription.id.clone();
        debug_assert_eq!(subscription.status, Status::Incomplete);
        self.put(subscription);
        let invoice = self.draft_invoice(&subscription_id, "subscription_create", &cause)?;
        self.emit("customer.subscription.created", &self.rendered::<Subscription>(&subscription_id), cause.clone());
        self.finalize_invoice(&invoice, &cause)?;
        self.collect_invoice(&invoice, None, false, &cause)?;
        let session = self.find_mut::<Session>(id)?;
        session.customer = Some(customer);
        session.subscription = Some(subscription_id);
        session.invoice = Some(invoice);
        Ok(())
    }
}
