//! The shop on Google's Firestore emulator. Tests ask what is stored in SQL: for that, the
//! documents are copied into the test's own database, row by row, each time that it is asked.

use futures::StreamExt as _;
use reqwest::Method;
use rolitt::server::store::{
    Archive, Entry, Row, Store, Table,
    firestore::{FirestoreConfig, FirestoreStore},
    postgres::PostgresStore,
};
use serde_json::Value;
use sqlx::PgPool;

/// A project of its own for one test: the emulator keeps projects apart.
pub struct Emulated {
    host: String,
    project: String,
}

impl Emulated {
    /// When the tests are run on Firestore: `ROLITT_TEST_STORE=firestore`, with an emulator at
    /// `FIRESTORE_EMULATOR_HOST`.
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

    /// The project as the shop's store.
    pub fn store(&self) -> FirestoreStore {
        let (project, emulator) = (self.project.clone(), Some(self.host.clone()));
        FirestoreStore::new(&FirestoreConfig { project, emulator, credentials: None })
    }

    /// A document by its path, as Firestore's REST API shows it.
    pub async fn document(&self, path: &str) -> Value {
        self.rest(Method::GET, path, None).await
    }

    /// Writes a document past the shop: `{"fields":{"email":{"integerValue":"1"}}}`.
    pub async fn put(&self, path: &str, document: &Value) {
        self.rest(Method::PATCH, path, Some(document)).await;
    }

    /// Takes a document away.
    pub async fn remove(&self, path: &str) {
        self.rest(Method::DELETE, path, None).await;
    }

    async fn rest(&self, method: Method, path: &str, body: Option<&Value>) -> Value {
        let url = format!("http://{}/v1/projects/{}/databases/(default)/documents/{path}", self.host, self.project);
        let request = rolitt::server::http::client::client().unwrap().request(method, url).bearer_auth("owner");
        let request = match body {
            Some(body) => request.header("content-type", "application/json").body(body.to_string()),
            None => request,
        };
        let response = request.send().await.unwrap();
        let (status, output) = (response.status(), response.bytes().await.unwrap());
        assert!(status.is_success(), "{path}: {status} {output:?}");
        serde_json::from_slice(&output).unwrap()
    }

    /// Throws everything away.
    pub async fn wipe(&self) {
        let url = format!("http://{}/emulator/v1/projects/{}/databases/(default)/documents", self.host, self.project);
        assert!(
            rolitt::server::http::client::client().unwrap().delete(url).send().await.unwrap().status().is_success()
        );
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
pub async fn mirror(store: &dyn Store, sql: &PostgresStore, pool: &PgPool) {
    let tables = Table::ALL.map(Table::as_str).join(", ");
    let empty = format!("truncate {tables} restart identity cascade");
    let read = futures::stream::iter(Table::ALL)
        .map(|table| async move { (table, rows(store, table).await) })
        .buffered(4)
        .collect::<Vec<_>>()
        .await;
    sqlx::query(sqlx::AssertSqlSafe(empty)).execute(pool).await.unwrap();
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
        after = page.next();
        for entry in page.entries {
            match entry {
                Entry::Row(row) => rows.push(row),
                Entry::Unreadable(unread) => panic!("{unread:?}"),
            }
        }
        if after.is_none() {
            return rows;
        }
    }
}
