//! One order in one commit: read, decided upon, and written with its messages. The commit names
//! every document that was read with the version that was read, changed or not: a step that another
//! one overtook fails as a whole and is repeated on the new state.
//!
//! Whatever must be unique is a document's id: the session, the number, the event, the message, the
//! first paid session of an attempt.

use super::{
    super::{Applied, Message, OrderEffect, OrderKey, PreorderNames, Source, StoreError, StoredOrder, Table, Value},
    client::{Client, Precondition, Snapshot, Write},
    logs::Outcome,
    outbox, query,
    reservations::{ATTEMPTS, NUMBERS, session_of},
    value::{Document, Fields, document_path, row_path},
};
use crate::domain::{
    checkout::Attempt,
    lifecycle::{Change, OrderState, notifications},
    payment::{IntentId, ProviderId, SessionId},
    preorder::{Preorder, PreorderStatus},
};
use crate::server::store::mapping::{self, set};

/// The number of draws for one preorder number: at ten million preorders, three draws all collide
/// once in 10^15.
const NUMBER_TRIES: u32 = 5;

/// The field with the address in lower state, for searches.
pub const EMAIL: &str = "_email_lower";

/// The field that counts the logs closed with a preorder before a message about it was sent.
const LOGS: &str = "_logs";

/// What a step comes to.
pub struct Decided {
    pub applied: Applied,
    pub outcome: Outcome,
    pub writes: Vec<Write>,
}

/// The documents that an order is made of, as far as is known.
#[derive(Default)]
struct Target {
    session: Option<SessionId>,
    intent: Option<IntentId>,
    attempt: Option<Attempt>,
    refunds: Vec<String>,
    disputes: Vec<String>,
}

/// An order with the documents that it was read from.
pub struct Read {
    snapshot: Snapshot,
    target: Target,
    preorder: Option<Preorder>,
    state: OrderState,
}

impl Read {
    fn document(&self, path: Option<String>) -> Option<&Document> {
        self.snapshot.get(&path?)
    }
}

impl Target {
    /// Returns what the key says; reading finds more.
    async fn of(client: &Client, key: OrderKey<'_>) -> Result<Self, StoreError> {
        let mut target = Self::default();
        match key {
            OrderKey::Session(session) => target.session = Some(session.clone()),
            OrderKey::SessionUpdate(update) => {
                target.session = Some(update.session.clone());
                target.intent.clone_from(&update.intent);
                target.attempt.clone_from(&update.attempt);
            }
            OrderKey::Intent(intent) => target.intent = Some(intent.clone()),
            OrderKey::Number(number) => target.session = session_of(client, number).await?,
            OrderKey::Id(id) => {
                let (found, _) = client.query(&query::preorder_of_id(id.as_str())).await?;
                target.session = found.first().and_then(|found| found.text("session_id")).and_then(SessionId::parse);
            }
        }
        Ok(target)
    }

    fn preorder(&self) -> Option<String> {
        self.session.as_ref().map(|session| row_path(Table::Preorders, session.as_str()))
    }

    fn payment(&self) -> Option<String> {
        self.intent.as_ref().map(|intent| row_path(Table::Payments, intent.as_str()))
    }

    fn attempt(&self) -> Option<String> {
        self.attempt.as_ref().map(|attempt| document_path(ATTEMPTS, attempt.as_str()))
    }

    fn refunds(&self) -> impl Iterator<Item = String> {
        self.refunds.iter().map(|id| row_path(Table::Refunds, id))
    }

    fn disputes(&self) -> impl Iterator<Item = String> {
        self.disputes.iter().map(|id| row_path(Table::Disputes, id))
    }

    fn paths(&self) -> Vec<String> {
        let named = self.preorder().into_iter().chain(self.payment()).chain(self.attempt());
        named.chain(self.refunds()).chain(self.disputes()).collect()
    }

    /// Adds the documents that those just read point at. Returns `false` when there were none.
    fn grow(&mut self, read: &Snapshot) -> bool {
        let before = self.paths().len();
        if let Some(payment) = self.payment().and_then(|payment| read.get(&payment)) {
            let row = payment.row(Table::Payments);
            for (known, listed) in [(&mut self.refunds, "refund_ids"), (&mut self.disputes, "dispute_ids")] {
                known.extend(row.texts(listed).unwrap_or_default());
                known.sort();
                known.dedup();
            }
            self.session = self.session.take().or_else(|| payment.text("session_id").and_then(SessionId::parse));
        }
        if let Some(preorder) = self.preorder().and_then(|preorder| read.get(&preorder)) {
            let text = |field: &str| preorder.text(field);
            self.intent = self.intent.take().or_else(|| text("payment_intent_id").and_then(IntentId::parse));
            self.attempt = self.attempt.take().or_else(|| text("attempt").and_then(Attempt::parse));
        }
        self.paths().len() > before
    }

    /// Searches for documents that no other one points at. Returns `false` when there were none.
    async fn search(&mut self, client: &Client, key: OrderKey<'_>, thorough: bool) -> Result<bool, StoreError> {
        let before = self.paths().len();
        let Some(intent) = self.intent.clone() else { return Ok(false) };
        if matches!(key, OrderKey::Intent(_)) && self.session.is_none() {
            // An order may have been copied without its payment's record.
            let (found, _) = client.query(&query::preorders_of_intent(&intent)).await?;
            let oldest = found.iter().min_by_key(|preorder| preorder.time("created_at"));
            self.session = oldest.and_then(|preorder| preorder.text("session_id")).and_then(SessionId::parse);
        }
        if thorough {
            for (table, known) in [(Table::Refunds, &mut self.refunds), (Table::Disputes, &mut self.disputes)] {
                let (found, _) = client.query(&query::of_intent(table, &intent)).await?;
                known.extend(found.iter().filter_map(|found| found.text("id")).map(str::to_owned));
                known.sort();
                known.dedup();
            }
        }
        Ok(self.paths().len() > before)
    }
}

/// Reads an order together with the document `also`, as of one moment. `thorough` searches for what
/// the payment does not list, too: a step that keeps meeting conflicts may have met a refund that
/// another program wrote.
pub async fn read(
    client: &Client,
    key: OrderKey<'_>,
    also: Option<String>,
    thorough: bool,
) -> Result<(Read, Snapshot), StoreError> {
    let mut target = Target::of(client, key).await?;
    let mut searched = false;
    loop {
        let paths: Vec<String> = target.paths().into_iter().chain(also.clone()).collect();
        let snapshot = client.read(&paths).await?;
        if target.grow(&snapshot) {
            continue;
        }
        if !searched {
            searched = true;
            if target.search(client, key, thorough).await? {
                continue;
            }
        }
        return Ok((assemble(snapshot.clone(), target)?, snapshot));
    }
}

fn assemble(snapshot: Snapshot, target: Target) -> Result<Read, StoreError> {
    let mut state = OrderState::default();
    let document = |path: Option<String>| path.and_then(|path| snapshot.get(&path));
    let preorder =
        document(target.preorder()).map(|found| mapping::preorder_of(&found.row(Table::Preorders))).transpose()?;
    state.preorder = preorder.as_ref().map(|preorder| preorder.details.clone());
    if let Some(payment) = document(target.payment()) {
        state.payment = Some(mapping::payment_of(&payment.row(Table::Payments))?);
    }
    let listed = |path: &String, column: &str| {
        // The next step would drop what is listed and not found.
        snapshot.get(path).ok_or_else(|| StoreError::Unreadable(format!("payments.{column}: there is no {path}")))
    };
    for refund in target.refunds() {
        state.refunds.push(mapping::refund_of(&listed(&refund, "refund_ids")?.row(Table::Refunds))?);
    }
    for dispute in target.disputes() {
        state.disputes.push(mapping::dispute_of(&listed(&dispute, "dispute_ids")?.row(Table::Disputes))?);
    }
    state.refunds.sort_by(|one, other| one.id.as_str().cmp(other.id.as_str()));
    state.disputes.sort_by(|one, other| one.id.as_str().cmp(other.id.as_str()));
    let paid_already = preorder.as_ref().is_some_and(|preorder| preorder.details.status >= PreorderStatus::Paid);
    if let (Some(first), Some(session), false) = (document(target.attempt()), &target.session, paid_already) {
        state.attempt_paid_elsewhere = first.text("session_id").is_some_and(|first| first != session.as_str());
    }
    Ok(Read { snapshot, target, preorder, state })
}

/// Decides on an order and returns what is to be written.
pub async fn decide(
    client: &Client,
    source: &Source<'_>,
    effect: &OrderEffect<'_>,
    read: &Read,
) -> Result<Decided, StoreError> {
    // A step that an event caused closes a log.
    let logged = source.event.is_some();
    let sent = read.document(read.target.preorder()).is_some_and(|preorder| preorder.is(outbox::SENT));
    let after = match (effect.decide)(&read.state) {
        Change::Ignore(reason) => {
            let applied = Applied::Ignored(reason.to_owned());
            let outcome = Outcome::ignored(reason).about(read.preorder.as_ref());
            return Ok(Decided { applied, outcome, writes: Vec::new() });
        }
        Change::None => {
            let known = read.document(read.target.preorder());
            let writes = known.map(|known| write_known(known, known.fields.clone(), logged)).into_iter().collect();
            let outcome = Outcome::done(read.preorder.as_ref(), sent);
            return Ok(Decided { applied: Applied::Unchanged(read.preorder.clone()), outcome, writes });
        }
        Change::Put(after) => *after,
    };
    let mut writes = Vec::new();
    let preorder = match (&read.preorder, after.preorder.clone()) {
        (Some(known), Some(details)) => Some(Preorder { details, ..known.clone() }),
        (None, Some(details)) => {
            let PreorderNames { id, number } = free_names(client, effect, &details.session).await?;
            let taken = Fields::from([("session_id".to_owned(), details.session.as_str().into())]);
            writes.push(Write::set(document_path(NUMBERS, number.as_str()), taken, Precondition::NotExists));
            Some(Preorder { id, number, details })
        }
        (_, None) => None,
    };
    if let Some(preorder) = &preorder {
        writes.push(preorder_write(read, preorder, logged));
        writes.extend(attempt_write(read, preorder));
        let messages = (effect.messages)(preorder, &after, &notifications(&read.state, &after));
        writes.extend(new_messages(client, preorder, messages).await?);
    }
    writes.extend(payment_writes(source.provider, read, preorder.as_ref(), &after));
    Ok(Decided { outcome: Outcome::done(preorder.as_ref(), sent), applied: Applied::Changed(preorder), writes })
}

/// Returns the first draw whose number is free.
async fn free_names(
    client: &Client,
    effect: &OrderEffect<'_>,
    session: &SessionId,
) -> Result<PreorderNames, StoreError> {
    for draw in 0..NUMBER_TRIES {
        let names = effect.ids.preorder_names(session, draw);
        if session_of(client, &names.number).await?.is_none() {
            return Ok(names);
        }
    }
    Err(StoreError::NumbersExhausted)
}

/// Returns the writes of the messages that are not stored yet.
async fn new_messages(client: &Client, preorder: &Preorder, messages: Vec<Message>) -> Result<Vec<Write>, StoreError> {
    if messages.is_empty() {
        return Ok(Vec::new());
    }
    let paths: Vec<String> = messages.iter().map(|message| row_path(Table::Outbox, &message.dedupe_key)).collect();
    let known = client.read(&paths).await?;
    let new = messages.iter().zip(&paths).filter(|(_, path)| known.get(path).is_none());
    Ok(new.map(|(message, path)| outbox::write(&preorder.id, message, path)).collect())
}

/// Returns the preorder that was read, with everything known of its payment.
pub const fn known(read: &Read) -> Option<(&Preorder, &OrderState)> {
    match &read.preorder {
        Some(preorder) => Some((preorder, &read.state)),
        None => None,
    }
}

/// Returns the write of a preorder. `logged` says that a log is closed with it.
pub fn preorder_write(read: &Read, preorder: &Preorder, logged: bool) -> Write {
    let known = read.document(read.target.preorder());
    let mut fields = known.map(|known| known.fields.clone()).unwrap_or_default();
    if known.is_none() {
        set!(fields, { "user_id" => Value::Null, outbox::SENT => false });
    }
    mapping::put_preorder(&mut fields, preorder);
    set!(fields, { EMAIL => preorder.details.email.to_lowercase() });
    match known {
        Some(known) => write_known(known, fields, logged),
        None => changed(row_path(Table::Preorders, preorder.details.session.as_str()), None, fields),
    }
}

/// Returns the write of a stored preorder with these fields. It counts the logs that are closed
/// with it until a message about the order was sent: the step that marks its logs as sent has that
/// count as a precondition, and misses none.
fn write_known(known: &Document, fields: Fields, logged: bool) -> Write {
    let moved = known.fields != fields;
    let mut fields = fields;
    if logged && !known.is(outbox::SENT) {
        set!(fields, { LOGS => known.int(LOGS).unwrap_or_default() + 1 });
    }
    let write = Write::upsert(known.path.clone(), Some(known), fields);
    if moved { write.now(&["updated_at"]) } else { write }
}

/// Returns the write by which the first paid session of an attempt reserves the attempt.
fn attempt_write(read: &Read, preorder: &Preorder) -> Option<Write> {
    let details = &preorder.details;
    let attempt = details.attempt.as_ref().filter(|attempt| read.target.attempt.as_ref() == Some(attempt))?;
    let known = read.document(read.target.attempt());
    let counts = details.status >= PreorderStatus::Paid && !details.second_payment;
    match known {
        Some(known) => Some(Write::touch(known)),
        None if counts => {
            let fields = Fields::from([("session_id".to_owned(), details.session.as_str().into())]);
            Some(Write::set(document_path(ATTEMPTS, attempt.as_str()), fields, Precondition::NotExists))
        }
        None => None,
    }
}

fn payment_writes(provider: ProviderId, read: &Read, preorder: Option<&Preorder>, after: &OrderState) -> Vec<Write> {
    let Some(payment) = &after.payment else { return Vec::new() };
    let mut writes = Vec::new();
    for refund in &after.refunds {
        let path = row_path(Table::Refunds, refund.id.as_str());
        let known = read.snapshot.get(&path);
        let mut fields = known.map(|known| known.fields.clone()).unwrap_or_default();
        mapping::put_refund(&mut fields, provider, refund);
        writes.push(changed(path, known, fields));
    }
    for dispute in &after.disputes {
        let path = row_path(Table::Disputes, dispute.id.as_str());
        let known = read.snapshot.get(&path);
        let mut fields = known.map(|known| known.fields.clone()).unwrap_or_default();
        mapping::put_dispute(&mut fields, provider, dispute);
        writes.push(changed(path, known, fields));
    }
    let path = row_path(Table::Payments, payment.intent.as_str());
    let known = read.snapshot.get(&path);
    let mut fields = known.map(|known| known.fields.clone()).unwrap_or_default();
    mapping::put_payment(&mut fields, provider, payment);
    let ours = preorder.filter(|preorder| preorder.details.intent.as_ref() == Some(&payment.intent));
    let session = known.and_then(|known| known.text("session_id")).map(str::to_owned);
    set!(fields, {
        "session_id" => session.or_else(|| ours.map(|preorder| preorder.details.session.as_str().to_owned())),
        "refund_ids" => after.refunds.iter().map(|refund| refund.id.as_str().to_owned()).collect::<Vec<_>>(),
        "dispute_ids" => after.disputes.iter().map(|dispute| dispute.id.as_str().to_owned()).collect::<Vec<_>>(),
    });
    writes.push(changed(path, known, fields));
    writes
}

/// Returns the write of a document with these fields. Its times change only where a field does.
fn changed(path: String, known: Option<&Document>, fields: Fields) -> Write {
    match known {
        Some(known) if known.fields == fields => Write::touch(known),
        Some(known) => Write::upsert(path, Some(known), fields).now(&["updated_at"]),
        None => Write::set(path, fields, Precondition::NotExists).now(&["created_at", "updated_at"]),
    }
}

/// Reads the order of this key, with everything known of its payment.
pub async fn order(client: &Client, key: OrderKey<'_>) -> Result<Option<StoredOrder>, StoreError> {
    let (Read { preorder, state, .. }, _) = read(client, key, None, false).await?;
    // The caller asks for the order, and not for what a further payment would mean.
    Ok(preorder.map(|preorder| StoredOrder { preorder, state: OrderState { attempt_paid_elsewhere: false, ..state } }))
}
