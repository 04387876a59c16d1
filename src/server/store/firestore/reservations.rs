//! What is had by one order alone, each as a document that is created with the order: its number, and the attempt that it was
//! the first to pay.

use super::{
    super::{Row, StoreError},
    archive::Taken,
    client::{Client, Only, Snapshot, Write},
    value::{Document, Fields, place},
};
use crate::domain::{
    payment::SessionId,
    preorder::{PreorderNumber, PreorderStatus},
};
use crate::server::store::mapping;

/// Preorder numbers that are taken, each with its session.
pub const NUMBERS: &str = "preorder_numbers";

/// Attempts that were paid, each with the session that was first.
pub const ATTEMPTS: &str = "attempts";

/// The session whose preorder has this number.
pub async fn session_of(client: &Client, number: &PreorderNumber) -> Result<Option<SessionId>, StoreError> {
    let place = place(NUMBERS, number.as_str());
    let found = client.read(std::slice::from_ref(&place)).await?;
    Ok(found.get(&place).and_then(|found| found.text("session_id")).and_then(SessionId::parse))
}

/// Where a preorder's row takes what is unique, beside its own document.
pub fn beside(row: &Row) -> Vec<String> {
    let text = |column: &str| row.text_opt(column).ok().flatten();
    let number = text("preorder_number").map(|number| place(NUMBERS, number));
    number.into_iter().chain(text("attempt").map(|attempt| place(ATTEMPTS, attempt))).collect()
}

/// What keeps a row's number and attempt, to be written with it; or why it cannot be written.
pub fn keep_unique(
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
    let mut take = |place: String| {
        let first = taken.entry(place.clone()).or_insert_with(|| session.to_owned());
        let theirs = match read.get(&place) {
            Some(known) => known.text("session_id").unwrap_or_default().to_owned(),
            None => first.clone(),
        };
        (theirs == session, read.get(&place).is_none().then_some(place))
    };
    let fields = || Fields::from([("session_id".to_owned(), session.into())]);
    let (free, number) = take(place(NUMBERS, preorder.number.as_str()));
    if !free {
        return Err("another session has its preorder number here");
    }
    let counts = preorder.details.status >= PreorderStatus::Paid && !preorder.details.second_payment;
    let attempt = preorder.details.attempt.as_ref().filter(|_| counts).and_then(|attempt| {
        let (free, place) = take(place(ATTEMPTS, attempt.as_str()));
        // One that is taken stays with whoever has it: both orders are kept.
        place.filter(|_| free)
    });
    let places = number.into_iter().chain(attempt);
    Ok(places.map(|place| Write::put(place, fields(), Only::New)).collect())
}
