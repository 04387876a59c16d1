//! The states of webhook events and of outbox messages, and the sets of states that both stores
//! search for. SQL spells the same words; a test compares the two.

use super::{Row, Value};
use crate::domain::{
    lifecycle::{DisputeStatus, RefundStatus},
    preorder::PreorderStatus,
};

/// The states of a webhook event, a row of `webhook_logs`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum EventStatus {
    /// Stored, and not processed yet.
    Received,
    /// Leased by a worker, or being applied in an open transaction.
    Processing,
    /// Applied.
    Done,
    /// Nothing to do; the log says why.
    Ignored,
    /// Not applied; it will be retried.
    Failed,
    /// Not applied; it waits for a person.
    Parked,
}

impl EventStatus {
    /// Every state.
    pub const ALL: [Self; 6] =
        [Self::Received, Self::Processing, Self::Done, Self::Ignored, Self::Failed, Self::Parked];

    /// The states in which a worker may lease the event.
    pub(super) const WAITING: [Self; 3] = [Self::Received, Self::Processing, Self::Failed];

    /// The states that end an event.
    pub(super) const CLOSED: [Self; 2] = [Self::Done, Self::Ignored];

    /// Returns the name that both stores and the metrics use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Processing => "processing",
            Self::Done => "done",
            Self::Ignored => "ignored",
            Self::Failed => "failed",
            Self::Parked => "parked",
        }
    }

    /// Parses a name as [`Self::as_str`] returns it.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }

    /// Returns the state of a row of the log; `None` when the row has none that reads.
    pub fn of(log: &Row) -> Option<Self> {
        log.text("status").ok().and_then(Self::from_name)
    }

    /// Returns the state of an event that could not be applied: it is retried, or parked.
    pub const fn after_failure(retried: bool) -> Self {
        if retried { Self::Failed } else { Self::Parked }
    }

    /// Whether the event was applied or ignored. It never leaves these states.
    pub const fn is_closed(self) -> bool {
        matches!(self, Self::Done | Self::Ignored)
    }
}

/// The states of a message, a row of `outbox`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum MessageStatus {
    /// To be sent.
    Pending,
    /// Sent.
    Sent,
    /// Not sent; it waits for a person.
    Parked,
    /// Not sent, because its notification no longer applied. Its body is empty.
    Withdrawn,
}

impl MessageStatus {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Pending, Self::Sent, Self::Parked, Self::Withdrawn];

    /// Returns the name that both stores and the metrics use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Sent => "sent",
            Self::Parked => "parked",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// Parses a name as [`Self::as_str`] returns it.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }

    /// Returns the state of a row of the outbox; `None` when the row has none that reads.
    pub fn of(message: &Row) -> Option<Self> {
        message.text("status").ok().and_then(Self::from_name)
    }

    /// Whether the message was sent or withdrawn. It never leaves these states.
    pub const fn is_closed(self) -> bool {
        matches!(self, Self::Sent | Self::Withdrawn)
    }
}

impl From<EventStatus> for Value {
    fn from(status: EventStatus) -> Self {
        status.as_str().into()
    }
}

impl From<MessageStatus> for Value {
    fn from(status: MessageStatus) -> Self {
        status.as_str().into()
    }
}

/// The states of orders that are over: nothing more is expected of them.
pub(super) const OVER: [PreorderStatus; 4] =
    [PreorderStatus::Delivered, PreorderStatus::Refunded, PreorderStatus::Cancelled, PreorderStatus::PaymentFailed];

/// The states of disputes that wait for the merchant's evidence.
pub(super) const NEEDS_RESPONSE: [DisputeStatus; 2] =
    [DisputeStatus::WarningNeedsResponse, DisputeStatus::NeedsResponse];

/// Returns the states of disputes that are not over.
pub(super) fn open_disputes() -> impl Iterator<Item = DisputeStatus> {
    DisputeStatus::ALL.into_iter().filter(|status| !status.is_over())
}

/// Returns the states of refunds that have neither succeeded nor failed.
pub(super) fn waiting_refunds() -> impl Iterator<Item = RefundStatus> {
    RefundStatus::ALL.into_iter().filter(|status| status.counts() && *status != RefundStatus::Succeeded)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use super::*;
    use crate::domain::lifecycle::IntentStatus;

    /// The contents of the files with this ending in a folder and below, in the order of their
    /// names.
    fn texts(folder: &str, ending: &str) -> String {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        let read = |path: &Path| {
            if path.is_dir() {
                return texts(path.to_str().unwrap(), ending);
            }
            let wanted = path.to_str().unwrap().ends_with(ending);
            if wanted { fs::read_to_string(path).unwrap() } else { String::new() }
        };
        paths.iter().map(|path| read(path)).collect()
    }

    /// The words in quotes up to the bracket that closes the list at the beginning of `sql`.
    fn words(sql: &str) -> Vec<&str> {
        let list = sql.split(')').next().unwrap();
        list.split('\'').skip(1).step_by(2).collect()
    }

    #[test]
    fn event_and_message_statuses_are_those_of_the_migrations() {
        let migrations = texts("migrations", ".up.sql");
        let (_, events) = migrations.split_once("create type webhook_status as enum (").unwrap();
        assert_eq!(words(events), EventStatus::ALL.map(EventStatus::as_str));
        assert!(!migrations.contains("alter type webhook_status"), "the type has further values");
        let (_, messages) = migrations.rsplit_once("outbox_status_check check (status in (").unwrap();
        assert_eq!(words(messages), MessageStatus::ALL.map(MessageStatus::as_str));
    }

    #[test]
    fn statuses_in_sql_are_spelled_as_in_rust() {
        let sets: [BTreeSet<&str>; 8] = [
            EventStatus::WAITING.map(EventStatus::as_str).into(),
            EventStatus::CLOSED.map(EventStatus::as_str).into(),
            MessageStatus::ALL.into_iter().filter(|status| status.is_closed()).map(MessageStatus::as_str).collect(),
            MessageStatus::ALL.into_iter().filter(|status| !status.is_closed()).map(MessageStatus::as_str).collect(),
            OVER.map(PreorderStatus::as_str).into(),
            DisputeStatus::ALL.into_iter().filter(|status| status.is_over()).map(DisputeStatus::as_str).collect(),
            NEEDS_RESPONSE.map(DisputeStatus::as_str).into(),
            waiting_refunds().map(RefundStatus::as_str).collect(),
        ];
        let names = (EventStatus::ALL.map(EventStatus::as_str).into_iter())
            .chain(MessageStatus::ALL.map(MessageStatus::as_str))
            .chain(PreorderStatus::ALL.map(PreorderStatus::as_str))
            .chain(IntentStatus::ALL.map(IntentStatus::as_str));
        let names: BTreeSet<&str> = names.collect();
        let sql = texts("src/server/store/postgres", ".rs");
        let mut lists = 0;
        for (place, _) in sql.match_indices("status in (").chain(sql.match_indices("status not in (")) {
            let set: BTreeSet<&str> = words(&sql[place..]).into_iter().collect();
            assert!(sets.contains(&set), "no set of states: {set:?}");
            lists += 1;
        }
        assert!(lists >= 12, "{lists} lists are too few: the search finds nothing");
        for compared in ["status = '", "status <> '", "status >= '"] {
            for (place, _) in sql.match_indices(compared) {
                let name = sql[place + compared.len()..].split('\'').next().unwrap();
                assert!(names.contains(name), "no state: {name}");
            }
        }
    }

    #[test]
    fn an_event_is_closed_where_it_was_applied_or_ignored() {
        let closed: Vec<EventStatus> = EventStatus::ALL.into_iter().filter(|status| status.is_closed()).collect();
        assert_eq!(closed, EventStatus::CLOSED);
        assert!(EventStatus::WAITING.iter().all(|status| !status.is_closed()));
        assert_eq!(EventStatus::ALL.map(|status| EventStatus::from_name(status.as_str())), EventStatus::ALL.map(Some));
        assert_eq!(
            MessageStatus::ALL.map(|status| MessageStatus::from_name(status.as_str())),
            MessageStatus::ALL.map(Some)
        );
        assert_eq!(EventStatus::from_name("Done"), None);
    }
}
