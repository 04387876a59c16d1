//! Two rows of one key: which of them is the newer one, and in what they differ.

use time::OffsetDateTime;

use crate::server::store::{Row, Table, Value};

/// The row as it may be moved. What somebody holds just now is let go of: the lease is of the other shop's worker, and the target
/// tries again when its time is up.
pub fn settled(mut row: Row) -> Row {
    match row.table {
        Table::Outbox => row.set("lease_token", Value::Null),
        Table::WebhookLogs if text(&row, "status") == "processing" => row.set("status", "failed"),
        _ => {}
    }
    row
}

/// Whether the target knows more than the source: then it is left alone. Of equal age, the source's counts.
pub fn target_is_newer(source: &Row, target: &Row) -> bool {
    age(target) > age(source)
}

/// How far a row has come in its life, by its table's own clock.
fn age(row: &Row) -> (bool, Option<OffsetDateTime>, Option<i64>, Option<OffsetDateTime>) {
    let time = |column| row.time_opt(column).ok().flatten();
    match row.table {
        Table::Preorders | Table::Payments | Table::Refunds | Table::Disputes => {
            (false, time("updated_at"), None, None)
        }
        Table::WebhookLogs => {
            let is_final = matches!(text(row, "status"), "done" | "ignored");
            (is_final, time("processed_at").or_else(|| time("received_at")), None, None)
        }
        Table::Outbox => (text(row, "status") != "pending", None, None, None),
        Table::Customers | Table::Subscriptions => {
            (false, time("told_at"), row.int_opt("finality").ok().flatten(), time("updated_at"))
        }
        Table::ReconcileMarks => (false, time("mark"), None, None),
        Table::ReconcileDifferences => (false, time("found_at"), None, None),
    }
}

fn text<'a>(row: &'a Row, column: &str) -> &'a str {
    row.text(column).unwrap_or_default()
}

/// The columns in which the two differ, by name.
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
    fn each_table_has_a_clock_of_its_own_and_a_tie_is_the_sources() {
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
            let told = |age: u8| {
                Row::new(table).with("told_at", at(5 + i64::from(age))).with("updated_at", at(9 - i64::from(age)))
            };
            assert_eq!(newer(told), expected, "what was told before what was written");
        }
        for (earlier, later) in [("failed", "done"), ("parked", "ignored"), ("received", "done")] {
            let row = |age: u8| {
                let (status, received) = if age == 0 { (earlier, 9) } else { (later, 1) };
                Row::new(Table::WebhookLogs).with("status", status).with("received_at", at(received))
            };
            assert_eq!(newer(row), expected, "{earlier} {later}");
        }
        for end in ["sent", "parked", "withdrawn"] {
            let row = |age: u8| Row::new(Table::Outbox).with("status", if age == 0 { "pending" } else { end });
            assert_eq!(newer(row), expected, "{end}");
        }
    }

    #[test]
    fn what_is_held_is_let_go_of_and_nothing_else_changes() {
        let held = Row::new(Table::Outbox).with("status", "pending").with("lease_token", "x").with("attempts", 2_i64);
        let free = Row::new(Table::Outbox).with("status", "pending").with("attempts", 2_i64);
        assert_eq!(settled(held.clone()).content_hash(), free.content_hash());
        assert_eq!(differing(&held, &free), "lease_token");
        let tried = Row::new(Table::WebhookLogs).with("status", "processing");
        assert_eq!(text(&settled(tried), "status"), "failed");
        let done = Row::new(Table::WebhookLogs).with("status", "done");
        assert_eq!(settled(done.clone()), done);
    }
}
