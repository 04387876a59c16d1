//! Checkout sessions: opened and expired.

use minor_money::Currency;

use super::{customers, prices::PriceDraft};
use crate::{
    stripe::{
        objects::{Cause, LineItem, Mode, Object, PaymentStatus, Session, SessionParams, SessionStatus},
        wire::{ApiError, ids, least},
    },
    world::World,
};

const SHORTEST: i64 = 30 * 60;

const LONGEST: i64 = 24 * 60 * 60;

/// A checked request, before its prices are looked up.
pub(crate) struct SessionDraft {
    pub(crate) asked: SessionParams,
    pub(crate) lines: Vec<Line>,
    pub(crate) expires_at: Option<i64>,
}

pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) price: Asking,
    pub(crate) quantity: i64,
}

/// An existing price, or one that the line describes.
pub(crate) enum Asking {
    Price(String),
    Made(PriceDraft),
}

impl SessionDraft {
    /// Creates the session, if all of its prices exist. Returns its id.
    pub(crate) fn open(self, world: &mut World, cause: &Cause) -> Result<String, ApiError> {
        let Self { mut asked, lines, expires_at } = self;
        let created = world.now();
        let expires_at = lifetime(expires_at, created)?;
        let mut known_email = asked.customer_email.clone();
        if let Some(customer) = &asked.customer {
            known_email.clone_from(&customers::existing_customer(world, customer, "customer")?.email);
        }
        let (items, currency) = items(world, &lines, asked.mode, cause)?;
        let amount: i64 = items.iter().map(|item| item.unit_amount * item.quantity).sum();
        enough(amount, currency)?;
        if asked.mode == Mode::Subscription {
            if let Some(delayed) = asked.payment_method_types.iter().find(|kind| **kind != "card") {
                let what = format!("payment_method_types={delayed} in subscription mode");
                return Err(ApiError::unsupported(&what).at("payment_method_types"));
            }
            asked.payment_method_types = vec!["card"];
        }
        if asked.payment_method_types.is_empty() {
            let delayed = if currency == Currency::USD { Some("us_bank_account") } else { delayed_in(currency) };
            asked.payment_method_types = ["card"].into_iter().chain(delayed).collect();
        }
        let id = ids::session();
        let url = format!("{}/c/pay/{id}", world.origin);
        let session = Session {
            id: id.clone(),
            created,
            expires_at,
            customer: asked.customer.clone(),
            known_email,
            invoice: None,
            status: SessionStatus::Open,
            payment_status: PaymentStatus::Unpaid,
            asked,
            items,
            currency,
            amount,
            intent: None,
            subscription: None,
            buyer: None,
            authenticating: None,
            url,
        };
        world.expiring.insert((expires_at, id.clone()));
        world.sessions.put(id.clone(), session);
        Ok(id)
    }
}

/// Returns the delayed method for a currency. Stripe offers SEPA in euros only; in other currencies
/// it stands for whichever delayed method they have.
pub(crate) fn delayed_in(currency: Currency) -> Option<&'static str> {
    (currency.exponent() == 2).then_some("sepa_debit")
}

pub(crate) fn lifetime(expires_at: Option<i64>, created: i64) -> Result<i64, ApiError> {
    let refused = |message: &str| Err(ApiError::invalid(message).at("expires_at"));
    match expires_at {
        None => Ok(created + LONGEST),
        Some(at) if at < created + SHORTEST => {
            refused("The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation.")
        }
        Some(at) if at > created + LONGEST => {
            refused("The `expires_at` timestamp must be less than 24 hours from Checkout Session creation.")
        }
        Some(at) => Ok(at),
    }
}

pub(crate) fn items(
    world: &mut World,
    lines: &[Line],
    mode: Mode,
    cause: &Cause,
) -> Result<(Vec<LineItem>, Currency), ApiError> {
    let mut items = Vec::with_capacity(lines.len());
    let (mut shared, mut rhythm) = (None, None);
    for Line { name, price, quantity } in lines {
        let (id, inline) = match price {
            Asking::Price(id) => (id.clone(), false),
            Asking::Made(draft) => (draft.make_inline(world, cause)?, true),
        };
        let price = world.prices.get(&id).ok_or_else(|| ApiError::no_such("price", &id, name))?;
        if !price.active && !inline {
            let message = "The price specified is inactive. This field only accepts active prices.";
            return Err(ApiError::invalid(message).at(name));
        }
        match (mode, price.recurring) {
            (Mode::Payment, None) => {}
            (Mode::Subscription, Some(recurring)) if *rhythm.get_or_insert(recurring) == recurring => {}
            (Mode::Payment, Some(_)) => {
                let message = "You specified `payment` mode but passed a recurring price. Either switch to `subscription` mode or \
                               use only one-time prices.";
                return Err(ApiError::invalid(message).at(name));
            }
            (Mode::Subscription, Some(_)) => {
                let message = "Checkout does not support multiple prices with different billing intervals.";
                return Err(ApiError::invalid(message).at(name));
            }
            (Mode::Subscription, None) => {
                return Err(ApiError::unsupported("a one-time price in subscription mode").at(name));
            }
        }
        let currency = price.money.currency();
        if *shared.get_or_insert(currency) != currency {
            return Err(ApiError::invalid("All prices of a Checkout Session must have the same currency.").at(name));
        }
        let product = world.products.get(&price.product);
        if product.is_some_and(|product| !product.active && !inline) {
            let message = format!("The product tied to the price ID `{id}` is marked as inactive.");
            return Err(ApiError::invalid(message).at(name));
        }
        items.push(LineItem {
            id: ids::new("li_1"),
            description: product.map(|product| product.name.clone()).unwrap_or_default(),
            quantity: *quantity,
            unit_amount: price.money.minor(),
            price: price.render(),
        });
    }
    let currency = shared.ok_or_else(|| ApiError::missing("line_items"))?;
    Ok((items, currency))
}

pub(crate) fn enough(amount: i64, currency: Currency) -> Result<(), ApiError> {
    let least = least(currency);
    if amount >= least {
        return Ok(());
    }
    let message =
        format!("The Checkout Session's total amount due must add up to at least {least} of {currency}'s minor units.");
    Err(ApiError::invalid(message).code("amount_too_small"))
}

/// Expires an open session, which can then no longer be paid.
pub(crate) fn expire_session(world: &mut World, id: &str, cause: Cause) -> Result<(), ApiError> {
    let now = world.now();
    let session = world.find_mut::<Session>(id)?;
    if session.status != SessionStatus::Open {
        let message = format!(
            "Only Checkout Sessions with a status in [\"open\"] can be expired. This Checkout Session has a status of \
             \"{}\".",
            session.status.as_str()
        );
        return Err(ApiError::invalid(message));
    }
    session.status = SessionStatus::Expired;
    let object = session.render();
    let key = (session.expires_at, id.to_owned());
    let mut canceled = None;
    let intent = session.intent.clone();
    if let Some(intent) = intent.and_then(|intent| world.intents.get_mut(&intent))
        && intent.status.is_open()
    {
        intent.cancel("automatic", now);
        canceled = Some(intent.render());
    }
    world.expiring.remove(&key);
    if let Some(intent) = canceled {
        world.emit("payment_intent.canceled", &intent, cause.clone());
    }
    world.emit("checkout.session.expired", &object, cause);
    Ok(())
}

/// Expires the sessions that are due.
pub(crate) fn expire_due(world: &mut World) {
    let now = world.now();
    while let Some((_, id)) = world.expiring.first().filter(|(at, _)| *at <= now).cloned() {
        if expire_session(world, &id, Cause::default()).is_err() {
            world.expiring.pop_first();
        }
    }
}
