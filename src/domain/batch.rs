//! What the shop promises about the batch on sale. Every page and message takes its dates from
//! here.

/// The batch of a pre-order placed now.
pub const BATCH: &str = "Batch 1";

/// The batch's ship window, in a customer's words.
pub const SHIP_WINDOW: &str = "15 March – 15 April 2027";

/// The date by which every customer of the batch gets a progress report, even if nothing changed.
pub const NEXT_UPDATE: &str = "15 January 2027";

/// The support address. A person reads it.
pub const CONTACT_EMAIL: &str = "hello@rolitt.example";
