//! A subscription through time: from one period to the next, and to its end.

use time::{Date, Month, OffsetDateTime};

use super::{
    invoice::{Invoice, InvoiceStatus},
    subscription::{Status, Subscription},
};
use crate::{
    state::World,
    stripe::{
        catalog::price::{Interval, Recurring},
        events::Cause,
        wire::{error::ApiError, resource::Resource},
    },
};

/// How long a first payment may take.
const INCOMPLETE_FOR: i64 = 23 * 60 * 60;

/// When the period that starts at `start` ends. A month after the 31st ends on its last day, and the day of `anchor` comes
/// back as soon as a month has it.
pub fn period_end(start: i64, anchor: i64, recurring: Recurring) -> i64 {
    const DAY: i64 = 86_400;
    match recurring.interval {
        Interval::Day => start + DAY * recurring.count,
        Interval::Week => start + 7 * DAY * recurring.count,
        Interval::Month => months_after(start, anchor, recurring.count),
        Interval::Year => months_after(start, anchor, 12 * recurring.count),
    }
}

fn months_after(start: i64, anchor: i64, count: i64) -> i64 {
    let at = |seconds| OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (start, anchor) = (at(start), at(anchor));
    let months = i64::from(start.year()) * 12 + i64::from(u8::from(start.month())) - 1 + count;
    let year = i32::try_from(months.div_euclid(12)).unwrap_or(i32::MAX);
    let month = u8::try_from(months.rem_euclid(12) + 1).ok().and_then(|month| Month::try_from(month).ok());
    let month = month.unwrap_or(Month::January);
    let day = anchor.day().min(month.length(year));
    let date = Date::from_calendar_date(year, month, day).unwrap_or(Date::MAX);
    start.replace_date(date).unix_timestamp()
}

impl World {
    /// Renews, pauses and ends the subscriptions whose time has come.
    pub fn renew_due(&mut self) {
        let ids: Vec<String> = self
            .subscriptions
            .iter()
            .filter(|subscription| !subscription.status.has_ended())
            .map(|subscription| subscription.id.clone())
            .collect();
        for id in ids {
            // A subscription refers to nothing that could be gone.
            if let Err(error) = self.renew(&id) {
                tracing::warn!(subscription = id, ?error, "sandbox: not renewed");
            }
        }
    }

    fn renew(&mut self, id: &str) -> Result<(), ApiError> {
        let cause = Cause::default();
        let now = self.now();
        let updated = "customer.subscription.updated";
        let subscription = self.find_mut::<Subscription>(id)?;
        if subscription.status == Status::Incomplete {
            if now - subscription.created < INCOMPLETE_FOR {
                return Ok(());
            }
            let invoice = subscription.latest_invoice.clone().unwrap_or_default();
            self.change::<Subscription>(id, updated, cause.clone(), |subscription| {
                subscription.status = Status::IncompleteExpired;
                subscription.ended_at = Some(now);
            })?;
            self.void_invoice(&invoice, &cause)?;
            return Ok(());
        }
        while matches!(self.find_mut::<Subscription>(id)?.status, Status::Active | Status::PastDue) {
            let subscription = self.find_mut::<Subscription>(id)?;
            let end = subscription.period_end();
            if let Some(resumes) = subscription.paused.and_then(|pause| pause.resumes_at)
                && resumes <= now.min(end)
            {
                self.change::<Subscription>(id, updated, cause.clone(), |subscription| subscription.paused = None)?;
                continue;
            }
            if end > now {
                return Ok(());
            }
            if subscription.cancel_at_period_end {
                return self.end_subscription(id, end, &cause);
            }
            self.next_period(id, end, &cause)?;
        }
        Ok(())
    }

    fn next_period(&mut self, id: &str, end: i64, cause: &Cause) -> Result<(), ApiError> {
        self.change::<Subscription>(id, "customer.subscription.updated", cause.clone(), |subscription| {
            for item in &mut subscription.items {
                item.period = (end, period_end(end, subscription.anchor, item.recurring));
            }
        })?;
        let invoice = self.draft_invoice(id, "subscription_cycle", cause)?;
        let now = self.now();
        match self.find_mut::<Subscription>(id)?.paused.map(|pause| pause.behavior) {
            None => {
                self.finalize_invoice(&invoice, cause)?;
                self.collect_invoice(&invoice, None, true, cause)
            }
            Some("void") => self.void_invoice(&invoice, cause).map(drop),
            Some("mark_uncollectible") => {
                let invoice = self.find_mut::<Invoice>(&invoice)?;
                invoice.status = InvoiceStatus::Uncollectible;
                invoice.uncollectible_at = Some(now);
                let object = invoice.render();
                self.emit("invoice.marked_uncollectible", &object, cause.clone());
                Ok(())
            }
            // keep_as_draft
            Some(_) => Ok(()),
        }
    }

    /// Ends a subscription for good.
    pub fn end_subscription(&mut self, id: &str, at: i64, cause: &Cause) -> Result<(), ApiError> {
        let subscription = self.find_mut::<Subscription>(id)?;
        subscription.status = Status::Canceled;
        subscription.ended_at = Some(at);
        subscription.canceled_at.get_or_insert(at);
        subscription.cancellation.reason = Some("cancellation_requested");
        let object = subscription.render();
        self.emit("customer.subscription.deleted", &object, cause.clone());
        Ok(())
    }

    /// Their customer is gone.
    pub fn end_subscriptions_of(&mut self, customer: &str, cause: &Cause) -> Result<(), ApiError> {
        let now = self.now();
        let ids: Vec<String> = self
            .subscriptions
            .iter()
            .filter(|subscription| subscription.customer == customer && !subscription.status.has_ended())
            .map(|subscription| subscription.id.clone())
            .collect();
        ids.iter().try_for_each(|id| self.end_subscription(id, now, cause))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339).unwrap().unix_timestamp()
    }

    #[test]
    fn months_end_on_the_anchors_day_where_they_have_it() {
        let monthly = Recurring { interval: Interval::Month, count: 1 };
        let anchor = at("2027-01-31T10:00:00Z");
        let february = period_end(anchor, anchor, monthly);
        assert_eq!(february, at("2027-02-28T10:00:00Z"));
        assert_eq!(period_end(february, anchor, monthly), at("2027-03-31T10:00:00Z"));
        let yearly = Recurring { interval: Interval::Year, count: 1 };
        assert_eq!(
            period_end(at("2028-02-29T00:00:00Z"), at("2028-02-29T00:00:00Z"), yearly),
            at("2029-02-28T00:00:00Z")
        );
        let half = Recurring { interval: Interval::Month, count: 6 };
        assert_eq!(
            period_end(at("2027-08-31T00:00:00Z"), at("2027-08-31T00:00:00Z"), half),
            at("2028-02-29T00:00:00Z")
        );
        let weekly = Recurring { interval: Interval::Week, count: 2 };
        assert_eq!(period_end(anchor, anchor, weekly), anchor + 14 * 86_400);
    }
}
