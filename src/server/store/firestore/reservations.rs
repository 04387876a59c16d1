//! What only one order may have, each as a document that is created with the order: its number, and
//! the attempt that it was the first to pay.

use std::collections::BTreeMap;

use super::{
    super::{Row, StoreError},
    client::{Client, Precondition, Snapshot, Write},
    value::{Document, Fields, document_path},
};
use crate::domain::{
    payment::SessionId,
    preorder::{PreorderNumber, PreorderStatus},
};
use crate::server::store::mapping;

/// The collection of preorder numbers that are taken, each with its session.
pub const NUMBERS: &str = "preorder_numbers";

/// The collection of attempts that were paid, each with the session that paid first.
pub const ATTEMPTS: &str = "attempts";

/// What a planned commit reserves: the path of each reservation, and the session that it is for.
pub type Taken = BTreeMap<String, String>;

/// Returns the session whose preorder has this number.
pub async fn session_of(client: &Client, number: &PreorderNumber) -> Result<Option<SessionId>, StoreError> {
    let path = document_path(NUMBERS, number.as_str());
    let found = client.read(std::slice::from_ref(&path)).await?;
    Ok(found.get(&path).and_then(|found| found.text("session_id")).and_then(SessionId::parse))
}

/// Returns the paths of the reservations that a preorder's row needs.
pub fn paths_of(row: &Row) -> Vec<String> {
    let text = |column: &str| row.text_opt(column).ok().flatten();
    let number = text("preorder_number").map(|number| document_path(NUMBERS, number));
    number.into_iter().chain(text("attempt").map(|attempt| document_path(ATTEMPTS, attempt))).collect()
}

/// Returns the writes that reserve a row's number and attempt, to be committed with it.
///
/// # Errors
/// Says why the row cannot be written.
pub fn reserve(
    row: &Row,
    known: Option<&Document>,
    read: &Snapshot,
    taken: &mut Taken,
) -> Result<Vec<Write>, &'static str> {
    let preorder = mapping::preorder_of(row).map_err(|_| "it does not read")?;
    let session = preorder.details.session.as_str();
    if let Some(known) = known {
        if known.text("id") != Some(preorder.id.as_str()) {
            return Err("this session has another preorder id here");
        }
        if known.text("preorder_number") != Some(preorder.number.as_str()) {
            return Err("this session has another preorder number here");
        }
    }
    let mut take = |path: String| {
        let first = taken.entry(path.clone()).or_insert_with(|| session.to_owned());
        let theirs = match read.get(&path) {
            Some(known) => known.text("session_id").unwrap_or_default().to_owned(),
            None => first.clone(),
        };
        (theirs == session, read.get(&path).is_none().then_some(path))
    };
    let fields = || Fields::from([("session_id".to_owned(), session.into())]);
    let (free, number) = take(document_path(NUMBERS, preorder.number.as_str()));
    if !free {
        return Err("another session has its preorder number here");
    }
    let counts = preorder.details.status >= PreorderStatus::Paid && !preorder.details.second_payment;
    let attempt = preorder.details.attempt.as_ref().filter(|_| counts).and_then(|attempt| {
        let (free, path) = take(document_path(ATTEMPTS, attempt.as_str()));
        // A reserved one stays with its session: both orders are stored.
        path.filter(|_| free)
    });
    let places = number.into_iter().chain(attempt);
    Ok(places.map(|path| Write::set(path, fields(), Precondition::NotExists)).collect())
}
