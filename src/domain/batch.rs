//! What the shop promises about the batch on sale: dates and counts that pages, mails and the return page all say alike.

/// The batch that a pre-order placed now belongs to.
pub const BATCH: &str = "Batch 1";

/// When the batch leaves the workshop, as a customer reads it.
pub const SHIP_WINDOW: &str = "15 March – 15 April 2027";

/// By when every customer of the batch hears how it goes, even if nothing changed.
pub const NEXT_UPDATE: &str = "15 January 2027";

/// The address to write to; a person answers.
pub const CONTACT_EMAIL: &str = "hello@rolitt.example";
