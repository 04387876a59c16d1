//! Rows of `preorders`: found, locked, written. What changes in them is decided elsewhere.

use sqlx::{PgConnection, types::Json};

use super::super::{OrderKey, StoreError};
use crate::domain::{
    checkout::Attempt,
    customer::{Locale, ShippingAddress},
    money::Money,
    payment::{IntentId, ProviderId, SessionId},
    preorder::{AccessHash, Preorder, PreorderDetails, PreorderId, Review},
    product::ProductColor,
};

/// The columns of a row that are read, by their names in the queries.
pub(super) struct Row {
    pub(super) id: String,
    pub(super) preorder_number: String,
    pub(super) provider: String,
    pub(super) session_id: Option<String>,
    pub(super) payment_intent_id: Option<String>,
    pub(super) attempt: Option<String>,
    pub(super) status: String,
    pub(super) email: String,
    pub(super) color: Option<String>,
    pub(super) amount_minor: Option<i64>,
    pub(super) currency: Option<String>,
    pub(super) refunded_minor: i64,
    pub(super) locale: Option<String>,
    pub(super) shipping_address: Option<Json<ShippingAddress>>,
    pub(super) livemode: bool,
    pub(super) completed_at: Option<i64>,
    pub(super) access_hash: Option<String>,
    pub(super) tracking_number: Option<String>,
    pub(super) second_payment: bool,
    pub(super) review_reason: Option<String>,
    pub(super) review_settled: Option<String>,
    pub(super) erased_at: Option<i64>,
}

/// Returns the values of the four columns that a preorder is found by: id, number, session, intent.
/// Three of them are null.
fn columns(key: OrderKey<'_>) -> [Option<&str>; 4] {
    match key {
        OrderKey::Id(id) => [Some(id.as_str()), None, None, None],
        OrderKey::Number(number) => [None, Some(number.as_str()), None, None],
        OrderKey::Session(session) => [None, None, Some(session.as_str()), None],
        OrderKey::SessionUpdate(update) => [None, None, Some(update.session.as_str()), None],
        OrderKey::Intent(intent) => [None, None, None, Some(intent.as_str())],
    }
}

/// A query for rows of `preorders` with every column that is read. `$end` is the query's own end.
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

/// Finds the preorder of this key: the oldest one, should several share an intent.
pub(super) async fn find(connection: &mut PgConnection, key: OrderKey<'_>) -> Result<Option<Preorder>, StoreError> {
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

/// Finds the preorder that a link opens, by the link's hash alone.
pub(super) async fn find_by_link(
    connection: &mut PgConnection,
    access: &AccessHash,
) -> Result<Option<Preorder>, StoreError> {
    let row = select_preorders!("where access_hash = $1 limit 1", access.as_str());
    one(row.fetch_optional(connection).await)
}

/// Finds as [`find`] does, and locks the row until the transaction ends.
pub(super) async fn find_locked(
    connection: &mut PgConnection,
    key: OrderKey<'_>,
) -> Result<Option<Preorder>, StoreError> {
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
    row?.map(Row::into_preorder).transpose()
}

impl Row {
    /// Parses the row.
    ///
    /// # Errors
    /// [`StoreError::Unreadable`] names the column that does not read.
    pub(super) fn into_preorder(self) -> Result<Preorder, StoreError> {
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

/// Whether another preorder of the attempt is paid that is not itself a second payment.
pub(super) async fn attempt_paid_elsewhere(
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
    .map_err(StoreError::from)
}

/// Inserts a preorder. Returns `false`, and changes nothing, when its session or its number has a
/// row already.
pub(super) async fn insert(connection: &mut PgConnection, preorder: &Preorder) -> Result<bool, StoreError> {
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
    .await?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    update(connection, preorder).await?;
    Ok(true)
}

/// Writes every column that may change: all but the id, the number, the session and the mode.
pub(super) async fn update(connection: &mut PgConnection, preorder: &Preorder) -> Result<(), StoreError> {
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
    .await?;
    Ok(())
}
