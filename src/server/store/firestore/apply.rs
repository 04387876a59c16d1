//! One purchase in one commit: read, decided upon, written, and what follows from it put into the outbox. Every document that was
//! read is named in the commit with the version that was read, changed or not: a step that another one overtook fails as a
//! whole, and is done anew on what there is then.
//!
//! What is unique is a document's id: the session, the number, the event, the message, the first paid session of an attempt.

use super::{
    super::{Applied, CaseEffect, CaseKey, Message, PreorderNames, Purchase, PurchaseKey, StoreError, Table},
    client::{Client, Only, Snapshot, Write},
    logs::Outcome,
    outbox, query,
    reservations::{ATTEMPTS, NUMBERS, session_of},
    value::{Document, Fields, path, place},
};
use crate::domain::{
    checkout::Attempt,
    lifecycle::{Change, OrderState, notifications},
    payment::{IntentId, SessionId},
    preorder::{Preorder, PreorderStatus},
};
use crate::server::store::mapping::{self, set};

/// How many numbers are tried for one preorder: at ten million preorders, three draws all collide once in 10^15.
const NUMBER_TRIES: u32 = 5;

/// The address to be searched by.
pub const EMAIL: &str = "_email_lower";

/// How many logs were closed with a preorder before something was told about it.
const LOGS: &str = "_logs";

/// What a step comes to.
pub struct Decided {
    pub applied: Applied,
    pub outcome: Outcome,
    pub writes: Vec<Write>,
}

/// The documents that a case is made of, as far as is known.
#[derive(Default)]
struct Target {
    session: Option<SessionId>,
    intent: Option<IntentId>,
    attempt: Option<Attempt>,
    refunds: Vec<String>,
    disputes: Vec<String>,
}

/// A case with the documents that it was read from.
pub struct Read {
    snapshot: Snapshot,
    target: Target,
    preorder: Option<Preorder>,
    case: OrderState,
}

impl Read {
    fn document(&self, place: Option<String>) -> Option<&Document> {
        self.snapshot.get(&place?)
    }
}

impl Target {
    /// What the key says; more is found by reading.
    async fn of(client: &Client, key: CaseKey<'_>) -> Result<Self, StoreError> {
        let mut target = Self::default();
        match key {
            CaseKey::Session { session, intent, attempt } => {
                target.session = Some(session.clone());
                target.intent = intent.cloned();
                target.attempt = attempt.cloned();
            }
            CaseKey::Intent(intent) => target.intent = Some(intent.clone()),
            CaseKey::Number(number) => target.session = session_of(client, number).await?,
        }
        Ok(target)
    }

    fn preorder(&self) -> Option<String> {
        self.session.as_ref().map(|session| path(Table::Preorders, session.as_str()))
    }

    fn payment(&self) -> Option<String> {
        self.intent.as_ref().map(|intent| path(Table::Payments, intent.as_str()))
    }

    fn attempt(&self) -> Option<String> {
        self.attempt.as_ref().map(|attempt| place(ATTEMPTS, attempt.as_str()))
    }

    fn refunds(&self) -> impl Iterator<Item = String> {
        self.refunds.iter().map(|id| path(Table::Refunds, id))
    }

    fn disputes(&self) -> impl Iterator<Item = String> {
        self.disputes.iter().map(|id| path(Table::Disputes, id))
    }

    fn paths(&self) -> Vec<String> {
        let named = self.preorder().into_iter().chain(self.payment()).chain(self.attempt());
        named.chain(self.refunds()).chain(self.disputes()).collect()
    }

    /// Learns from what was read; `false` when there was nothing to learn.
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

    /// Looks for what no document points at; `false` when there was nothing more.
    async fn search(&mut self, client: &Client, key: CaseKey<'_>, thorough: bool) -> Result<bool, StoreError> {
        let before = self.paths().len();
        let Some(intent) = self.intent.clone() else { return Ok(false) };
        if matches!(key, CaseKey::Intent(_)) && self.session.is_none() {
            // An order may have come here without its payment's record.
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

/// Reads a case, with `also` beside it, as of one moment. `thorough` looks for what the payment does not list: a step that keeps
/// failing may have met a refund that was put there by another way.
pub async fn read(
    client: &Client,
    key: CaseKey<'_>,
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
        let beside = snapshot.clone();
        return Ok((assemble(snapshot, target)?, beside));
    }
}

fn assemble(snapshot: Snapshot, target: Target) -> Result<Read, StoreError> {
    let mut case = OrderState::default();
    let document = |place: Option<String>| place.and_then(|place| snapshot.get(&place));
    let preorder =
        document(target.preorder()).map(|found| mapping::preorder_of(&found.row(Table::Preorders))).transpose()?;
    case.preorder = preorder.as_ref().map(|preorder| preorder.details.clone());
    if let Some(payment) = document(target.payment()) {
        case.payment = Some(mapping::payment_of(&payment.row(Table::Payments))?);
    }
    let listed = |place: &String, column: &str| {
        // What is listed and not there would be forgotten by the next step.
        snapshot.get(place).ok_or_else(|| StoreError::Unreadable(format!("payments.{column}: there is no {place}")))
    };
    for refund in target.refunds() {
        case.refunds.push(mapping::refund_of(&listed(&refund, "refund_ids")?.row(Table::Refunds))?);
    }
    for dispute in target.disputes() {
        case.disputes.push(mapping::dispute_of(&listed(&dispute, "dispute_ids")?.row(Table::Disputes))?);
    }
    case.refunds.sort_by(|one, other| one.id.as_str().cmp(other.id.as_str()));
    case.disputes.sort_by(|one, other| one.id.as_str().cmp(other.id.as_str()));
    let paid_already = preorder.as_ref().is_some_and(|preorder| preorder.details.status >= PreorderStatus::Paid);
    if let (Some(first), Some(session), false) = (document(target.attempt()), &target.session, paid_already) {
        case.attempt_paid_elsewhere = first.text("session_id").is_some_and(|first| first != session.as_str());
    }
    Ok(Read { snapshot, target, preorder, case })
}

/// Decides, and says what is to be written. `logged` steps are those that an event tells: a log is closed with them.
pub async fn decide(
    client: &Client,
    effect: &CaseEffect<'_>,
    read: &Read,
    logged: bool,
) -> Result<Decided, StoreError> {
    let told = read.document(read.target.preorder()).is_some_and(|preorder| preorder.is(outbox::TOLD));
    let after = match (effect.decide)(&read.case) {
        Change::Ignore(reason) => {
            let applied = Applied::Ignored(reason.to_owned());
            let outcome = Outcome::ignored(reason).about(read.preorder.as_ref());
            return Ok(Decided { applied, outcome, writes: Vec::new() });
        }
        Change::None => {
            let known = read.document(read.target.preorder());
            let writes = known.map(|known| noticed(known, known.fields.clone(), logged)).into_iter().collect();
            let outcome = Outcome::done(read.preorder.as_ref(), told);
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
            writes.push(Write::put(place(NUMBERS, number.as_str()), taken, Only::New));
            Some(Preorder { id, number, details })
        }
        (_, None) => None,
    };
    if let Some(preorder) = &preorder {
        writes.push(preorder_write(read, preorder, logged));
        writes.extend(attempt_write(read, preorder));
        let messages = (effect.messages)(preorder, &after, &notifications(&read.case, &after));
        writes.extend(fresh(client, preorder, messages).await?);
    }
    writes.extend(payment_writes(effect, read, preorder.as_ref(), &after));
    Ok(Decided { outcome: Outcome::done(preorder.as_ref(), told), applied: Applied::Changed(preorder), writes })
}

/// The first draw whose number is free.
async fn free_names(
    client: &Client,
    effect: &CaseEffect<'_>,
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

/// The messages whose like was not written before.
async fn fresh(client: &Client, preorder: &Preorder, messages: Vec<Message>) -> Result<Vec<Write>, StoreError> {
    if messages.is_empty() {
        return Ok(Vec::new());
    }
    let paths: Vec<String> = messages.iter().map(|message| path(Table::Outbox, &message.dedupe_key)).collect();
    let known = client.read(&paths).await?;
    let new = messages.iter().zip(&paths).filter(|(_, place)| known.get(place).is_none());
    Ok(new.map(|(message, place)| outbox::write(&preorder.id, message, place)).collect())
}

/// The preorder that was read, with all that is known of its payment.
pub const fn known(read: &Read) -> Option<(&Preorder, &OrderState)> {
    match &read.preorder {
        Some(preorder) => Some((preorder, &read.case)),
        None => None,
    }
}

pub fn preorder_write(read: &Read, preorder: &Preorder, logged: bool) -> Write {
    let known = read.document(read.target.preorder());
    let mut fields = known.map(|known| known.fields.clone()).unwrap_or_default();
    if known.is_none() {
        set!(fields, { "user_id" => super::super::Value::Null, outbox::TOLD => false });
    }
    mapping::put_preorder(&mut fields, preorder);
    set!(fields, { EMAIL => preorder.details.email.to_lowercase() });
    match known {
        Some(known) => noticed(known, fields, logged),
        None => changed(path(Table::Preorders, preorder.details.session.as_str()), None, fields),
    }
}

/// The preorder with these fields. A log that is closed with it counts there until something was told about the order: whoever
/// says in its logs that something was told stands on that count, and misses none.
fn noticed(known: &Document, fields: Fields, logged: bool) -> Write {
    let moved = known.fields != fields;
    let mut fields = fields;
    if logged && !known.is(outbox::TOLD) {
        set!(fields, { LOGS => known.int(LOGS).unwrap_or_default() + 1 });
    }
    let write = Write::bring(known.path.clone(), Some(known), fields);
    if moved { write.now(&["updated_at"]) } else { write }
}

/// The first paid session of an attempt takes the attempt, once.
fn attempt_write(read: &Read, preorder: &Preorder) -> Option<Write> {
    let details = &preorder.details;
    let attempt = details.attempt.as_ref().filter(|attempt| read.target.attempt.as_ref() == Some(attempt))?;
    let known = read.document(read.target.attempt());
    let counts = details.status >= PreorderStatus::Paid && !details.second_payment;
    match known {
        Some(known) => Some(Write::stand_on(known)),
        None if counts => {
            let fields = Fields::from([("session_id".to_owned(), details.session.as_str().into())]);
            Some(Write::put(place(ATTEMPTS, attempt.as_str()), fields, Only::New))
        }
        None => None,
    }
}

fn payment_writes(effect: &CaseEffect<'_>, read: &Read, preorder: Option<&Preorder>, after: &OrderState) -> Vec<Write> {
    let Some(payment) = &after.payment else { return Vec::new() };
    let mut writes = Vec::new();
    for refund in &after.refunds {
        let place = path(Table::Refunds, refund.id.as_str());
        let known = read.snapshot.get(&place);
        let mut fields = known.map(|known| known.fields.clone()).unwrap_or_default();
        mapping::put_refund(&mut fields, effect.provider, refund);
        writes.push(changed(place, known, fields));
    }
    for dispute in &after.disputes {
        let place = path(Table::Disputes, dispute.id.as_str());
        let known = read.snapshot.get(&place);
        let mut fields = known.map(|known| known.fields.clone()).unwrap_or_default();
        mapping::put_dispute(&mut fields, effect.provider, dispute);
        writes.push(changed(place, known, fields));
    }
    let place = path(Table::Payments, payment.intent.as_str());
    let known = read.snapshot.get(&place);
    let mut fields = known.map(|known| known.fields.clone()).unwrap_or_default();
    mapping::put_payment(&mut fields, effect.provider, payment);
    let ours = preorder.filter(|preorder| preorder.details.intent.as_ref() == Some(&payment.intent));
    let session = known.and_then(|known| known.text("session_id")).map(str::to_owned);
    set!(fields, {
        "session_id" => session.or_else(|| ours.map(|preorder| preorder.details.session.as_str().to_owned())),
        "refund_ids" => after.refunds.iter().map(|refund| refund.id.as_str().to_owned()).collect::<Vec<_>>(),
        "dispute_ids" => after.disputes.iter().map(|dispute| dispute.id.as_str().to_owned()).collect::<Vec<_>>(),
    });
    writes.push(changed(place, known, fields));
    writes
}

/// The document with these fields; its times move only where something changes.
fn changed(place: String, known: Option<&Document>, fields: Fields) -> Write {
    match known {
        Some(known) if known.fields == fields => Write::stand_on(known),
        Some(known) => Write::bring(place, Some(known), fields).now(&["updated_at"]),
        None => Write::put(place, fields, Only::New).now(&["created_at", "updated_at"]),
    }
}

/// The preorder and all that is known of its payment.
pub async fn purchase(client: &Client, of: PurchaseKey<'_>) -> Result<Option<Purchase>, StoreError> {
    let session = match of {
        PurchaseKey::Session(session) => Some(session.clone()),
        PurchaseKey::Number(number) => session_of(client, number).await?,
        PurchaseKey::Id(id) => {
            let (found, _) = client.query(&query::preorder_of_id(id.as_str())).await?;
            found.first().and_then(|found| found.text("session_id")).and_then(SessionId::parse)
        }
        PurchaseKey::Intent(intent) => {
            let (read, _) = read(client, CaseKey::Intent(intent), None, false).await?;
            return Ok(whole(read));
        }
    };
    let Some(session) = session else { return Ok(None) };
    let (read, _) =
        read(client, CaseKey::Session { session: &session, intent: None, attempt: None }, None, false).await?;
    Ok(whole(read))
}

fn whole(read: Read) -> Option<Purchase> {
    let Read { preorder, case, .. } = read;
    // What is asked for is the purchase, not what a further payment would mean.
    preorder.map(|preorder| Purchase { preorder, case: OrderState { attempt_paid_elsewhere: false, ..case } })
}
