//! A missing or forbidden Firestore: a configuration error ends at once, an outage is a 503.

use std::time::{Duration, Instant};

use reqwest::StatusCode;
use rolitt::server::store::{
    Store, StoreError,
    firestore::{FirestoreConfig, FirestoreStore},
};
use tokio::process::Command;

use crate::{
    program::{closed, empty_folder, ended, program},
    test_app::{TestApp, completed, sign},
};

/// Longer than anything here may take, and far shorter than a person waits.
const SOON: Duration = Duration::from_secs(20);

fn shop(arguments: &[&str], emulator: Option<&str>, addresses: &[String; 3]) -> Command {
    let [public, operations, sandbox] = addresses;
    let mut command = program(
        arguments,
        [
            ("DATABASE_STORAGE_TARGET", "firestore"),
            ("FIRESTORE_PROJECT_ID", "test-away"),
            ("LEPTOS_SITE_ADDR", public),
            ("OPS_ADDR", operations),
            ("SANDBOX_ADDR", sandbox),
            ("STRIPE_WEBHOOK_SECRET", crate::test_app::SECRET),
            ("LEPTOS_OUTPUT_NAME", "rolitt"),
            ("LEPTOS_HASH_FILES", "false"),
            ("HOME", ""),
        ],
    );
    command.current_dir(empty_folder()).envs(emulator.map(|host| ("FIRESTORE_EMULATOR_HOST", host)));
    command
}

fn addresses() -> [String; 3] {
    [closed(), closed(), closed()]
}

#[tokio::test]
async fn one_that_does_not_answer_is_unavailable_in_bounded_time() {
    let (began, emulator) = (Instant::now(), closed());
    let config =
        FirestoreConfig { project: "test-away".to_owned(), emulator: Some(emulator.clone()), credentials: None };
    let store = FirestoreStore::new(&config);
    for _ in 0..2 {
        let error = store.ready().await.unwrap_err();
        assert!(matches!(&error, StoreError::Unavailable(_)) && error.retryable(), "{error:?}");
        assert!(error.to_string().contains(&emulator), "{error}");
    }
    assert!(began.elapsed() < SOON);
}

#[tokio::test]
async fn one_that_never_says_a_word_is_unavailable_in_bounded_time() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let emulator = Some(silent.local_addr().unwrap().to_string());
    let store = FirestoreStore::new(&FirestoreConfig { project: "test-away".to_owned(), emulator, credentials: None });
    let answer = tokio::time::timeout(SOON, store.ready()).await.unwrap();
    assert!(matches!(&answer, Err(StoreError::Unavailable(_))), "{answer:?}");
}

#[tokio::test]
async fn check_names_the_address_in_one_line_and_fails() {
    let emulator = closed();
    let check = shop(&["check"], Some(&emulator), &addresses());
    let (status, said, complaint) = tokio::time::timeout(SOON, ended(check)).await.unwrap();
    let failed: Vec<&str> = said.lines().filter(|line| line.starts_with("FAIL")).collect();
    assert!(status == 1 && failed.len() == 1 && failed[0].contains(&emulator), "{said}{complaint}");
    assert_eq!(complaint.trim_end(), "rolitt: 1 check(s) failed; each FAIL line above names its cause");
}

#[tokio::test]
async fn without_firestore_the_shop_stays_open_and_webhooks_get_503() {
    let (emulator, addresses) = (closed(), addresses());
    let mut child = shop(&["serve"], Some(&emulator), &addresses).spawn().unwrap();
    let http = rolitt::server::http::client::client().unwrap();
    let public = format!("http://{}", addresses[0]);
    let began = Instant::now();
    let ready = loop {
        match http.get(format!("http://{}/readyz", addresses[1])).send().await {
            Ok(answer) => break answer.status(),
            Err(_) => assert!(began.elapsed() < SOON, "it never listened"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(ready, StatusCode::SERVICE_UNAVAILABLE);
    let body = completed("evt_1", "cs_test_1").to_string();
    let signature = sign(crate::test_app::SECRET, time::OffsetDateTime::now_utc().unix_timestamp(), body.as_bytes());
    let asked = http.post(format!("{public}/api/webhooks/stripe")).header("stripe-signature", signature);
    let answer = asked.header("content-type", "application/json").body(body).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(http.get(&public).send().await.unwrap().status(), StatusCode::OK, "the storefront needs no store");
    crate::program::terminate(&mut child).await;
}

#[tokio::test]
async fn without_credentials_every_command_names_the_variable_and_ends() {
    for command in ["check", "serve", "migrate"] {
        let started = shop(&[command], None, &addresses());
        let (status, said, complaint) = tokio::time::timeout(SOON, ended(started)).await.unwrap();
        let output = format!("{said}{complaint}");
        let lines = output.lines().filter(|line| line.contains("GOOGLE_APPLICATION_CREDENTIALS")).count();
        assert_eq!((status, lines), (1, 1), "{command}: {output}");
        assert!(!output.contains("panicked"), "{output}");
    }
}

#[tokio::test]
async fn a_copy_to_one_that_is_not_configured_or_not_there_changes_nothing_and_says_so() {
    let app =
        TestApp::start_with(crate::test_app::Setup { home: crate::test_app::Home::Postgres, ..Default::default() })
            .await;
    let arguments = ["store", "copy", "--from", "postgres", "--to", "firestore"];
    let variables = [("FIRESTORE_PROJECT_ID", "test-away"), ("HOME", "")];
    let (status, said, complaint) = app.rolitt_with(&arguments, &variables).await;
    assert_eq!(
        (status, said.as_str(), complaint.contains("set GOOGLE_APPLICATION_CREDENTIALS")),
        (1, "", true),
        "{complaint}"
    );
    app.finish().await;
}
