//! The page's HTML. Every text that comes from a request goes through [`escape`].

use std::fmt::Write;

use super::details::{Fields, Problem, choices};
use crate::stripe::objects::{PaymentStatus, Session, SessionStatus};

use minor_money::Money;

const STYLE: &str = include_str!("style.css");

/// The test cards that have a button: the number that it sends, its label, its effect.
const CARDS: [(&str, &str, &str); 3] = [
    ("4242424242424242", "Pay with 4242 4242 4242 4242", "The payment succeeds."),
    ("4000000000000002", "Decline: 4000 0000 0000 0002", "The bank refuses; one can try again."),
    ("4000002500003155", "Authenticate: 4000 0025 0000 3155", "The bank asks first."),
];

/// Returns the whole document around a page's content, with a warning that cannot be overlooked.
pub(crate) fn frame(title: &str, inner: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"robots\" content=\"noindex\">\n<title>{title} (sandbox)</title>\n<style>{STYLE}</style>\n</head>\n\
         <body>\n<header>\n<div class=\"hazard\"></div>\n<p class=\"warning\">SANDBOX – no money moves</p>\n\
         <p class=\"aside\">A stand-in for a payment page. Not Stripe, not real. Never enter a real card.</p>\n\
         <div class=\"hazard\"></div>\n</header>\n<main>\n{inner}\n</main>\n</body>\n</html>\n",
        title = escape(title),
    )
}

/// Returns the form, with its problems named above it and next to the fields.
pub(crate) fn checkout(session: &Session, fields: &Fields, problems: &[Problem], notice: Option<&str>) -> String {
    let amount = amount(session);
    let mut inner = String::new();
    if let Some(notice) = notice {
        let _ = write!(inner, "<p class=\"notice\" role=\"alert\">{}</p>", escape(notice));
    }
    let _ = write!(inner, "<h1>Pay {}</h1>{}<form method=\"post\">", escape(&amount), summary(session));
    inner.push_str(&contact(session, fields, problems));
    if session.asked.countries.is_some() {
        inner.push_str(&address(session, fields, problems));
    }
    let number =
        Input { kind: "text", autocomplete: "off", required: false, ..Input::new("card_number", "Card number") };
    let _ = write!(
        inner,
        "<fieldset><legend>Card</legend>{}<p class=\"hint\">A test card. No expiry date or security code is needed.</p>\
         <button name=\"pay\" value=\"typed\">Pay {} with this card</button></fieldset>",
        number.render(&fields.card_number, problems),
        escape(&amount),
    );
    inner.push_str("<fieldset><legend>Or with one click</legend><ul class=\"choices\">");
    for (card, label, effect) in CARDS {
        choice(&mut inner, &format!("card:{card}"), label, effect);
    }
    if session.delayed_method().is_some() {
        choice(&mut inner, "delayed:succeed", "Pay later, succeeds", "A bank debit: pending now, paid a little later.");
        choice(&mut inner, "delayed:fail", "Pay later, fails", "A bank debit: pending now, returned a little later.");
    }
    inner.push_str("</ul></fieldset></form>");
    inner.push_str(&back(session));
    frame(&format!("Pay {amount}"), &inner)
}

/// Returns the bank's page about a session.
pub(crate) fn authentication(session: &Session) -> String {
    asked_by_bank(&summary(session), &amount(session), &back(session))
}

/// Returns the bank's page about a payment.
pub(crate) fn asked_by_bank(summary: &str, amount: &str, back: &str) -> String {
    let inner = format!(
        "<h1>Is this you?</h1>{summary}<p>The bank of the test card asks whether you want to pay {}.</p>\
         <form method=\"post\"><ul class=\"choices\"><li><button name=\"pay\" value=\"authenticate:approve\">Approve \
         authentication</button></li><li><button name=\"pay\" value=\"authenticate:fail\">Fail authentication</button></li>\
         </ul></form>{back}",
        escape(amount),
    );
    frame("Authentication", &inner)
}

/// Returns the page of a session that can no longer be paid. While a delayed payment is pending,
/// the page can settle it.
pub(crate) fn ended(session: &Session, settling: bool) -> String {
    let paid = session.payment_status == PaymentStatus::Paid;
    let (title, text) = match session.status {
        SessionStatus::Expired => ("This session has expired", "It cannot be paid any more. Nothing was paid."),
        _ if paid => ("Already paid", "This session is complete; it cannot be paid twice."),
        _ if settling => ("The payment is on its way", "The customer is done; the bank’s answer is still to come."),
        _ => ("The payment failed", "The customer was done, but the bank returned the debit. Nothing was paid."),
    };
    let mut inner = format!("<h1>{title}</h1>{}<p>{text}</p>", summary(session));
    if settling {
        inner.push_str(
            "<form method=\"post\"><ul class=\"choices\"><li><button name=\"pay\" value=\"settle:succeed\">Settle now: \
             succeeds</button></li><li><button name=\"pay\" value=\"settle:fail\">Settle now: fails</button></li></ul></form>",
        );
    }
    if session.status == SessionStatus::Complete {
        let _ = write!(inner, "<p><a href=\"{}\">To the shop’s confirmation</a></p>", escape(&session.return_url()));
    } else {
        inner.push_str(&back(session));
    }
    frame(title, &inner)
}

pub(crate) fn missing() -> String {
    let text = "<h1>No such session</h1><p>The sandbox forgets everything when it stops or is reset. Start again from the \
                shop.</p>";
    frame("No such session", text)
}

fn amount(session: &Session) -> String {
    Money::new(session.amount, session.currency).map(Money::display).unwrap_or_default()
}

fn summary(session: &Session) -> String {
    let (title, amount) = (escape(&session.title()), escape(&amount(session)));
    format!("<dl class=\"summary\"><div><dt>{title}</dt><dd>{amount}</dd></div></dl>")
}

fn back(session: &Session) -> String {
    let link = |url: &String| format!("<p><a href=\"{}\">Back to the shop</a></p>", escape(url));
    session.asked.cancel_url.as_ref().map(link).unwrap_or_default()
}

fn choice(out: &mut String, value: &str, label: &str, effect: &str) {
    let id = value.replace(':', "-");
    let _ = write!(
        out,
        "<li><button name=\"pay\" value=\"{value}\" aria-describedby=\"{id}\">{label}</button> \
         <span class=\"hint\" id=\"{id}\">{effect}</span></li>"
    );
}

fn contact(session: &Session, fields: &Fields, problems: &[Problem]) -> String {
    let given = session.known_email.is_some();
    let email = Input { kind: "email", autocomplete: "email", readonly: given, ..Input::new("email", "Email") };
    let name = Input { autocomplete: "name", ..Input::new("name", "Full name") };
    let phone = Input { kind: "tel", autocomplete: "tel", ..Input::new("phone", "Phone number") };
    let mut out = String::from("<fieldset><legend>Contact</legend>");
    out.push_str(&email.render(&fields.email, problems));
    out.push_str(&name.render(&fields.name, problems));
    if session.asked.phone {
        out.push_str(&phone.render(&fields.phone, problems));
    }
    out.push_str("</fieldset>");
    out
}

fn address(session: &Session, fields: &Fields, problems: &[Problem]) -> String {
    let mut out = String::from("<fieldset><legend>Shipping address</legend><p class=\"field\">");
    let (described, message) = problem("country", problems);
    let _ = write!(
        out,
        "<label for=\"country\">Country</label><select id=\"country\" name=\"country\" autocomplete=\"country\"{described}>"
    );
    for (code, name) in choices(session) {
        let selected = if code == fields.country { " selected" } else { "" };
        let _ = write!(out, "<option value=\"{code}\"{selected}>{}</option>", escape(name));
    }
    let _ = write!(out, "</select>{message}</p>");
    let inputs = [
        (Input { autocomplete: "address-line1", ..Input::new("line1", "Address line 1") }, &fields.line1),
        (
            Input { autocomplete: "address-line2", required: false, ..Input::new("line2", "Address line 2") },
            &fields.line2,
        ),
        (Input { autocomplete: "address-level2", ..Input::new("city", "City") }, &fields.city),
        (
            Input { autocomplete: "address-level1", required: false, ..Input::new("state", "State or region") },
            &fields.state,
        ),
        (Input { autocomplete: "postal-code", ..Input::new("postal_code", "Postal code") }, &fields.postal_code),
    ];
    for (input, value) in inputs {
        out.push_str(&input.render(value, problems));
    }
    out.push_str("</fieldset>");
    out
}

struct Input {
    name: &'static str,
    label: &'static str,
    kind: &'static str,
    autocomplete: &'static str,
    required: bool,
    readonly: bool,
}

impl Input {
    fn new(name: &'static str, label: &'static str) -> Self {
        Self { name, label, kind: "text", autocomplete: "off", required: true, readonly: false }
    }

    fn render(&self, value: &str, problems: &[Problem]) -> String {
        let Self { name, label, kind, autocomplete, .. } = self;
        let required = if self.required { " required" } else { "" };
        let readonly = if self.readonly { " readonly" } else { "" };
        let (described, message) = problem(name, problems);
        format!(
            "<p class=\"field\"><label for=\"{name}\">{label}</label><input id=\"{name}\" name=\"{name}\" type=\"{kind}\" \
             value=\"{value}\" autocomplete=\"{autocomplete}\"{required}{readonly}{described}>{message}</p>",
            value = escape(value),
        )
    }
}

/// Returns the attributes and the text that name a field's problem.
fn problem(name: &str, problems: &[Problem]) -> (String, String) {
    match problems.iter().find(|(field, _)| *field == name) {
        None => (String::new(), String::new()),
        Some((_, message)) => (
            format!(" aria-invalid=\"true\" aria-describedby=\"{name}-problem\""),
            format!("<span class=\"problem\" id=\"{name}-problem\">{message}</span>"),
        ),
    }
}

/// Escapes a text for HTML, between tags and in quoted attributes.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_breaks_out_of_a_text_or_an_attribute() {
        assert_eq!(escape("<a href=\"x\" id='y'>&"), "&lt;a href=&quot;x&quot; id=&#39;y&#39;&gt;&amp;");
    }
}
