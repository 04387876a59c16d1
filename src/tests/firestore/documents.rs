//! Documents edited outside the shop: each is named, none stops the others, and what is
//! in them is never shown.

use rolitt::{
    domain::preorder::PreorderNumber,
    server::store::{Archive, Entry, Inbox, Orders, Store, Table},
};
use serde_json::{Value, json};

use super::{borrowed, variables_for};
use crate::{
    contract::{delivery, paid, record_update, session},
    emulated::Emulated,
    test_app::{Home, Setup, TestApp},
};

const BACK: [&str; 6] = ["store", "copy", "--from", "firestore", "--to", "postgres"];

/// What no output may hold: it is in the documents that do not read.
const CANARY: &str = "canary";

/// Changes a document of an order that is there.
pub async fn spoil(project: &Emulated, path: &str, change: impl FnOnce(&mut Value)) {
    let mut document = project.document(path).await;
    change(&mut document["fields"]);
    project.put(path, &json!({ "fields": document["fields"] })).await;
}

/// Eight orders, five documents of which are broken; and the number of the first.
async fn spoiled(app: &TestApp, project: &Emulated) -> PreorderNumber {
    let store = project.store();
    store.migrate().await.unwrap();
    for number in 1..=8 {
        let event = delivery(&format!("evt_{number}"));
        record_update(&store, &*app.shop.ids, Some(&event), &paid(&format!("cs_{number}"))).await;
    }
    let mut big = delivery("evt_big");
    big.body = vec![b'x'; 1 << 20].into();
    store.record_failure(&big, "too strange", None).await.unwrap();
    let first = store.preorder_of_session(&session("cs_1")).await.unwrap().unwrap().number;
    spoil(project, "preorders/cs_1", |fields| fields["status"] = json!({ "stringValue": CANARY })).await;
    spoil(project, "preorders/cs_2", |fields| fields["email"] = json!({ "integerValue": "1" })).await;
    spoil(project, "preorders/cs_3", |fields| fields["refunded_minor"] = json!({ "doubleValue": 1.5 })).await;
    spoil(project, "preorders/cs_4", |fields| fields["session_id"] = json!({ "stringValue": "cs_5" })).await;
    project.remove("webhook_logs/evt_big/pieces/1").await;
    spoil(project, "outbox/paid%252Fcs_6", |fields| fields["attempts"] = json!({ "stringValue": CANARY })).await;
    first
}

#[tokio::test]
#[ignore = "needs the Firestore emulator"]
async fn each_is_named_and_skipped_and_the_others_are_copied() {
    let app = TestApp::start_with(Setup { home: Home::Postgres, ..Setup::default() }).await;
    let project = Emulated::project();
    spoiled(&app, &project).await;
    let variables = variables_for(&project);
    let (status, said, complaint) = app.rolitt_with(&BACK, &borrowed(&variables)).await;
    assert_eq!(
        (status, complaint.lines().last().unwrap()),
        (1, "rolitt: 18 row(s) need a person; the report names the first of them"),
        "{said}{complaint}"
    );
    let line = |table: &str, key: &str| {
        let begin = format!("{table}  {key}  ");
        said.lines().find(|line| line.starts_with(&begin)).unwrap_or_else(|| panic!("{begin} in {said}")).to_owned()
    };
    for (table, key, why) in [
        ("preorders", "cs_1", "preorders.status of cs_1"),
        ("preorders", "cs_2", "preorders.email of cs_2"),
        ("preorders", "cs_3", "preorders.refunded_minor of cs_3"),
        ("preorders", "cs_4", "not under its own key"),
        ("webhook_logs", "evt_big", "webhook_logs.raw_body of evt_big"),
        ("outbox", "paid/cs_6", "outbox.attempts of paid/cs_6"),
    ] {
        let output = line(table, key);
        assert!(output.contains("unreadable at the source, skipped") && output.contains(why), "{output}");
    }
    // What points at the orders that are not there is named too.
    for number in 1..=4 {
        assert!(line("webhook_logs", &format!("evt_{number}")).contains("missing at the target"));
        assert!(line("outbox", &format!("paid/cs_{number}")).contains("missing at the target"));
        assert!(line("payments", &format!("pi_cs_{number}")).contains("differs: session_id"));
    }
    let (status, json, _) = app.rolitt_with(&[&BACK[..], &["--json"]].concat(), &borrowed(&variables)).await;
    let report: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((status, &report["agrees"], report["differences"].as_array().unwrap().len()), (1, &json!(false), 18));
    for output in [&said, &complaint, &json] {
        let hidden = [CANARY, "xample.com", "xxxx"];
        assert!(hidden.iter().all(|value| !output.to_lowercase().contains(value)), "{output}");
    }
    for (table, rows) in [("preorders", 4), ("payments", 8), ("webhook_logs", 4), ("outbox", 3)] {
        assert_eq!(app.count(table).await, rows, "{table}");
    }
    app.leave().await;
}

#[tokio::test]
#[ignore = "needs the Firestore emulator"]
async fn a_row_has_the_same_name_whether_it_parses_or_not() {
    let app = TestApp::start_with(Setup { home: Home::Postgres, ..Setup::default() }).await;
    let project = Emulated::project();
    spoiled(&app, &project).await;
    let key = "paid/cs_6".to_owned();
    let named = |entries: &[Entry]| {
        entries.iter().any(|entry| matches!(entry, Entry::Unreadable(unread) if unread.key == "paid/cs_6"))
    };
    assert!(named(&project.store().rows(Table::Outbox, &[key]).await.unwrap()));
    assert!(named(&project.store().export(Table::Outbox, None, 100).await.unwrap().entries));
    app.leave().await;
}

#[tokio::test]
#[ignore = "needs the Firestore emulator"]
async fn a_command_that_meets_one_says_so_in_one_line() {
    let app = TestApp::start_with(Setup { home: Home::Postgres, ..Setup::default() }).await;
    let project = Emulated::project();
    let first = spoiled(&app, &project).await;
    let variables = project.variables();
    for arguments in
        [&["preorders", "list"][..], &["preorders", "show", first.as_str()], &["preorders", "ship", first.as_str()]]
    {
        let (status, said, complaint) = app.rolitt_with(arguments, &borrowed(&variables)).await;
        assert_eq!((status, said.as_str()), (1, ""), "{arguments:?}: {complaint}");
        let lines: Vec<&str> = complaint.lines().collect();
        assert!(lines[0].starts_with("rolitt: unreadable row: preorders.") && lines.len() == 1, "{complaint}");
        assert!(!complaint.contains(CANARY), "{complaint}");
    }
    app.leave().await;
}
