//! A copy that is cut off, wherever that happens, is gone on with, and ends complete: in one
//! process at every page, and as a process that is killed.

use std::{process::Stdio, time::Duration};

use rolitt::server::{
    store::{Archive, Store, Table},
    store_copy::{CopyOptions, CopyReport, CopyStep, copy},
};
use tokio::io::{AsyncBufReadExt as _, BufReader};

use super::{borrowed, contents, variables_for};
use crate::{
    copying::{Target, rich_shop},
    emulated::Emulated,
    program::program,
    test_app::{Home, Setup, TestApp},
};

const PAGES: CopyOptions = CopyOptions { dry_run: false, batch: 2 };

/// Copies until a step of this kind; `None` when it was cut off there.
async fn cut_at(from: &dyn Store, to: &dyn Store, here: &(dyn Fn(&CopyStep<'_>) -> bool + Sync)) -> Option<CopyReport> {
    let (stop, mut stopped) = tokio::sync::mpsc::unbounded_channel::<()>();
    let mut progress = |step: CopyStep<'_>| {
        if here(&step) {
            stop.send(()).unwrap();
        }
    };
    tokio::select! {
        biased;
        _ = stopped.recv() => None,
        ended = copy(from, to, "source", PAGES, &mut progress) => Some(ended.unwrap()),
    }
}

/// Cuts a copy off where each table begins, inside it, and where it is compared; each run goes on
/// where the one before was cut off.
async fn with_many_cuts(from: &dyn Store, to: &dyn Store) {
    for wanted in Table::ALL {
        let begins = |step: &CopyStep<'_>| matches!(step, CopyStep::Copying { table, done: 0, .. } if *table == wanted);
        let inside =
            |step: &CopyStep<'_>| matches!(step, CopyStep::Copying { table, done: 1.., .. } if *table == wanted);
        assert!(cut_at(from, to, &begins).await.is_none(), "{wanted:?}");
        assert!(cut_at(from, to, &inside).await.is_none(), "{wanted:?}");
    }
    let compared = |step: &CopyStep<'_>| matches!(step, CopyStep::Verifying { table: Table::Outbox, .. });
    assert!(cut_at(from, to, &compared).await.is_none());
    let report = cut_at(from, to, &|_| false).await.unwrap();
    assert!(report.agrees(), "{report:?}");
    assert_eq!(contents(to).await, contents(from).await);
}

#[tokio::test]
#[ignore = "needs the Firestore emulator"]
async fn a_copy_interrupted_anywhere_resumes_and_completes_both_ways() {
    let (app, project, target) = (rich_shop().await, Emulated::project(), Target::new().await);
    let there = project.store();
    with_many_cuts(&*app.store, &there).await;
    with_many_cuts(&there, &target.store).await;
    target.leave(app).await;
}

/// So many orders with their payments, events and messages, as they come in a day.
async fn a_day_of(orders: u32) -> TestApp {
    let app = TestApp::start_with(Setup { home: Home::Postgres, ..Setup::default() }).await;
    for insert in [
        "preorders (id, email, status, session_id, payment_intent_id, attempt, amount_minor, currency, preorder_number, provider)
         select 'p' || n, 'jo' || n || '@example.com', 'paid', 'cs_' || n, 'pi_' || n, 'a' || n, 29900, 'usd',
                'ROL-' || lpad(n::text, 8, '0'), 'stripe'",
        "payments (payment_intent_id, provider, status, amount_minor, currency, ours, refunded_minor, livemode)
         select 'pi_' || n, 'stripe', 'succeeded', 29900, 'usd', true, 0, false",
        "webhook_logs (event, provider, status, stripe_event_id, preorder_id, raw_body, processed_at)
         select 'checkout.session.completed', 'stripe', 'done', 'evt_' || n, 'p' || n, convert_to(repeat('x', 4000), 'UTF8'), now()",
        "outbox (kind, dedupe_key, body, status, preorder_id, consequence, sent_at)
         select 'klaviyo_event', 'paid/cs_' || n, 'x', 'sent', 'p' || n, 'paid', now()",
    ] {
        app.edit(&format!("insert into {insert} from generate_series(1, {orders}) n")).await;
    }
    app
}

#[tokio::test]
#[ignore = "needs the Firestore emulator"]
async fn a_killed_process_loses_nothing_and_the_next_one_ends_with_everything_equal() {
    const ORDERS: u32 = 600;
    let (app, project) = (a_day_of(ORDERS).await, Emulated::project());
    let (there, variables) = (project.store(), variables_for(&project));
    let arguments = ["store", "copy", "--from", "postgres", "--to", "firestore"];
    for (killed_at, more) in [("copying preorders", 40), ("copying webhook_logs", 100), ("comparing preorders", 0)] {
        let mut command = program(&arguments, app.variables.iter());
        let mut child =
            command.envs(variables.iter().cloned()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        while let Some(line) = lines.next_line().await.unwrap() {
            if line.starts_with(killed_at) {
                break;
            }
        }
        // Into a page, as far as a moment goes; wherever it lands, what follows must hold.
        let _ = tokio::time::timeout(Duration::from_millis(more), child.wait()).await;
        child.start_kill().unwrap();
        assert_eq!(child.wait().await.unwrap().code(), None, "{killed_at}: killed, and not at its end");
    }
    let (status, said, complaint) = app.rolitt_with(&arguments, &borrowed(&variables)).await;
    assert_eq!((status, said.trim_end().ends_with("everything agrees")), (0, true), "{said}{complaint}");
    assert_eq!(there.count(Table::Preorders).await.unwrap(), u64::from(ORDERS));
    assert_eq!(contents(&there).await, contents(&*app.store).await);
    app.leave().await;
}
