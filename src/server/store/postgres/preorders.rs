//! Rows of `preorders`: found, locked, written. What changes in them is decided elsewhere.

use sqlx::{PgConnection, types::Json};

use super::{
    super::{PurchaseKey, StoreError},
    refused_or_unavailable,
};
use crate::domain::{
    checkout::Attempt,
    customer::{Locale, ShippingAddress},
    money::Money,
    payment::{IntentId, ProviderId, SessionId},
    preorder::{AccessHash, Preorder, PreorderDetails, PreorderId, Review},
    product::ProductColor,
};

/// A row as it is read; queries name its columns.
pub struct Row {
    pub id: String,
    pub preorder_number: String,
    pub provider: String,
    pub session_id: Option<String>,
    pub payment_intent_id: Option<String>,
    pub attempt: Option<String>,
    pub status: String,
    pub email: String,
    pub color: Option<String>,
    pub amount_minor: Option<i64>,
    pub currency: Option<String>,
    pub refunded_minor: i64,
    pub locale: Option<String>,
    pub shipping_address: Option<Json<ShippingAddress>>,
    pub livemode: bool,
    pub completed_at: Option<i64>,
    pub access_hash: Option<String>,
    pub tracking_number: Option<String>,
    pub second_payment: bool,
    pub review_reason: Option<String>,
    pub review_settled: Option<String>,
    pub erased_at: Option<i64>,
}

/// The key as the four columns that a preorder is found by; three of them are null.
fn columns(key: PurchaseKey<'_>) -> [Option<&str>; 4] {
    match key {
        PurchaseKey::Id(id) => [Some(id.as_str()), None, None, None],
        PurchaseKey::Number(number) => [None, Some(number.as_str()), None, None],
        PurchaseKey::Session(session) => [None, None, Some(session.as_str()), None],
        PurchaseKey::Intent(intent) => [None, None, None, Some(intent.as_str())],
    }
}

/// Rows of `preorders` with every column that is read, and the query's own end.
macro_rules! select_preorders {
    ($end:tt, $($argument:expr),+ $(,)?) => {
        sqlx::query_as!(
            $crate::server::store::postgres::preorders::Row,
            r#"select id, preorder_number, provider, session_id, payment_intent_id, attempt, status::text as "status!", email,
                      color::text as "color", amount_minor, currency, refunded_minor, locale,
                      shipping_address as "shipping_address: sqlx::types::Json<ShippingAddress>", livemode,
                      extract(epoch from completed_at)::bigint as "completed_at", access_hash, tracking_number,
                      second_payment, review_reason, review_settled, extract(epoch from erased_at)::bigint as "erased_at"
               from preorders "# + $end,
            $($argument),+
        )
    };
}
pub(super) use select_preorders;

/// The preorder of this key; the oldest, should several share an intent.
pub async fn find(connection: &mut PgConnection, key: PurchaseKey<'_>) -> Result<Option<Preorder>, StoreError> {
    let [id, number, session, intent] = columns(key);
    let row = select_preorders!(
        "where id in (select $1::text union all select id from preorders where preorder_number = $2
                      union all select id from preorders where session_id = $3
                      union all select id from preorders where payment_intent_id = $4)
         order by created_at limit 1",
        id,
        number,
        session,
        intent
    );
    one(row.fetch_optional(connection).await)
}

/// The preorder whose link this opens.
pub async fn opened_by(connection: &mut PgConnection, access: &AccessHash) -> Result<Option<Preorder>, StoreError> {
    let row = select_preorders!("where access_hash = $1 limit 1", access.as_str());
    one(row.fetch_optional(connection).await)
}

/// As `find`, and locks the row until the transaction ends.
pub async fn find_locked(connection: &mut PgConnection, key: PurchaseKey<'_>) -> Result<Option<Preorder>, StoreError> {
    let [id, number, session, intent] = columns(key);
    let row = select_preorders!(
        "where id in (select $1::text union all select id from preorders where preorder_number = $2
                      union all select id from preorders where session_id = $3
                      union all select id from preorders where payment_intent_id = $4)
         order by created_at limit 1 for update",
        id,
        number,
        session,
        intent
    );
    one(row.fetch_optional(connection).await)
}

fn one(row: Result<Option<Row>, sqlx::Error>) -> Result<Option<Preorder>, StoreError> {
    row.map_err(refused_or_unavailable)?.map(Row::into_preorder).transpose()
}

impl Row {
    pub fn into_preorder(self) -> Result<Preorder, StoreError> {
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
                provider: ProviderId::from_name(&self.provider).ok_or_else(|| unreadable("provider"))?,
                session: self
                    .session_id
                    .as_deref()
                    .and_then(SessionId::parse)
                    .ok_or_else(|| unreadable("session_id"))?,
                intent: self.payment_intent_id.as_deref().and_then(IntentId::parse),
                attempt: self.attempt.as_deref().and_then(Attempt::parse),
                status: self.status.parse().map_err(|_| unreadable("status"))?,
                email: self.email,
                color: self.color.map(|color| color.parse()).transpose().map_err(|_| unreadable("color"))?,
                amount,
                refunded_minor: self.refunded_minor,
                locale: self.locale.as_deref().and_then(Locale::parse).unwrap_or_default(),
                shipping: self.shipping_address.map(|Json(address)| address),
                livemode: self.livemode,
                completed_at: self.completed_at,
                access: self.access_hash.as_deref().and_then(AccessHash::parse),
                tracking: self.tracking_number,
                second_payment: self.second_payment,
                review: Review::from_codes(self.review_reason.as_deref(), self.review_settled.as_deref()),
                erased_at: self.erased_at,
            },
            id: PreorderId::new(self.id),
        })
    }
}

/// Whether another preorder of the attempt has been paid that is not itself the second one.
pub async fn attempt_paid_elsewhere(
    connection: &mut PgConnection,
    attempt: &Attempt,
    session: &SessionId,
) -> Result<bool, StoreError> {
    sqlx::query_scalar!(
        r#"select exists(select from preorders where attempt = $1 and session_id <> $2 and status >= 'paid'
                         and not second_payment) as "exists!""#,
        attempt.as_str(),
        session.as_str()
    )
    .fetch_one(connection)
    .await
    .map_err(refused_or_unavailable)
}

/// `false` when the session or the number has a row already.
pub async fn insert(connection: &mut PgConnection, preorder: &Preorder) -> Result<bool, StoreError> {
    let details = &preorder.details;
    let done = sqlx::query!(
        r#"insert into preorders (id, preorder_number, provider, session_id, status, email, livemode)
           values ($1, $2, $3, $4, $5::text::preorder_status, $6, $7)
           on conflict do nothing"#,
        preorder.id.as_str(),
        preorder.number.as_str(),
        details.provider.as_str(),
        details.session.as_str(),
        details.status.as_str(),
        details.email,
        details.livemode
    )
    .execute(&mut *connection)
    .await
    .map_err(refused_or_unavailable)?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    update(connection, preorder).await?;
    Ok(true)
}

/// Writes every column that may change, but the number, the session and the mode.
pub async fn update(connection: &mut PgConnection, preorder: &Preorder) -> Result<(), StoreError> {
    let details = &preorder.details;
    let review = &details.review;
    sqlx::query!(
        r#"update preorders
           set payment_intent_id = $2, attempt = $3, status = $4::text::preorder_status, email = $5,
               color = $6::text::product_color, amount_minor = $7, currency = $8, refunded_minor = $9, locale = $10,
               shipping_address = $11, completed_at = to_timestamp($12::bigint::double precision), access_hash = $13,
               tracking_number = $14, second_payment = $15, needs_review = $16, review_reason = nullif($17, ''),
               review_settled = nullif($18, ''), erased_at = to_timestamp($19::bigint::double precision),
               user_id = case when $19::bigint is null then user_id end, updated_at = now()
           where id = $1"#,
        preorder.id.as_str(),
        details.intent.as_ref().map(IntentId::as_str),
        details.attempt.as_ref().map(Attempt::as_str),
        details.status.as_str(),
        details.email,
        details.color.map(ProductColor::as_str),
        details.amount.map(Money::minor),
        details.amount.map(|amount| amount.currency().to_string()),
        details.refunded_minor,
        details.locale.as_str(),
        details.shipping.as_ref().map(Json) as Option<Json<&ShippingAddress>>,
        details.completed_at,
        details.access.as_ref().map(AccessHash::as_str),
        details.tracking,
        details.second_payment,
        review.is_open(),
        review.open_codes(),
        review.resolved_codes(),
        details.erased_at
    )
    .execute(connection)
    .await
    .map_err(refused_or_unavailable)?;
    Ok(())
}
