//! Rows of `preorders`. What a fact changes is decided by the function that comes along; this file finds, locks and writes.

use sqlx::{PgConnection, types::Json};

use super::{
    super::{Applied, PreorderEffect, StoreError},
    outbox, refused_or_unavailable,
    webhook_logs::Outcome,
};
use crate::domain::{
    customer::{Locale, ShippingAddress},
    money::Money,
    payment::{IntentId, SessionId},
    preorder::{Change, Preorder, PreorderDetails},
};

/// How many numbers are tried for one preorder: at ten million preorders, three draws all collide once in 10^15.
const NUMBER_TRIES: u32 = 5;

/// Decides and writes, in the caller's transaction.
pub async fn apply(tx: &mut PgConnection, effect: &PreorderEffect<'_>) -> Result<(Applied, Outcome), StoreError> {
    let mut tries = 0;
    loop {
        let current = find(tx, effect.session, true).await?;
        let (details, became_paid) = match (effect.decide)(current.as_ref().map(|preorder| &preorder.details)) {
            Change::Ignore(reason) => return Ok((Applied::Ignored, Outcome::ignored(reason))),
            Change::None => {
                return Ok(match current {
                    Some(preorder) => (Applied::Unchanged(preorder.clone()), Outcome::done(&preorder)),
                    None => (Applied::Ignored, Outcome::ignored("nothing to do")),
                });
            }
            Change::Put { details, became_paid } => (*details, became_paid),
        };
        let preorder = if let Some(current) = current {
            let preorder = Preorder { details, ..current };
            update(tx, &preorder).await?;
            preorder
        } else {
            let preorder = Preorder { id: effect.ids.row_id(), number: effect.ids.preorder_number(), details };
            if !insert(tx, &preorder).await? {
                // Either the number is taken, or the session's row was made meanwhile: the next round tells which.
                tries += 1;
                if tries == NUMBER_TRIES {
                    return Err(StoreError::NumbersExhausted);
                }
                continue;
            }
            preorder
        };
        if became_paid {
            for message in (effect.messages)(&preorder) {
                outbox::insert(tx, &preorder.id, &message).await?;
            }
        }
        return Ok((Applied::Changed(preorder.clone()), Outcome::done(&preorder)));
    }
}

pub async fn of_session(connection: &mut PgConnection, session: &SessionId) -> Result<Option<Preorder>, StoreError> {
    find(connection, session, false).await
}

struct Row {
    id: String,
    preorder_number: String,
    session_id: Option<String>,
    payment_intent_id: Option<String>,
    status: String,
    email: String,
    color: Option<String>,
    amount_minor: Option<i64>,
    currency: Option<String>,
    locale: Option<String>,
    shipping_address: Option<Json<ShippingAddress>>,
    livemode: bool,
    needs_review: bool,
    review_reason: Option<String>,
}

async fn find(connection: &mut PgConnection, session: &SessionId, lock: bool) -> Result<Option<Preorder>, StoreError> {
    let row = if lock {
        sqlx::query_as!(
            Row,
            r#"select id, preorder_number, session_id, payment_intent_id, status::text as "status!", email,
                      color::text as "color", amount_minor, currency, locale,
                      shipping_address as "shipping_address: Json<ShippingAddress>", livemode, needs_review, review_reason
               from preorders where session_id = $1 for update"#,
            session.as_str()
        )
        .fetch_optional(connection)
        .await
    } else {
        sqlx::query_as!(
            Row,
            r#"select id, preorder_number, session_id, payment_intent_id, status::text as "status!", email,
                      color::text as "color", amount_minor, currency, locale,
                      shipping_address as "shipping_address: Json<ShippingAddress>", livemode, needs_review, review_reason
               from preorders where session_id = $1"#,
            session.as_str()
        )
        .fetch_optional(connection)
        .await
    };
    row.map_err(refused_or_unavailable)?.map(Row::into_preorder).transpose()
}

impl Row {
    fn into_preorder(self) -> Result<Preorder, StoreError> {
        let id = self.id.clone();
        let unreadable = |column: &str| StoreError::Unreadable(format!("preorders.{column} of {id}"));
        let amount = match (self.amount_minor, self.currency) {
            (Some(minor), Some(currency)) => Some(
                currency
                    .parse()
                    .and_then(|currency| Money::new(minor, currency))
                    .map_err(|_| unreadable("amount_minor"))?,
            ),
            _ => None,
        };
        Ok(Preorder {
            number: self.preorder_number.parse().map_err(|_| unreadable("preorder_number"))?,
            details: PreorderDetails {
                session: self
                    .session_id
                    .as_deref()
                    .and_then(SessionId::parse)
                    .ok_or_else(|| unreadable("session_id"))?,
                intent: self.payment_intent_id.as_deref().and_then(IntentId::parse),
                status: self.status.parse().map_err(|_| unreadable("status"))?,
                email: self.email,
                color: self.color.map(|color| color.parse()).transpose().map_err(|_| unreadable("color"))?,
                amount,
                locale: self.locale.as_deref().and_then(Locale::parse).unwrap_or_default(),
                shipping: self.shipping_address.map(|Json(address)| address),
                livemode: self.livemode,
                review: self.needs_review.then(|| self.review_reason.unwrap_or_default()),
            },
            id: self.id,
        })
    }
}

/// `false` when the session or the number has a row already.
async fn insert(connection: &mut PgConnection, preorder: &Preorder) -> Result<bool, StoreError> {
    let details = &preorder.details;
    let done = sqlx::query!(
        r#"insert into preorders (id, preorder_number, session_id, payment_intent_id, status, email, color, amount_minor,
                                  currency, locale, shipping_address, livemode, needs_review, review_reason)
           values ($1, $2, $3, $4, $5::text::preorder_status, $6, $7::text::product_color, $8, $9, $10, $11, $12, $13, $14)
           on conflict do nothing"#,
        preorder.id,
        preorder.number.as_str(),
        details.session.as_str(),
        details.intent.as_ref().map(IntentId::as_str),
        details.status.as_str(),
        details.email,
        details.color.map(crate::domain::product::ProductColor::as_str),
        details.amount.map(Money::minor),
        details.amount.map(|amount| amount.currency().to_string()),
        details.locale.as_str(),
        details.shipping.as_ref().map(Json) as Option<Json<&ShippingAddress>>,
        details.livemode,
        details.review.is_some(),
        details.review
    )
    .execute(connection)
    .await
    .map_err(refused_or_unavailable)?;
    Ok(done.rows_affected() == 1)
}

async fn update(connection: &mut PgConnection, preorder: &Preorder) -> Result<(), StoreError> {
    let details = &preorder.details;
    sqlx::query!(
        r#"update preorders
           set payment_intent_id = $2, status = $3::text::preorder_status, email = $4, color = $5::text::product_color,
               amount_minor = $6, currency = $7, shipping_address = $8, needs_review = $9, review_reason = $10,
               updated_at = now()
           where id = $1"#,
        preorder.id,
        details.intent.as_ref().map(IntentId::as_str),
        details.status.as_str(),
        details.email,
        details.color.map(crate::domain::product::ProductColor::as_str),
        details.amount.map(Money::minor),
        details.amount.map(|amount| amount.currency().to_string()),
        details.shipping.as_ref().map(Json) as Option<Json<&ShippingAddress>>,
        details.review.is_some(),
        details.review
    )
    .execute(connection)
    .await
    .map_err(refused_or_unavailable)?;
    Ok(())
}
