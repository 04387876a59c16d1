//! The shop on Google's Firestore emulator. Tests ask what is stored in SQL: for that, the documents are copied into the test's own database,
//! row by row, each time that it is asked.

use futures::StreamExt as _;
use rolitt::server::store::{Archive, Entry, Row, Store, Table, postgres::PostgresStore};

/// A project of its own for one test: the emulator keeps projects apart.
pub struct Emulated {
    host: String,
    project: String,
}

impl Emulated {
    /// When the tests are run on Firestore: `ROLITT_TEST_STORE=firestore`, with an emulator at `FIRESTORE_EMULATOR_HOST`.
    pub fn wanted() -> Option<Self> {
        match std::env::var("ROLITT_TEST_STORE").as_deref() {
            Ok("firestore") => Some(Self::project()),
            Ok("postgres") | Err(_) => None,
            Ok(other) => panic!("ROLITT_TEST_STORE is {other}, and must be postgres or firestore"),
        }
    }

    /// # Panics
    ///
    /// Without an emulator.
    pub fn project() -> Self {
        let Ok(host) = std::env::var("FIRESTORE_EMULATOR_HOST") else {
            panic!("tests on Firestore need its emulator: run them with script/with-firestore");
        };
        let alphabet: Vec<char> = ('a'..='z').collect();
        Self { host, project: format!("test-{}", nanoid::nanoid!(16, &alphabet)) }
    }

    pub fn variables(&self) -> [(&'static str, String); 3] {
        [
            ("DATABASE_STORAGE_TARGET", "firestore".to_owned()),
            ("FIRESTORE_PROJECT_ID", self.project.clone()),
            ("FIRESTORE_EMULATOR_HOST", self.host.clone()),
        ]
    }

    /// Throws everything away.
    pub async fn wipe(&self) {
        let url = format!("http://{}/emulator/v1/projects/{}/databases/(default)/documents", self.host, self.project);
        assert!(reqwest::Client::new().delete(url).send().await.unwrap().status().is_success());
    }

    /// Makes the documents what is in the database.
    pub async fn replace(&self, store: &dyn Store, sql: &PostgresStore) {
        self.wipe().await;
        store.migrate().await.unwrap();
        for table in Table::ALL {
            let refused = store.import(table, &rows(sql, table).await).await.unwrap();
            assert_eq!(refused, [], "{table:?}");
        }
    }
}

/// Makes the database what is in the documents.
pub async fn mirror(store: &dyn Store, sql: &PostgresStore) {
    let tables = Table::ALL.map(Table::as_str).join(", ");
    let empty = format!("truncate {tables} restart identity cascade");
    let read = futures::stream::iter(Table::ALL)
        .map(|table| async move { (table, rows(store, table).await) })
        .buffered(4)
        .collect::<Vec<_>>()
        .await;
    sqlx::query(sqlx::AssertSqlSafe(empty)).execute(sql.pool()).await.unwrap();
    for (table, rows) in read {
        let refused = sql.import(table, &rows).await.unwrap();
        assert_eq!(refused, [], "{table:?}");
    }
}

/// Every row of a table.
async fn rows(archive: &(impl Archive + ?Sized), table: Table) -> Vec<Row> {
    let (mut rows, mut after) = (Vec::new(), None);
    loop {
        let page = archive.export(table, after.as_deref(), 100).await.unwrap();
        for entry in page.entries {
            match entry {
                Entry::Row(row) => rows.push(row),
                Entry::Unreadable(unread) => panic!("{unread:?}"),
            }
        }
        after = page.next;
        if after.is_none() {
            return rows;
        }
    }
}
