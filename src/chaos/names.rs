//! The names of chaos: places where a process may be struck, and rules that a negative control breaks.

/// A place in the code where what was done and what is still to be done are apart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Point {
    /// A checkout session was made, and the customer does not know yet.
    SessionCreated,
    /// A webhook's signature was found good, and nothing is stored.
    WebhookVerified,
    /// The order is locked, and nothing is written.
    LockHeld,
    /// All is written, and nothing committed.
    BeforeCommit,
    /// Committed, and the provider was not answered.
    AfterCommit,
    /// A kept event was leased, and not applied again.
    EventLeased,
    /// A message was leased, and not sent.
    MessageLeased,
    /// A message was accepted by its receiver, and not marked as sent.
    MessageSent,
    /// A message was marked as sent.
    MessageMarked,
    /// A page of the provider's list was compared, and its place not kept.
    PageCompared,
}

impl Point {
    pub const ALL: [Self; 10] = [
        Self::SessionCreated,
        Self::WebhookVerified,
        Self::LockHeld,
        Self::BeforeCommit,
        Self::AfterCommit,
        Self::EventLeased,
        Self::MessageLeased,
        Self::MessageSent,
        Self::MessageMarked,
        Self::PageCompared,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SessionCreated => "session_created",
            Self::WebhookVerified => "webhook_verified",
            Self::LockHeld => "lock_held",
            Self::BeforeCommit => "before_commit",
            Self::AfterCommit => "after_commit",
            Self::EventLeased => "event_leased",
            Self::MessageLeased => "message_leased",
            Self::MessageSent => "message_sent",
            Self::MessageMarked => "message_marked",
            Self::PageCompared => "page_compared",
        }
    }
}

/// A rule that is broken on purpose, to see that its absence is noticed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Control {
    /// Nobody waits for others who work on the same order. The harness also takes the unique index on sessions away.
    NoUniqueIndex,
    /// Klaviyo is called by whoever made the change, three times at most, instead of through the outbox.
    InlineSend,
    /// A message is made anew at each try, and says when that was.
    FreshBody,
    /// Klaviyo is called before the commit, under an id made for the call; what was sent is remembered in the process only.
    MemorySet,
}

impl Control {
    pub const ALL: [Self; 4] = [Self::NoUniqueIndex, Self::InlineSend, Self::FreshBody, Self::MemorySet];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoUniqueIndex => "no_unique_index",
            Self::InlineSend => "inline_send",
            Self::FreshBody => "fresh_body",
            Self::MemorySet => "memory_set",
        }
    }
}
