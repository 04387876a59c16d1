//! The names and kinds of Stripe's fields at version `2025-06-30.basil`.
//!
//! Derived from the `OpenAPI` fixtures v1819 (which names an object has) and the types of npm
//! stripe 18.3.0 (what each may be): `s` text, `n` number, `b` boolean, `a` array, `o` object, `0`
//! null. A name with a question mark may be missing.

/// Every kind of object that the sandbox shows, with all of its fields.
pub(super) const OBJECTS: [(&str, &str); 19] = [
    (
        "checkout.session",
        "adaptive_pricing:0o after_expiration:0o allow_promotion_codes:0b amount_subtotal:0n amount_total:0n \
         automatic_tax:o billing_address_collection:0s cancel_url:0s client_reference_id:0s client_secret:0s \
         collected_information:0o consent:0o consent_collection:0o created:n currency:0s \
         currency_conversion:0o custom_fields:a custom_text:o customer:0os customer_creation:0s \
         customer_details:0o customer_email:0s discounts:0a expires_at:n id:s invoice:0os invoice_creation:0o \
         line_items?:o livemode:b locale:0s metadata:0o mode:s object:s optional_items?:0a payment_intent:0os \
         payment_link:0os payment_method_collection:0s payment_method_configuration_details:0o \
         payment_method_options:0o payment_method_types:a payment_status:s permissions:0o \
         phone_number_collection:o presentment_details?:o recovered_from:0s redirect_on_completion?:s \
         return_url?:s saved_payment_method_options:0o setup_intent:0os shipping_address_collection:0o \
         shipping_cost:0o shipping_options:a status:0s submit_type:0s subscription:0os success_url:0s \
         tax_id_collection?:o total_details:0o ui_mode:0s url:0s wallet_options:0o",
    ),
    (
        "payment_intent",
        "amount:n amount_capturable:n amount_details:o amount_received:n application:0os \
         application_fee_amount:0n automatic_payment_methods:0o canceled_at:0n cancellation_reason:0s \
         capture_method:s client_secret:0s confirmation_method:s created:n currency:s customer:0os \
         description:0s id:s last_payment_error:0o latest_charge:0os livemode:b metadata:o next_action:0o \
         object:s on_behalf_of:0os payment_method:0os payment_method_configuration_details:0o \
         payment_method_options:0o payment_method_types:a presentment_details?:o processing:0o \
         receipt_email:0s review:0os setup_future_usage:0s shipping:0o source:0os statement_descriptor:0s \
         statement_descriptor_suffix:0s status:s transfer_data:0o transfer_group:0s",
    ),
    (
        "charge",
        "amount:n amount_captured:n amount_refunded:n application:0os application_fee:0os \
         application_fee_amount:0n authorization_code?:s balance_transaction:0os billing_details:o \
         calculated_statement_descriptor:0s captured:b created:n currency:s customer:0os description:0s \
         disputed:b failure_balance_transaction:0os failure_code:0s failure_message:0s fraud_details:0o id:s \
         level3?:o livemode:b metadata:o object:s on_behalf_of:0os outcome:0o paid:b payment_intent:0os \
         payment_method:0s payment_method_details:0o presentment_details?:o radar_options?:o receipt_email:0s \
         receipt_number:0s receipt_url:0s refunded:b refunds?:0o review:0os shipping:0o source:0o \
         source_transfer:0os statement_descriptor:0s statement_descriptor_suffix:0s status:s transfer?:os \
         transfer_data:0o transfer_group:0s",
    ),
    (
        "refund",
        "amount:n balance_transaction:0os charge:0os created:n currency:s description?:s \
         destination_details:o failure_balance_transaction?:os failure_reason?:s id:s instructions_email?:s \
         metadata:0o next_action?:o object:s payment_intent:0os pending_reason?:s presentment_details?:o \
         reason:0s receipt_number:0s source_transfer_reversal:0os status:0s transfer_reversal:0os",
    ),
    (
        "dispute",
        "amount:n balance_transactions:a charge:os created:n currency:s enhanced_eligibility_types:a \
         evidence:o evidence_details:o id:s is_charge_refundable:b livemode:b metadata:o \
         network_reason_code?:0s object:s payment_intent:0os payment_method_details:o reason:s status:s",
    ),
    (
        "customer",
        "address:0o balance:n cash_balance?:0o created:n currency:0s default_source:0os delinquent:0b \
         description:0s discount:0o email:0s id:s invoice_credit_balance?:o invoice_prefix:0s \
         invoice_settings:o livemode:b metadata:o name:0s next_invoice_sequence:n object:s phone:0s \
         preferred_locales:0a shipping:0o sources?:o subscriptions?:o tax?:o tax_exempt:0s tax_ids?:o \
         test_clock:0os",
    ),
    (
        "subscription",
        "application:0os application_fee_percent:0n automatic_tax:o billing_cycle_anchor:n \
         billing_cycle_anchor_config:0o billing_mode:o billing_thresholds:0o cancel_at:0n \
         cancel_at_period_end:b canceled_at:0n cancellation_details:0o collection_method:s created:n \
         currency:s customer:os days_until_due:0n default_payment_method:0os default_source:0os \
         default_tax_rates:0a description:0s discounts:ao ended_at:0n id:s invoice_settings:o items:o \
         latest_invoice:0os livemode:b metadata:o next_pending_invoice_item_invoice:0n object:s \
         on_behalf_of:0os pause_collection:0o payment_settings:0o pending_invoice_item_interval:0o \
         pending_setup_intent:0os pending_update:0o schedule:0os start_date:n status:s test_clock:0os \
         transfer_data:0o trial_end:0n trial_settings:0o trial_start:0n",
    ),
    (
        "subscription_item",
        "billing_thresholds:0o created:n current_period_end:n current_period_start:n discounts:ao id:s \
         metadata:o object:s plan:o price:o quantity:n subscription:s tax_rates:0a",
    ),
    (
        "plan",
        "active:b amount:0n amount_decimal:0s billing_scheme:s created:n currency:s id:s interval:s \
         interval_count:n livemode:b metadata:0o meter:0s nickname:0s object:s product:0os tiers?:a \
         tiers_mode:0s transform_usage:0o trial_period_days:0n usage_type:s",
    ),
    (
        "invoice",
        "account_country:0s account_name:0s account_tax_ids:0ao amount_due:n amount_overpaid:n amount_paid:n \
         amount_remaining:n amount_shipping:n application:0os attempt_count:n attempted:b auto_advance:b \
         automatic_tax:o automatically_finalizes_at:0n billing_reason:0s collection_method:s \
         confirmation_secret?:0o created:n currency:s custom_fields:0a customer:0os customer_address:0o \
         customer_email:0s customer_name:0s customer_phone:0s customer_shipping:0o customer_tax_exempt:0s \
         customer_tax_ids:0a default_payment_method:0os default_source:0os default_tax_rates:a description:0s \
         discounts:ao due_date:0n effective_at:0n ending_balance:0n footer:0s from_invoice:0o \
         hosted_invoice_url:0s id:s invoice_pdf:0s issuer:o last_finalization_error:0o latest_revision:0os \
         lines:o livemode:b metadata:0o next_payment_attempt:0n number:0s object:s on_behalf_of:0os parent:0o \
         payment_settings:o payments?:o period_end:n period_start:n post_payment_credit_notes_amount:n \
         pre_payment_credit_notes_amount:n receipt_number:0s rendering:0o shipping_cost:0o \
         shipping_details:0o starting_balance:n statement_descriptor:0s status:0s status_transitions:o \
         subtotal:n subtotal_excluding_tax:0n test_clock:0os threshold_reason?:o total:n \
         total_discount_amounts:0a total_excluding_tax:0n total_pretax_credit_amounts:0a total_taxes:0a \
         webhooks_delivered_at:0n",
    ),
    (
        "line_item",
        "amount:n currency:s description:0s discount_amounts:0a discountable:b discounts:ao id:s invoice:0s \
         livemode:b metadata:o object:s parent:0o period:o pretax_credit_amounts:0a pricing:0o quantity:0n \
         subscription:0os taxes:0a",
    ),
    (
        "invoice_payment",
        "amount_paid:0n amount_requested:n created:n currency:s id:s invoice:os is_default:b livemode:b \
         object:s payment:o status:s status_transitions:o",
    ),
    (
        "product",
        "active:b created:n default_price:0os description:0s id:s images:a livemode:b marketing_features:a \
         metadata:o name:s object:s package_dimensions:0o shippable:0b statement_descriptor:0s tax_code:0os \
         type:s unit_label:0s updated:n url:0s",
    ),
    (
        "price",
        "active:b billing_scheme:s created:n currency:s currency_options?:o custom_unit_amount:0o id:s \
         livemode:b lookup_key:0s metadata:o nickname:0s object:s product:os recurring:0o tax_behavior:0s \
         tiers?:a tiers_mode:0s transform_quantity:0o type:s unit_amount:0n unit_amount_decimal:0s",
    ),
    (
        "payment_method",
        "acss_debit?:o affirm?:o afterpay_clearpay?:o alipay?:o allow_redisplay:s alma?:o amazon_pay?:o \
         au_becs_debit?:o bacs_debit?:o bancontact?:o billie?:o billing_details:o blik?:o boleto?:o card?:o \
         card_present?:o cashapp?:o created:n crypto?:o customer:0os customer_balance?:o eps?:o fpx?:o \
         giropay?:o grabpay?:o id:s ideal?:o interac_present?:o kakao_pay?:o klarna?:o konbini?:o kr_card?:o \
         link?:o livemode:b metadata:0o mobilepay?:o multibanco?:o naver_pay?:o nz_bank_account?:o object:s \
         oxxo?:o p24?:o pay_by_bank?:o payco?:o paynow?:o paypal?:o pix?:o promptpay?:o radar_options?:o \
         revolut_pay?:o samsung_pay?:o satispay?:o sepa_debit?:o sofort?:o swish?:o twint?:o type:s \
         us_bank_account?:o wechat_pay?:o zip?:o",
    ),
    (
        "item",
        "amount_discount:n amount_subtotal:n amount_tax:n amount_total:n currency:s description:0s \
         discounts?:a id:s object:s price:0o quantity:0n taxes?:a",
    ),
    (
        "webhook_endpoint",
        "api_version:0s application:0s created:n description:0s enabled_events:a id:s livemode:b metadata:o \
         object:s secret?:s status:s url:s",
    ),
    (
        "event",
        "account?:s api_version:0s context?:s created:n data:o id:s livemode:b object:s pending_webhooks:n \
         request:0o type:s",
    ),
    ("list", "data:a has_more:b object:s url:s"),
];

/// Groups of fields inside of objects: whatever of them is shown has these names.
pub(super) const GROUPS: [(&str, &str); 53] = [
    ("checkout.session.automatic_tax", "enabled liability provider status"),
    ("checkout.session.custom_text", "after_submit shipping_address submit terms_of_service_acceptance"),
    ("checkout.session.customer_details", "address email name phone tax_exempt tax_ids"),
    ("checkout.session.customer_details.address", "city country line1 line2 postal_code state"),
    ("checkout.session.invoice_creation", "enabled invoice_data"),
    (
        "checkout.session.invoice_creation.invoice_data",
        "account_tax_ids custom_fields description footer issuer metadata rendering_options",
    ),
    ("checkout.session.phone_number_collection", "enabled"),
    ("checkout.session.shipping_address_collection", "allowed_countries"),
    ("checkout.session.total_details", "amount_discount amount_shipping amount_tax"),
    ("checkout.session.adaptive_pricing", "enabled"),
    ("checkout.session.collected_information", "shipping_details"),
    ("checkout.session.collected_information.shipping_details", "address name"),
    ("checkout.session.collected_information.shipping_details.address", "city country line1 line2 postal_code state"),
    ("payment_intent.amount_details", "tip"),
    ("payment_intent.processing", "type"),
    ("charge.billing_details", "address email name phone tax_id"),
    ("charge.billing_details.address", "city country line1 line2 postal_code state"),
    (
        "charge.outcome",
        "advice_code network_advice_code network_decline_code network_status reason seller_message type",
    ),
    ("refund.destination_details", "card type"),
    ("refund.destination_details.card", "type"),
    (
        "dispute.evidence",
        "access_activity_log billing_address cancellation_policy cancellation_policy_disclosure \
         cancellation_rebuttal customer_communication customer_email_address customer_name \
         customer_purchase_ip customer_signature duplicate_charge_documentation duplicate_charge_explanation \
         duplicate_charge_id enhanced_evidence product_description receipt refund_policy \
         refund_policy_disclosure refund_refusal_explanation service_date service_documentation \
         shipping_address shipping_carrier shipping_date shipping_documentation shipping_tracking_number \
         uncategorized_file uncategorized_text",
    ),
    ("dispute.evidence_details", "due_by enhanced_eligibility has_evidence past_due submission_count"),
    ("dispute.payment_method_details", "card type"),
    ("dispute.payment_method_details.card", "brand case_type network_reason_code"),
    ("customer.address", "city country line1 line2 postal_code state"),
    ("customer.invoice_settings", "custom_fields default_payment_method footer rendering_options"),
    ("subscription.automatic_tax", "disabled_reason enabled liability"),
    ("subscription.cancellation_details", "comment feedback reason"),
    ("subscription.invoice_settings", "account_tax_ids issuer"),
    ("subscription.invoice_settings.issuer", "type"),
    ("subscription.pause_collection", "behavior resumes_at"),
    ("subscription.payment_settings", "payment_method_options payment_method_types save_default_payment_method"),
    ("subscription.trial_settings", "end_behavior"),
    ("subscription.trial_settings.end_behavior", "missing_payment_method"),
    ("subscription.billing_mode", "type"),
    ("invoice.automatic_tax", "disabled_reason enabled liability provider status"),
    ("invoice.issuer", "type"),
    ("invoice.payment_settings", "default_mandate payment_method_options payment_method_types"),
    ("invoice.status_transitions", "finalized_at marked_uncollectible_at paid_at voided_at"),
    ("invoice.parent", "quote_details subscription_details type"),
    ("invoice.parent.subscription_details", "metadata subscription"),
    ("line_item.period", "end start"),
    ("line_item.parent", "invoice_item_details subscription_item_details type"),
    (
        "line_item.parent.subscription_item_details",
        "invoice_item proration proration_details subscription subscription_item",
    ),
    ("line_item.parent.subscription_item_details.proration_details", "credited_items"),
    ("invoice_payment.status_transitions", "canceled_at paid_at"),
    ("price.recurring", "interval interval_count meter trial_period_days usage_type"),
    ("payment_method.billing_details", "address email name phone tax_id"),
    ("payment_method.billing_details.address", "city country line1 line2 postal_code state"),
    (
        "payment_method.card",
        "brand checks country display_brand exp_month exp_year fingerprint funding generated_from last4 \
         networks regulated_status three_d_secure_usage wallet",
    ),
    ("payment_method.card.checks", "address_line1_check address_postal_code_check cvc_check"),
    ("payment_method.card.networks", "available preferred"),
    ("payment_method.card.three_d_secure_usage", "supported"),
];
