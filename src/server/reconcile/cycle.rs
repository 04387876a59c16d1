//! One comparison with one provider: from where each list is read, what counts as a difference, and
//! what stays open at the end. `passes` reads the lists.

use std::{collections::HashSet, time::Duration};

use failpoints::{fail_point, shop::PAGE_COMPARED};
use time::OffsetDateTime;

use super::{Difference, ReconcileError, ReconcileOptions, ReconcileReport, Resolution, Scope, ScopeReport};
use crate::{
    domain::{lifecycle::PaymentUpdate, payment::SessionId},
    server::{
        orders::fulfilment::apply_update,
        payments::{Cursor, PaymentError, PaymentProvider},
        state::Shop,
        store::{Applied, LeaseToken, OpenDifference, OrderKey, ReconcileCursor, Source, StoredOrder},
    },
};

/// How far back the first comparison reads: as far as Stripe lists events.
const FIRST_WINDOW: Duration = Duration::from_hours(30 * 24);

/// The length of the lease: longer than any page takes.
const LEASE: Duration = Duration::from_mins(2);

/// One comparison with one provider, under a lease.
pub struct Cycle<'a> {
    pub shop: &'a Shop,
    pub provider: &'a dyn PaymentProvider,
    pub options: ReconcileOptions,
    report: &'a mut ReconcileReport,
    lease: String,
    token: LeaseToken,
    /// The sessions that the provider listed or returned in this cycle.
    pub seen: HashSet<SessionId>,
    /// The ids of the differences that this cycle found open.
    found_open: HashSet<String>,
    /// The report of the list that is being compared.
    pub current: ScopeReport,
}

/// The part of a list that a pass reads: from a time on, and from a cursor.
pub struct Window {
    pub since: OffsetDateTime,
    began: OffsetDateTime,
    pub from: Option<Cursor>,
    mark: Option<ReconcileCursor>,
    /// Whether it continues an interrupted pass. Newer objects are still to be read then.
    resumed: bool,
}

impl<'a> Cycle<'a> {
    /// Takes the lease of this provider's comparison.
    ///
    /// # Errors
    ///
    /// [`ReconcileError::Busy`] if another instance holds the lease.
    pub async fn begin(
        shop: &'a Shop,
        provider: &'a dyn PaymentProvider,
        options: ReconcileOptions,
        report: &'a mut ReconcileReport,
    ) -> Result<Self, ReconcileError> {
        let (lease, token) = (format!("reconcile:{}", provider.id().as_str()), shop.ids.lease_token());
        if !shop.store.acquire_lease(&lease, &token, LEASE).await? {
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

    /// Compares all lists, or as many as there is time for before the process ends.
    pub async fn run(mut self) -> Result<(), ReconcileError> {
        let (shop, lease, token) = (self.shop, self.lease.clone(), self.token.clone());
        let result = tokio::select! {
            compared = self.compare_all() => compared,
            () = shop.end.cancelled() => Err(ReconcileError::Ended),
        };
        // Best effort: a lease that is not released expires.
        let _ = shop.store.release_lease(&lease, &token).await;
        result
    }

    /// Compares all lists. A list that fails does not stop the others.
    async fn compare_all(&mut self) -> Result<(), ReconcileError> {
        let before = self.shop.store.open_differences(self.provider.id()).await?;
        for scope in Scope::ALL {
            self.current = ScopeReport::begin(self.provider.id(), scope);
            let compared = match scope {
                Scope::Recheck => self.recheck_all(&before).await,
                _ => self.compare(scope).await,
            };
            if let Err(ReconcileError::Provider(error)) = &compared {
                tracing::warn!(%scope, %error, "list could not be compared to its end; the next comparison continues there");
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
            // The provider no longer knows the cursor. Every later cycle would fail in the same
            // way.
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

    /// Checks the differences that were open before, unless this cycle found them again. Removes
    /// those that agree now.
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
                self.shop.store.remove_difference(self.provider.id(), &known.id).await?;
            }
            self.extend_lease().await?;
        }
        Ok(())
    }

    /// Applies what the provider reports. Returns whether that changed something.
    pub async fn apply(&mut self, update: &PaymentUpdate, id: &str, what: &str) -> Result<bool, ReconcileError> {
        self.current.compared += 1;
        let source = Source {
            provider: self.provider.id(),
            event: None,
            at: self.shop.clock.now(),
            dry_run: self.options.dry_run,
        };
        let Applied::Changed(preorder) = apply_update(self.shop, source, update).await? else { return Ok(false) };
        let mut number = preorder.map(|preorder| preorder.number);
        if let (true, Some(drawn)) = (self.options.dry_run, &number)
            && self.shop.store.order(OrderKey::Number(drawn)).await?.is_none()
        {
            // The number was drawn in the dry run, and rolled back with it.
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

    /// Returns the part of the list to read: from the last cursor on, or from where an interrupted
    /// pass stopped.
    async fn window(&self, scope: Scope) -> Result<Window, ReconcileError> {
        let now = self.shop.clock.now();
        if let Some(since) = self.options.since {
            return Ok(Window { since: now - since, began: now, from: None, mark: None, resumed: false });
        }
        let known = self.shop.store.reconcile_cursor(self.provider.id(), &scope.to_string()).await?;
        let mark = known.unwrap_or(ReconcileCursor { until: now - FIRST_WINDOW, interrupted: None });
        let (began, from) = match &mark.interrupted {
            Some((began, Some(cursor))) => (*began, Some(Cursor::new(cursor.clone()))),
            _ => (now, None),
        };
        Ok(Window { since: mark.until - scope.overlap(), began, resumed: from.is_some(), from, mark: Some(mark) })
    }

    /// Saves the cursor after a page and extends the lease. Returns `false` at the end of the list.
    pub(crate) async fn finish_page(
        &mut self,
        window: &mut Window,
        next: Option<Cursor>,
    ) -> Result<bool, ReconcileError> {
        fail_point!(PAGE_COMPARED);
        window.from = next;
        if let (Some(mark), false) = (&window.mark, self.options.dry_run) {
            let mark = match &window.from {
                Some(from) => ReconcileCursor {
                    until: mark.until,
                    interrupted: Some((window.began, Some(from.as_str().to_owned()))),
                },
                None => ReconcileCursor { until: window.began, interrupted: None },
            };
            self.shop.store.set_reconcile_cursor(self.provider.id(), &self.current.scope.to_string(), &mark).await?;
        }
        self.extend_lease().await?;
        Ok(window.from.is_some())
    }

    /// Restarts the list from its beginning in the next cycle.
    async fn reset_cursor(&self, scope: Scope, window: &Window) -> Result<(), ReconcileError> {
        if let (Some(mark), false) = (&window.mark, self.options.dry_run) {
            let mark = ReconcileCursor { until: mark.until, interrupted: None };
            self.shop.store.set_reconcile_cursor(self.provider.id(), &scope.to_string(), &mark).await?;
        }
        Ok(())
    }

    /// Extends the lease.
    ///
    /// # Errors
    ///
    /// [`ReconcileError::Busy`] if another instance has taken it.
    pub(crate) async fn extend_lease(&self) -> Result<(), ReconcileError> {
        if self.shop.store.acquire_lease(&self.lease, &self.token, LEASE).await? {
            Ok(())
        } else {
            Err(ReconcileError::Busy)
        }
    }

    /// Records a difference that nothing explains. It stays open until a later cycle finds that
    /// both sides agree.
    pub async fn unexplained(
        &mut self,
        id: &str,
        known: Option<&StoredOrder>,
        what: &str,
    ) -> Result<(), ReconcileError> {
        tracing::error!(id, what, "shop and provider differ; see `rolitt reconcile --dry-run`");
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
            self.shop.store.record_difference(self.provider.id(), &open).await?;
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

    /// Records an error about one object as a difference. An error about the whole list ends the
    /// pass.
    pub(crate) async fn object_failed(
        &mut self,
        id: &str,
        known: Option<&StoredOrder>,
        error: PaymentError,
    ) -> Result<(), ReconcileError> {
        match error {
            PaymentError::NotFound => self.unexplained(id, known, "the provider does not know it").await,
            PaymentError::Unreadable(_) | PaymentError::State(_) | PaymentError::Configuration(_) => {
                self.unexplained(id, known, "the provider's response about it could not be parsed").await
            }
            error => Err(error.into()),
        }
    }

    /// Counts a difference, and lists it while the report has room.
    pub fn report(&mut self, difference: Difference) {
        self.current.differed += 1;
        if self.report.differences.len() < ReconcileReport::MAX_LISTED {
            self.report.differences.push(difference);
        }
    }
}
