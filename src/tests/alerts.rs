//! Each alert rule that ships with the shop (`deploy/prometheus/`) fires when what it is about
//! happens, and none fires before. The rules are read from their file and reckoned over what
//! `/metrics` says.

use std::{collections::BTreeSet, sync::Arc};

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use rolitt::{
    domain::payment::SessionId,
    server::{
        doctor,
        http::limits::ConcurrencyLimits,
        store::{Ids, LeaseToken, PreorderNames},
        telemetry::{self, LogFormat, LogOutput},
    },
};
use serde_json::json;

use super::{
    life::dispute,
    reconcile::{compared, dashboard},
    test_app::{ListedIds, SECRET, Setup, TestApp, completed, event, paid_session, sign},
};

const RULES: &str = include_str!("../../deploy/prometheus/rolitt.rules.yml");

/// A shop whose figures are its own. The recorder is this thread's, and a test's tasks all run on
/// its thread.
struct Watched {
    app: TestApp,
    figures: PrometheusHandle,
    _recording: metrics::LocalRecorderGuard<'static>,
}

impl Watched {
    async fn start(setup: Setup) -> Self {
        let recorder = Box::leak(Box::new(PrometheusBuilder::new().build_recorder()));
        let (figures, recording) = (recorder.handle(), metrics::set_default_local_recorder(recorder));
        rolitt::ops::metrics::initialize();
        let watched = Self { app: TestApp::start_with(setup).await, figures, _recording: recording };
        doctor::check_once(&watched.app.shop).await;
        assert_eq!(watched.firing().await, BTreeSet::new(), "nothing has happened");
        watched
    }

    /// The alerts whose condition holds now.
    async fn firing(&self) -> BTreeSet<&'static str> {
        self.app.http.get(format!("{}/metrics", self.app.operations)).send().await.unwrap();
        let figures = self.figures.render();
        rules().into_iter().filter(|(_, condition)| holds(condition, &figures)).map(|(name, _)| name).collect()
    }
}

/// Name and condition of every rule.
fn rules() -> Vec<(&'static str, &'static str)> {
    let lines = |key: &str| -> Vec<&'static str> {
        RULES.lines().filter_map(|line| line.trim().trim_start_matches("- ").strip_prefix(key)).map(str::trim).collect()
    };
    let (names, conditions) = (lines("alert:"), lines("expr:"));
    assert_eq!(names.len(), conditions.len());
    names.into_iter().zip(conditions).filter(|(name, _)| *name != "RolittDown").collect()
}

/// As much of Prometheus' language as the rules use. The test began at zero and takes no time, so a
/// rise is the figure itself.
fn holds(condition: &str, figures: &str) -> bool {
    condition.split(" and ").all(|comparison| {
        let mut parts = comparison.rsplitn(3, ' ');
        let (bound, sign, figure) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
        let figure = figure.trim_start_matches("max(").trim_start_matches("sum(").trim_start_matches("increase(");
        let end = figure.find(['{', '[', ')']).unwrap();
        let reasons = figure.split_once("reason=~\"").map(|(_, rest)| rest.split_once(".*").unwrap().0);
        let value = value(figures, &figure[..end], reasons.unwrap_or_default());
        let bound: f64 = bound.parse().unwrap();
        match sign {
            ">" => value > bound,
            "<" => value < bound,
            other => panic!("{other}"),
        }
    })
}

/// The sum of a figure's series whose reason begins with this. A rule about a series that is not
/// there is blind: it must be.
fn value(figures: &str, name: &str, reason: &str) -> f64 {
    let series: Vec<f64> = figures
        .lines()
        .filter_map(|line| line.strip_prefix(name).filter(|rest| rest.starts_with(['{', ' '])))
        .filter(|rest| reason.is_empty() || rest.contains(&format!("reason=\"{reason}")))
        .map(|rest| rest.rsplit(' ').next().unwrap().parse().unwrap())
        .collect();
    assert!(!series.is_empty(), "no series {name} in\n{figures}");
    series.iter().sum()
}

/// The one alert that what was done sets off. `app` is not asked whether it left something undone.
async fn sets_off(watched: Watched, name: &'static str) -> &'static str {
    assert_eq!(watched.firing().await, BTreeSet::from([name]));
    watched.app.leave().await;
    name
}

/// Panics where an order is named.
struct Panicking;

impl Ids for Panicking {
    fn lease_token(&self) -> LeaseToken {
        LeaseToken::random()
    }

    fn preorder_names(&self, _session: &SessionId, _draw: u32) -> PreorderNames {
        panic!("as the test wants")
    }
}

#[tokio::test]
async fn every_alert_rule_fires_for_its_cause_only() {
    let usual = || Watched::start(Setup::default());
    let mut seen = BTreeSet::new();

    let on = usual().await;
    on.app.deliver(&completed("evt_1", "cs_test_elsewhere")).await;
    on.app.deliver_all().await;
    assert_eq!(on.firing().await, BTreeSet::new(), "a paid and notified order fires no alert");
    compared(&on.app).await;
    seen.insert(sets_off(on, "RolittBooksDiffer").await);

    let on = usual().await;
    let paid = json!({ "id": "pi_1", "object": "payment_intent", "status": "succeeded", "amount": 29_900,
                       "amount_received": 29_900, "currency": "usd", "livemode": false, "metadata": { "color": "Red" } });
    on.app.deliver(&event("evt_1", "payment_intent.succeeded", paid)).await;
    on.app.edit("update payments set updated_at = updated_at - interval '11 minutes'").await;
    assert_eq!(on.firing().await, BTreeSet::from(["RolittBooksDiffer", "RolittPaymentWithoutPreorder"]));
    seen.insert("RolittPaymentWithoutPreorder");
    on.app.leave().await;

    let on = usual().await;
    on.app.deliver_bytes(b"{".to_vec()).await;
    seen.insert(sets_off(on, "RolittEventsParked").await);

    let ids = ListedIds(std::sync::Mutex::new(vec!["ROL-AAAAAAA1"]));
    let on = Watched::start(Setup { ids: Some(Arc::new(ids)), ..Setup::default() }).await;
    for number in 0..2 {
        on.app.deliver(&completed(&format!("evt_{number}"), &format!("cs_test_{number}"))).await;
    }
    on.app.deliver_all().await;
    on.app
        .edit("update webhook_logs set received_at = received_at - interval '301 seconds' where status <> 'done'")
        .await;
    seen.insert(sets_off(on, "RolittEventsLate").await);

    let on = usual().await;
    on.app.edit("alter table outbox rename to elsewhere").await;
    seen.insert(sets_off(on, "RolittBacklogUnreadable").await);

    let on = usual().await;
    let endpoint = on.app.sandbox_get("/v1/webhook_endpoints").await["data"][0]["id"].as_str().unwrap().to_owned();
    dashboard(&on.app, &format!("/v1/webhook_endpoints/{endpoint}"), &[("disabled", "true")]).await;
    doctor::check_once(&on.app.shop).await;
    seen.insert(sets_off(on, "RolittEndpointFault").await);

    let on = usual().await;
    for _ in 0..21 {
        let now = on.app.shop.clock.now().unix_timestamp();
        on.app.post_webhook(b"{}".to_vec(), Some(&sign("whsec_of_another_shop", now, b"{}"))).await;
    }
    seen.insert(sets_off(on, "RolittSignatureFailures").await);

    // An hour fast: what is genuine is refused, and is not lost, because its sender repeats it.
    let on = usual().await;
    let genuine = completed("evt_1", "cs_test_1").to_string().into_bytes();
    for _ in 0..21 {
        let then = on.app.shop.clock.now().unix_timestamp() - 3600;
        on.app.post_webhook(genuine.clone(), Some(&sign(SECRET, then, &genuine))).await;
    }
    assert_eq!(on.firing().await, BTreeSet::from(["RolittSignatureFailures"]));
    on.app.deliver_bytes(genuine).await;
    assert_eq!(on.app.count("preorders where status = 'paid'").await, 1);
    on.app.leave().await;

    let on = Watched::start(Setup { ids: Some(Arc::new(Panicking)), ..Setup::default() }).await;
    let usual_hook = std::panic::take_hook();
    telemetry::start(LogFormat::Text, LogOutput::Stderr, None);
    on.app.deliver(&completed("evt_1", "cs_test_1")).await;
    std::panic::set_hook(usual_hook);
    seen.insert(sets_off(on, "RolittPanics").await);

    let on = usual().await;
    on.app.sandbox_post("/sandbox/faults", json!({ "klaviyo": { "error_rate": 1, "status": 400 } })).await;
    on.app.deliver(&completed("evt_1", "cs_test_1")).await;
    on.app.deliver_all().await;
    seen.insert(sets_off(on, "RolittMessagesParked").await);

    let on = usual().await;
    on.app.sandbox_post("/sandbox/faults", json!({ "klaviyo": { "error_rate": 1, "status": 401 } })).await;
    on.app.deliver(&completed("evt_1", "cs_test_1")).await;
    on.app.deliver_all().await;
    assert_eq!(on.firing().await, BTreeSet::new(), "a moment is no alarm");
    on.app.edit("update outbox set created_at = created_at - interval '31 minutes'").await;
    seen.insert(sets_off(on, "RolittMessagesLate").await);

    let on = usual().await;
    let all = on.app.shop.concurrency.requests.acquire_many(u32::try_from(ConcurrencyLimits::PER_KIND).unwrap()).await;
    on.app.get("/").await;
    drop(all);
    seen.insert(sets_off(on, "RolittBusy").await);

    let on = usual().await;
    let mut live = completed("evt_1", "cs_live_1");
    live["livemode"] = json!(true);
    on.app.deliver(&live).await;
    seen.insert(sets_off(on, "RolittOtherModesEvents").await);

    let on = usual().await;
    let mut other = paid_session("cs_test_1");
    other["amount_total"] = json!(29_899);
    on.app.deliver(&event("evt_1", "checkout.session.completed", other)).await;
    seen.insert(sets_off(on, "RolittOrdersInReview").await);

    let on = usual().await;
    on.app.deliver(&completed("evt_1", "cs_test_1")).await;
    for (days, alarming) in [(4, false), (2, true)] {
        let mut disputed = dispute(&format!("du_{days}"), "cs_test_1", "needs_response");
        let due = time::OffsetDateTime::now_utc().unix_timestamp() + days * 86_400;
        disputed["evidence_details"]["due_by"] = json!(due);
        let id = format!("evt_due_in_{days}");
        on.app.deliver(&event(&id, "charge.dispute.created", disputed)).await;
        on.app.deliver_all().await;
        assert_eq!(on.firing().await.contains("RolittDisputeDue"), alarming, "{days}");
    }
    seen.insert("RolittDisputeDue");
    on.app.leave().await;

    assert_eq!(seen, rules().into_iter().map(|(name, _)| name).collect(), "each rule was tried");
}
