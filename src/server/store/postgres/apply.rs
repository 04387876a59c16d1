//! One purchase in one transaction: locked, read, decided upon, written, and what follows from it put into the outbox.
//!
//! Locks are taken in one order: the attempt, the payment, the preorder's row. The first two are advisory, because a fact may
//! come before the row that it is about.

use sqlx::PgConnection;

use super::{
    super::{Applied, CaseEffect, CaseKey, PreorderNames, Purchase, PurchaseKey, StoreError},
    outbox, payments, preorders, refused_or_unavailable,
    webhook_logs::Outcome,
};
use crate::{
    chaos::{self, Control, Point},
    domain::{
        checkout::Attempt,
        lifecycle::{Change, OrderState, notifications},
        payment::{IntentId, SessionId},
        preorder::{Preorder, PreorderStatus},
    },
};

/// How many numbers are tried for one preorder: at ten million preorders, three draws all collide once in 10^15.
const NUMBER_TRIES: u32 = 5;

/// What a key stands for, as far as is known before anything is locked.
struct Target {
    session: Option<SessionId>,
    intent: Option<IntentId>,
    attempt: Option<Attempt>,
}

/// One purchase, locked until the transaction ends, with what is known of it.
pub async fn locked(tx: &mut PgConnection, key: CaseKey<'_>) -> Result<(Option<Preorder>, OrderState), StoreError> {
    let target = resolve(tx, key).await?;
    lock(tx, target.attempt.as_ref(), target.intent.as_ref()).await?;
    read(tx, key, &target).await
}

/// Decides and writes, in the caller's transaction.
pub async fn apply(tx: &mut PgConnection, effect: &CaseEffect<'_>) -> Result<(Applied, Outcome), StoreError> {
    let target = resolve(tx, effect.key).await?;
    lock(tx, target.attempt.as_ref(), target.intent.as_ref()).await?;
    let mut tries = 0;
    loop {
        let (names, before) = read(tx, effect.key, &target).await?;
        chaos::pass(Point::LockHeld);
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
                let PreorderNames { id, number } = effect.ids.preorder_names(&details.session, chaos::draw(tries));
                let preorder = Preorder { id, number, details };
                if !preorders::insert(tx, &preorder).await? {
                    // Either the number is taken, or the session's row was made meanwhile: the next round tells which.
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
        payments::write(tx, effect.provider, &before, &after).await?;
        if let Some(preorder) = &preorder {
            for message in (effect.messages)(preorder, &after, &notifications(&before, &after)) {
                outbox::insert(tx, &preorder.id, &message).await?;
            }
        }
        let outcome = Outcome::done(preorder.as_ref());
        return Ok((Applied::Changed(preorder), outcome));
    }
}

/// The preorder and all that is known of its payment, unlocked.
pub async fn purchase(connection: &mut PgConnection, key: PurchaseKey<'_>) -> Result<Option<Purchase>, StoreError> {
    let Some(preorder) = preorders::find(connection, key).await? else { return Ok(None) };
    Ok(Some(with_payment(connection, preorder).await?))
}

/// The preorder together with all that is known of its payment.
pub async fn with_payment(connection: &mut PgConnection, preorder: Preorder) -> Result<Purchase, StoreError> {
    let mut case = OrderState { preorder: Some(preorder.details.clone()), ..OrderState::default() };
    if let Some(intent) = &preorder.details.intent {
        payments::read(connection, intent, &mut case).await?;
    }
    Ok(Purchase { preorder, case })
}

async fn resolve(tx: &mut PgConnection, key: CaseKey<'_>) -> Result<Target, StoreError> {
    let known = match key {
        // All is said already: the common case costs no query.
        CaseKey::Session { session, intent: Some(intent), attempt } => {
            let (session, intent, attempt) = (session.clone(), intent.clone(), attempt.cloned());
            return Ok(Target { session: Some(session), intent: Some(intent), attempt });
        }
        _ => preorders::find(tx, as_purchase(key)).await?.map(|preorder| preorder.details),
    };
    let known_intent = known.as_ref().and_then(|details| details.intent.clone());
    let known_attempt = known.as_ref().and_then(|details| details.attempt.clone());
    Ok(match key {
        CaseKey::Session { session, attempt, .. } => {
            Target { session: Some(session.clone()), intent: known_intent, attempt: attempt.cloned().or(known_attempt) }
        }
        CaseKey::Intent(intent) => Target {
            session: known.map(|details| details.session),
            intent: Some(intent.clone()),
            attempt: known_attempt,
        },
        CaseKey::Number(_) => {
            Target { session: known.map(|details| details.session), intent: known_intent, attempt: known_attempt }
        }
    })
}

const fn as_purchase(key: CaseKey<'_>) -> PurchaseKey<'_> {
    match key {
        CaseKey::Session { session, .. } => PurchaseKey::Session(session),
        CaseKey::Intent(intent) => PurchaseKey::Intent(intent),
        CaseKey::Number(number) => PurchaseKey::Number(number),
    }
}

async fn read(
    tx: &mut PgConnection,
    key: CaseKey<'_>,
    target: &Target,
) -> Result<(Option<Preorder>, OrderState), StoreError> {
    let preorder = preorders::find_locked(tx, as_purchase(key)).await?;
    let mut case =
        OrderState { preorder: preorder.as_ref().map(|preorder| preorder.details.clone()), ..OrderState::default() };
    if let Some(intent) = &target.intent {
        payments::read(tx, intent, &mut case).await?;
    }
    let paid_already = preorder.as_ref().is_some_and(|preorder| preorder.details.status >= PreorderStatus::Paid);
    // The row may have come since the target was looked up, and know more than it.
    let details = preorder.as_ref().map(|preorder| &preorder.details);
    let attempt = target.attempt.as_ref().or_else(|| details?.attempt.as_ref());
    let session = target.session.as_ref().or_else(|| Some(&details?.session));
    if let (Some(attempt), Some(session), false) = (attempt, session, paid_already) {
        if target.attempt.is_none() {
            lock(tx, Some(attempt), None).await?;
        }
        case.attempt_paid_elsewhere = preorders::attempt_paid_elsewhere(tx, attempt, session).await?;
    }
    Ok((preorder, case))
}

/// Waits until nobody else in any transaction works on the same attempt, nor on the same payment.
async fn lock(tx: &mut PgConnection, attempt: Option<&Attempt>, intent: Option<&IntentId>) -> Result<(), StoreError> {
    if chaos::breaks(Control::NoUniqueIndex) {
        return Ok(());
    }
    sqlx::query!(
        "select case when $1::text is not null then pg_advisory_xact_lock(hashtextextended('attempt:' || $1, 0)) end,
                case when $2::text is not null then pg_advisory_xact_lock(hashtextextended('intent:' || $2, 0)) end",
        attempt.map(Attempt::as_str),
        intent.map(IntentId::as_str)
    )
    .execute(tx)
    .await
    .map_err(refused_or_unavailable)?;
    Ok(())
}
