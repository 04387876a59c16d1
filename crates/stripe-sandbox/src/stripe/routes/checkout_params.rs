//! The parameters of a new checkout session, checked by every rule that Stripe applies, for what
//! the sandbox supports.

use crate::stripe::{
    actions::{
        checkout_sessions::{Asking, Line, SessionDraft},
        prices::PriceDraft,
    },
    objects::{COUNTRIES, METHODS, Mode, SessionParams, country_name},
    wire::{ApiError, Reader},
};

/// The languages of Stripe's page.
const LOCALES: [&str; 41] = [
    "auto", "bg", "cs", "da", "de", "el", "en", "en-GB", "es", "es-419", "et", "fi", "fil", "fr", "fr-CA", "hr", "hu",
    "id", "it", "ja", "ko", "lt", "lv", "ms", "mt", "nb", "nl", "pl", "pt", "pt-BR", "ro", "ru", "sk", "sl", "sv",
    "th", "tr", "vi", "zh", "zh-HK", "zh-TW",
];

/// Parameters that Stripe has and the sandbox does not support.
const UNSUPPORTED: [&str; 22] = [
    "after_expiration",
    "consent_collection",
    "currency",
    "custom_fields",
    "custom_text",
    "customer_update",
    "discounts",
    "invoice_creation",
    "optional_items",
    "payment_method_collection",
    "payment_method_configuration",
    "payment_method_data",
    "payment_method_options",
    "permissions",
    "redirect_on_completion",
    "return_url",
    "saved_payment_method_options",
    "setup_intent_data",
    "shipping_options",
    "tax_id_collection",
    "wallet_options",
    "origin_context",
];

impl SessionDraft {
    pub(crate) fn read(mut reader: Reader<'_>) -> Result<Self, ApiError> {
        let mode = match reader.one_of("mode", &["payment", "setup", "subscription"])? {
            Some("payment") => Mode::Payment,
            Some("subscription") => Mode::Subscription,
            None => return Err(ApiError::missing("mode")),
            Some(mode) => return Err(ApiError::unsupported(&format!("mode={mode}")).at("mode")),
        };
        if let Some(mode) =
            reader.one_of("ui_mode", &["custom", "embedded", "hosted"])?.filter(|mode| *mode != "hosted")
        {
            return Err(ApiError::unsupported(&format!("ui_mode={mode}")).at("ui_mode"));
        }
        let success_url = reader.url("success_url")?.ok_or_else(|| ApiError::missing("success_url"))?.to_owned();
        let mut asked = SessionParams { mode, success_url, ..SessionParams::default() };
        asked.cancel_url = reader.url("cancel_url")?.map(str::to_owned);
        asked.client_reference_id = reader.text_up_to("client_reference_id", 200)?.map(str::to_owned);
        asked.customer_email = reader.email("customer_email")?;
        asked.locale = reader.one_of("locale", &LOCALES)?;
        asked.metadata = reader.metadata("metadata")?;
        asked.allow_promotion_codes = reader.boolean("allow_promotion_codes")?;
        asked.billing_address_collection = reader.one_of("billing_address_collection", &["auto", "required"])?;
        let creation = reader.one_of("customer_creation", &["always", "if_required"])?;
        if creation.is_some() && mode == Mode::Subscription {
            let message = "`customer_creation` can only be used in `payment` mode.";
            return Err(ApiError::invalid(message).at("customer_creation"));
        }
        // A subscriber is always a customer.
        let usual = if mode == Mode::Subscription { "always" } else { "if_required" };
        asked.customer_creation = creation.unwrap_or(usual);
        asked.submit_type = reader.one_of("submit_type", &["auto", "book", "donate", "pay", "subscribe"])?;
        if asked.allow_promotion_codes == Some(true) {
            return Err(ApiError::unsupported("allow_promotion_codes=true").at("allow_promotion_codes"));
        }
        asked.customer = reader.text("customer")?.map(str::to_owned);
        if asked.customer.is_some() && asked.customer_email.is_some() {
            let message = "You may only specify one of these parameters: customer, customer_email.";
            return Err(ApiError::invalid(message).at("customer_email"));
        }
        read_groups(&mut reader, &mut asked)?;
        asked.payment_method_types = methods(&mut reader)?;
        let lines = lines(&mut reader)?;
        let expires_at = reader.integer("expires_at")?;
        reader.finish_but(&UNSUPPORTED)?;
        Ok(Self { asked, lines, expires_at })
    }
}

fn read_groups(reader: &mut Reader<'_>, asked: &mut SessionParams) -> Result<(), ApiError> {
    if let Some(mut group) = reader.group("shipping_address_collection")? {
        let name = group.name("allowed_countries");
        let codes = group.texts("allowed_countries")?.filter(|codes| !codes.is_empty());
        let codes = codes.ok_or_else(|| ApiError::missing(&name))?;
        group.finish()?;
        if let Some((name, _)) = codes.iter().find(|(_, code)| country_name(code).is_none()) {
            let all: Vec<&str> = COUNTRIES.iter().map(|(code, _)| *code).collect();
            return Err(ApiError::not_one_of(name, &all));
        }
        asked.countries = Some(codes.into_iter().map(|(_, code)| code.to_owned()).collect());
    }
    if let Some(mut group) = reader.group("phone_number_collection")? {
        let name = group.name("enabled");
        asked.phone = group.boolean("enabled")?.ok_or_else(|| ApiError::missing(&name))?;
        group.finish()?;
    }
    if let Some(mut group) = reader.group("subscription_data")? {
        if asked.mode != Mode::Subscription {
            let message = "You can not pass `subscription_data` in `payment` mode.";
            return Err(ApiError::invalid(message).at("subscription_data"));
        }
        asked.subscription_metadata = group.metadata("metadata")?;
        asked.subscription_description = group.text_up_to("description", 500)?.map(str::to_owned);
        group.finish_but(&[
            "application_fee_percent",
            "billing_cycle_anchor",
            "default_tax_rates",
            "invoice_settings",
            "on_behalf_of",
            "proration_behavior",
            "transfer_data",
            "trial_end",
            "trial_period_days",
            "trial_settings",
        ])?;
    }
    if let Some(mut group) = reader.group("payment_intent_data")? {
        if asked.mode != Mode::Payment {
            let message = "You can not pass `payment_intent_data` in `subscription` mode.";
            return Err(ApiError::invalid(message).at("payment_intent_data"));
        }
        asked.intent_metadata = group.metadata("metadata")?;
        asked.intent_description = group.text_up_to("description", 1000)?.map(str::to_owned);
        group.finish_but(&[
            "application_fee_amount",
            "capture_method",
            "on_behalf_of",
            "receipt_email",
            "setup_future_usage",
            "shipping",
            "statement_descriptor",
            "statement_descriptor_suffix",
            "transfer_data",
            "transfer_group",
        ])?;
    }
    // Both would change the amount. They may be named only to switch them off.
    if let Some(mut group) = reader.group("adaptive_pricing")? {
        asked.adaptive_pricing = group.boolean("enabled")?.unwrap_or(false);
        group.finish()?;
    }
    if let Some(mut group) = reader.group("automatic_tax")? {
        if group.boolean("enabled")?.ok_or_else(|| ApiError::missing("automatic_tax[enabled]"))? {
            return Err(ApiError::unsupported("automatic_tax[enabled]=true").at("automatic_tax[enabled]"));
        }
        group.finish_but(&["liability"])?;
    }
    Ok(())
}

fn methods(reader: &mut Reader<'_>) -> Result<Vec<&'static str>, ApiError> {
    let asked = reader.texts("payment_method_types")?.unwrap_or_default();
    let known = asked.into_iter().map(|(name, text)| {
        let method = METHODS.into_iter().find(|method| *method == text);
        method.ok_or_else(|| ApiError::unsupported(&format!("payment_method_types={text}")).at(name))
    });
    known.collect()
}

fn lines(reader: &mut Reader<'_>) -> Result<Vec<Line>, ApiError> {
    let groups = reader.groups("line_items")?.unwrap_or_default();
    if groups.is_empty() {
        return Err(ApiError::missing("line_items"));
    }
    if groups.len() > 100 {
        return Err(ApiError::invalid("You can have at most 100 line items.").at("line_items"));
    }
    let mut lines = Vec::with_capacity(groups.len());
    for mut group in groups {
        let name = group.name("price");
        let quantity_name = group.name("quantity");
        let price = group.text("price")?.map(str::to_owned);
        let quantity = group.integer("quantity")?;
        let made = group.group("price_data")?.map(PriceDraft::read_whole).transpose()?;
        group.finish_but(&["adjustable_quantity", "dynamic_tax_rates", "tax_rates"])?;
        let price = match (price, made) {
            (Some(price), None) => Asking::Price(price),
            (None, Some(made)) => Asking::Made(made),
            (None, None) => return Err(ApiError::missing(&name)),
            (Some(_), Some(_)) => {
                let message = "You may only specify one of these parameters: price, price_data.";
                return Err(ApiError::invalid(message).at(name));
            }
        };
        let quantity = quantity.ok_or_else(|| ApiError::missing(&quantity_name))?;
        if !(1..=999_999).contains(&quantity) {
            let message = format!("This value must be from 1 to 999999 (it currently is '{quantity}').");
            return Err(ApiError::invalid(message).code("parameter_invalid_integer").at(quantity_name));
        }
        lines.push(Line { name, price, quantity });
    }
    Ok(lines)
}
