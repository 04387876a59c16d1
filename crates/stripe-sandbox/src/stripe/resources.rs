//! The table of resources: which kinds of objects there are, where they are stored and where they
//! are listed.

use serde_json::Value;

use super::{
    objects::{
        Charge, Customer, Dispute, Endpoint, Event, Intent, Invoice, Object, PaymentMethod, Price, Product, Refund,
        Session, Subscription,
    },
    wire::ApiError,
};
use crate::{table::Table, world::World};

/// A kind of object that can be retrieved and listed.
pub(crate) trait Resource: Object {
    /// As in the object's own `object`.
    const KIND: &'static str;
    /// Where the objects are listed. Each object has its own address below.
    const URL: &'static str;
    /// The parameter that Stripe names where an address names no such object.
    const PARAM: &'static str;

    fn table(world: &World) -> &Table<Self>;
    fn table_mut(world: &mut World) -> &mut Table<Self>;
    fn id(&self) -> &str;
    fn created(&self) -> i64;

    /// Returns the object that an address names.
    fn find<'w>(world: &'w World, id: &str) -> Result<&'w Self, ApiError> {
        Self::check_id(id)?;
        let now = world.now();
        let found = Self::table(world).get(id).filter(|object| object.is_visible(now));
        found.ok_or_else(|| ApiError::not_found(Self::KIND, id, Self::PARAM))
    }
}

/// `Type: field of World, object, address, parameter;`
macro_rules! resources {
    ($($object:ident: $table:ident, $kind:literal, $url:literal, $param:literal;)*) => {
        $(impl Resource for $object {
            const KIND: &'static str = $kind;
            const URL: &'static str = $url;
            const PARAM: &'static str = $param;

            fn table(world: &World) -> &Table<Self> {
                &world.$table
            }

            fn table_mut(world: &mut World) -> &mut Table<Self> {
                &mut world.$table
            }

            fn id(&self) -> &str {
                &self.id
            }

            fn created(&self) -> i64 {
                self.created
            }
        })*
    };
}

resources! {
    Product: products, "product", "/v1/products", "id";
    Price: prices, "price", "/v1/prices", "price";
    Customer: customers, "customer", "/v1/customers", "id";
    PaymentMethod: methods, "payment_method", "/v1/payment_methods", "payment_method";
    Intent: intents, "payment_intent", "/v1/payment_intents", "intent";
    Charge: charges, "charge", "/v1/charges", "id";
    Refund: refunds, "refund", "/v1/refunds", "refund";
    Dispute: disputes, "dispute", "/v1/disputes", "dispute";
    Session: sessions, "checkout.session", "/v1/checkout/sessions", "session";
    Subscription: subscriptions, "subscription", "/v1/subscriptions", "id";
    Invoice: invoices, "invoice", "/v1/invoices", "invoice";
    Event: events, "event", "/v1/events", "id";
    Endpoint: endpoints, "webhook_endpoint", "/v1/webhook_endpoints", "webhook_endpoint";
}

impl World {
    /// Stores an object, in place of the one with the same id if there is one.
    pub(crate) fn put<R: Resource>(&mut self, object: R) {
        let id = object.id().to_owned();
        R::table_mut(self).put(id, object);
    }

    /// Returns an object that another one refers to, to be changed.
    pub(crate) fn find_mut<R: Resource>(&mut self, id: &str) -> Result<&mut R, ApiError> {
        R::find(self, id)?;
        R::table_mut(self).get_mut(id).ok_or_else(|| ApiError::not_found(R::KIND, id, R::PARAM))
    }

    /// Renders an object as it is now; null when there is none.
    pub(crate) fn rendered<R: Resource>(&self, id: &str) -> Value {
        R::table(self).get(id).map_or(Value::Null, R::render)
    }

    /// Renders the object that an id names, whatever its kind. Events and endpoints are not looked
    /// up: no object refers to them.
    pub(crate) fn look_up(&self, id: &str) -> Option<Value> {
        let looks = [
            show::<Product>,
            show::<Price>,
            show::<Customer>,
            show::<PaymentMethod>,
            show::<Intent>,
            show::<Charge>,
            show::<Refund>,
            show::<Dispute>,
            show::<Subscription>,
            show::<Invoice>,
            show::<Session>,
        ];
        looks.into_iter().find_map(|look| look(self, id))
    }
}

fn show<R: Resource>(world: &World, id: &str) -> Option<Value> {
    R::table(world).get(id).map(R::render)
}
