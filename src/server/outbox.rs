//! Use case: what happened in the database is told outside, once. Workers lease a message, send its frozen bytes with no
//! transaction open, and say how it went. A lane that is asked to slow down, or whose key is refused, stops as a whole.

use std::time::Duration;

use rand::RngExt;
use tokio_util::sync::CancellationToken;

use super::{
    marketing::{MarketingError, klaviyo::Klaviyo},
    state::Shop,
    store::{LeasedMessage, MessageEnd, MessageKind, PurchaseKey, StoreError},
    worker::{self, Progress},
};
use crate::domain::life;

/// Longer than any attempt to send.
const LEASE: Duration = Duration::from_mins(1);

/// After this long a message is parked: nobody promises to recognize a repeat for ever.
const GIVE_UP_AFTER: Duration = Duration::from_hours(72);

/// How long a lane with a refused key waits before it tries one message again.
const REFUSED_PAUSE: Duration = Duration::from_mins(1);

/// What is written beside a message that was not sent because the process ended.
const GIVEN_BACK: &str = "given back: the process ended before it was sent";

/// How many messages are on their way at the same time.
pub const SENDERS: usize = 4;

/// The pause after attempt number `attempts` (from 1). The first cycle is three attempts, 1000 ms and 2000 ms apart; then
/// 30 s, doubling to 15 minutes. Jitter of 20 % either way keeps senders from marching in step.
pub fn pause(attempts: u32) -> Duration {
    let full = match attempts {
        0 | 1 => Duration::from_secs(1),
        2 => Duration::from_secs(2),
        more => Duration::from_secs(30).saturating_mul(2_u32.saturating_pow(more - 3)).min(Duration::from_mins(15)),
    };
    full.mul_f64(rand::rng().random_range(0.8..=1.2))
}

/// Sends the message that is due first, if the lane is open.
pub async fn deliver_next(shop: &Shop) -> Result<Progress, StoreError> {
    let Some(klaviyo) = &shop.klaviyo else {
        return Ok(Progress::Idle);
    };
    if shop.klaviyo_lane.stopped_for().is_some() {
        return Ok(Progress::Idle);
    }
    let Some(message) = shop.store.lease_message(MessageKind::KlaviyoEvent, LEASE).await? else {
        return Ok(Progress::Idle);
    };
    if still_holds(shop, &message).await? {
        deliver(shop, klaviyo, &message).await?;
    } else {
        shop.store.finish_message(&message, MessageEnd::Withdrawn).await?;
        metrics::counter!("outbox_messages_total", "result" => "withdrawn").increment(1);
        tracing::info!(about = message.about(), "klaviyo event withdrawn: what it is about no longer holds");
    }
    Ok(Progress::Worked)
}

/// Whether what the message is about is still so: nobody is told of a success that was undone meanwhile.
async fn still_holds(shop: &Shop, message: &LeasedMessage) -> Result<bool, StoreError> {
    let Some((preorder, consequence)) = &message.cause else { return Ok(true) };
    let purchase = shop.store.purchase(PurchaseKey::Id(preorder)).await?;
    Ok(purchase.is_some_and(|purchase| life::still_holds(consequence, &purchase.case)))
}

async fn deliver(shop: &Shop, klaviyo: &Klaviyo, message: &LeasedMessage) -> Result<(), StoreError> {
    // A message that only waits is given back at the end, for the next process to find at once; one on its way is waited for.
    tokio::select! {
        biased;
        () = shop.end.cancelled() => {
            let back = MessageEnd::Again { error: GIVEN_BACK, next: Duration::ZERO, counts: false };
            shop.store.finish_message(message, back).await?;
            return Ok(());
        }
        () = shop.klaviyo_lane.turn() => {}
    }
    let error = match klaviyo.send(message.body.clone()).await {
        Ok(()) => {
            let ours = shop.store.finish_message(message, MessageEnd::Sent).await?;
            metrics::counter!("outbox_messages_total", "result" => "sent").increment(1);
            tracing::info!(about = message.about(), attempt = message.attempts, ours, "klaviyo event sent");
            return Ok(());
        }
        Err(error) => error,
    };
    let told = error.to_string();
    let end = match error {
        MarketingError::Throttled { retry_after } => {
            shop.klaviyo_lane.stop_for(retry_after);
            MessageEnd::Again { error: &told, next: retry_after, counts: false }
        }
        MarketingError::Refused(_) => {
            shop.klaviyo_lane.stop_for(REFUSED_PAUSE);
            MessageEnd::Again { error: &told, next: REFUSED_PAUSE, counts: false }
        }
        MarketingError::Again(_) if message.age < GIVE_UP_AFTER => {
            MessageEnd::Again { error: &told, next: pause(message.attempts), counts: true }
        }
        MarketingError::Again(_) | MarketingError::Final(_) => MessageEnd::Parked { error: &told },
    };
    let result = match &end {
        MessageEnd::Parked { .. } => {
            tracing::error!(about = message.about(), error = told, "klaviyo event parked: it needs a person");
            "parked"
        }
        MessageEnd::Again { counts: false, .. } => {
            // A lane that is only asked to slow down mends itself; one whose key is refused needs somebody.
            if matches!(error, MarketingError::Throttled { .. }) {
                tracing::warn!(about = message.about(), error = told, "klaviyo lane paused");
            } else {
                tracing::error!(
                    about = message.about(),
                    error = told,
                    "klaviyo lane stopped: nothing is sent until the key is mended"
                );
            }
            "lane_stopped"
        }
        _ => {
            tracing::warn!(
                about = message.about(),
                attempt = message.attempts,
                error = told,
                "klaviyo event not sent, to be tried again"
            );
            "failed"
        }
    };
    metrics::counter!("outbox_messages_total", "result" => result).increment(1);
    shop.store.finish_message(message, end).await?;
    Ok(())
}

/// Sends until the end.
pub async fn run(shop: &Shop, end: CancellationToken) {
    worker::run("outbox", &shop.work, shop.store.rest(), end, || deliver_next(shop)).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_cycle_is_three_attempts_from_a_second_doubling_and_then_it_is_patient() {
        for (attempts, expected) in [(1, 1000), (2, 2000), (3, 30_000), (4, 60_000), (9, 900_000), (u32::MAX, 900_000)]
        {
            let pause = pause(attempts).as_millis();
            assert!((expected * 8 / 10..=expected * 12 / 10).contains(&pause), "{attempts}: {pause}");
        }
    }
}
