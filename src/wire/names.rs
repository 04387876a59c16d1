//! Names that more than one room writes into a request, a response or a page.

/// The header that carries the request id, by which the logs are searched.
pub const REQUEST_ID: &str = "x-request-id";

/// Where the checkout form is posted, with and without WebAssembly.
pub const CREATE_CHECKOUT: &str = "/api/create_checkout";

/// Where an open page asks for fresh prices.
pub const OFFERS: &str = "/api/offers";

/// Where an open page listens for the status of a pending payment.
pub const CHECKOUT_EVENTS: &str = "/checkout/events";

/// The return page. Its query names the checkout session.
pub const CHECKOUT_SUCCESS: &str = "/checkout/success";

/// The storefront for a customer who left the payment page.
pub const CHECKOUT_CANCEL: &str = "/checkout/cancel";
