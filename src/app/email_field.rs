//! The address to write to. Judged after the field was left for the first time, then with every key; never while it is first typed.

use leptos::{html, prelude::*};

use crate::domain::customer::Email;

/// What the field knows about itself.
#[derive(Clone, Copy)]
pub struct EmailState {
    pub input: NodeRef<html::Input>,
    /// What is wrong, as the person who typed it reads it.
    pub fault: RwSignal<Option<String>>,
    /// The field was left once, or the form was sent.
    pub judged: RwSignal<bool>,
}

impl EmailState {
    pub fn new(fault: Option<String>) -> Self {
        Self { input: NodeRef::new(), judged: RwSignal::new(fault.is_some()), fault: RwSignal::new(fault) }
    }

    /// Judges what stands in the field now; true when a mail could reach it.
    pub fn judge(self) -> bool {
        let text = self.input.get_untracked().map(|input| input.value()).unwrap_or_default();
        let fault = Email::parse(&text).err().map(|fault| fault.message().to_owned());
        let good = fault.is_none();
        self.judged.set(true);
        self.fault.set(fault);
        good
    }

    pub fn focus(self) {
        if let Some(input) = self.input.get_untracked() {
            let _ = input.focus();
        }
    }
}

/// Label, field, hint and what is wrong with it.
#[component]
pub fn EmailField(
    state: EmailState,
    /// What stood in the form that came back.
    initial: String,
    /// The form came back because of this field: without WebAssembly, too, the cursor starts here.
    autofocus: bool,
    disabled: Signal<bool>,
) -> impl IntoView {
    view! {
        <div class="field">
            <label for="email">"Email"</label>
            <input
                node_ref=state.input
                type="email"
                id="email"
                name="email"
                value=initial
                required
                maxlength=Email::MAX
                autocomplete="email"
                inputmode="email"
                autocapitalize="off"
                spellcheck="false"
                autofocus=autofocus
                disabled=move || disabled.get()
                aria-describedby="email-hint email-error"
                aria-invalid=move || state.fault.get().map(|_| "true")
                on:blur=move |_| {
                    let untouched = state.input.get_untracked().is_none_or(|input| input.value().is_empty());
                    if !untouched {
                        state.judge();
                    }
                }
                on:input=move |_| {
                    if state.judged.get_untracked() {
                        state.judge();
                    }
                }
            />
            <p class="field-hint" id="email-hint">"For your order number and news about your batch. Nothing else."</p>
            <p class="field-error" id="email-error" aria-live="polite">
                {move || state.fault.get()}
            </p>
        </div>
    }
}
