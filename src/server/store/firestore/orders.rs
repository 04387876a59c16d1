//! A step on Firestore: read, decided upon and committed, and retried while the commit meets
//! conflicts.

use async_trait::async_trait;

use super::{
    super::{Applied, Effect, OrderEffect, OrderKey, Orders, Step, StoreError, StoredOrder, Table},
    FirestoreStore, STEP, apply, bounded,
    client::{Committed, RetryBudget, Write},
    logs::{self, Outcome},
    mirrors, privacy, query,
    value::row_path,
};
use crate::{
    domain::{
        payment::SessionId,
        preorder::{AccessHash, Preorder},
    },
    server::store::mapping,
};

#[async_trait]
impl Orders for FirestoreStore {
    async fn apply(&self, step: Step<'_>) -> Result<Applied, StoreError> {
        bounded(STEP, self.apply_until_done(&step)).await
    }

    async fn preorder_of_session(&self, session: &SessionId) -> Result<Option<Preorder>, StoreError> {
        let path = row_path(Table::Preorders, session.as_str());
        let found = bounded(STEP, self.client.read(std::slice::from_ref(&path))).await?;
        found.get(&path).map(|found| mapping::preorder_of(&found.row(Table::Preorders))).transpose()
    }

    async fn preorder_of_link(&self, access: &AccessHash) -> Result<Option<Preorder>, StoreError> {
        let query = query::preorder_of_link(access);
        let (found, _) = bounded(STEP, self.client.query(&query)).await?;
        found.first().map(|found| mapping::preorder_of(&found.row(Table::Preorders))).transpose()
    }

    async fn order(&self, key: OrderKey<'_>) -> Result<Option<StoredOrder>, StoreError> {
        bounded(STEP, apply::order(&self.client, key)).await
    }
}

impl FirestoreStore {
    async fn apply_until_done(&self, step: &Step<'_>) -> Result<Applied, StoreError> {
        let mut budget = RetryBudget::new();
        loop {
            if let Some(applied) = self.apply_once(step, budget.conflicts() > 1).await? {
                return Ok(applied);
            }
            budget.wait().await?;
        }
    }

    /// Attempts the step. Returns `None` when a document that it was decided on changed meanwhile.
    async fn apply_once(&self, step: &Step<'_>, thorough: bool) -> Result<Option<Applied>, StoreError> {
        let log = step.source.event.map(logs::path_of);
        let (applied, outcome, mut writes, snapshot) = match &step.effect {
            Effect::Order(effect) => return self.change_order(step, effect, log, thorough).await,
            Effect::Ignore { reason, mentions } => {
                let snapshot = self.client.read(&log.iter().cloned().collect::<Vec<_>>()).await?;
                let outcome = Outcome::ignored(reason).erased(privacy::is_erased(&self.client, mentions).await?);
                (Applied::Ignored((*reason).to_owned()), outcome, Vec::new(), snapshot)
            }
            Effect::Mirror(mirror) => {
                let paths: Vec<String> = log.iter().cloned().chain([mirrors::path_of(mirror)]).collect();
                let snapshot = self.client.read(&paths).await?;
                let write = mirrors::write(&snapshot, step.source.provider, mirror);
                let applied = if write.is_some() { Applied::Changed(None) } else { Applied::Unchanged(None) };
                let erased = mirrors::is_erased(&self.client, &snapshot, mirror).await?;
                (applied, Outcome::done(None, false).erased(erased), write.into_iter().collect(), snapshot)
            }
        };
        if log.is_some_and(|log| logs::is_closed(snapshot.get(&log))) {
            return Ok(Some(Applied::Duplicate));
        }
        writes.extend(step.source.event.into_iter().flat_map(|event| logs::close(event, &snapshot, &outcome)));
        self.write(step, applied, &writes).await
    }

    async fn change_order(
        &self,
        step: &Step<'_>,
        effect: &OrderEffect<'_>,
        log: Option<String>,
        thorough: bool,
    ) -> Result<Option<Applied>, StoreError> {
        let (read, snapshot) = apply::read(&self.client, effect.key, log.clone(), thorough).await?;
        if log.is_some_and(|log| logs::is_closed(snapshot.get(&log))) {
            return Ok(Some(Applied::Duplicate));
        }
        let decided = apply::decide(&self.client, &step.source, effect, &read).await?;
        let mut writes = decided.writes;
        match step.source.event {
            Some(event) => writes.extend(logs::close(event, &snapshot, &decided.outcome)),
            // Without a log to close, an unchanged order needs no write.
            None if !matches!(decided.applied, Applied::Changed(_)) => writes.clear(),
            None => {}
        }
        self.write(step, decided.applied, &writes).await
    }

    async fn write(&self, step: &Step<'_>, applied: Applied, writes: &[Write]) -> Result<Option<Applied>, StoreError> {
        if step.source.dry_run || writes.is_empty() {
            return Ok(Some(applied));
        }
        let committed = self.client.commit(writes).await?;
        Ok((committed == Committed::Done).then_some(applied))
    }
}
