//! Whether a row reads: every column that must be there is there, of its kind, and means something
//! to this program. Both stores check rows so before a store copy moves them.

use super::{StoreError, columns::columns, record::Row};
use crate::domain::money::{Currency, Money};

/// Checks a row.
///
/// # Errors
/// [`StoreError::Unreadable`] names the first column that does not read, never its content.
pub(super) fn check(row: &Row) -> Result<(), StoreError> {
    match columns(row.table).iter().find(|column| !column.takes(row.columns.get(column.name))) {
        Some(column) => Err(row.unreadable(column.name)),
        None => money(row),
    }
}

/// An amount is there when both of its columns are.
fn money(row: &Row) -> Result<(), StoreError> {
    if let (Some(minor), Some(currency)) = (row.int_opt("amount_minor")?, row.text_opt("currency")?) {
        let currency: Currency = currency.parse().map_err(|_| row.unreadable("currency"))?;
        Money::new(minor, currency).map_err(|_| row.unreadable("amount_minor"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;

    use super::*;
    use crate::server::store::Table;

    #[test]
    fn an_unreadable_row_is_named_by_its_key_and_column() {
        let mark = |provider: &str| {
            Row::new(Table::ReconcileMarks)
                .with("provider", provider)
                .with("scope", "events")
                .with("mark", OffsetDateTime::UNIX_EPOCH)
        };
        assert!(check(&mark("stripe")).is_ok());
        let error = check(&mark("paypal")).unwrap_err().to_string();
        assert_eq!(error, "unreadable row: reconcile_marks.provider of paypal/events");
        let error = check(&mark("stripe").with("cursor", 1_i64)).unwrap_err().to_string();
        assert_eq!(error, "unreadable row: reconcile_marks.cursor of stripe/events");
    }
}
