//! One comparison with one provider: undelivered events first, because they say most; then the objects, because an event may
//! never have been made; then our own rows, because the provider may not know them.

use std::{collections::HashSet, time::Duration};

use time::OffsetDateTime;

use super::{Difference, Options, ReconcileError, Report, Scope, ScopeReport, pace::paced};
use crate::{
    domain::{
        life::{Fact, SessionFacts, SessionOutcome},
        payment::SessionId,
        preorder::PreorderStatus,
    },
    server::{
        fulfilment::{Telling, record},
        payments::{Cursor, PaymentError, PaymentProvider},
        state::Shop,
        store::{Applied, Mark, PreorderFilter, Purchase, PurchaseKey},
        webhook,
    },
};

/// How far back the very first comparison looks: as far as Stripe lists events.
const FIRST_LOOK: Duration = Duration::from_hours(30 * 24);

/// How far before the last mark a list is read again: a session may be finished a day after it began (Stripe's bound), and
/// clocks differ.
const SESSIONS_OVERLAP: Duration = Duration::from_hours(25);
const OVERLAP: Duration = Duration::from_hours(1);

/// Longer than any page takes.
const LEASE: Duration = Duration::from_mins(2);

/// How many rows of ours that wait for something are asked for one by one in one cycle.
const ONE_BY_ONE: u32 = 500;

pub struct Cycle<'a> {
    shop: &'a Shop,
    provider: &'a dyn PaymentProvider,
    options: Options,
    report: &'a mut Report,
    lease: String,
    token: String,
    /// The sessions that the provider listed.
    seen: HashSet<SessionId>,
    current: ScopeReport,
}

/// How a page of a list is worked through, and where the list goes on.
struct Window {
    since: OffsetDateTime,
    began: OffsetDateTime,
    from: Option<Cursor>,
    mark: Option<Mark>,
}

impl<'a> Cycle<'a> {
    pub async fn begin(
        shop: &'a Shop,
        provider: &'a dyn PaymentProvider,
        options: Options,
        report: &'a mut Report,
    ) -> Result<Self, ReconcileError> {
        let (lease, token) = (format!("reconcile:{}", provider.id().as_str()), shop.ids.row_id());
        if !shop.store.take_lease(&lease, &token, LEASE).await? {
            return Err(ReconcileError::Busy);
        }
        Ok(Self {
            shop,
            provider,
            options,
            report,
            lease,
            token,
            seen: HashSet::new(),
            current: ScopeReport::begin(provider.id(), Scope::Events),
        })
    }

    /// Compares everything. A list that cannot be finished does not keep the others from being compared.
    pub async fn run(mut self) -> Result<(), ReconcileError> {
        let mut result = Ok(());
        for scope in [Scope::Events, Scope::Sessions, Scope::Refunds, Scope::Disputes, Scope::Preorders] {
            self.current = ScopeReport::begin(self.provider.id(), scope);
            let compared = self.compare(scope).await;
            if let Err(ReconcileError::Provider(error)) = &compared {
                tracing::warn!(%scope, %error, "a list could not be compared to its end");
                self.current.failure = Some(error.to_string());
            }
            self.report.scopes.push(self.current.clone());
            if let Err(error @ (ReconcileError::Store(_) | ReconcileError::Busy)) = compared {
                result = Err(error);
                break;
            }
        }
        // Best effort: a lease that is not given back runs out.
        let _ = self.shop.store.drop_lease(&self.lease, &self.token).await;
        result
    }

    async fn compare(&mut self, scope: Scope) -> Result<(), ReconcileError> {
        match scope {
            Scope::Events => self.events().await,
            Scope::Sessions => self.sessions().await,
            Scope::Refunds => self.refunds().await,
            Scope::Disputes => self.disputes().await,
            Scope::Preorders => self.preorders().await,
        }
    }

    async fn events(&mut self) -> Result<(), ReconcileError> {
        let Some(events) = self.provider.events() else { return Ok(()) };
        let mut window = self.window(Scope::Events, OVERLAP).await?;
        loop {
            let page = paced(|| events.undelivered(window.since, window.from.as_ref())).await?;
            for event in page.items {
                self.current.compared += 1;
                let id = event.id().as_str().to_owned();
                if self.options.dry_run {
                    // What it would do shows in the objects; here it only counts as undelivered.
                    continue;
                }
                let applied = webhook::take(self.shop, self.provider, event).await;
                match applied {
                    Ok(Some(Applied::Changed(preorder))) => {
                        let number = preorder.map(|preorder| preorder.number.to_string());
                        self.found(Difference {
                            scope: Scope::Events,
                            id,
                            number,
                            what: "an event had not arrived".to_owned(),
                            repaired: true,
                        });
                    }
                    Ok(_) => {}
                    Err(webhook::WebhookError::NotStored(error)) => return Err(error.into()),
                    Err(error) => tracing::error!(event = id, %error, "an undelivered event could not be taken"),
                }
            }
            if !self.turn(Scope::Events, &mut window, page.next).await? {
                return Ok(());
            }
        }
    }

    async fn sessions(&mut self) -> Result<(), ReconcileError> {
        let mut window = self.window(Scope::Sessions, SESSIONS_OVERLAP).await?;
        loop {
            let page = paced(|| self.provider.list_sessions(window.since, window.from.as_ref())).await?;
            for facts in page.items {
                self.seen.insert(facts.session.clone());
                self.session(facts).await?;
            }
            if !self.turn(Scope::Sessions, &mut window, page.next).await? {
                return Ok(());
            }
        }
    }

    /// One session as the provider has it now, told and then compared.
    async fn session(&mut self, facts: SessionFacts) -> Result<(), ReconcileError> {
        if facts.livemode != self.provider.livemode() || facts.color.is_none() {
            return Ok(());
        }
        let (id, session) = (facts.session.to_string(), facts.session.clone());
        let (outcome, amount) = (facts.outcome, facts.amount);
        let what = match outcome {
            SessionOutcome::Paid => "a paid session was not recorded",
            _ => "a finished session was not recorded",
        };
        self.tell(&Fact::Session(Box::new(facts)), &id, what).await?;
        if self.options.dry_run {
            return Ok(());
        }
        let Some(known) = self.shop.store.purchase(PurchaseKey::Session(&session)).await? else {
            if outcome == SessionOutcome::Paid {
                self.unexplained(id, None, "a paid session has no preorder");
            }
            return Ok(());
        };
        if let Some(what) = contradiction(&known, outcome) {
            self.unexplained(id, Some(&known), what);
        } else if known.preorder.details.amount != amount && !known.preorder.details.review.is_open() {
            self.unexplained(id, Some(&known), "the amounts differ");
        }
        Ok(())
    }

    async fn refunds(&mut self) -> Result<(), ReconcileError> {
        use crate::server::payments::capability::RefundFilter;
        let Some(refunds) = self.provider.refunds() else { return Ok(()) };
        let mut window = self.window(Scope::Refunds, OVERLAP).await?;
        loop {
            let filter = RefundFilter { since: Some(window.since), intent: None };
            let page = paced(|| refunds.list(&filter, window.from.as_ref())).await?;
            for refund in page.items {
                let id = refund.id.to_string();
                self.tell(&Fact::Refund(refund), &id, "a refund was not recorded").await?;
            }
            if !self.turn(Scope::Refunds, &mut window, page.next).await? {
                break;
            }
        }
        for id in self.shop.store.waiting_refunds(self.provider.id(), ONE_BY_ONE).await? {
            let refund = match paced(|| refunds.retrieve(&id)).await {
                Ok(refund) => refund,
                Err(PaymentError::NotFound) => {
                    self.unexplained(id.to_string(), None, "the provider does not know this refund");
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            self.tell(&Fact::Refund(refund), id.as_str(), "a refund went on").await?;
            self.keep_lease().await?;
        }
        Ok(())
    }

    async fn disputes(&mut self) -> Result<(), ReconcileError> {
        let Some(disputes) = self.provider.disputes() else { return Ok(()) };
        let mut window = self.window(Scope::Disputes, OVERLAP).await?;
        loop {
            let page = paced(|| disputes.list(window.since, window.from.as_ref())).await?;
            for dispute in page.items {
                let id = dispute.id.to_string();
                self.tell(&Fact::Dispute(dispute), &id, "a dispute was not recorded").await?;
            }
            if !self.turn(Scope::Disputes, &mut window, page.next).await? {
                break;
            }
        }
        for id in self.shop.store.open_disputes(self.provider.id(), ONE_BY_ONE).await? {
            match paced(|| disputes.retrieve(&id)).await {
                Ok(dispute) => self.tell(&Fact::Dispute(dispute), id.as_str(), "a dispute went on").await?,
                Err(PaymentError::NotFound) => {
                    self.unexplained(id.to_string(), None, "the provider does not know this dispute");
                }
                Err(error) => return Err(error.into()),
            }
            self.keep_lease().await?;
        }
        Ok(())
    }

    /// Our rows of this window that the provider did not list, and those that still wait for their money, one by one.
    async fn preorders(&mut self) -> Result<(), ReconcileError> {
        let window = self.window(Scope::Preorders, Duration::ZERO).await?;
        let provider = Some(self.provider.id());
        let recent = PreorderFilter { provider, since: Some(window.since), ..PreorderFilter::default() };
        let waiting =
            PreorderFilter { provider, status: Some(PreorderStatus::AwaitingPayment), ..PreorderFilter::default() };
        for mut filter in [recent, waiting] {
            let mut left = ONE_BY_ONE;
            loop {
                let page = self.shop.store.purchases(&filter, 100).await?;
                filter.after = page.last().map(|purchase| purchase.preorder.number.clone());
                for purchase in &page {
                    let details = &purchase.preorder.details;
                    if details.livemode != self.provider.livemode() || !self.seen.insert(details.session.clone()) {
                        continue;
                    }
                    self.one(purchase).await?;
                    left = left.saturating_sub(1);
                }
                if page.len() < 100 || left == 0 {
                    break;
                }
            }
        }
        let mut window = window;
        self.turn(Scope::Preorders, &mut window, None).await?;
        Ok(())
    }

    async fn one(&mut self, purchase: &Purchase) -> Result<(), ReconcileError> {
        let session = &purchase.preorder.details.session;
        match paced(|| self.provider.retrieve_session(session)).await {
            Ok(facts) => self.session(facts).await?,
            Err(PaymentError::NotFound) => {
                self.unexplained(
                    session.to_string(),
                    Some(purchase),
                    "the provider does not know this order's session",
                );
            }
            Err(error) => return Err(error.into()),
        }
        self.keep_lease().await
    }

    async fn tell(&mut self, fact: &Fact, id: &str, what: &str) -> Result<(), ReconcileError> {
        self.current.compared += 1;
        let telling = Telling {
            provider: self.provider.id(),
            delivery: None,
            at: self.shop.clock.now(),
            rehearsal: self.options.dry_run,
        };
        if let Applied::Changed(preorder) = record(self.shop, telling, fact).await? {
            let mut number = preorder.map(|preorder| preorder.number);
            if let (true, Some(told)) = (self.options.dry_run, &number)
                && self.shop.store.purchase(PurchaseKey::Number(told)).await?.is_none()
            {
                // Drawn for the rehearsal, and gone with it.
                number = None;
            }
            let number = number.map(|number| number.to_string());
            let (scope, repaired) = (self.current.scope, !self.options.dry_run);
            self.found(Difference { scope, id: id.to_owned(), number, what: what.to_owned(), repaired });
        }
        Ok(())
    }

    /// Where this list is to be read: from the last mark on, or from where an interrupted pass stopped.
    async fn window(&self, scope: Scope, overlap: Duration) -> Result<Window, ReconcileError> {
        let now = self.shop.clock.now();
        if let Some(since) = self.options.since {
            return Ok(Window { since: now - since, began: now, from: None, mark: None });
        }
        let known = self.shop.store.mark(self.provider.id(), &scope.to_string()).await?;
        let mark = known.unwrap_or(Mark { until: now - FIRST_LOOK, passing: None });
        let (began, from) = match &mark.passing {
            Some((began, Some(cursor))) => (*began, Some(Cursor::new(cursor.clone()))),
            _ => (now, None),
        };
        Ok(Window { since: mark.until - overlap, began, from, mark: Some(mark) })
    }

    /// After a page: leaves a mark, keeps the lease. `false` at the list's end.
    async fn turn(&mut self, scope: Scope, window: &mut Window, next: Option<Cursor>) -> Result<bool, ReconcileError> {
        window.from = next;
        if let (Some(mark), false) = (&window.mark, self.options.dry_run) {
            let mark = match &window.from {
                Some(from) => Mark { until: mark.until, passing: Some((window.began, Some(from.as_str().to_owned()))) },
                None => Mark { until: window.began, passing: None },
            };
            self.shop.store.set_mark(self.provider.id(), &scope.to_string(), &mark).await?;
        }
        self.keep_lease().await?;
        Ok(window.from.is_some())
    }

    async fn keep_lease(&self) -> Result<(), ReconcileError> {
        if self.shop.store.take_lease(&self.lease, &self.token, LEASE).await? {
            Ok(())
        } else {
            Err(ReconcileError::Busy)
        }
    }

    fn unexplained(&mut self, id: String, known: Option<&Purchase>, what: &str) {
        tracing::error!(id, what, "the books differ from the provider's");
        let number = known.map(|purchase| purchase.preorder.number.to_string());
        let scope = self.current.scope;
        self.current.unexplained += 1;
        self.found(Difference { scope, id, number, what: what.to_owned(), repaired: false });
    }

    fn found(&mut self, difference: Difference) {
        self.current.differed += 1;
        if self.report.differences.len() < Report::LISTED {
            self.report.differences.push(difference);
        }
    }
}

/// What our row says that the provider does not.
fn contradiction(known: &Purchase, outcome: SessionOutcome) -> Option<&'static str> {
    let status = known.preorder.details.status;
    let paid_otherwise = known
        .case
        .payment
        .as_ref()
        .is_some_and(|payment| payment.status == crate::domain::life::IntentStatus::Succeeded);
    match outcome {
        SessionOutcome::Paid if status < PreorderStatus::Paid => Some("it is paid there and not here"),
        SessionOutcome::Open | SessionOutcome::Expired => Some("it was never finished there"),
        SessionOutcome::Pending | SessionOutcome::Failed | SessionOutcome::Cancelled
            if status >= PreorderStatus::Paid && !paid_otherwise =>
        {
            Some("it is paid here and not there")
        }
        _ => None,
    }
}
