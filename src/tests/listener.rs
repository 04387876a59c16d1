//! The cost of a connection: silent, slow and greedy peers are cut, and other clients do not
//! notice.

use std::{sync::Arc, time::Duration};

use axum::{Router, routing::get as get_route};
use futures::future::join_all;
use reqwest::StatusCode;
use rolitt::server::http::{
    limits::ConcurrencyLimits,
    listener::{Bounds, SlowReaderLimit, serve_with},
};
use serde_json::json;
use tokio::{net::TcpListener, sync::Notify};
use tokio_util::sync::CancellationToken;

use super::{
    raw::{Raw, host, statuses},
    test_app::{Setup, TestApp, event, form, paid_session},
};

const FORM: [(&str, &str); 3] = [("color", "Red"), ("email", "jo@example.com"), ("locale", "en")];

/// Bounds that a test can wait for.
fn short() -> Bounds {
    let moment = Duration::from_millis(400);
    Bounds {
        head: moment,
        body: moment,
        slow_reader: SlowReaderLimit { window: moment, min_bytes: 8 * 1024 },
        ..Bounds::default()
    }
}

async fn shop(bounds: Bounds) -> TestApp {
    TestApp::start_with(Setup { bounds: Some(bounds), ..Setup::default() }).await
}

fn get(app: &TestApp, path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: {}\r\n\r\n", host(app))
}

/// The head of a form that announces `length` bytes.
fn post(app: &TestApp, path: &str, content_type: &str, length: usize) -> String {
    let host = host(app);
    format!(
        "POST {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-type: {content_type}\r\n\
         content-length: {length}\r\n\r\n"
    )
}

const AS_FORM: &str = "application/x-www-form-urlencoded";

#[tokio::test]
async fn silent_and_stalled_slow_loris_connections_are_cut_while_others_are_served() {
    let app = shop(short()).await;
    let mut silent = join_all((0..50).map(|_| Raw::to(&app))).await;
    let mut half = join_all((0..50).map(|_| Raw::to(&app))).await;
    let mut idle = join_all((0..50).map(|_| Raw::to(&app))).await;
    for raw in &mut half {
        raw.send("GET / HTTP/1.1\r\nhost: x\r\nx-half: ").await.unwrap();
    }
    for raw in &mut idle {
        raw.send(get(&app, "/healthz")).await.unwrap();
    }
    assert_eq!(app.get("/healthz").await.status(), StatusCode::OK);
    let silent = join_all(silent.iter_mut().map(Raw::until_closed)).await;
    assert!(silent.iter().all(String::is_empty));
    let half = join_all(half.iter_mut().map(Raw::until_closed)).await;
    assert!(half.iter().all(|answer| !answer.contains(" 200 ")), "{half:?}");
    let idle = join_all(idle.iter_mut().map(Raw::until_closed)).await;
    assert!(idle.iter().all(|answer| statuses(answer) == [200]), "{idle:?}");
    // On a connection of its own: the client's idle one is cut at this very moment, too.
    let last = Raw::to(&app).await.exchange(get(&app, "/healthz")).await;
    assert_eq!(statuses(&last), [200], "{last}");
    app.finish().await;
}

#[tokio::test]
async fn a_trickled_body_misses_its_deadline() {
    let app = shop(short()).await;
    for (path, content_type) in [
        ("/api/create_checkout", AS_FORM),
        ("/api/webhooks/stripe", "application/json"),
        ("/csp-report", "application/csp-report"),
    ] {
        let mut slow = Raw::to(&app).await;
        slow.send(post(&app, path, content_type, 1000)).await.unwrap();
        let mut trickle = async || {
            // Until the answer: a total deadline ends it, where one between two bytes never would.
            for _ in 0..900 {
                if slow.send("x").await.is_err() {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            slow.until_closed().await
        };
        let (answer, health) = tokio::join!(trickle(), app.get("/healthz"));
        assert_eq!((statuses(&answer), health.status()), (vec![408], StatusCode::OK), "{path}");
    }
    app.finish().await;
}

#[tokio::test]
async fn a_slow_reader_is_cut_and_a_quiet_event_stream_is_not() {
    // Faster than what the kernel itself gives up on: see below.
    let slow_reader = SlowReaderLimit { min_bytes: 32 * 1024, ..short().slow_reader };
    let app = shop(Bounds { slow_reader, ..short() }).await;
    app.shop.catalogue.refresh().await.unwrap();
    let pending = {
        let mut session = paid_session("cs_test_1");
        session["payment_status"] = json!("unpaid");
        event("evt_1", "checkout.session.completed", session)
    };
    assert_eq!(app.deliver(&pending).await, StatusCode::OK);
    let mut stream = Raw::to(&app).await;
    stream.send(get(&app, "/checkout/events?session_id=cs_test_1")).await.unwrap();
    stream.until("awaiting_payment").await;

    let mut deaf = Raw::with_little_room(&app).await;
    let requests = get(&app, "/").repeat(50);
    // It reads no response, so at some point the server reads no request, and finally the
    // connection is gone.
    while deaf.send(&requests).await.is_ok() {}
    // Nor does it help to take a little now and then: the kernel sees a peer that is alive, and the
    // shop one that is too slow.
    let mut sipping = Raw::with_little_room(&app).await;
    sipping.send(&requests).await.unwrap();
    let mut sips = 0;
    while sipping.sip(256).await.is_some() {
        sips += 1;
        assert!(sips < 3000, "it was never cut");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // Who reads all the same gets everything, however much was asked for at once.
    let mut hungry = Raw::to(&app).await;
    let last = get(&app, "/healthz").replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n");
    hungry.send(get(&app, "/").repeat(20) + &last).await.unwrap();
    assert_eq!(statuses(&hungry.until_closed().await), [200; 21]);

    let paid = event("evt_2", "checkout.session.async_payment_succeeded", paid_session("cs_test_1"));
    assert_eq!(app.deliver(&paid).await, StatusCode::OK);
    stream.until("data: paid").await;
    app.deliver_all().await;
    app.finish().await;
}

#[tokio::test]
async fn more_connections_than_there_are_places_wait_their_turn() {
    let app = shop(Bounds { connections: 2, ..short() }).await;
    let mut hogs = [Raw::to(&app).await, Raw::to(&app).await];
    let mut next = Raw::to(&app).await;
    next.send(get(&app, "/healthz")).await.unwrap();
    let (answer, _) = tokio::join!(next.until_closed(), join_all(hogs.iter_mut().map(Raw::until_closed)));
    assert_eq!(statuses(&answer), [200]);
    app.finish().await;
}

#[tokio::test]
async fn each_route_takes_so_much_and_no_more() {
    let app = TestApp::start().await;
    for (path, content_type, most) in [
        ("/api/create_checkout", AS_FORM, 16 * 1024),
        ("/api/webhooks/stripe", "application/json", 1024 * 1024),
        ("/csp-report", "application/csp-report", 16 * 1024),
    ] {
        let head = |length| post(&app, path, content_type, length).into_bytes();
        let fits = Raw::to(&app).await.exchange([head(most), vec![b'x'; most]].concat()).await;
        assert!(statuses(&fits).len() == 1 && statuses(&fits) != [413], "{path}: {fits}");
        // The refusal can be read, though the whole body was sent: no reset takes it away.
        for length in [most + 1, 3 * 1024 * 1024] {
            let mut long = Raw::to(&app).await;
            long.send([head(length), vec![b'x'; length]].concat()).await.unwrap();
            assert_eq!(statuses(&long.until_ended().await), [413], "{path}: {length}");
        }
        // Of an unknown length, for ever.
        let mut endless = Raw::to(&app).await;
        let chunked = format!(
            "POST {path} HTTP/1.1\r\nhost: {}\r\ncontent-type: {content_type}\r\ntransfer-encoding: chunked\r\n\r\n",
            host(&app)
        );
        endless.send(chunked).await.unwrap();
        let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
        for _ in 0..32 {
            if endless.send(&chunk).await.is_err() {
                break;
            }
        }
        assert_eq!(statuses(&endless.until_closed().await), [413], "{path}");
    }
    app.finish().await;
}

/// A connection that is closed over what still comes is reset, and the reset can overtake the
/// answer.
#[tokio::test]
async fn a_rejected_upload_gets_its_response_by_lingering_close() {
    let app = TestApp::start().await;
    let mut raw = Raw::to(&app).await;
    raw.send(post(&app, "/api/create_checkout", AS_FORM, 10_000_000) + "color=").await.unwrap();
    assert_eq!(statuses(&raw.until_closed().await), [413]);
    for _ in 0..4 {
        raw.send("x".repeat(10_000)).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    app.finish().await;
}

#[tokio::test]
async fn an_unneeded_request_body_is_not_awaited() {
    let app = TestApp::start().await;
    for (method, path, status) in [
        ("GET", "/", 200),
        ("GET", "/healthz", 200),
        ("GET", "/api/offers", 200),
        ("GET", "/nowhere", 404),
        ("POST", "/", 405),
        ("POST", "/nowhere", 404),
        ("POST", "/api/load_order", 404),
        ("POST", "/api/webhooks/unknown", 404),
        ("PUT", "/api/create_checkout", 405),
        ("POST", "/healthz", 405),
    ] {
        let mut raw = Raw::to(&app).await;
        let head = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\ncontent-length: 100000\r\n\r\nxxx", host(&app));
        raw.send(head).await.unwrap();
        assert_eq!(statuses(&raw.until_closed().await), [status], "{method} {path}");
    }
    app.finish().await;
}

#[tokio::test]
async fn above_the_concurrency_limit_requests_get_503_at_once_and_health_checks_do_not() {
    let app = TestApp::start().await;
    let all = u32::try_from(ConcurrencyLimits::PER_KIND).unwrap();
    let places = &app.shop.concurrency;
    let (pages, checkouts) = (places.requests.acquire_many(all).await, places.checkouts.acquire_many(all).await);
    for path in ["/", "/nowhere", "/favicon.svg", "/api/offers", "/checkout/success?session_id=cs_test_1"] {
        let refused = app.get(path).await;
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert_eq!(refused.headers()["retry-after"], "1");
    }
    let mut many = Raw::to(&app).await;
    many.send(format!("GET / HTTP/1.1\r\nhost: {}\r\n\r\n", host(&app)).repeat(50)).await.unwrap();
    assert_eq!(statuses(&many.until_closed().await), [503], "who sends fifty at once is refused once");
    assert_eq!(app.get("/healthz").await.status(), StatusCode::OK);
    let refused = app.post_json(&FORM).await;
    assert_eq!(
        (refused.status(), refused.headers()["retry-after"].to_str().unwrap()),
        (StatusCode::SERVICE_UNAVAILABLE, "2")
    );
    assert!(refused.text().await.unwrap().contains(r#""kind":"network""#));
    let refused = app.post_form(&FORM).await;
    assert_eq!(refused.headers()["location"], "/?color=red&error=network#checkout");
    // Who pays already is not kept waiting by those who look.
    assert_eq!(app.deliver(&super::test_app::completed("evt_1", "cs_test_1")).await, StatusCode::OK);
    drop((pages, checkouts));
    assert_eq!(app.get("/").await.status(), StatusCode::OK);
    assert_eq!(app.post_json(&FORM).await.status(), StatusCode::OK);
    app.deliver_all().await;
    app.finish().await;
}

#[tokio::test]
async fn pages_wait_for_their_turn_to_be_drawn_and_nothing_else_waits_for_them() {
    let app = TestApp::start().await;
    let drawing = &app.shop.concurrency.rendering;
    let turns = drawing.acquire_many(u32::try_from(drawing.available_permits()).unwrap()).await;
    let mut page = Box::pin(app.get("/"));
    for (path, status) in [("/healthz", 200), ("/orders/ROL-7K3M9QXZ?token=x", 404), ("/checkout/cancel", 200)] {
        let answered = tokio::select! {
            early = &mut page => panic!("drawn out of turn: {}", early.status()),
            answered = app.get(path) => answered,
        };
        assert_eq!(answered.status(), status, "{path}");
    }
    assert_eq!(app.deliver(&super::test_app::completed("evt_1", "cs_test_1")).await, StatusCode::OK);
    assert!(futures::poll!(&mut page).is_pending());
    drop(turns);
    assert_eq!(page.as_mut().await.status(), StatusCode::OK);
    drop(page);
    app.deliver_all().await;
    app.finish().await;
}

#[tokio::test]
async fn neither_slow_bodies_nor_forged_events_hold_a_place() {
    let app = TestApp::start().await;
    let mut slow = join_all((0..ConcurrencyLimits::PER_KIND + 50).map(|_| Raw::to(&app))).await;
    for raw in &mut slow {
        raw.send(post(&app, "/api/create_checkout", AS_FORM, 1000) + "color=").await.unwrap();
    }
    assert_eq!(app.post_json(&FORM).await.status(), StatusCode::OK);
    let all = u32::try_from(ConcurrencyLimits::PER_KIND).unwrap();
    let webhooks = app.shop.concurrency.webhooks.acquire_many(all).await;
    assert_eq!(app.post_webhook(form(&FORM).into_bytes(), Some("t=1,v1=00")).await, StatusCode::BAD_REQUEST);
    assert_eq!(app.post_webhook(form(&FORM).into_bytes(), None).await, StatusCode::BAD_REQUEST);
    let completed = super::test_app::completed("evt_1", "cs_test_1");
    assert_eq!(app.deliver(&completed).await, StatusCode::SERVICE_UNAVAILABLE, "it is sent again");
    drop(webhooks);
    assert_eq!(app.deliver(&completed).await, StatusCode::OK);
    app.deliver_all().await;
    app.finish().await;
}

#[tokio::test]
async fn a_draining_listener_waits_for_requests_in_progress_only() {
    let (began, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let slow = {
        let (began, go_on) = (began.clone(), go_on.clone());
        move || async move {
            began.notify_one();
            go_on.notified().await;
            "done"
        }
    };
    let app = Router::new().route("/slow", get_route(slow)).route("/", get_route(|| async { "ok" }));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, end) = (listener.local_addr().unwrap(), CancellationToken::new());
    let mut serving = tokio::spawn(serve_with(listener, app, Bounds::default(), end.clone()));
    let request = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: h\r\n\r\n");
    let (mut busy, mut idle) = (Raw::at(address).await, Raw::at(address).await);
    busy.send(request("/slow")).await.unwrap();
    idle.send(request("/")).await.unwrap();
    idle.until("ok").await;
    began.notified().await;

    end.cancel();
    assert_eq!(idle.until_ended().await, "", "a kept connection is let go");
    assert!(tokio::time::timeout(Duration::from_millis(300), &mut serving).await.is_err(), "it waits for the other");
    assert!(tokio::net::TcpStream::connect(address).await.is_err(), "no new connection is accepted");
    go_on.notify_one();
    assert!(busy.until_ended().await.ends_with("done"));
    serving.await.unwrap();
}
