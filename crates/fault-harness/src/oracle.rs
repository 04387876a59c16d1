//! Judges a run by the sandbox's ledger and the database, and by nothing that the shop reports
//! about itself.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use sqlx::{PgPool, Row as _, postgres::PgPoolOptions};
use tokio::time::sleep;

use super::{
    contract::{PAID_METRIC, Status},
    ledger::Ledger,
};

/// The rules that no fault may break.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Invariant {
    /// Every paid session has exactly one preorder.
    OnePreorderForEachPaidSession,
    /// Every preorder has a session that its customer completed.
    NoPreorderWithoutSession,
    /// Every paid preorder that is not held was sent to Klaviyo under exactly one id.
    SentOnce,
    /// Whatever is sent again has the same bytes.
    SentInTheSameBytes,
    /// No preorder ever went back to a lower status.
    NoStatusWentBack,
    /// Every event that was acknowledged with 2xx is in the webhook log.
    AcknowledgedIsStored,
    /// The queues run empty once the faults are over.
    QueuesRunEmpty,
    /// The sum of all preorders is the sum of all charges.
    SumsAgree,
    /// No event or message is parked.
    NothingParked,
}

impl Invariant {
    const ALL: [Self; 9] = [
        Self::OnePreorderForEachPaidSession,
        Self::NoPreorderWithoutSession,
        Self::SentOnce,
        Self::SentInTheSameBytes,
        Self::NoStatusWentBack,
        Self::AcknowledgedIsStored,
        Self::QueuesRunEmpty,
        Self::SumsAgree,
        Self::NothingParked,
    ];

    const fn title(self) -> &'static str {
        match self {
            Self::OnePreorderForEachPaidSession => "I1 one preorder for each paid session",
            Self::NoPreorderWithoutSession => "I2 no preorder without a completed session",
            Self::SentOnce => "I3 sent once",
            Self::SentInTheSameBytes => "I3 sent in the same bytes",
            Self::NoStatusWentBack => "I4 no status went back",
            Self::AcknowledgedIsStored => "I5 every acknowledged event is stored",
            Self::QueuesRunEmpty => "I6 the queues run empty",
            Self::SumsAgree => "I7 the sums agree",
            Self::NothingParked => "   nothing is parked",
        }
    }
}

/// What the oracle counted, and which rules are broken.
#[derive(Default)]
pub struct Verdict {
    pub counts: BTreeMap<&'static str, u64>,
    violations: BTreeMap<Invariant, Vec<String>>,
}

impl Verdict {
    /// Returns whether every rule held.
    pub fn good(&self) -> bool {
        self.violations.is_empty()
    }

    /// Returns whether every rule held, except perhaps the `excused` ones.
    pub fn good_except(&self, excused: &[Invariant]) -> bool {
        self.violations.keys().all(|broken| excused.contains(broken))
    }

    /// Returns whether this rule was broken.
    pub fn breaks(&self, invariant: Invariant) -> bool {
        self.violations.contains_key(&invariant)
    }

    fn found(&mut self, invariant: Invariant, what: String) {
        self.violations.entry(invariant).or_default().push(what);
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (what, count) in &self.counts {
            writeln!(f, "  {count:>8} {what}")?;
        }
        for invariant in Invariant::ALL {
            match self.violations.get(&invariant) {
                None => writeln!(f, "  ok       {}", invariant.title())?,
                Some(found) => {
                    writeln!(f, "  BROKEN   {}: {} times", invariant.title(), found.len())?;
                    for what in found.iter().take(5) {
                        writeln!(f, "           {what}")?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// Reads the database of a run.
pub struct Oracle {
    pool: Mutex<PgPool>,
}

/// Makes a pool of the oracle's own, without the proxy and its faults.
fn pool(url: &str) -> anyhow::Result<PgPool> {
    Ok(PgPoolOptions::new().max_connections(2).acquire_timeout(Duration::from_secs(5)).connect_lazy(url)?)
}

impl Oracle {
    /// Makes an oracle of the database at `url`.
    pub fn new(url: &str) -> anyhow::Result<Self> {
        Ok(Self { pool: Mutex::new(pool(url)?) })
    }

    /// Reads the database at `url` from now on.
    pub fn repoint(&self, url: &str) -> anyhow::Result<()> {
        *self.pool.lock().unwrap_or_else(PoisonError::into_inner) = pool(url)?;
        Ok(())
    }

    fn pool(&self) -> PgPool {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Installs a trigger that records every change of a status, so that the oracle sees what the
    /// shop does between two queries, too.
    pub async fn watch(&self) -> anyhow::Result<()> {
        for statement in [
            "create schema if not exists oracle",
            "create table if not exists oracle.changes (preorder text, was text, became text)",
            "create or replace function oracle.note() returns trigger language plpgsql as $$
             begin
               insert into oracle.changes values (new.id, old.status::text, new.status::text);
               return new;
             end $$",
            "create or replace trigger noted after update of status on preorders for each row
             when (old.status is distinct from new.status) execute function oracle.note()",
        ] {
            sqlx::query(statement).execute(&self.pool()).await?;
        }
        Ok(())
    }

    /// Removes what keeps a session from having two preorders, for a negative control: the unique
    /// index, and the lock under which workers wait for each other. A function that does nothing
    /// comes before the lock's own in the search path of every new connection; migrations use
    /// another lock.
    pub async fn remove_order_uniqueness(&self) -> anyhow::Result<()> {
        for statement in [
            "alter table preorders drop constraint preorders_session_id_key",
            "create schema without_locks",
            "create function without_locks.pg_advisory_xact_lock(bigint) returns void language sql as ''",
            "do $$ begin execute format(
               'alter database %I set search_path = without_locks, public, pg_catalog', current_database());
             end $$",
        ] {
            sqlx::query(statement).execute(&self.pool()).await?;
        }
        Ok(())
    }

    /// Counts the rows, transactions or connections that `of` names.
    pub async fn count(&self, of: &'static str) -> anyhow::Result<u64> {
        let query = match of {
            "preorders" => "select count(*) from preorders",
            "waiting events" => {
                "select count(*) from webhook_logs where status in ('received', 'processing', 'failed')"
            }
            "waiting messages" => "select count(*) from outbox where status = 'pending'",
            "orders awaiting payment" => "select count(*) from preorders where status = 'awaiting_payment'",
            "events in the log" => "select count(*) from webhook_logs",
            "messages parked" => "select count(*) from outbox where status = 'parked'",
            "events parked" => "select count(*) from webhook_logs where status = 'parked'",
            "transactions" => {
                "select xact_commit + xact_rollback from pg_stat_database where datname = current_database()"
            }
            "connections" => "select count(*) from pg_stat_activity where application_name = 'rolitt'",
            _ => anyhow::bail!("the oracle cannot count {of}"),
        };
        let count: i64 = sqlx::query(query).fetch_one(&self.pool()).await?.get(0);
        Ok(u64::try_from(count)?)
    }

    /// Makes waiting messages older by this long.
    pub async fn age(&self, by: Duration) -> anyhow::Result<()> {
        let query = "update outbox set created_at = created_at - make_interval(secs => $1) where status = 'pending'";
        sqlx::query(query).bind(by.as_secs_f64()).execute(&self.pool()).await?;
        Ok(())
    }

    /// Waits until every event is delivered and the queues are empty, for `longest` at most.
    /// Returns whether that happened. Waits for delayed payments, too: they would change the ledger
    /// while it is read.
    pub async fn wait_until_idle(&self, ledger: &Ledger, longest: Duration) -> anyhow::Result<bool> {
        let began = Instant::now();
        while began.elapsed() < longest {
            if ledger.all_delivered().await?
                && self.count("waiting events").await? == 0
                && self.count("waiting messages").await? == 0
                && self.count("orders awaiting payment").await? == 0
            {
                return Ok(true);
            }
            sleep(Duration::from_millis(500)).await;
        }
        Ok(false)
    }

    /// Compares the ledger with the database. `idle` is what [`Self::wait_until_idle`] returned.
    pub async fn judge(&self, ledger: &Ledger, idle: bool) -> anyhow::Result<Verdict> {
        let mut verdict = Verdict::default();
        let sessions = ledger.sessions().await?;
        let preorders = self.preorders().await?;
        let paid: Vec<_> = sessions.iter().filter(|(_, session)| session.paid).collect();
        let mut doubled = 0;
        let mut missing = 0;
        for (id, session) in &paid {
            let rows = preorders.get(*id).map_or(&[][..], Vec::as_slice);
            match rows {
                [one] if one.status >= Status::PAID && one.amount_minor == session.amount_minor => {}
                [one] => verdict.found(
                    Invariant::OnePreorderForEachPaidSession,
                    format!("{id}: {} with {}", one.status.as_str(), one.amount_minor),
                ),
                [] => {
                    missing += 1;
                    verdict.found(Invariant::OnePreorderForEachPaidSession, format!("{id}: lost"));
                }
                rows => {
                    doubled += 1;
                    verdict.found(Invariant::OnePreorderForEachPaidSession, format!("{id}: {} preorders", rows.len()));
                }
            }
        }
        for id in preorders.keys().filter(|id| !sessions.get(*id).is_some_and(|session| session.completed)) {
            verdict.found(Invariant::NoPreorderWithoutSession, id.clone());
        }
        self.judge_messages(ledger, &preorders, &mut verdict).await?;
        self.judge_history(&mut verdict).await?;
        self.judge_log(ledger, &mut verdict).await?;
        if !idle {
            for of in ["waiting events", "waiting messages", "orders awaiting payment"] {
                verdict.found(Invariant::QueuesRunEmpty, format!("{} {of}", self.count(of).await?));
            }
        }
        let charged: i64 = paid.iter().map(|(_, session)| session.amount_minor).sum();
        let recorded = preorders.values().flatten().filter(|row| row.status >= Status::PAID);
        let recorded: i64 = recorded.map(|row| row.amount_minor).sum();
        if charged != recorded {
            verdict.found(Invariant::SumsAgree, format!("charged {charged}, recorded {recorded}"));
        }
        for of in ["messages parked", "events parked"] {
            let parked = self.count(of).await?;
            if parked > 0 {
                verdict.found(Invariant::NothingParked, format!("{parked} {of}"));
            }
        }
        let counts = [
            ("paid sessions", paid.len() as u64),
            ("preorders", preorders.values().map(Vec::len).sum::<usize>() as u64),
            ("sessions lost", missing),
            ("sessions doubled", doubled),
        ];
        verdict.counts.extend(counts);
        Ok(verdict)
    }

    async fn judge_messages(
        &self,
        ledger: &Ledger,
        preorders: &HashMap<String, Vec<Preorder>>,
        verdict: &mut Verdict,
    ) -> anyhow::Result<()> {
        let sent = ledger.klaviyo_events(PAID_METRIC).await?;
        let (mut posts, mut differing) = (0, 0);
        let ids: HashSet<&str> = sent.values().flatten().map(|event| event.unique_id.as_str()).collect();
        for event in sent.values().flatten() {
            posts += event.posts;
            differing += event.differing;
        }
        if differing > 0 {
            verdict.found(Invariant::SentInTheSameBytes, format!("{differing} posts with different bytes"));
        }
        for (session, rows) in preorders {
            let due = rows.iter().any(|row| row.status == Status::PAID && !row.held);
            let times = sent.get(session).map_or(0, Vec::len);
            let unpaid = rows.iter().all(|row| row.status < Status::PAID);
            if (due && times != 1) || times > 1 || (unpaid && times > 0) {
                verdict.found(Invariant::SentOnce, format!("{session}: sent {times} times"));
            }
        }
        for session in sent.keys().filter(|session| !preorders.contains_key(*session)) {
            verdict.found(Invariant::SentOnce, format!("{session}: sent without a preorder"));
        }
        verdict.counts.extend([
            ("distinct unique_ids at Klaviyo", ids.len() as u64),
            ("recorded posts to Klaviyo", posts),
            ("posts with different bodies", differing),
        ]);
        Ok(())
    }

    async fn judge_history(&self, verdict: &mut Verdict) -> anyhow::Result<()> {
        for row in sqlx::query("select preorder, was, became from oracle.changes").fetch_all(&self.pool()).await? {
            let rank = |column: &str| Status::from_name(row.get(column));
            if rank("became") < rank("was") {
                let change = [0, 1, 2].map(|column| row.get::<String, _>(column)).join(" ");
                verdict.found(Invariant::NoStatusWentBack, change);
            }
        }
        Ok(())
    }

    async fn judge_log(&self, ledger: &Ledger, verdict: &mut Verdict) -> anyhow::Result<()> {
        let rows = sqlx::query("select stripe_event_id from webhook_logs").fetch_all(&self.pool()).await?;
        let stored: HashSet<String> = rows.iter().filter_map(|row| row.get::<Option<String>, _>(0)).collect();
        let acknowledged = ledger.events(true).await?;
        for event in acknowledged.iter().filter(|event| !stored.contains(*event)) {
            verdict.found(Invariant::AcknowledgedIsStored, event.clone());
        }
        verdict.counts.insert("events acknowledged", acknowledged.len() as u64);
        Ok(())
    }

    /// Returns each preorder's number by its checkout session.
    pub async fn numbers(&self) -> anyhow::Result<BTreeMap<String, String>> {
        let query = "select session_id, preorder_number from preorders where session_id is not null";
        let rows = sqlx::query(query).fetch_all(&self.pool()).await?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    }

    async fn preorders(&self) -> anyhow::Result<HashMap<String, Vec<Preorder>>> {
        let mut preorders: HashMap<String, Vec<Preorder>> = HashMap::new();
        let query = "select session_id, status::text, coalesce(amount_minor, 0), needs_review from preorders";
        for row in sqlx::query(query).fetch_all(&self.pool()).await? {
            preorders.entry(row.get::<Option<String>, _>(0).unwrap_or_default()).or_default().push(Preorder {
                status: Status::from_name(row.get(1)).context("an unknown status")?,
                amount_minor: row.get(2),
                held: row.get(3),
            });
        }
        Ok(preorders)
    }
}

struct Preorder {
    status: Status,
    amount_minor: i64,
    held: bool,
}
