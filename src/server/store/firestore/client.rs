//! Four things that this store asks of Firestore: documents by name, a query, a count, and one commit with its preconditions. No
//! transaction is ever opened: what was read is named again in the commit, which fails when any of it has changed.

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

/// One call may take this long; one of a copy, that long.
const CALL: Duration = Duration::from_secs(5);
const LONG_CALL: Duration = Duration::from_secs(25);

/// For how long a step that keeps losing races is tried again.
const RACING: Duration = Duration::from_secs(5);

#[derive(Clone)]
pub struct Client {
    config: Arc<FirestoreConfig>,
    database: Arc<OnceCell<FirestoreDb>>,
    /// What Firestore's clock last said, and when.
    clock: Arc<Mutex<Option<(OffsetDateTime, Instant)>>>,
    /// How long one call may take.
    call: Duration,
}

/// Counts what Firestore bills: documents read (one at least for each query), and documents written.
fn billed(operation: &'static str, documents: usize) {
    metrics::counter!("firestore_documents_total", "operation" => operation).increment(documents as u64);
}

/// What was read at one moment.
#[derive(Clone)]
pub struct Snapshot {
    found: HashMap<String, Document>,
    /// Firestore's own clock.
    pub at: OffsetDateTime,
}

impl Snapshot {
    pub fn get(&self, path: &str) -> Option<&Document> {
        self.found.get(path)
    }
}

/// How a commit ended that did not fail.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Committed {
    Done,
    /// Something that it stands on has changed: read again.
    Lost,
}

/// What must hold for a write to be done; with one that does not hold, none of the commit is.
#[derive(Clone, Debug)]
pub enum Only {
    /// There is no such document.
    New,
    /// The document is still the one that was read.
    Unchanged(Timestamp),
    /// There is such a document.
    There,
    Always,
}

impl Only {
    /// The document as it was when it was looked for.
    pub fn as_read(document: Option<&Document>) -> Self {
        document.map_or(Self::New, |document| Self::Unchanged(document.updated))
    }
}

/// One write of a commit.
#[derive(Clone)]
pub struct Write {
    path: String,
    /// `None` takes the document away.
    fields: Option<Fields>,
    /// Only these fields; all of the document otherwise.
    mask: Option<Vec<String>>,
    /// Fields that become the time of the commit.
    now: Vec<&'static str>,
    only: Only,
}

impl Write {
    pub fn put(path: impl Into<String>, fields: Fields, only: Only) -> Self {
        Self { path: path.into(), fields: Some(fields), mask: None, now: Vec::new(), only }
    }

    /// Changes these fields and leaves the others.
    pub fn change(path: impl Into<String>, fields: Fields, only: Only) -> Self {
        let mask = fields.keys().cloned().collect();
        Self { path: path.into(), fields: Some(fields), mask: Some(mask), now: Vec::new(), only }
    }

    /// Writes a field of what was read once more: nothing changes, and the commit stands on it.
    pub fn stand_on(document: &Document) -> Self {
        let one = document.fields.iter().take(1).map(|(name, value)| (name.clone(), value.clone())).collect();
        Self::change(document.path.clone(), one, Only::Unchanged(document.updated))
    }

    /// Makes a document have these fields, where it was read as `known`: what it has beside them stays as it is.
    pub fn bring(path: impl Into<String>, known: Option<&Document>, mut fields: Fields) -> Self {
        let Some(known) = known else { return Self::put(path, fields, Only::New) };
        fields.retain(|name, value| known.fields.get(name) != Some(value));
        if fields.is_empty() {
            Self::stand_on(known)
        } else {
            Self::change(path, fields, Only::Unchanged(known.updated))
        }
    }

    pub fn delete(path: impl Into<String>, only: Only) -> Self {
        Self { path: path.into(), fields: None, mask: None, now: Vec::new(), only }
    }

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
        let condition = match &self.only {
            Only::New => Some(ConditionType::Exists(false)),
            Only::There => Some(ConditionType::Exists(true)),
            Only::Unchanged(at) => Some(ConditionType::UpdateTime(*at)),
            Only::Always => None,
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
    pub fn new(config: FirestoreConfig) -> Self {
        Self { config: Arc::new(config), database: Arc::default(), clock: Arc::default(), call: CALL }
    }

    /// For pages of megabytes.
    pub fn patient(&self) -> Self {
        Self { call: LONG_CALL, ..self.clone() }
    }

    /// About what Firestore's clock says; `None` before it was heard.
    pub fn about_now(&self) -> Option<OffsetDateTime> {
        let heard = *self.clock.lock().unwrap_or_else(PoisonError::into_inner);
        heard.map(|(at, when)| at + when.elapsed())
    }

    fn hear(&self, at: OffsetDateTime) {
        *self.clock.lock().unwrap_or_else(PoisonError::into_inner) = Some((at, Instant::now()));
    }

    /// The connection, made when it is first needed.
    async fn database(&self) -> Result<&FirestoreDb, StoreError> {
        self.database.get_or_try_init(|| connection::connect(&self.config)).await
    }

    /// Documents by path, all as of one moment.
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
        let mut answers = database
            .client()
            .get()
            .batch_get_documents(self.timed(request))
            .await
            .map_err(|status| self.failed(&status))?
            .into_inner();
        while let Some(answer) = answers.message().await.map_err(|status| self.failed(&status))? {
            snapshot.at = snapshot.at.max(answer.read_time.as_ref().and_then(time_of).unwrap_or(snapshot.at));
            if let Some(batch_get_documents_response::Result::Found(found)) = answer.result {
                let document = document(found, documents);
                snapshot.found.insert(document.path.clone(), document);
            }
        }
        self.hear(snapshot.at);
        Ok(snapshot)
    }

    /// What a query finds, and when it was asked by Firestore's clock.
    pub async fn query(&self, query: &Query) -> Result<(Vec<Document>, OffsetDateTime), StoreError> {
        let database = self.database().await?;
        let documents = database.get_documents_path();
        let request = wire::RunQueryRequest {
            parent: documents.clone(),
            query_type: Some(run_query_request::QueryType::StructuredQuery(query.to_wire(documents))),
            ..wire::RunQueryRequest::default()
        };
        let mut answers = database
            .client()
            .get()
            .run_query(self.timed(request))
            .await
            .map_err(|status| self.failed(&status))?
            .into_inner();
        let (mut found, mut at) = (Vec::new(), OffsetDateTime::UNIX_EPOCH);
        while let Some(answer) = answers.message().await.map_err(|status| self.failed(&status))? {
            at = at.max(answer.read_time.as_ref().and_then(time_of).unwrap_or(at));
            found.extend(answer.document.map(|found| document(found, documents)));
        }
        billed("read", found.len().max(1));
        self.hear(at);
        Ok((found, at))
    }

    /// How many documents a query would find; billed as one read for each thousand.
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
        let mut answers = database
            .client()
            .get()
            .run_aggregation_query(self.timed(request))
            .await
            .map_err(|status| self.failed(&status))?
            .into_inner();
        while let Some(answer) = answers.message().await.map_err(|status| self.failed(&status))? {
            let found = answer.result.and_then(|mut result| result.aggregate_fields.remove(COUNT)).map(from_wire);
            if let Some(super::super::Value::Int(count)) = found {
                billed("read", usize::try_from(count / 1_000).unwrap_or_default() + 1);
                return Ok(count);
            }
        }
        Err(StoreError::Unreadable("a count".to_owned()))
    }

    /// All of these, or none.
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
            Err(status) if lost(&status) => Ok(Committed::Lost),
            Err(status) => Err(self.failed(&status)),
        }
    }

    /// A write that stands on nothing, as often as it takes.
    pub async fn settle(&self, write: Write) -> Result<(), StoreError> {
        let mut tries = Tries::new();
        while self.commit(std::slice::from_ref(&write)).await? == Committed::Lost {
            tries.again().await?;
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

/// A precondition that does not hold, or a race that Firestore ended.
fn lost(status: &Status) -> bool {
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

/// The tries of a step that loses races: each waits a little longer, at random, so that many at once thin out.
pub struct Tries {
    began: Instant,
    lost: u32,
}

impl Tries {
    pub fn new() -> Self {
        Self { began: Instant::now(), lost: 0 }
    }

    pub const fn lost(&self) -> u32 {
        self.lost
    }

    /// Waits before the next try; an error when there have been enough.
    pub async fn again(&mut self) -> Result<(), StoreError> {
        if self.began.elapsed() >= RACING {
            return Err(StoreError::Conflict(format!("lost {} times", self.lost)));
        }
        let longest = 8_u64.saturating_mul(1 << self.lost.min(6));
        self.lost += 1;
        let pause = rand::rng().random_range(0..=longest);
        tokio::time::sleep(Duration::from_millis(pause)).await;
        Ok(())
    }
}
