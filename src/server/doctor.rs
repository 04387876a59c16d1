//! Use case: checks that the provider is set up to send events to this shop. Every fault comes with
//! its fix.

use std::time::Duration;

use serde::Serialize;
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::{
    payments::{PaymentError, PaymentProvider, SignatureError, capability::Endpoint},
    state::Shop,
    webhook::signature_stats::SignatureCounts,
};

/// How long a bad signature counts as recent.
const RECENT: time::Duration = time::Duration::hours(24);

/// The result of one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The name of the check.
    pub what: &'static str,
    /// What the check found.
    #[serde(flatten)]
    pub verdict: Verdict,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "verdict")]
pub enum Verdict {
    Good {
        message: String,
    },
    /// The check could not run.
    Unknown {
        message: String,
    },
    Fault {
        message: String,
        fix: String,
    },
}

impl Finding {
    const fn good(what: &'static str, message: String) -> Self {
        Self { what, verdict: Verdict::Good { message } }
    }

    fn fault(what: &'static str, message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { what, verdict: Verdict::Fault { message: message.into(), fix: fix.into() } }
    }

    /// Returns whether the check found a fault.
    pub(crate) const fn is_fault(&self) -> bool {
        matches!(self.verdict, Verdict::Fault { .. })
    }
}

/// Returns the address to which the provider must send its events.
pub fn webhook_url(app_url: &Url, provider: &dyn PaymentProvider) -> String {
    format!("{}/api/webhooks/{}", app_url.as_str().trim_end_matches('/'), provider.id().as_str())
}

/// Checks where the provider sends events. Returns no findings for a provider without endpoints.
pub(crate) async fn check_endpoint(
    provider: &dyn PaymentProvider,
    app_url: &Url,
) -> Result<Vec<Finding>, PaymentError> {
    let Some(endpoints) = provider.endpoints() else { return Ok(Vec::new()) };
    let (events, version) = (endpoints.expected_events(), endpoints.expected_version());
    let url = webhook_url(app_url, provider);
    let all = endpoints.endpoints().await?;
    Ok(check_endpoints(&all, &url, events, version, provider.livemode()))
}

/// Runs the check soon after the start and then every hour, until `end` is cancelled.
pub async fn run(shop: &Shop, end: CancellationToken) {
    const FIRST: Duration = Duration::from_secs(30);
    const EVERY: Duration = Duration::from_hours(1);
    let mut wait = FIRST;
    loop {
        tokio::select! {
            () = end.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
        }
        wait = EVERY;
        check_once(shop).await;
    }
}

/// Runs the check once, logs the faults and sets the gauge. A check that could not run leaves the
/// gauge unchanged.
pub async fn check_once(shop: &Shop) {
    let (mut faults, mut checked) = (0.0, true);
    for provider in shop.payments.all() {
        match check_endpoint(provider.as_ref(), &shop.app_url).await {
            Ok(found) => {
                for Finding { what, verdict } in found {
                    if let Verdict::Fault { message, fix } = verdict {
                        faults += 1.0;
                        tracing::error!(what, found = message, fix, "webhook endpoint is misconfigured; apply the fix");
                    }
                }
            }
            Err(error) => {
                checked = false;
                tracing::warn!(%error, "webhook endpoint could not be checked; the next check is in an hour");
            }
        }
    }
    if checked {
        metrics::gauge!("webhook_endpoint_faults").set(faults);
    }
}

fn check_endpoints(all: &[Endpoint], url: &str, events: &[&str], version: &str, livemode: bool) -> Vec<Finding> {
    let ours: Vec<&Endpoint> = all.iter().filter(|endpoint| same_url(&endpoint.url, url)).collect();
    let Some(endpoint) = ours.iter().find(|endpoint| endpoint.enabled).or_else(|| ours.first()) else {
        let near = all.iter().find(|endpoint| endpoint.url.contains("/api/webhooks/"));
        let message = near.map_or_else(
            || format!("no endpoint sends events to {url}"),
            |near| format!("no endpoint sends events to {url}; {} sends them to {}", near.id, near.url),
        );
        let fix = format!(
            "create an endpoint at the provider for {url}, with API version {version}, and set its secret here"
        );
        return vec![Finding::fault("endpoint", message, fix)];
    };
    let mut found = vec![Finding::good("endpoint", format!("{} sends events to {url}", endpoint.id))];
    let enabled = ours.iter().filter(|endpoint| endpoint.enabled).count();
    found.push(match enabled {
        0 => Finding::fault(
            "enabled",
            format!("{} is switched off: nothing arrives", endpoint.id),
            "switch it on at the provider, then run `rolitt reconcile`",
        ),
        1 => Finding::good("enabled", "it is switched on".to_owned()),
        _ => Finding::fault(
            "enabled",
            format!("{enabled} endpoints send to the same address, each with its own secret"),
            "keep one endpoint, delete the others, and set the secret of the remaining one here",
        ),
    });
    let subscribed = |event: &&&str| endpoint.events.iter().any(|name| name == "*" || name == **event);
    let missing: Vec<&str> = events.iter().filter(|event| !subscribed(event)).copied().collect();
    found.push(if missing.is_empty() {
        Finding::good("events", format!("all {} event types are asked for", events.len()))
    } else {
        let message = format!("{} does not ask for: {}", endpoint.id, missing.join(", "));
        Finding::fault("events", message, "add them to the endpoint at the provider, then run `rolitt reconcile`")
    });
    found.push(match endpoint.api_version.as_deref() {
        Some(sent) if sent == version => Finding::good("version", format!("events come in version {version}")),
        Some(sent) => Finding::fault(
            "version",
            format!("events come in version {sent}, this program reads {version}"),
            format!("create an endpoint with API version {version}, move the secret, and delete the old one"),
        ),
        None => Finding::fault(
            "version",
            "events come in the account's default version, which changes with the account",
            format!("create an endpoint with API version {version}, move the secret, and delete the old one"),
        ),
    });
    let mode = |live| if live { "live" } else { "test" };
    found.push(if endpoint.livemode == livemode {
        Finding::good("mode", format!("both are in {} mode", mode(livemode)))
    } else {
        let message =
            format!("the endpoint is in {} mode, this shop in {} mode", mode(endpoint.livemode), mode(livemode));
        Finding::fault("mode", message, format!("create the endpoint in {} mode, and set its secret", mode(livemode)))
    });
    found
}

/// Compares two addresses without the slashes at their ends and without case.
fn same_url(one: &str, other: &str) -> bool {
    one.trim_end_matches('/').eq_ignore_ascii_case(other.trim_end_matches('/'))
}

/// Checks the signatures that the running server saw. `counts` is `None` when the server could not
/// be reached.
pub(crate) fn check_signatures(counts: Option<&SignatureCounts>, now: OffsetDateTime) -> Finding {
    const WHAT: &str = "signatures";
    let Some(counts) = counts else {
        let message = "the running server did not respond at OPS_ADDR; is it running?".to_owned();
        return Finding { what: WHAT, verdict: Verdict::Unknown { message } };
    };
    let recent = |at: Option<i64>| at.filter(|at| now.unix_timestamp() - at <= RECENT.whole_seconds());
    let Some(bad_at) = recent(counts.last_bad_at) else {
        return Finding::good(WHAT, format!("{} good, none bad lately", counts.good));
    };
    let reason = counts.last_bad_reason.as_deref().unwrap_or_default();
    let cause = SignatureError::ALL.into_iter().find(|error| error.reason() == reason);
    let minutes = (now.unix_timestamp() - bad_at) / 60;
    let message =
        format!("a bad signature {minutes} min ago ({reason}), {} since the start, {} good", counts.bad, counts.good);
    if recent(counts.last_good_at).is_some_and(|good| good > bad_at) {
        return Finding::good(WHAT, format!("{message}; good ones since"));
    }
    Finding::fault(WHAT, message, cause.map_or("read the log", SignatureError::likely_cause))
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://shop.example/api/webhooks/stripe";

    fn endpoint() -> Endpoint {
        Endpoint {
            id: "we_1".into(),
            url: URL.into(),
            enabled: true,
            events: vec!["a".into(), "b".into()],
            api_version: Some("v".into()),
            livemode: true,
        }
    }

    fn faults(endpoints: &[Endpoint]) -> Vec<&'static str> {
        let found = check_endpoints(endpoints, URL, &["a", "b"], "v", true);
        found.iter().filter(|finding| finding.is_fault()).map(|finding| finding.what).collect()
    }

    #[test]
    fn the_doctor_names_each_fault_of_an_endpoint() {
        assert_eq!(faults(&[endpoint()]), [""; 0]);
        assert_eq!(faults(&[Endpoint { events: vec!["*".into()], ..endpoint() }]), [""; 0]);
        assert_eq!(faults(&[]), ["endpoint"]);
        assert_eq!(
            faults(&[Endpoint { url: "https://old.example/api/webhooks/stripe".into(), ..endpoint() }]),
            ["endpoint"]
        );
        assert_eq!(faults(&[Endpoint { enabled: false, ..endpoint() }]), ["enabled"]);
        assert_eq!(faults(&[endpoint(), Endpoint { id: "we_2".into(), ..endpoint() }]), ["enabled"]);
        assert_eq!(faults(&[Endpoint { events: vec!["a".into()], ..endpoint() }]), ["events"]);
        assert_eq!(faults(&[Endpoint { api_version: None, ..endpoint() }]), ["version"]);
        assert_eq!(faults(&[Endpoint { api_version: Some("w".into()), ..endpoint() }]), ["version"]);
        assert_eq!(faults(&[Endpoint { livemode: false, ..endpoint() }]), ["mode"]);
    }

    #[test]
    fn a_bad_signature_is_a_fault_until_a_good_one_arrives_or_a_day_passes() {
        let at = |seconds| OffsetDateTime::from_unix_timestamp(seconds).unwrap();
        let bad = SignatureCounts {
            bad: 1,
            last_bad_at: Some(1000),
            last_bad_reason: Some("mismatch".into()),
            ..SignatureCounts::default()
        };
        let Verdict::Fault { fix, .. } = check_signatures(Some(&bad), at(1060)).verdict else { panic!("no fault") };
        assert!(fix.contains("secret"));
        assert!(!check_signatures(Some(&bad), at(1000 + 86_401)).is_fault());
        let recovered = SignatureCounts { good: 1, last_good_at: Some(1001), ..bad };
        assert!(!check_signatures(Some(&recovered), at(1060)).is_fault());
        assert!(!check_signatures(Some(&SignatureCounts::default()), at(0)).is_fault());
        assert!(matches!(check_signatures(None, at(0)).verdict, Verdict::Unknown { .. }));
    }
}
