//! One order in one transaction: locked, read, decided upon, written, with its messages put into
//! the outbox and its event closed.
//!
//! Locks are taken in one order: the attempt, the payment, the preorder's row. The first two are
//! advisory, because an update may come before the row that it is about.

use async_trait::async_trait;
use failpoints::{
    fail_point,
    shop::{AFTER_COMMIT, BEFORE_COMMIT, LOCK_HELD},
};
use sqlx::{Connection as _, PgConnection};

use super::{
    super::{Applied, Effect, OrderEffect, OrderKey, Orders, PreorderNames, Step, StoreError, StoredOrder},
    PostgresStore, STEP, mirrors, outbox, payments,
    pool::step,
    preorders, privacy,
    webhook_logs::{self, Outcome},
};
use crate::domain::{
    checkout::Attempt,
    lifecycle::{Change, OrderState, notifications},
    payment::{IntentId, ProviderId, SessionId},
    preorder::{AccessHash, Preorder, PreorderStatus},
};

/// The number of draws for one preorder number: at ten million preorders, three draws all collide
/// once in 10^15.
const NUMBER_TRIES: u32 = 5;

#[async_trait]
impl Orders for PostgresStore {
    async fn apply(&self, step: Step<'_>) -> Result<Applied, StoreError> {
        let json = step.source.event.and_then(|event| webhook_logs::json_text(&event.body));
        match step!(self, STEP, |connection| apply_once(connection, &step, json)) {
            // Rust reads JSON that jsonb refuses. The bytes are what counts, and they are stored in
            // either state.
            Err(StoreError::InvalidData(_)) if json.is_some() => {
                step!(self, STEP, |connection| apply_once(connection, &step, None))
            }
            other => other,
        }
    }

    async fn preorder_of_session(&self, session: &SessionId) -> Result<Option<Preorder>, StoreError> {
        step!(self, STEP, |connection| preorders::find(connection, OrderKey::Session(session)))
    }

    async fn preorder_of_link(&self, access: &AccessHash) -> Result<Option<Preorder>, StoreError> {
        step!(self, STEP, |connection| preorders::find_by_link(connection, access))
    }

    async fn order(&self, key: OrderKey<'_>) -> Result<Option<StoredOrder>, StoreError> {
        step!(self, STEP, |connection| async {
            let Some(preorder) = preorders::find(&mut *connection, key).await? else { return Ok(None) };
            with_payment(connection, preorder).await.map(Some)
        })
    }
}

async fn apply_once(connection: &mut PgConnection, step: &Step<'_>, json: Option<&str>) -> Result<Applied, StoreError> {
    let mut tx = connection.begin().await?;
    let log = match step.source.event {
        Some(event) => webhook_logs::open(&mut tx, event, json).await?,
        None => None,
    };
    if step.source.event.is_some() && log.is_none() {
        // At once: left to the next step, the transaction would hold its locks until then.
        tx.rollback().await?;
        return Ok(Applied::Duplicate);
    }
    let (applied, outcome) = match &step.effect {
        Effect::Ignore { reason, mentions } => {
            let erased = privacy::is_erased(&mut tx, mentions).await?;
            (Applied::Ignored((*reason).to_owned()), Outcome::ignored(reason).erased(erased))
        }
        Effect::Order(effect) => change_order(&mut tx, step.source.provider, effect).await?,
        Effect::Mirror(mirror) => {
            let newer = mirrors::write(&mut tx, step.source.provider, mirror).await?;
            let applied = if newer { Applied::Changed(None) } else { Applied::Unchanged(None) };
            (applied, Outcome::done(None).erased(mirrors::is_erased(&mut tx, mirror).await?))
        }
    };
    if step.source.dry_run {
        tx.rollback().await?;
        return Ok(applied);
    }
    if let Some(id) = log {
        webhook_logs::close(&mut tx, id, &outcome).await?;
    }
    fail_point!(BEFORE_COMMIT);
    tx.commit().await?;
    fail_point!(AFTER_COMMIT);
    Ok(applied)
}

/// What a key stands for, as far as is known before anything is locked.
#[derive(Default)]
struct Target {
    session: Option<SessionId>,
    intent: Option<IntentId>,
    attempt: Option<Attempt>,
}

/// Locks one order until the transaction ends, and reads it.
pub(super) async fn lock_and_read(
    tx: &mut PgConnection,
    key: OrderKey<'_>,
) -> Result<(Option<Preorder>, OrderState), StoreError> {
    let target = resolve(tx, key).await?;
    lock(tx, target.attempt.as_ref(), target.intent.as_ref()).await?;
    read(tx, key, &target).await
}

/// Decides on one order and writes it.
async fn change_order(
    tx: &mut PgConnection,
    provider: ProviderId,
    effect: &OrderEffect<'_>,
) -> Result<(Applied, Outcome), StoreError> {
    let target = resolve(tx, effect.key).await?;
    lock(tx, target.attempt.as_ref(), target.intent.as_ref()).await?;
    let mut tries = 0;
    loop {
        let (names, before) = read(tx, effect.key, &target).await?;
        fail_point!(LOCK_HELD);
        let after = match (effect.decide)(&before) {
            Change::Ignore(reason) => {
                let outcome = Outcome::ignored(reason).about(names.as_ref());
                return Ok((Applied::Ignored(reason.to_owned()), outcome));
            }
            Change::None => return Ok((Applied::Unchanged(names.clone()), Outcome::done(names.as_ref()))),
            Change::Put(after) => *after,
        };
        let preorder = match (names, after.preorder.clone()) {
            (Some(known), Some(details)) => {
                let preorder = Preorder { details, ..known };
                if before.preorder != after.preorder {
                    preorders::update(tx, &preorder).await?;
                }
                Some(preorder)
            }
            (None, Some(details)) => {
                let PreorderNames { id, number } = effect.ids.preorder_names(&details.session, tries);
                let preorder = Preorder { id, number, details };
                if !preorders::insert(tx, &preorder).await? {
                    // Either the number is taken, or the session's row was inserted meanwhile: the
                    // next round finds out.
                    tries += 1;
                    if tries == NUMBER_TRIES {
                        return Err(StoreError::NumbersExhausted);
                    }
                    continue;
                }
                Some(preorder)
            }
            (_, None) => None,
        };
        payments::write(tx, provider, &before, &after).await?;
        if let Some(preorder) = &preorder {
            for message in (effect.messages)(preorder, &after, &notifications(&before, &after)) {
                outbox::insert(tx, &preorder.id, &message).await?;
            }
        }
        let outcome = Outcome::done(preorder.as_ref());
        return Ok((Applied::Changed(preorder), outcome));
    }
}

/// Reads everything known of the preorder's payment.
pub(super) async fn with_payment(connection: &mut PgConnection, preorder: Preorder) -> Result<StoredOrder, StoreError> {
    let mut state = OrderState { preorder: Some(preorder.details.clone()), ..OrderState::default() };
    if let Some(intent) = &preorder.details.intent {
        payments::read(connection, intent, &mut state).await?;
    }
    Ok(StoredOrder { preorder, state })
}

async fn resolve(tx: &mut PgConnection, key: OrderKey<'_>) -> Result<Target, StoreError> {
    let reported = match key {
        OrderKey::SessionUpdate(update) => Target {
            session: Some(update.session.clone()),
            intent: update.intent.clone(),
            attempt: update.attempt.clone(),
        },
        OrderKey::Session(session) => Target { session: Some(session.clone()), ..Target::default() },
        OrderKey::Intent(intent) => Target { intent: Some(intent.clone()), ..Target::default() },
        OrderKey::Id(_) | OrderKey::Number(_) => Target::default(),
    };
    if reported.session.is_some() && reported.intent.is_some() {
        // The common state costs no query.
        return Ok(reported);
    }
    let Some(known) = preorders::find(tx, key).await?.map(|preorder| preorder.details) else { return Ok(reported) };
    Ok(Target {
        session: reported.session.or(Some(known.session)),
        intent: reported.intent.or(known.intent),
        attempt: reported.attempt.or(known.attempt),
    })
}

async fn read(
    tx: &mut PgConnection,
    key: OrderKey<'_>,
    target: &Target,
) -> Result<(Option<Preorder>, OrderState), StoreError> {
    let preorder = preorders::find_locked(tx, key).await?;
    let mut state =
        OrderState { preorder: preorder.as_ref().map(|preorder| preorder.details.clone()), ..OrderState::default() };
    if let Some(intent) = &target.intent {
        payments::read(tx, intent, &mut state).await?;
    }
    let paid_already = preorder.as_ref().is_some_and(|preorder| preorder.details.status >= PreorderStatus::Paid);
    // The row may have been inserted since the target was resolved, and know more.
    let details = preorder.as_ref().map(|preorder| &preorder.details);
    let attempt = target.attempt.as_ref().or_else(|| details?.attempt.as_ref());
    let session = target.session.as_ref().or_else(|| Some(&details?.session));
    if let (Some(attempt), Some(session), false) = (attempt, session, paid_already) {
        if target.attempt.is_none() {
            lock(tx, Some(attempt), None).await?;
        }
        state.attempt_paid_elsewhere = preorders::attempt_paid_elsewhere(tx, attempt, session).await?;
    }
    Ok((preorder, state))
}

/// Waits until no other transaction works on the same attempt or on the same payment.
async fn lock(tx: &mut PgConnection, attempt: Option<&Attempt>, intent: Option<&IntentId>) -> Result<(), StoreError> {
    sqlx::query!(
        "select case when $1::text is not null then pg_advisory_xact_lock(hashtextextended('attempt:' || $1, 0)) end,
                case when $2::text is not null then pg_advisory_xact_lock(hashtextextended('intent:' || $2, 0)) end",
        attempt.map(Attempt::as_str),
        intent.map(IntentId::as_str)
    )
    .execute(tx)
    .await?;
    Ok(())
}
