//! The steps of a pre-order as an ordered list, for the storefront and the order page.

use std::borrow::Cow;

use leptos::prelude::*;

/// The progress of a step. Shown by a shape and a word, never by color alone.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    Done,
    Now,
    Ahead,
}

impl Progress {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Now => "now",
            Self::Ahead => "ahead",
        }
    }

    const fn spoken(self) -> &'static str {
        match self {
            Self::Done => "Done: ",
            Self::Now => "Now: ",
            Self::Ahead => "",
        }
    }
}

/// One step: when it happens, what it is, and a sentence about it.
pub struct Step {
    pub progress: Progress,
    pub when: Cow<'static, str>,
    pub what: &'static str,
    pub about: String,
}

/// Shows numbered steps, one below the other.
#[component]
pub fn Timeline(steps: Vec<Step>) -> impl IntoView {
    let steps = steps
        .into_iter()
        .map(|step| {
            view! {
                <li data-progress=step.progress.as_str()>
                    <p class="timeline-when">{step.when}</p>
                    <h3><span class="unseen">{step.progress.spoken()}</span>{step.what}</h3>
                    <p>{step.about}</p>
                </li>
            }
        })
        .collect_view();
    view! { <ol class="timeline">{steps}</ol> }
}
