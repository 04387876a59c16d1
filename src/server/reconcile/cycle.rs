//! One comparison with one provider: which lists are read from where, what a difference is, and what is left at the end. The lists
//! themselves are in `passes`.

use std::{collections::HashSet, time::Duration};

use time::OffsetDateTime;

use super::{Difference, ReconcileError, ReconcileOptions, ReconcileReport, Resolution, Scope, ScopeReport};
use crate::{
    chaos::{self, Point},
    domain::{lifecycle::PaymentUpdate, payment::SessionId},
    server::{
        orders::fulfilment::{Source, apply_update},
        payments::{Cursor, PaymentError, PaymentProvider},
        state::Shop,
        store::{Applied, LeaseToken, Mark, OpenDifference, Purchase, PurchaseKey},
    },
};

/// How far back the very first comparison looks: as far as Stripe lists events.
const FIRST_WINDOW: Duration = Duration::from_hours(30 * 24);

/// Longer than any page takes.
const LEASE: Duration = Duration::from_mins(2);

pub struct Cycle<'a> {
    pub shop: &'a Shop,
    pub provider: &'a dyn PaymentProvider,
    pub options: ReconcileOptions,
    report: &'a mut ReconcileReport,
    lease: String,
    token: LeaseToken,
    /// The sessions that the provider listed, or was asked for.
    pub seen: HashSet<SessionId>,
    /// What was found open in this cycle.
    found_open: HashSet<String>,
    pub current: ScopeReport,
}

/// Where a list is read: from when on, and from which place.
pub struct Window {
    pub since: OffsetDateTime,
    began: OffsetDateTime,
    pub from: Option<Cursor>,
    mark: Option<Mark>,
    /// Whether it goes on with a pass that was interrupted: what is newer is still to be read then.
    resumed: bool,
}

impl<'a> Cycle<'a> {
    pub async fn begin(
        shop: &'a Shop,
        provider: &'a dyn PaymentProvider,
        options: ReconcileOptions,
        report: &'a mut ReconcileReport,
    ) -> Result<Self, ReconcileError> {
        let (lease, token) = (format!("reconcile:{}", provider.id().as_str()), shop.ids.lease_token());
        if !shop.store.take_lease(&lease, &token, LEASE).await? {
            return Err(ReconcileError::Busy);
        }
        let current = ScopeReport::begin(provider.id(), Scope::Events);
        Ok(Self {
            shop,
            provider,
            options,
            report,
            lease,
            token,
            seen: HashSet::new(),
            found_open: HashSet::new(),
            current,
        })
    }

    /// Compares everything, or as much as there is time for until the process ends.
    pub async fn run(mut self) -> Result<(), ReconcileError> {
        let (shop, lease, token) = (self.shop, self.lease.clone(), self.token.clone());
        let result = tokio::select! {
            compared = self.compare_all() => compared,
            () = shop.end.cancelled() => Err(ReconcileError::Ended),
        };
        // Best effort: a lease that is not given back runs out.
        let _ = shop.store.drop_lease(&lease, &token).await;
        result
    }

    /// A list that cannot be finished does not keep the others from being compared.
    async fn compare_all(&mut self) -> Result<(), ReconcileError> {
        let before = self.shop.store.open_differences(self.provider.id()).await?;
        for scope in [Scope::Events, Scope::Sessions, Scope::Refunds, Scope::Disputes, Scope::Preorders, Scope::Recheck]
        {
            self.current = ScopeReport::begin(self.provider.id(), scope);
            let compared = match scope {
                Scope::Recheck => self.recheck_all(&before).await,
                _ => self.compare(scope).await,
            };
            if let Err(ReconcileError::Provider(error)) = &compared {
                tracing::warn!(%scope, %error, "a list could not be compared to its end");
                self.current.failure = Some(error.to_string());
            }
            self.report.scopes.push(self.current.clone());
            match compared {
                Ok(()) | Err(ReconcileError::Provider(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn compare(&mut self, scope: Scope) -> Result<(), ReconcileError> {
        let mut window = self.window(scope).await?;
        let resumed = window.resumed;
        let result = self.pass(scope, &mut window).await;
        match &result {
            // A place that the provider no longer knows would be asked for in every cycle.
            Err(ReconcileError::Provider(error)) if !error.retryable() && window.from.is_some() => {
                self.reset_cursor(scope, &window).await?;
            }
            Ok(()) if resumed => {
                let mut fresh = self.window(scope).await?;
                return self.pass(scope, &mut fresh).await;
            }
            _ => {}
        }
        result
    }

    async fn pass(&mut self, scope: Scope, window: &mut Window) -> Result<(), ReconcileError> {
        match scope {
            Scope::Events => self.events(window).await,
            Scope::Sessions => self.sessions(window).await,
            Scope::Refunds => self.refunds(window).await,
            Scope::Disputes => self.disputes(window).await,
            Scope::Preorders => self.preorders(window).await,
            Scope::Recheck => Ok(()),
        }
    }

    /// Looks again at what was open before, unless this cycle found it open anyway; what agrees now is taken away.
    async fn recheck_all(&mut self, before: &[OpenDifference]) -> Result<(), ReconcileError> {
        if self.options.dry_run {
            return Ok(());
        }
        for known in before {
            if self.found_open.contains(&known.id) {
                continue;
            }
            self.current.compared += 1;
            self.recheck(known).await?;
            if !self.found_open.contains(&known.id) {
                self.shop.store.drop_difference(self.provider.id(), &known.id).await?;
            }
            self.extend_lease().await?;
        }
        Ok(())
    }

    /// Tells what the provider has; `true` when that changed something.
    pub async fn apply(&mut self, update: &PaymentUpdate, id: &str, what: &str) -> Result<bool, ReconcileError> {
        self.current.compared += 1;
        let source = Source {
            provider: self.provider.id(),
            delivery: None,
            at: self.shop.clock.now(),
            dry_run: self.options.dry_run,
        };
        let Applied::Changed(preorder) = apply_update(self.shop, source, update).await? else { return Ok(false) };
        let mut number = preorder.map(|preorder| preorder.number);
        if let (true, Some(drawn)) = (self.options.dry_run, &number)
            && self.shop.store.purchase(PurchaseKey::Number(drawn)).await?.is_none()
        {
            // Drawn for the rehearsal, and gone with it.
            number = None;
        }
        self.report(Difference {
            scope: self.current.scope,
            id: id.to_owned(),
            number: number.map(|number| number.to_string()),
            what: what.to_owned(),
            end: if self.options.dry_run { Resolution::Found } else { Resolution::Repaired },
        });
        Ok(true)
    }

    /// Where this list is to be read: from the last mark on, or from where an interrupted pass stopped.
    async fn window(&self, scope: Scope) -> Result<Window, ReconcileError> {
        let now = self.shop.clock.now();
        if let Some(since) = self.options.since {
            return Ok(Window { since: now - since, began: now, from: None, mark: None, resumed: false });
        }
        let known = self.shop.store.mark(self.provider.id(), &scope.to_string()).await?;
        let mark = known.unwrap_or(Mark { until: now - FIRST_WINDOW, passing: None });
        let (began, from) = match &mark.passing {
            Some((began, Some(cursor))) => (*began, Some(Cursor::new(cursor.clone()))),
            _ => (now, None),
        };
        Ok(Window { since: mark.until - scope.overlap(), began, resumed: from.is_some(), from, mark: Some(mark) })
    }

    /// After a page: leaves a mark, keeps the lease. `false` at the list's end.
    pub async fn finish_page(&mut self, window: &mut Window, next: Option<Cursor>) -> Result<bool, ReconcileError> {
        chaos::pass(Point::PageCompared);
        window.from = next;
        if let (Some(mark), false) = (&window.mark, self.options.dry_run) {
            let mark = match &window.from {
                Some(from) => Mark { until: mark.until, passing: Some((window.began, Some(from.as_str().to_owned()))) },
                None => Mark { until: window.began, passing: None },
            };
            self.shop.store.set_mark(self.provider.id(), &self.current.scope.to_string(), &mark).await?;
        }
        self.extend_lease().await?;
        Ok(window.from.is_some())
    }

    async fn reset_cursor(&self, scope: Scope, window: &Window) -> Result<(), ReconcileError> {
        if let (Some(mark), false) = (&window.mark, self.options.dry_run) {
            let mark = Mark { until: mark.until, passing: None };
            self.shop.store.set_mark(self.provider.id(), &scope.to_string(), &mark).await?;
        }
        Ok(())
    }

    pub async fn extend_lease(&self) -> Result<(), ReconcileError> {
        if self.shop.store.take_lease(&self.lease, &self.token, LEASE).await? {
            Ok(())
        } else {
            Err(ReconcileError::Busy)
        }
    }

    /// Something that nothing explains: kept until a later cycle finds that it agrees.
    pub async fn unexplained(&mut self, id: &str, known: Option<&Purchase>, what: &str) -> Result<(), ReconcileError> {
        tracing::error!(id, what, "the books differ from the provider's");
        let number = known.map(|purchase| purchase.preorder.number.to_string());
        let scope = self.current.scope;
        self.current.unexplained += 1;
        self.found_open.insert(id.to_owned());
        if !self.options.dry_run {
            let open = OpenDifference {
                scope: scope.to_string(),
                id: id.to_owned(),
                number: number.clone(),
                what: what.to_owned(),
            };
            self.shop.store.note_difference(self.provider.id(), &open).await?;
        }
        self.report(Difference {
            scope,
            id: id.to_owned(),
            number,
            what: what.to_owned(),
            end: Resolution::Unexplained,
        });
        Ok(())
    }

    /// An error about one object is a difference; one about everything ends the pass.
    pub async fn object_failed(
        &mut self,
        id: &str,
        known: Option<&Purchase>,
        error: PaymentError,
    ) -> Result<(), ReconcileError> {
        match error {
            PaymentError::NotFound => self.unexplained(id, known, "the provider does not know it").await,
            PaymentError::Unreadable(_) | PaymentError::State(_) | PaymentError::Configuration(_) => {
                self.unexplained(id, known, "the provider's answer about it does not read").await
            }
            error => Err(error.into()),
        }
    }

    pub fn report(&mut self, difference: Difference) {
        self.current.differed += 1;
        if self.report.differences.len() < ReconcileReport::MAX_LISTED {
            self.report.differences.push(difference);
        }
    }
}
