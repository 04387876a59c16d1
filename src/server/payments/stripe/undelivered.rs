//! Lists the events that no endpoint of this shop has acknowledged.

use async_trait::async_trait;
use bytes::Bytes;
use stripe_core::event::ListEvent;
use stripe_types::RangeQueryTs;
use time::OffsetDateTime;

use super::{
    super::{Cursor, Events, Page, PaymentError, VerifiedEvent},
    PAGE, Stripe,
    client::{Failure, deadline},
    decode::raw_page,
    event::{EVENTS, name},
};

/// The most event types of one request. Further types need further requests.
const TYPES_AT_ONCE: usize = 20;

/// Parses a cursor into the number of its request and the event after which it continues, if any:
/// `1:evt_…`.
fn place(cursor: &str) -> Option<(usize, &str)> {
    let (question, after) = cursor.split_once(':')?;
    Some((question.parse().ok()?, after))
}

#[async_trait]
impl Events for Stripe {
    /// Newest first within the types of one request. An event's body is the exact text of the list.
    async fn undelivered(
        &self,
        since: OffsetDateTime,
        from: Option<&Cursor>,
    ) -> Result<Page<VerifiedEvent>, PaymentError> {
        let unknown = || PaymentError::Configuration("the cursor is not of this list".to_owned());
        let (question, after) = from.map_or(Some((0, "")), |from| place(from.as_str())).ok_or_else(unknown)?;
        let types = EVENTS.chunks(TYPES_AT_ONCE).nth(question).ok_or_else(unknown)?;
        let mut request = ListEvent::new()
            .delivery_success(false)
            .types(types.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
            .created(RangeQueryTs::gte(since.unix_timestamp()))
            .limit(PAGE);
        if !after.is_empty() {
            request = request.starting_after(after);
        }
        let success = self.client.send(&request, None, deadline()).await.map_err(Failure::error)?;
        let page = raw_page(&success.body)?;
        let items = page.objects.iter().filter_map(|object| {
            let (id, event_type) = name(object)?;
            Some(VerifiedEvent { id, event_type, body: Bytes::copy_from_slice(object) })
        });
        let another = question + 1 < EVENTS.len().div_ceil(TYPES_AT_ONCE);
        let next = match page.next {
            Some(after) => Some(format!("{question}:{after}")),
            None => another.then(|| format!("{}:", question + 1)),
        };
        Ok(Page { items: items.collect(), unreadable: Vec::new(), next: next.map(Cursor::new) })
    }
}
