//! Errors of PostgreSQL and of the connection to it, sorted as the contract sorts them.

use super::super::StoreError;

/// Sorts an error by whether the same step may succeed later. SQLSTATE classes:
/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(database) => {
                let code = database.code().unwrap_or_default();
                // The message may quote values, such as the key of a duplicate. The code and the
                // constraint are what an operator needs.
                let text = format!("SQLSTATE {code} {}", database.constraint().unwrap_or_default());
                of_sqlstate(&code, text)
            }
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::ColumnNotFound(_) => {
                Self::Unreadable(error.to_string())
            }
            sqlx::Error::PoolTimedOut => Self::Unavailable("no free connection in time".to_owned()),
            sqlx::Error::PoolClosed => Self::Unavailable("shutting down".to_owned()),
            sqlx::Error::Io(io) => Self::Unavailable(format!("connection: {}", io.kind())),
            _ => Self::Unavailable("connection".to_owned()),
        }
    }
}

fn of_sqlstate(code: &str, text: String) -> StoreError {
    match code {
        // The statement took too long; a lock did.
        "57014" | "55P03" => StoreError::Busy(text),
        // A serialization failure; a deadlock.
        "40001" | "40P01" => StoreError::Conflict(text),
        // The transaction is read-only: the server became a standby.
        "25006" => StoreError::Unavailable(text),
        _ => match code.get(..2) {
            // Data exceptions: a value that its type does not take.
            Some("22") => StoreError::InvalidData(text),
            // Connection, rollback, resources, operator intervention, system errors.
            Some("08" | "40" | "53" | "57" | "58") => StoreError::Unavailable(text),
            _ => StoreError::Refused(text),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sqlstates_are_sorted_by_whether_a_retry_may_succeed() {
        let sorted = |code: &str| of_sqlstate(code, String::new());
        for code in ["57014", "55P03"] {
            assert!(matches!(sorted(code), StoreError::Busy(_)), "{code}");
        }
        for code in ["40001", "40P01"] {
            assert!(matches!(sorted(code), StoreError::Conflict(_)), "{code}");
        }
        for code in ["08006", "25006", "40002", "53300", "57P01", "58030"] {
            assert!(matches!(sorted(code), StoreError::Unavailable(_)), "{code}");
        }
        for code in ["22P05", "22003"] {
            assert!(matches!(sorted(code), StoreError::InvalidData(_)), "{code}");
        }
        for code in ["23505", "42P01", "25001", ""] {
            assert!(matches!(sorted(code), StoreError::Refused(_)), "{code}");
        }
    }
}
