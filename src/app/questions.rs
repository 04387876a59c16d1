//! Questions that people ask before they pre-order. Each is folded until it is opened.

use leptos::prelude::*;

use super::frame::mailto;
use crate::domain::batch::CONTACT_EMAIL;

const ANSWERS: [(&str, &str); 7] = [
    (
        "Why do I pay the full amount today?",
        "Because it pays for parts. We build what was ordered, so your pre-order is what lets the batch start. Until yours ships you \
         can take the money back, all of it.",
    ),
    (
        "Will anything be added later?",
        "No. Shipping is included, and the amount on the button is the amount on your statement. Outside the United States your \
         customs office may ask for import duty on arrival; we declare the true value.",
    ),
    (
        "Can I change the color or the address?",
        "Yes, until we lock the batch four weeks before it ships. Write to us with your pre-order number. We remind everybody \
         before the lock.",
    ),
    (
        "How do I cancel?",
        "Write to us with your pre-order number, no reason needed. The refund leaves the same working day and is on your account \
         within five to ten days, depending on your bank.",
    ),
    (
        "What if you are late?",
        "We tell you before the old date passes, with the new date and the reason, and ask whether you want to wait. If you do not \
         answer to a delay of more than 30 days, we refund you without being asked.",
    ),
    (
        "Which ways to pay are there?",
        "Cards, and what Stripe offers in your country, such as Apple Pay, Google Pay or a bank transfer. A bank transfer can take \
         some days; your place in the batch counts from today all the same.",
    ),
    (
        "Does it work with pets, stairs and thick carpet?",
        "Cats mostly watch it, dogs mostly lose interest after a day. It stops at edges. It manages carpet up to two centimeters; \
         on deeper pile it stays where you put it.",
    ),
];

/// Shows the questions with their answers.
#[component]
pub fn Questions() -> impl IntoView {
    let answers = ANSWERS
        .map(|(question, answer)| view! { <details><summary>{question}</summary><p>{answer}</p></details> })
        .into_iter()
        .collect_view();
    view! {
        <section class="questions" aria-labelledby="questions">
            <h2 id="questions">"Questions"</h2>
            {answers}
            <p>"Something else? " <a href=mailto()>{CONTACT_EMAIL}</a> ". A person answers, usually within a day."</p>
        </section>
    }
}
