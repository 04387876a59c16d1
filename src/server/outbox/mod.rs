//! Use case: delivers the outbox. Workers lease a message, send its frozen bytes with no
//! transaction open, and record the result. A lane pauses as a whole when its receiver throttles it
//! or refuses its key.

pub mod send_throttle;

use std::time::Duration;

use failpoints::{
    fail_point,
    shop::{MESSAGE_LEASED, MESSAGE_MARKED, MESSAGE_SENT},
};
use tokio_util::sync::CancellationToken;

use super::{
    backoff,
    marketing::{EventSender, MarketingError},
    state::Shop,
    store::{LeasedMessage, MessageEnd, MessageKind, MessageStatus, OrderKey, StoreError},
    worker::{self, Progress},
};
use crate::domain::lifecycle;

/// The age at which a message is parked. A receiver does not recognize a repeat for ever.
const PARK_AFTER: Duration = Duration::from_hours(72);

/// How long a lane with a refused key pauses before it tries one message.
const REFUSED_KEY_PAUSE: Duration = Duration::from_mins(1);

/// The error that is stored with a message that was not sent because the process ended.
const RELEASED: &str = "released: the process ended before the message was sent";

/// How many messages are sent at the same time.
pub const SENDERS: usize = 4;

/// Sends the message that is due first, unless its lane is paused.
pub async fn deliver_next(shop: &Shop) -> Result<Progress, StoreError> {
    let Some(klaviyo) = &shop.klaviyo else {
        return Ok(Progress::Idle);
    };
    if shop.klaviyo_throttle.paused_for().is_some() {
        return Ok(Progress::Idle);
    }
    let Some(message) = shop.store.lease_message(MessageKind::KlaviyoEvent, shop.timing.lease).await? else {
        return Ok(Progress::Idle);
    };
    fail_point!(MESSAGE_LEASED);
    if still_applies(shop, &message).await? {
        deliver(shop, klaviyo.as_ref(), &message).await?;
    } else {
        shop.store.finish_message(&message, MessageEnd::Withdrawn).await?;
        metrics::counter!("outbox_messages_total", "result" => MessageStatus::Withdrawn.as_str()).increment(1);
        tracing::info!(about = message.about(), "klaviyo event withdrawn: its order has changed since");
    }
    Ok(Progress::Worked)
}

/// Returns whether the message still holds. A customer must not hear of a success that was undone.
async fn still_applies(shop: &Shop, message: &LeasedMessage) -> Result<bool, StoreError> {
    let Some((preorder, notification)) = &message.cause else { return Ok(true) };
    let purchase = shop.store.order(OrderKey::Id(preorder)).await?;
    Ok(purchase.is_some_and(|purchase| lifecycle::still_applies(notification, &purchase.state)))
}

async fn deliver(shop: &Shop, klaviyo: &dyn EventSender, message: &LeasedMessage) -> Result<(), StoreError> {
    // A message that still waits for the throttle is released at shutdown, so that the next process
    // finds it at once. A message that is being sent is finished.
    tokio::select! {
        biased;
        () = shop.end.cancelled() => {
            let release = MessageEnd::Retry { error: RELEASED, after: Duration::ZERO, counts: false };
            shop.store.finish_message(message, release).await?;
            return Ok(());
        }
        () = shop.klaviyo_throttle.acquire() => {}
    }
    let error = match klaviyo.send(message.body.clone()).await {
        Ok(()) => {
            fail_point!(MESSAGE_SENT);
            let ours = shop.store.finish_message(message, MessageEnd::Sent).await?;
            fail_point!(MESSAGE_MARKED);
            metrics::counter!("outbox_messages_total", "result" => MessageStatus::Sent.as_str()).increment(1);
            tracing::info!(about = message.about(), attempt = message.attempts, ours, "klaviyo event sent");
            return Ok(());
        }
        Err(error) => error,
    };
    let reason = error.to_string();
    let end = match error {
        MarketingError::Throttled { retry_after } => {
            shop.klaviyo_throttle.pause_for(retry_after);
            MessageEnd::Retry { error: &reason, after: retry_after, counts: false }
        }
        MarketingError::RefusedKey(_) => {
            shop.klaviyo_throttle.pause_for(REFUSED_KEY_PAUSE);
            MessageEnd::Retry { error: &reason, after: REFUSED_KEY_PAUSE, counts: false }
        }
        MarketingError::Temporary(_) if message.age < PARK_AFTER => {
            let after = shop.timing.retry_delay(backoff::message(message.attempts));
            MessageEnd::Retry { error: &reason, after, counts: true }
        }
        MarketingError::Temporary(_) | MarketingError::Permanent(_) => MessageEnd::Parked { error: &reason },
    };
    let result = match &end {
        MessageEnd::Parked { .. } => {
            tracing::error!(
                about = message.about(),
                error = reason,
                "klaviyo event parked; read last_error of its row in outbox"
            );
            MessageStatus::Parked.as_str()
        }
        MessageEnd::Retry { counts: false, .. } => {
            // A throttled lane recovers by itself. A lane with a refused key needs a person.
            if matches!(error, MarketingError::Throttled { .. }) {
                tracing::warn!(
                    about = message.about(),
                    error = reason,
                    "klaviyo lane paused: Klaviyo asks to slow down"
                );
            } else {
                tracing::error!(
                    about = message.about(),
                    error = reason,
                    "klaviyo lane paused: Klaviyo refuses the key; correct KLAVIYO_API_KEY"
                );
            }
            "lane_stopped"
        }
        _ => {
            tracing::warn!(
                about = message.about(),
                attempt = message.attempts,
                error = reason,
                "klaviyo event not sent; it will be retried"
            );
            "failed"
        }
    };
    metrics::counter!("outbox_messages_total", "result" => result).increment(1);
    shop.store.finish_message(message, end).await?;
    Ok(())
}

/// Sends messages until `end` is cancelled.
pub async fn run(shop: &Shop, end: CancellationToken) {
    worker::run("outbox", &shop.work, shop.store.poll_interval(), end, || deliver_next(shop)).await;
}
