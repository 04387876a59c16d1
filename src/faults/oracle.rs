//! Judges a run: reads the sandbox's ledger and the database, and nothing that the shop says of itself.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use rolitt::domain::preorder::PreorderStatus;
use sqlx::{PgPool, Row as _, postgres::PgPoolOptions};
use tokio::time::sleep;

use super::ledger::Ledger;

/// The rules that no fault may break.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Invariant {
    /// Every paid session has exactly one preorder.
    OnePreorderForEachPaidSession,
    /// No preorder without a session that its customer completed.
    NoPreorderFromNowhere,
    /// Every paid preorder that nobody holds was told to Klaviyo under exactly one id.
    ToldOnce,
    /// What is told again is told in the same bytes.
    ToldInTheSameBytes,
    /// No status ever went back.
    NoStatusWentBack,
    /// Every event that was answered with 2xx is in the log.
    AcknowledgedIsStored,
    /// What waits is worked off once the faults are over.
    QueuesRunEmpty,
    /// The sum of all preorders is the sum of all charges.
    SumsAgree,
    /// Nothing needs a person.
    NothingParked,
}

impl Invariant {
    const ALL: [Self; 9] = [
        Self::OnePreorderForEachPaidSession,
        Self::NoPreorderFromNowhere,
        Self::ToldOnce,
        Self::ToldInTheSameBytes,
        Self::NoStatusWentBack,
        Self::AcknowledgedIsStored,
        Self::QueuesRunEmpty,
        Self::SumsAgree,
        Self::NothingParked,
    ];

    const fn says(self) -> &'static str {
        match self {
            Self::OnePreorderForEachPaidSession => "I1 one preorder for each paid session",
            Self::NoPreorderFromNowhere => "I2 no preorder from nowhere",
            Self::ToldOnce => "I3 told once",
            Self::ToldInTheSameBytes => "I3 told in the same bytes",
            Self::NoStatusWentBack => "I4 no status went back",
            Self::AcknowledgedIsStored => "I5 what was acknowledged is stored",
            Self::QueuesRunEmpty => "I6 the queues run empty",
            Self::SumsAgree => "I7 the sums agree",
            Self::NothingParked => "   nothing is parked",
        }
    }
}

/// What was found.
#[derive(Default)]
pub struct Verdict {
    pub counts: BTreeMap<&'static str, u64>,
    violations: BTreeMap<Invariant, Vec<String>>,
}

impl Verdict {
    pub fn good(&self) -> bool {
        self.violations.is_empty()
    }

    /// Whether everything holds but, perhaps, these.
    pub fn good_but_for(&self, excused: &[Invariant]) -> bool {
        self.violations.keys().all(|broken| excused.contains(broken))
    }

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
                None => writeln!(f, "  ok       {}", invariant.says())?,
                Some(found) => {
                    writeln!(f, "  BROKEN   {}: {} times", invariant.says(), found.len())?;
                    for what in found.iter().take(5) {
                        writeln!(f, "           {what}")?;
                    }
                }
            }
        }
        Ok(())
    }
}

pub struct Oracle {
    pool: Mutex<PgPool>,
}

/// A pool of the oracle's own: direct, without the faults before the database.
fn pool(url: &str) -> anyhow::Result<PgPool> {
    Ok(PgPoolOptions::new().max_connections(2).acquire_timeout(Duration::from_secs(5)).connect_lazy(url)?)
}

impl Oracle {
    pub fn new(url: &str) -> anyhow::Result<Self> {
        Ok(Self { pool: Mutex::new(pool(url)?) })
    }

    /// Where the database is from now on.
    pub fn repoint(&self, url: &str) -> anyhow::Result<()> {
        *self.pool.lock().unwrap_or_else(PoisonError::into_inner) = pool(url)?;
        Ok(())
    }

    fn pool(&self) -> PgPool {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Has the database itself write down every change of a status: what the shop does in between is seen too.
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

    /// Takes away what the database itself would refuse, for a control.
    pub async fn drop_unique_index(&self) -> anyhow::Result<()> {
        sqlx::query("alter table preorders drop constraint preorders_session_id_key").execute(&self.pool()).await?;
        Ok(())
    }

    pub async fn count(&self, of: &'static str) -> anyhow::Result<u64> {
        let query = match of {
            "preorders" => "select count(*) from preorders",
            "events that wait" => {
                "select count(*) from webhook_logs where status in ('received', 'processing', 'failed')"
            }
            "messages that wait" => "select count(*) from outbox where status = 'pending'",
            "orders that wait for a payment" => "select count(*) from preorders where status = 'awaiting_payment'",
            "events in the log" => "select count(*) from webhook_logs",
            "messages parked" => "select count(*) from outbox where status = 'parked'",
            "events parked" => "select count(*) from webhook_logs where status = 'parked'",
            "transactions" => {
                "select xact_commit + xact_rollback from pg_stat_database where datname = current_database()"
            }
            "connections" => "select count(*) from pg_stat_activity where application_name = 'rolitt'",
            _ => anyhow::bail!("{of}: not counted"),
        };
        let count: i64 = sqlx::query(query).fetch_one(&self.pool()).await?.get(0);
        Ok(u64::try_from(count)?)
    }

    /// Makes messages that wait older, as if they had waited for this long.
    pub async fn age(&self, by: Duration) -> anyhow::Result<()> {
        let query = "update outbox set created_at = created_at - make_interval(secs => $1) where status = 'pending'";
        sqlx::query(query).bind(by.as_secs_f64()).execute(&self.pool()).await?;
        Ok(())
    }

    /// Waits until every event was delivered and nothing waits, for `longest` at most. Answers whether that came. A delayed payment
    /// that is on its way would be paid while the books are read.
    pub async fn settled(&self, ledger: &Ledger, longest: Duration) -> anyhow::Result<bool> {
        let began = Instant::now();
        while began.elapsed() < longest {
            if ledger.all_delivered().await?
                && self.count("events that wait").await? == 0
                && self.count("messages that wait").await? == 0
                && self.count("orders that wait for a payment").await? == 0
            {
                return Ok(true);
            }
            sleep(Duration::from_millis(500)).await;
        }
        Ok(false)
    }

    pub async fn judge(&self, ledger: &Ledger, settled: bool) -> anyhow::Result<Verdict> {
        let mut verdict = Verdict::default();
        let sessions = ledger.sessions().await?;
        let preorders = self.preorders().await?;
        let paid: Vec<_> = sessions.iter().filter(|(_, session)| session.paid).collect();
        let mut doubled = 0;
        let mut missing = 0;
        for (id, session) in &paid {
            let rows = preorders.get(*id).map_or(&[][..], Vec::as_slice);
            match rows {
                [one] if one.status >= PreorderStatus::Paid && one.amount_minor == session.amount_minor => {}
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
            verdict.found(Invariant::NoPreorderFromNowhere, id.clone());
        }
        self.judge_told(ledger, &preorders, &mut verdict).await?;
        self.judge_history(&mut verdict).await?;
        self.judge_log(ledger, &mut verdict).await?;
        if !settled {
            for of in ["events that wait", "messages that wait", "orders that wait for a payment"] {
                verdict.found(Invariant::QueuesRunEmpty, format!("{} {of}", self.count(of).await?));
            }
        }
        let charged: i64 = paid.iter().map(|(_, session)| session.amount_minor).sum();
        let booked = preorders.values().flatten().filter(|row| row.status >= PreorderStatus::Paid);
        let booked: i64 = booked.map(|row| row.amount_minor).sum();
        if charged != booked {
            verdict.found(Invariant::SumsAgree, format!("charged {charged}, booked {booked}"));
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

    async fn judge_told(
        &self,
        ledger: &Ledger,
        preorders: &HashMap<String, Vec<Preorder>>,
        verdict: &mut Verdict,
    ) -> anyhow::Result<()> {
        let told = ledger.told("Preorder Success").await?;
        let (mut posts, mut differing) = (0, 0);
        let ids: HashSet<&str> = told.values().flatten().map(|event| event.unique_id.as_str()).collect();
        for event in told.values().flatten() {
            posts += event.posts;
            differing += event.differing;
        }
        if differing > 0 {
            verdict.found(Invariant::ToldInTheSameBytes, format!("{differing} posts with other bytes"));
        }
        for (session, rows) in preorders {
            let due = rows.iter().any(|row| row.status == PreorderStatus::Paid && !row.held);
            let times = told.get(session).map_or(0, Vec::len);
            let unpaid = rows.iter().all(|row| row.status < PreorderStatus::Paid);
            if (due && times != 1) || times > 1 || (unpaid && times > 0) {
                verdict.found(Invariant::ToldOnce, format!("{session}: told {times} times"));
            }
        }
        for session in told.keys().filter(|session| !preorders.contains_key(*session)) {
            verdict.found(Invariant::ToldOnce, format!("{session}: told without a preorder"));
        }
        verdict.counts.extend([
            ("distinct unique_ids at Klaviyo", ids.len() as u64),
            ("posts to Klaviyo that were recorded", posts),
            ("posts with differing bodies", differing),
        ]);
        Ok(())
    }

    async fn judge_history(&self, verdict: &mut Verdict) -> anyhow::Result<()> {
        for row in sqlx::query("select preorder, was, became from oracle.changes").fetch_all(&self.pool()).await? {
            let rank = |column: &str| row.get::<String, _>(column).parse::<PreorderStatus>().ok();
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

    /// The number of each session's order.
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
                status: row.get::<String, _>(1).parse().map_err(|_| anyhow::anyhow!("an unknown status"))?,
                amount_minor: row.get(2),
                held: row.get(3),
            });
        }
        Ok(preorders)
    }
}

struct Preorder {
    status: PreorderStatus,
    amount_minor: i64,
    held: bool,
}
