//! Turns notifications into messages for the outbox.

use time::OffsetDateTime;

use crate::{
    domain::{
        lifecycle::{Notification, OrderState},
        preorder::Preorder,
    },
    server::{
        marketing::klaviyo::build_event,
        store::{Message, MessageKind},
    },
};

/// Makes the messages that notifications cause. The store calls it inside the transaction that
/// writes them, and again if that transaction is repeated.
pub trait MessageSource: Send + Sync {
    /// Makes the messages of notifications about one order that have just begun. `at` is when the
    /// change happened, which the messages state.
    fn messages(
        &self,
        preorder: &Preorder,
        state: &OrderState,
        notifications: &[Notification],
        at: OffsetDateTime,
    ) -> Vec<Message>;
}

/// One Klaviyo event for each notification that marketing hears about.
pub struct KlaviyoMessages;

impl MessageSource for KlaviyoMessages {
    fn messages(
        &self,
        preorder: &Preorder,
        state: &OrderState,
        notifications: &[Notification],
        at: OffsetDateTime,
    ) -> Vec<Message> {
        let message = |notification: &Notification| {
            let event = build_event(notification, preorder, state, at)?;
            Some(Message {
                kind: MessageKind::KlaviyoEvent,
                dedupe_key: event.unique_id,
                body: event.body,
                notification: notification.clone(),
            })
        };
        notifications.iter().filter_map(message).collect()
    }
}

/// Marketing is off: no messages.
pub struct NoMessages;

impl MessageSource for NoMessages {
    fn messages(&self, _: &Preorder, _: &OrderState, _: &[Notification], _: OffsetDateTime) -> Vec<Message> {
        Vec::new()
    }
}
