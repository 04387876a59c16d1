//! The names in this repository's shop: its failpoints, and the rules that its negative controls
//! break. The shop and the fault harness share nothing else.

/// A checkout session is created, and the customer does not know it yet.
pub const SESSION_CREATED: &str = "session_created";
/// A webhook's signature is verified, and nothing is stored.
pub const WEBHOOK_VERIFIED: &str = "webhook_verified";
/// The order is locked, and nothing is written.
pub const LOCK_HELD: &str = "lock_held";
/// Everything is written, and nothing is committed.
pub const BEFORE_COMMIT: &str = "before_commit";
/// The transaction is committed, and the provider has no response.
pub const AFTER_COMMIT: &str = "after_commit";
/// A stored event is leased, and not applied again.
pub const EVENT_LEASED: &str = "event_leased";
/// A message is leased, and not sent.
pub const MESSAGE_LEASED: &str = "message_leased";
/// A message is accepted by its receiver, and not marked as sent.
pub const MESSAGE_SENT: &str = "message_sent";
/// A message is marked as sent.
pub const MESSAGE_MARKED: &str = "message_marked";
/// A page of the provider's list is compared, and the cursor is not stored.
pub const PAGE_COMPARED: &str = "page_compared";

/// All failpoints of the shop.
pub const FAILPOINTS: [&str; 10] = [
    SESSION_CREATED,
    WEBHOOK_VERIFIED,
    LOCK_HELD,
    BEFORE_COMMIT,
    AFTER_COMMIT,
    EVENT_LEASED,
    MESSAGE_LEASED,
    MESSAGE_SENT,
    MESSAGE_MARKED,
    PAGE_COMPARED,
];

/// Order ids and numbers are random instead of derived from the session. The fault harness also
/// removes the unique index on sessions and the locks on orders from the database.
pub const NO_UNIQUE_INDEX: &str = "no_unique_index";
/// The code that makes a change calls Klaviyo itself, three times at most, without the outbox.
pub const INLINE_SEND: &str = "inline_send";
/// Each attempt to send a message builds a new body, which states the time.
pub const FRESH_BODY: &str = "fresh_body";
/// Klaviyo is called before the commit, under an id that is made for the call. Only the process's
/// memory knows what was sent.
pub const MEMORY_SET: &str = "memory_set";

/// All negative controls of the shop.
pub const CONTROLS: [&str; 4] = [NO_UNIQUE_INDEX, INLINE_SEND, FRESH_BODY, MEMORY_SET];
