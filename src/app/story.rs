//! The texts below the form: what Rolitt does, what is in the box, and how a pre-order works.

use leptos::prelude::*;

use super::timeline::{Progress, Step, Timeline};
use crate::domain::batch::{BATCH, NEXT_UPDATE, SHIP_WINDOW};

/// Shows what Rolitt does, in three paragraphs.
#[component]
pub fn Story() -> impl IntoView {
    view! {
        <section class="story" aria-labelledby="story">
            <h2 id="story">"What it does, and what it does not"</h2>
            <div class="story-parts">
                <article>
                    <svg class="sketch" viewBox="0 0 96 64" aria-hidden="true">
                        <path class="sketch-faint" d="M4 56h88M10 44h14M6 36h12"/>
                        <circle cx="58" cy="36" r="20"/>
                        <circle class="sketch-light" cx="64" cy="32" r="7"/>
                        <path d="M40 44c10 9 26 9 36 0"/>
                    </svg>
                    <h3>"It comes to you"</h3>
                    <p>
                        "Rolitt moves by shifting a weight inside, so it has no wheels to catch on a rug. It rolls up when you sit
                         down, stays near while you work, and stops at table edges. It is slow on purpose: a walking pace, no more."
                    </p>
                </article>
                <article>
                    <svg class="sketch" viewBox="0 0 96 64" aria-hidden="true">
                        <circle cx="48" cy="34" r="22"/>
                        <circle class="sketch-light" cx="48" cy="34" r="10"/>
                        <path class="sketch-faint" d="M48 2v6M18 12l5 5M78 12l-5 5M6 40h8M82 40h8"/>
                    </svg>
                    <h3>"It talks in light"</h3>
                    <p>
                        "Its face is one ring of light. It breathes while you concentrate, counts down a tea or a nap, and glows low
                         at night. There is no voice and no screen. You learn its dozen signs in an afternoon."
                    </p>
                </article>
                <article>
                    <svg class="sketch" viewBox="0 0 96 64" aria-hidden="true">
                        <path d="M18 58V28L48 8l30 20v30z"/>
                        <circle cx="48" cy="42" r="14"/>
                        <circle class="sketch-light" cx="51" cy="39" r="5"/>
                    </svg>
                    <h3>"It keeps to itself"</h3>
                    <p>
                        "No camera, no microphone, no account. It feels touch, tilt and how bright the room is, and forgets all of it
                         within the hour. An app is optional, for setting timers. It is a companion, not a toy for children under
                         eight, and not a medical device."
                    </p>
                </article>
            </div>
        </section>
    }
}

/// Shows what is in the box.
#[component]
pub fn Contents() -> impl IntoView {
    view! {
        <section class="contents" aria-labelledby="box">
            <h2 id="box">"In the box"</h2>
            <dl>
                <div><dt>"Rolitt"</dt><dd>"11 cm across, 420 g, in the color you choose. Washable cover."</dd></div>
                <div><dt>"Charging dish"</dt><dd>"Beech and cork. Three days of company from two hours of charge."</dd></div>
                <div><dt>"USB-C cable"</dt><dd>"1.5 m, braided. Any phone charger will do."</dd></div>
                <div><dt>"A small key"</dt><dd>"Opens the seam, so that the battery can be replaced at home."</dd></div>
                <div><dt>"A booklet"</dt><dd>"The signs, the care, and how to repair it. Two years of warranty."</dd></div>
            </dl>
        </section>
    }
}

/// Shows the four steps from payment to delivery, with dates.
#[component]
pub fn HowItWorks(
    /// The amount that is paid today; `None` while no price is known.
    price: Option<String>,
    /// Whether a bank transfer is another way to pay.
    transfer: bool,
) -> impl IntoView {
    let pays = price.unwrap_or_else(|| "the price shown above".to_owned());
    let through = if transfer { "through Stripe or by bank transfer" } else { "through Stripe" };
    let steps = vec![
        Step {
            progress: Progress::Now,
            when: "Today".into(),
            what: "You pre-order",
            about: [
                "You pay ",
                &pays,
                ", shipping included, ",
                through,
                ". We never see your card. You get a pre-order number at once.",
            ]
            .concat(),
        },
        Step {
            progress: Progress::Ahead,
            when: "December – March".into(),
            what: "We build your batch",
            about: [
                BATCH,
                " is 2,000 pieces. The pre-series works and the moulds are paid for. What can still cost time are the \
                 safety tests in January.",
            ]
            .concat(),
        },
        Step {
            progress: Progress::Ahead,
            when: NEXT_UPDATE.into(),
            what: "We write to you",
            about: "How it goes, even if nothing changed. If the date moves, you hear the old date, the new date and the reason, \
                    and you choose to wait or to have your money back."
                .to_owned(),
        },
        Step {
            progress: Progress::Ahead,
            when: SHIP_WINDOW.into(),
            what: "It ships",
            about: "You get a mail with the tracking number. Until that mail you can cancel for a full refund. After it arrives \
                    you have 30 days to send it back."
                .to_owned(),
        },
    ];
    view! {
        <section class="how" aria-labelledby="how">
            <h2 id="how">"How a pre-order works here"</h2>
            <Timeline steps/>
            <p class="how-note">"If you need it before spring, please do not pre-order. It would be a promise we cannot keep."</p>
            <p class="how-back"><a class="button" href="#colors">"Choose your color"</a></p>
        </section>
    }
}
