//! Compares two rows of one key: which one is newer, and in which columns they differ.

use time::OffsetDateTime;

use crate::server::store::{EventStatus, MessageStatus, Row, Table, Value};

/// Returns the row without its lease. The lease belongs to a worker of the other shop; the target
/// retries when the row is due.
pub(crate) fn without_lease(mut row: Row) -> Row {
    match row.table {
        Table::Outbox => row.set("lease_token", Value::Null),
        Table::WebhookLogs if EventStatus::of(&row) == Some(EventStatus::Processing) => {
            row.set("status", EventStatus::Failed);
        }
        _ => {}
    }
    row
}

/// Returns the source's row without the personal data that was erased at the target: a copy must
/// not bring it back.
pub(crate) fn without_erased_data(mut source: Row, target: &Row) -> Row {
    let is_null = |row: &Row, column: &str| row.columns.get(column).is_none_or(|value| *value == Value::Null);
    match source.table {
        Table::Preorders | Table::Customers if !is_null(target, "erased_at") && is_null(&source, "erased_at") => {
            if source.table == Table::Preorders {
                source.set("email", "");
            } else {
                source.set("email", Value::Null);
            }
            for column in ["shipping_address", "access_hash", "tracking_number", "user_id", "name"] {
                if source.columns.contains_key(column) {
                    source.set(column, Value::Null);
                }
            }
            source.set("erased_at", target.columns.get("erased_at").cloned().unwrap_or(Value::Null));
        }
        Table::WebhookLogs if is_closed(target) && is_null(target, "raw_body") => {
            source.set("raw_body", Value::Null);
            source.set("email", Value::Null);
        }
        Table::Outbox if target.bytes("body").is_ok_and(|body| body.is_empty()) => {
            source.set("body", bytes::Bytes::new());
        }
        _ => {}
    }
    source
}

fn is_closed(log: &Row) -> bool {
    EventStatus::of(log).is_some_and(EventStatus::is_closed)
}

/// Returns whether the target's row is newer and must be left alone. Of two rows of equal age the
/// source's is copied.
pub(crate) fn target_is_newer(source: &Row, target: &Row) -> bool {
    version_of(target) > version_of(source)
}

/// Returns how far a row has come, by the clock of its table.
fn version_of(row: &Row) -> (bool, Option<OffsetDateTime>, Option<i64>, Option<OffsetDateTime>) {
    let time = |column| row.time_opt(column).ok().flatten();
    match row.table {
        Table::Preorders | Table::Payments | Table::Refunds | Table::Disputes => {
            (false, time("updated_at"), None, None)
        }
        Table::WebhookLogs => (is_closed(row), time("processed_at").or_else(|| time("received_at")), None, None),
        Table::Outbox => (MessageStatus::of(row) != Some(MessageStatus::Pending), None, None, None),
        Table::Customers | Table::Subscriptions => {
            (false, time("told_at"), row.int_opt("finality").ok().flatten(), time("updated_at"))
        }
        Table::ReconcileMarks => (false, time("mark"), None, None),
        Table::ReconcileDifferences => (false, time("found_at"), None, None),
    }
}

/// Returns the names of the columns in which the two rows differ.
pub fn differing(source: &Row, target: &Row) -> String {
    let value = |row: &Row, column: &str| row.columns.get(column).filter(|value| **value != Value::Null).cloned();
    let mut columns: Vec<&str> = source.columns.keys().chain(target.columns.keys()).map(String::as_str).collect();
    columns.sort_unstable();
    columns.dedup();
    columns.retain(|column| value(source, column) != value(target, column));
    columns.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(seconds).unwrap()
    }

    fn newer(of: impl Fn(u8) -> Row) -> [bool; 3] {
        [target_is_newer(&of(0), &of(1)), target_is_newer(&of(1), &of(0)), target_is_newer(&of(1), &of(1))]
    }

    #[test]
    fn each_table_has_its_own_clock_and_a_tie_goes_to_the_source() {
        use EventStatus::{Done, Failed, Ignored, Parked, Received};

        let expected = [true, false, false];
        for table in [Table::Preorders, Table::Payments, Table::Refunds, Table::Disputes] {
            assert_eq!(newer(|age| Row::new(table).with("updated_at", at(i64::from(age)))), expected, "{table:?}");
        }
        assert_eq!(newer(|age| Row::new(Table::ReconcileMarks).with("mark", at(i64::from(age)))), expected);
        assert_eq!(newer(|age| Row::new(Table::ReconcileDifferences).with("found_at", at(i64::from(age)))), expected);
        for table in [Table::Customers, Table::Subscriptions] {
            assert_eq!(newer(|age| Row::new(table).with("told_at", at(i64::from(age)))), expected);
            let within = |age: u8| Row::new(table).with("told_at", at(5)).with("finality", i64::from(age));
            assert_eq!(newer(within), expected, "within one second the later state");
            let reported = |age: u8| {
                Row::new(table).with("told_at", at(5 + i64::from(age))).with("updated_at", at(9 - i64::from(age)))
            };
            assert_eq!(newer(reported), expected, "the provider's time before the time of writing");
        }
        for (earlier, later) in [(Failed, Done), (Parked, Ignored), (Received, Done)] {
            let row = |age: u8| {
                let (status, received) = if age == 0 { (earlier, 9) } else { (later, 1) };
                Row::new(Table::WebhookLogs).with("status", status).with("received_at", at(received))
            };
            assert_eq!(newer(row), expected, "{earlier:?} {later:?}");
        }
        for end in [MessageStatus::Sent, MessageStatus::Parked, MessageStatus::Withdrawn] {
            let status = |age: u8| if age == 0 { MessageStatus::Pending } else { end };
            let row = |age: u8| Row::new(Table::Outbox).with("status", status(age));
            assert_eq!(newer(row), expected, "{end:?}");
        }
    }

    #[test]
    fn personal_data_erased_at_the_target_does_not_come_back() {
        let full = Row::new(Table::Preorders)
            .with("email", "jo@example.com")
            .with("shipping_address", "x")
            .with("tracking_number", "JD1")
            .with("status", "delivered");
        let erased = Row::new(Table::Preorders).with("email", "").with("erased_at", at(5)).with("status", "shipped");
        let moved = without_erased_data(full.clone(), &erased);
        assert_eq!(differing(&moved, &erased), "status", "the rest is the source's");
        assert_eq!(without_erased_data(full.clone(), &full), full);
        let customer = Row::new(Table::Customers).with("email", "jo@example.com").with("name", "Jo");
        let erased = Row::new(Table::Customers).with("erased_at", at(5));
        assert_eq!(differing(&without_erased_data(customer, &erased), &erased), "");
        let body = |body: &'static [u8]| Value::Bytes(bytes::Bytes::from_static(body));
        let log = |status: EventStatus| Row::new(Table::WebhookLogs).with("status", status);
        let full = Row::new(Table::WebhookLogs).with("status", EventStatus::Done).with("email", "jo@example.com");
        let full =
            Row { columns: [("raw_body".to_owned(), body(b"{}"))].into_iter().chain(full.columns).collect(), ..full };
        assert_eq!(differing(&without_erased_data(full.clone(), &log(EventStatus::Done)), &log(EventStatus::Done)), "");
        assert_eq!(
            without_erased_data(full.clone(), &log(EventStatus::Failed)),
            full,
            "an event that waits needs its body"
        );
        let message = |bytes| Row { table: Table::Outbox, columns: [("body".to_owned(), body(bytes))].into() };
        assert_eq!(without_erased_data(message(b"x"), &message(b"")), message(b""));
        assert_eq!(without_erased_data(message(b"x"), &message(b"y")), message(b"x"));
    }

    #[test]
    fn only_the_lease_of_a_row_is_removed() {
        let held = Row::new(Table::Outbox)
            .with("status", MessageStatus::Pending)
            .with("lease_token", "x")
            .with("attempts", 2_i64);
        let free = Row::new(Table::Outbox).with("status", MessageStatus::Pending).with("attempts", 2_i64);
        assert_eq!(without_lease(held.clone()).content_hash(), free.content_hash());
        assert_eq!(differing(&held, &free), "lease_token");
        let tried = Row::new(Table::WebhookLogs).with("status", EventStatus::Processing);
        assert_eq!(EventStatus::of(&without_lease(tried)), Some(EventStatus::Failed));
        let done = Row::new(Table::WebhookLogs).with("status", EventStatus::Done);
        assert_eq!(without_lease(done.clone()), done);
    }
}
