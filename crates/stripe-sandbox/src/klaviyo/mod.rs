//! Klaviyo's events: what it accepts, what it rejects, and its rule that one `unique_id` counts
//! once.

use std::collections::HashMap;

use axum::{
    body::Bytes,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::stripe::wire::ids;

pub(crate) mod routes;

/// The recorded events, in order.
#[derive(Default)]
pub(crate) struct Journal {
    events: Vec<Recorded>,
    places: HashMap<Key, usize>,
}

/// An event that counts once, however often it was posted.
struct Recorded {
    key: Key,
    metric: String,
    email: Option<String>,
    /// As sent. `None` means that the second of the event identifies it.
    unique_id: Option<String>,
    time: String,
    posts: u64,
    /// How many of the posts differed from the first one by their bytes.
    differing: u64,
    /// The first body. Later ones with the same key are accepted and dropped.
    body: Value,
    bytes: Bytes,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Key {
    profile: String,
    metric: String,
    id: String,
}

/// One of Klaviyo's JSON:API errors.
struct Refusal {
    status: StatusCode,
    code: &'static str,
    title: &'static str,
    detail: String,
    pointer: Option<&'static str>,
}

/// Checks a body as Klaviyo does before it responds 202.
fn read(body: Value, now: OffsetDateTime) -> Result<Recorded, Refusal> {
    let data = &body["data"];
    if data["type"] != "event" {
        return Err(invalid("Invalid input.", "`type` must be `event`.", Some("/data/type")));
    }
    let attributes = object(&data["attributes"], "/data/attributes")?;
    let get = |name| attributes.get(name).unwrap_or(&Value::Null);
    object(get("properties"), "/data/attributes/properties")?;
    let metric = &get("metric")["data"];
    if metric["type"] != "metric" {
        return Err(invalid("Invalid input.", "`type` must be `metric`.", Some("/data/attributes/metric/data/type")));
    }
    let at = "/data/attributes/metric/data/attributes/name";
    let metric = text(&metric["attributes"]["name"]).filter(|name| name.chars().count() < 128);
    let metric = metric.ok_or_else(|| invalid("Invalid input.", "`name` must have 1 to 127 characters.", Some(at)))?;
    let profile = &get("profile")["data"];
    if profile["type"] != "profile" {
        return Err(invalid("Invalid input.", "`type` must be `profile`.", Some("/data/attributes/profile/data/type")));
    }
    let (who, email) = identify(profile)?;
    for (name, at) in
        [("unique_id", "/data/attributes/unique_id"), ("value_currency", "/data/attributes/value_currency")]
    {
        if !get(name).is_null() && text(get(name)).is_none() {
            return Err(invalid("Invalid input.", &format!("`{name}` must be a text."), Some(at)));
        }
    }
    if !get("value").is_null() && !get("value").is_number() {
        return Err(invalid("Invalid input.", "`value` must be a number.", Some("/data/attributes/value")));
    }
    let time = time_of(get("time"), now)?;
    let unique_id = text(get("unique_id")).map(str::to_owned);
    // Without an id, two events of the same second are one event: Klaviyo's default.
    let id = unique_id.clone().unwrap_or_else(|| time.unix_timestamp().to_string());
    let key = Key { profile: who, metric: metric.to_owned(), id };
    let time = time.format(&Rfc3339).unwrap_or_default();
    Ok(Recorded {
        key,
        metric: metric.to_owned(),
        email,
        unique_id,
        time,
        posts: 1,
        differing: 0,
        body,
        bytes: Bytes::new(),
    })
}

/// Returns the profile that the event is about, and its email address. One identifier is enough.
fn identify(profile: &Value) -> Result<(String, Option<String>), Refusal> {
    let attributes = &profile["attributes"];
    let email = text(&attributes["email"]).map(str::to_owned);
    if let Some(email) = email.as_deref().filter(|email| !email.contains('@') || email.contains(char::is_whitespace)) {
        let detail = format!("'{}' is not a valid email address.", email.chars().take(3).collect::<String>() + "…");
        return Err(invalid("Invalid input.", &detail, Some("/data/attributes/profile/data/attributes/email")));
    }
    let known =
        ["phone_number", "external_id", "anonymous_id", "_kx"].into_iter().find_map(|name| text(&attributes[name]));
    let who = text(&profile["id"]).map(str::to_owned).or_else(|| email.as_deref().map(str::to_lowercase));
    let who = who.or_else(|| known.map(str::to_owned)).ok_or_else(|| {
        let detail = "One of `id`, `email`, `phone_number`, `external_id` must be given.";
        invalid("Invalid input.", detail, Some("/data/attributes/profile/data/attributes"))
    })?;
    Ok((who, email))
}

/// Returns the event's time, cut to the second.
fn time_of(given: &Value, now: OffsetDateTime) -> Result<OffsetDateTime, Refusal> {
    let at = Some("/data/attributes/time");
    let time = match given {
        Value::Null => now,
        Value::String(text) => OffsetDateTime::parse(text, &Rfc3339)
            .map_err(|_| invalid("Invalid input.", "`time` must be an ISO 8601 date and time.", at))?,
        _ => return Err(invalid("Invalid input.", "`time` must be an ISO 8601 date and time.", at)),
    };
    if time > now + time::Duration::days(366) {
        return Err(invalid("Invalid input.", "`time` is more than a year ahead.", at));
    }
    Ok(time.replace_nanosecond(0).unwrap_or(time))
}

fn object<'a>(value: &'a Value, at: &'static str) -> Result<&'a Map<String, Value>, Refusal> {
    value
        .as_object()
        .ok_or_else(|| invalid("Invalid input.", "This field is required and must be an object.", Some(at)))
}

fn text(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| !text.is_empty())
}

fn invalid(title: &'static str, detail: &str, pointer: Option<&'static str>) -> Refusal {
    Refusal { status: StatusCode::BAD_REQUEST, code: "invalid", title, detail: detail.to_owned(), pointer }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let source = self.pointer.map_or_else(|| json!({}), |pointer| json!({ "pointer": pointer }));
        let error = json!({
            "id": ids::new("err_"), "status": self.status.as_u16(), "code": self.code, "title": self.title,
            "detail": self.detail, "source": source, "links": {}, "meta": {},
        });
        let body = json!({ "errors": [error] }).to_string();
        (self.status, [(header::CONTENT_TYPE, "application/vnd.api+json")], body).into_response()
    }
}

impl Journal {
    fn add(&mut self, event: Recorded) {
        if let Some(place) = self.places.get(&event.key) {
            let first = &mut self.events[*place];
            first.posts += 1;
            first.differing += u64::from(first.bytes != event.bytes);
        } else {
            self.places.insert(event.key.clone(), self.events.len());
            self.events.push(event);
        }
    }

    pub(crate) fn render(&self) -> Vec<Value> {
        let render = |event: &Recorded| {
            let attributes = &event.body["data"]["attributes"];
            json!({
                "metric": event.metric, "unique_id": event.unique_id, "email": event.email,
                "properties": attributes["properties"], "value": attributes["value"],
                "value_currency": attributes["value_currency"], "time": event.time, "posts": event.posts,
                "differing": event.differing,
                "body": event.body,
            })
        };
        self.events.iter().map(render).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.events.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(metric: &str, email: &str, unique_id: Option<&str>, time: &str) -> Value {
        json!({"data": {"type": "event", "attributes": {
            "properties": {"color": "Red"}, "time": time, "value": 299.0, "value_currency": "USD", "unique_id": unique_id,
            "metric": {"data": {"type": "metric", "attributes": {"name": metric}}},
            "profile": {"data": {"type": "profile", "attributes": {"email": email}}},
        }}})
    }

    fn journal(bodies: &[Value]) -> Vec<Value> {
        let mut journal = Journal::default();
        for body in bodies {
            journal.add(read(body.clone(), OffsetDateTime::UNIX_EPOCH).ok().unwrap());
        }
        journal.render()
    }

    #[test]
    fn one_unique_id_counts_once_per_profile_and_metric() {
        let at = "1970-01-01T00:00:00Z";
        let later = "1970-01-01T00:00:09Z";
        let events = journal(&[
            body("Paid", "a@b.co", Some("1"), at),
            body("Paid", "A@b.co", Some("1"), later),
            body("Paid", "a@b.co", Some("2"), at),
            body("Shipped", "a@b.co", Some("1"), at),
            body("Paid", "c@d.co", Some("1"), at),
        ]);
        assert_eq!(events.len(), 4);
        assert_eq!(events[0]["posts"], 2);
        assert_eq!(events[0]["time"], at);
    }

    #[test]
    fn without_an_id_the_second_is_the_id() {
        let events = journal(&[
            body("Paid", "a@b.co", None, "1970-01-01T00:00:00.1Z"),
            body("Paid", "a@b.co", None, "1970-01-01T00:00:00.9Z"),
            body("Paid", "a@b.co", None, "1970-01-01T00:00:01Z"),
        ]);
        assert_eq!(events.iter().map(|event| event["posts"].as_u64().unwrap()).collect::<Vec<_>>(), [2, 1]);
    }

    #[test]
    fn what_is_missing_is_pointed_at() {
        let whole = body("Paid", "a@b.co", Some("1"), "1970-01-01T00:00:00Z");
        for (pointer, broken) in [
            ("/data/type", json!("profile")),
            ("/data/attributes/properties", Value::Null),
            ("/data/attributes/metric/data/attributes/name", json!("")),
            ("/data/attributes/metric/data/type", Value::Null),
            ("/data/attributes/profile/data/attributes/email", json!("no-address")),
            ("/data/attributes/time", json!("yesterday")),
            ("/data/attributes/time", json!("1999-01-01T00:00:00Z")),
            ("/data/attributes/value", json!("299")),
        ] {
            let mut body = whole.clone();
            *body.pointer_mut(pointer).unwrap() = broken;
            let refusal = read(body, OffsetDateTime::UNIX_EPOCH).err().unwrap();
            assert_eq!((refusal.status.as_u16(), refusal.pointer), (400, Some(pointer)));
        }
    }
}
