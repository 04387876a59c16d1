//! The lists, one after another. Undelivered events come first, because they say most. Then come
//! the provider's objects, because an event may never have been made, and then the shop's own
//! orders, because the provider may not know them.

use super::{
    Difference, ReconcileError, Resolution, Scope,
    cycle::{Cycle, Window},
    object_list::{DisputeList, ObjectList, RefundList},
    throttle::throttled,
};
use crate::{
    domain::{
        lifecycle::{IntentStatus, PaymentUpdate, SessionOutcome, SessionUpdate},
        payment::{DisputeId, RefundId, SessionId},
        preorder::PreorderStatus,
    },
    server::{
        store::{Applied, OpenDifference, OrderKey, PreorderFilter, StoredOrder},
        webhook,
    },
};

/// How many waiting objects are looked up one by one in one cycle.
const MAX_SINGLE_CALLS: u32 = 500;

/// Orders of a page.
const PAGE: u32 = 50;

impl Cycle<'_> {
    pub(super) async fn events(&mut self, window: &mut Window) -> Result<(), ReconcileError> {
        let Some(events) = self.provider.events() else { return Ok(()) };
        loop {
            let page = throttled(|| events.undelivered(window.since, window.from.as_ref())).await?;
            for event in page.items {
                self.current.compared += 1;
                let id = event.id().as_str().to_owned();
                if self.options.dry_run {
                    // The pass over the objects shows what the event would change. Here it only
                    // counts as compared.
                    continue;
                }
                match webhook::process_event(self.shop, self.provider, event).await {
                    Ok(Some(Applied::Changed(preorder))) => self.report(Difference {
                        scope: Scope::Events,
                        id,
                        number: preorder.map(|preorder| preorder.number.to_string()),
                        what: "an event had not arrived".to_owned(),
                        end: Resolution::Repaired,
                    }),
                    Ok(_) => {}
                    Err(webhook::WebhookError::NotStored(error)) => return Err(error.into()),
                    Err(error) => tracing::error!(event = id, %error, "undelivered event could not be processed"),
                }
            }
            if !self.finish_page(window, page.next).await? {
                return Ok(());
            }
        }
    }

    pub(super) async fn sessions(&mut self, window: &mut Window) -> Result<(), ReconcileError> {
        loop {
            let page = throttled(|| self.provider.list_sessions(window.since, window.from.as_ref())).await?;
            for update in page.items {
                self.seen.insert(update.session.clone());
                self.session(update).await?;
            }
            self.report_unreadable(page.unreadable).await?;
            if !self.finish_page(window, page.next).await? {
                return Ok(());
            }
        }
    }

    /// Applies one session as the provider has it, then compares. A session that differs is fetched
    /// again before it counts: it may have changed while the page was processed.
    async fn session(&mut self, update: SessionUpdate) -> Result<(), ReconcileError> {
        let session = update.session.clone();
        if self.apply_session(update).await?.is_none() {
            return Ok(());
        }
        let now = match throttled(|| self.provider.retrieve_session(&session)).await {
            Ok(now) => now,
            Err(error) => return self.object_failed(session.as_str(), None, error).await,
        };
        match self.apply_session(now).await? {
            None => Ok(()),
            Some((what, known)) => self.unexplained(session.as_str(), known.as_ref(), what).await,
        }
    }

    /// Applies a session, and returns what differs after that.
    async fn apply_session(
        &mut self,
        update: SessionUpdate,
    ) -> Result<Option<(&'static str, Option<StoredOrder>)>, ReconcileError> {
        if update.livemode != self.provider.livemode() || update.color.is_none() {
            return Ok(None);
        }
        let (session, outcome, amount) = (update.session.clone(), update.outcome, update.amount);
        let what = match outcome {
            SessionOutcome::Paid => "a paid session was not recorded",
            _ => "a finished session was not recorded",
        };
        let changed = self.apply(&PaymentUpdate::Session(Box::new(update)), session.as_str(), what).await?;
        if changed && self.options.dry_run {
            return Ok(None);
        }
        let Some(known) = self.shop.store.order(OrderKey::Session(&session)).await? else {
            return Ok((outcome == SessionOutcome::Paid).then_some(("a paid session has no preorder", None)));
        };
        let details = &known.preorder.details;
        let what = status_mismatch(&known, outcome)
            .or_else(|| (details.amount != amount && !details.review.is_open()).then_some("the amounts differ"));
        Ok(what.map(|what| (what, Some(known))))
    }

    pub(super) async fn refunds(&mut self, window: &mut Window) -> Result<(), ReconcileError> {
        let Some(refunds) = self.provider.refunds() else { return Ok(()) };
        self.objects(&RefundList(refunds), window).await
    }

    pub(super) async fn disputes(&mut self, window: &mut Window) -> Result<(), ReconcileError> {
        let Some(disputes) = self.provider.disputes() else { return Ok(()) };
        self.objects(&DisputeList(disputes), window).await
    }

    /// Applies the objects of this window, then those that were open in the shop, one by one.
    async fn objects<L: ObjectList>(&mut self, list: &L, window: &mut Window) -> Result<(), ReconcileError> {
        loop {
            let page = throttled(|| list.list(window.since, window.from.as_ref())).await?;
            for (id, update) in page.items {
                self.apply(&update, &id, L::NOT_RECORDED).await?;
            }
            self.report_unreadable(page.unreadable).await?;
            if !self.finish_page(window, page.next).await? {
                break;
            }
        }
        for id in list.open(self.shop.store.as_ref(), self.provider.id(), MAX_SINGLE_CALLS).await? {
            self.object(list, &id).await?;
            self.extend_lease().await?;
        }
        Ok(())
    }

    async fn object<L: ObjectList>(&mut self, list: &L, id: &L::Id) -> Result<(), ReconcileError> {
        match throttled(|| list.retrieve(id)).await {
            Ok(update) => self.apply(&update, &id.to_string(), L::CHANGED).await.map(|_| ()),
            Err(error) => self.object_failed(&id.to_string(), None, error).await,
        }
    }

    /// Reports the objects of a list that could not be parsed. They must not be skipped in silence,
    /// because the cursor moves past them.
    async fn report_unreadable(&mut self, ids: Vec<String>) -> Result<(), ReconcileError> {
        for id in ids {
            self.unexplained(
                &id,
                None,
                "it could not be parsed; this program may be too old for the provider's response",
            )
            .await?;
        }
        Ok(())
    }

    /// Compares the shop's orders of this window that the provider did not list, and those that
    /// still await their payment, one by one.
    pub(super) async fn preorders(&mut self, window: &mut Window) -> Result<(), ReconcileError> {
        let provider = Some(self.provider.id());
        let recent = PreorderFilter { provider, since: Some(window.since), ..PreorderFilter::default() };
        let waiting =
            PreorderFilter { provider, status: Some(PreorderStatus::AwaitingPayment), ..PreorderFilter::default() };
        let mut complete = true;
        for mut filter in [recent, waiting] {
            let mut left = MAX_SINGLE_CALLS;
            loop {
                let page = self.shop.store.orders(&filter, PAGE).await?;
                filter.after = page.last().map(|purchase| purchase.preorder.number.clone());
                for purchase in &page {
                    let details = &purchase.preorder.details;
                    if details.livemode == self.provider.livemode() && self.seen.insert(details.session.clone()) {
                        self.check_session(&details.session, Some(purchase)).await?;
                        left = left.saturating_sub(1);
                    }
                }
                if u32::try_from(page.len()).is_ok_and(|count| count < PAGE) {
                    break;
                }
                if left == 0 {
                    complete = false;
                    break;
                }
                self.extend_lease().await?;
            }
        }
        // If not everything was compared, the next cycle begins at the same cursor.
        if complete {
            self.finish_page(window, None).await?;
        }
        Ok(())
    }

    async fn check_session(&mut self, session: &SessionId, known: Option<&StoredOrder>) -> Result<(), ReconcileError> {
        match throttled(|| self.provider.retrieve_session(session)).await {
            Ok(update) => self.session(update).await?,
            Err(error) => self.object_failed(session.as_str(), known, error).await?,
        }
        self.extend_lease().await
    }

    pub(super) async fn recheck(&mut self, open: &OpenDifference) -> Result<(), ReconcileError> {
        let ids = (RefundId::parse(&open.id), DisputeId::parse(&open.id), SessionId::parse(&open.id));
        match (open.scope.parse().ok(), ids) {
            (Some(Scope::Refunds), (Some(refund), _, _)) => match self.provider.refunds() {
                Some(refunds) => self.object(&RefundList(refunds), &refund).await,
                None => Ok(()),
            },
            (Some(Scope::Disputes), (_, Some(dispute), _)) => match self.provider.disputes() {
                Some(disputes) => self.object(&DisputeList(disputes), &dispute).await,
                None => Ok(()),
            },
            (_, (_, _, Some(session))) => {
                let known = self.shop.store.order(OrderKey::Session(&session)).await?;
                self.check_session(&session, known.as_ref()).await
            }
            _ => Ok(()),
        }
    }
}

/// Returns how the status of our order contradicts the provider's session.
fn status_mismatch(known: &StoredOrder, outcome: SessionOutcome) -> Option<&'static str> {
    let status = known.preorder.details.status;
    let payment_succeeded =
        known.state.payment.as_ref().is_some_and(|payment| payment.status == IntentStatus::Succeeded);
    match outcome {
        SessionOutcome::Paid if status < PreorderStatus::Paid => Some("it is paid at the provider and not in the shop"),
        SessionOutcome::Open | SessionOutcome::Expired => Some("it was never finished at the provider"),
        SessionOutcome::Pending | SessionOutcome::Failed | SessionOutcome::Cancelled
            if status >= PreorderStatus::Paid && !payment_succeeded =>
        {
            Some("it is paid in the shop and not at the provider")
        }
        _ => None,
    }
}
