//! The four calls that this store makes: documents by name, a query, a count, and one commit with
//! its preconditions. No transaction is ever opened: a commit names again what was read, and fails
//! when any of it has changed.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use firestore::FirestoreDb;
use gcloud_sdk::{
    google::firestore::v1::{
        self as wire, batch_get_documents_response, document_transform::FieldTransform,
        document_transform::field_transform, precondition::ConditionType, run_aggregation_query_request,
        run_query_request, structured_aggregation_query, write::Operation,
    },
    prost_types::Timestamp,
    tonic::{Code, Request, Status},
};
use rand::RngExt;
use time::OffsetDateTime;
use tokio::sync::OnceCell;

use super::{
    super::StoreError,
    connection::{self, FirestoreConfig},
    query::Query,
    value::{Document, Fields, fields_to_wire, from_wire, time_of},
};

/// The longest that one call may take.
const CALL: Duration = Duration::from_secs(5);

/// The longest that one call of a store copy may take.
const LONG_CALL: Duration = Duration::from_secs(25);

/// The time within which a step that keeps meeting conflicts is retried.
const RETRIED: Duration = Duration::from_secs(5);

/// The connection to one database. Clones share it.
#[derive(Clone)]
pub struct Client {
    config: Arc<FirestoreConfig>,
    database: Arc<OnceCell<FirestoreDb>>,
    /// What Firestore's clock last said, and when that was by ours.
    clock: Arc<Mutex<Option<(OffsetDateTime, Instant)>>>,
    /// The longest that one call may take.
    call: Duration,
}

/// Counts what Firestore bills: documents read (at least one for each query) and documents written.
fn billed(operation: &'static str, documents: usize) {
    metrics::counter!("firestore_documents_total", "operation" => operation).increment(documents as u64);
}

/// Documents as they were at one moment.
#[derive(Clone)]
pub struct Snapshot {
    found: HashMap<String, Document>,
    /// The moment, by Firestore's clock.
    pub at: OffsetDateTime,
}

impl Snapshot {
    pub fn get(&self, path: &str) -> Option<&Document> {
        self.found.get(path)
    }
}

/// How a commit ended, unless it failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Committed {
    Done,
    /// A precondition did not hold, because something changed since it was read. Nothing was
    /// written.
    Conflict,
}

/// What must hold for a write. A commit with a precondition that does not hold writes nothing.
#[derive(Clone, Debug)]
pub enum Precondition {
    /// There is no such document.
    NotExists,
    /// The document was last updated at this time: it is the one that was read.
    UpdatedAt(Timestamp),
    /// There is such a document.
    Exists,
    /// The write is done in any case.
    None,
}

impl Precondition {
    /// The document, or its absence, as it was read.
    pub fn as_read(document: Option<&Document>) -> Self {
        document.map_or(Self::NotExists, |document| Self::UpdatedAt(document.updated))
    }
}

/// One write of a commit.
#[derive(Clone)]
pub struct Write {
    path: String,
    /// `None` deletes the document.
    fields: Option<Fields>,
    /// Only these fields are written; `None` replaces the whole document.
    mask: Option<Vec<String>>,
    /// Fields that become the time of the commit, by Firestore's clock.
    now: Vec<&'static str>,
    precondition: Precondition,
}

impl Write {
    /// Writes a whole document.
    pub fn set(path: impl Into<String>, fields: Fields, precondition: Precondition) -> Self {
        Self { path: path.into(), fields: Some(fields), mask: None, now: Vec::new(), precondition }
    }

    /// Writes these fields and leaves the others.
    pub fn update(path: impl Into<String>, fields: Fields, precondition: Precondition) -> Self {
        let mask = fields.keys().cloned().collect();
        Self { path: path.into(), fields: Some(fields), mask: Some(mask), now: Vec::new(), precondition }
    }

    /// Writes one field of a document as it was read: nothing changes, and the commit fails when
    /// the document has changed.
    pub fn touch(document: &Document) -> Self {
        let one = document.fields.iter().take(1).map(|(name, value)| (name.clone(), value.clone())).collect();
        Self::update(document.path.clone(), one, Precondition::UpdatedAt(document.updated))
    }

    /// Writes those of these fields that differ from the document as it was read, and leaves its
    /// others; creates the document when there was none.
    pub fn upsert(path: impl Into<String>, known: Option<&Document>, mut fields: Fields) -> Self {
        let Some(known) = known else { return Self::set(path, fields, Precondition::NotExists) };
        fields.retain(|name, value| known.fields.get(name) != Some(value));
        if fields.is_empty() {
            Self::touch(known)
        } else {
            Self::update(path, fields, Precondition::UpdatedAt(known.updated))
        }
    }

    /// Deletes a document.
    pub fn delete(path: impl Into<String>, precondition: Precondition) -> Self {
        Self { path: path.into(), fields: None, mask: None, now: Vec::new(), precondition }
    }

    /// Sets these fields to the time of the commit.
    pub fn now(mut self, fields: &[&'static str]) -> Self {
        self.now.extend(fields);
        self
    }

    fn to_wire(&self, documents: &str) -> wire::Write {
        let name = format!("{documents}/{}", self.path);
        let operation = match &self.fields {
            Some(fields) => {
                Operation::Update(wire::Document { name, fields: fields_to_wire(fields), ..wire::Document::default() })
            }
            None => Operation::Delete(name),
        };
        let condition = match &self.precondition {
            Precondition::NotExists => Some(ConditionType::Exists(false)),
            Precondition::Exists => Some(ConditionType::Exists(true)),
            Precondition::UpdatedAt(at) => Some(ConditionType::UpdateTime(*at)),
            Precondition::None => None,
        };
        let now = field_transform::TransformType::SetToServerValue(field_transform::ServerValue::RequestTime.into());
        wire::Write {
            update_mask: self.mask.as_ref().map(|mask| wire::DocumentMask {
                field_paths: mask.iter().filter(|field| !self.now.contains(&field.as_str())).cloned().collect(),
            }),
            update_transforms: self
                .now
                .iter()
                .map(|field| FieldTransform { field_path: (*field).to_owned(), transform_type: Some(now.clone()) })
                .collect(),
            current_document: condition.map(|condition| wire::Precondition { condition_type: Some(condition) }),
            operation: Some(operation),
        }
    }
}

impl Client {
    /// Makes a client that connects when it is first used.
    pub fn new(config: FirestoreConfig) -> Self {
        Self { config: Arc::new(config), database: Arc::default(), clock: Arc::default(), call: CALL }
    }

    /// Returns a client with a longer bound for each call: a page of a store copy may have
    /// megabytes.
    pub fn with_long_calls(&self) -> Self {
        Self { call: LONG_CALL, ..self.clone() }
    }

    /// Estimates what Firestore's clock says now; `None` before its first response.
    pub fn estimated_now(&self) -> Option<OffsetDateTime> {
        let heard = *self.clock.lock().unwrap_or_else(PoisonError::into_inner);
        heard.map(|(at, when)| at + when.elapsed())
    }

    fn note_time(&self, at: OffsetDateTime) {
        *self.clock.lock().unwrap_or_else(PoisonError::into_inner) = Some((at, Instant::now()));
    }

    /// Returns the connection, made when it is first needed.
    async fn database(&self) -> Result<&FirestoreDb, StoreError> {
        self.database.get_or_try_init(|| connection::connect(&self.config)).await
    }

    /// Reads documents by path, all as of one moment.
    pub async fn read(&self, paths: &[String]) -> Result<Snapshot, StoreError> {
        let mut snapshot = Snapshot { found: HashMap::new(), at: OffsetDateTime::UNIX_EPOCH };
        if paths.is_empty() {
            return Ok(snapshot);
        }
        let database = self.database().await?;
        billed("read", paths.len());
        let documents = database.get_documents_path();
        let request = wire::BatchGetDocumentsRequest {
            database: database.get_database_path().clone(),
            documents: paths.iter().map(|path| format!("{documents}/{path}")).collect(),
            ..wire::BatchGetDocumentsRequest::default()
        };
        let mut responses = database
            .client()
            .get()
            .batch_get_documents(self.timed(request))
            .await
            .map_err(|status| self.failed(&status))?
            .into_inner();
        while let Some(response) = responses.message().await.map_err(|status| self.failed(&status))? {
            snapshot.at = snapshot.at.max(response.read_time.as_ref().and_then(time_of).unwrap_or(snapshot.at));
            if let Some(batch_get_documents_response::Result::Found(found)) = response.result {
                let document = document(found, documents);
                snapshot.found.insert(document.path.clone(), document);
            }
        }
        self.note_time(snapshot.at);
        Ok(snapshot)
    }

    /// Runs a query. Returns what it found, and when that was by Firestore's clock.
    pub async fn query(&self, query: &Query) -> Result<(Vec<Document>, OffsetDateTime), StoreError> {
        let database = self.database().await?;
        let documents = database.get_documents_path();
        let request = wire::RunQueryRequest {
            parent: documents.clone(),
            query_type: Some(run_query_request::QueryType::StructuredQuery(query.to_wire(documents))),
            ..wire::RunQueryRequest::default()
        };
        let mut responses = database
            .client()
            .get()
            .run_query(self.timed(request))
            .await
            .map_err(|status| self.failed(&status))?
            .into_inner();
        let (mut found, mut at) = (Vec::new(), OffsetDateTime::UNIX_EPOCH);
        while let Some(response) = responses.message().await.map_err(|status| self.failed(&status))? {
            at = at.max(response.read_time.as_ref().and_then(time_of).unwrap_or(at));
            found.extend(response.document.map(|found| document(found, documents)));
        }
        billed("read", found.len().max(1));
        self.note_time(at);
        Ok((found, at))
    }

    /// Counts the documents that a query would find; billed as one read for each thousand.
    pub async fn count(&self, query: &Query) -> Result<i64, StoreError> {
        const COUNT: &str = "count";
        let database = self.database().await?;
        let documents = database.get_documents_path();
        let mut structured = query.to_wire(documents);
        structured.order_by.clear();
        let count = structured_aggregation_query::aggregation::Count::default();
        let request = wire::RunAggregationQueryRequest {
            parent: documents.clone(),
            query_type: Some(run_aggregation_query_request::QueryType::StructuredAggregationQuery(
                wire::StructuredAggregationQuery {
                    aggregations: vec![structured_aggregation_query::Aggregation {
                        alias: COUNT.to_owned(),
                        operator: Some(structured_aggregation_query::aggregation::Operator::Count(count)),
                    }],
                    query_type: Some(structured_aggregation_query::QueryType::StructuredQuery(structured)),
                },
            )),
            ..wire::RunAggregationQueryRequest::default()
        };
        let mut responses = database
            .client()
            .get()
            .run_aggregation_query(self.timed(request))
            .await
            .map_err(|status| self.failed(&status))?
            .into_inner();
        while let Some(response) = responses.message().await.map_err(|status| self.failed(&status))? {
            let found = response.result.and_then(|mut result| result.aggregate_fields.remove(COUNT)).map(from_wire);
            if let Some(super::super::Value::Int(count)) = found {
                billed("read", usize::try_from(count / 1_000).unwrap_or_default() + 1);
                return Ok(count);
            }
        }
        Err(StoreError::Unreadable("a count".to_owned()))
    }

    /// Commits all of these writes, or none.
    pub async fn commit(&self, writes: &[Write]) -> Result<Committed, StoreError> {
        let database = self.database().await?;
        let documents = database.get_documents_path();
        let request = wire::CommitRequest {
            database: database.get_database_path().clone(),
            writes: writes.iter().map(|write| write.to_wire(documents)).collect(),
            ..wire::CommitRequest::default()
        };
        match database.client().get().commit(self.timed(request)).await {
            Ok(_) => {
                billed("write", writes.len());
                Ok(Committed::Done)
            }
            Err(status) if is_conflict(&status) => Ok(Committed::Conflict),
            Err(status) => Err(self.failed(&status)),
        }
    }

    /// Commits a write, and retries it on each conflict until the retry budget is used up.
    pub async fn commit_until_done(&self, write: Write) -> Result<(), StoreError> {
        let mut budget = RetryBudget::new();
        while self.commit(std::slice::from_ref(&write)).await? == Committed::Conflict {
            budget.wait().await?;
        }
        Ok(())
    }

    fn timed<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.set_timeout(self.call);
        request
    }

    fn failed(&self, status: &Status) -> StoreError {
        connection::sort(status.code(), status.message(), &self.config.project)
    }
}

/// Whether a precondition did not hold, or Firestore ended a race.
fn is_conflict(status: &Status) -> bool {
    match status.code() {
        Code::AlreadyExists | Code::Aborted | Code::NotFound => true,
        // A database of another mode has the same code.
        Code::FailedPrecondition => !status.message().contains("Datastore Mode"),
        _ => false,
    }
}

fn document(found: wire::Document, documents: &str) -> Document {
    let path = found.name.strip_prefix(documents).map_or(found.name.as_str(), |path| path.trim_start_matches('/'));
    Document {
        path: path.to_owned(),
        fields: found.fields.into_iter().map(|(name, value)| (name, from_wire(value))).collect(),
        updated: found.update_time.unwrap_or_default(),
    }
}

/// The retries of a step that meets conflicts. Each wait is random and its bound grows, so that
/// many at once spread out.
pub struct RetryBudget {
    began: Instant,
    conflicts: u32,
}

impl RetryBudget {
    pub fn new() -> Self {
        Self { began: Instant::now(), conflicts: 0 }
    }

    /// Returns the number of conflicts so far.
    pub const fn conflicts(&self) -> u32 {
        self.conflicts
    }

    /// Waits before the next attempt.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] once the budget is used up.
    pub async fn wait(&mut self) -> Result<(), StoreError> {
        if self.began.elapsed() >= RETRIED {
            return Err(StoreError::Conflict(format!("lost {} times", self.conflicts)));
        }
        let longest = 8_u64.saturating_mul(1 << self.conflicts.min(6));
        self.conflicts += 1;
        let pause = rand::rng().random_range(0..=longest);
        tokio::time::sleep(Duration::from_millis(pause)).await;
        Ok(())
    }
}
