//! Configuration by example: what starts, what does not, and that no fault contains a value.

use std::num::NonZeroU32;

use secrecy::{ExposeSecret, SecretString};

use super::*;

fn read(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let lookup = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
    Config::from_lookup(&lookup, || SecretString::from("whsec_generated"))
}

fn faulty(variables: &[(&str, &str)]) -> Vec<String> {
    read(variables).unwrap_err().0.into_iter().map(|fault| fault.variable).collect()
}

const PRODUCTION: [(&str, &str); 8] = [
    ("APP_ENV", "production"),
    ("APP_URL", "https://shop.example"),
    ("DATABASE_URL", "postgres://shop:pw@db/rolitt"),
    ("STRIPE_SECRET_KEY", "rk_live_abc"),
    ("STRIPE_WEBHOOK_SECRET", "whsec_abc"),
    ("STRIPE_PRODUCT_ID", "prod_abc"),
    ("COLOR_PRICE_MAP_JSON", r#"{"Red":"price_r","Honey Khaki":"price_h"}"#),
    ("ADMIN_TOKEN", "0123456789abcdef0123456789abcdef"),
];

fn production_with(changed: (&'static str, &'static str)) -> Vec<(&'static str, &'static str)> {
    PRODUCTION.into_iter().filter(|(name, _)| *name != changed.0).chain([changed]).collect()
}

#[test]
fn development_needs_no_variable_and_gets_the_sandbox_and_an_embedded_database() {
    let config = read(&[]).unwrap();
    assert!(matches!(config.storage.chosen, StoreConfig::Postgres(Database::Embedded)));
    let sandbox = config.sandbox.unwrap();
    assert_eq!((sandbox.prices.len(), sandbox.webhook_secret.expose_secret()), (5, "whsec_generated"));
    assert_eq!(config.stripe.api_base.as_str(), "http://127.0.0.1:12111/");
    assert_eq!(config.app_url.as_str(), "http://127.0.0.1:3000/");
    assert!(!config.stripe.livemode);
}

#[test]
fn firestore_needs_a_project_id_and_no_database_url() {
    let on = |more: &[(&'static str, &'static str)]| -> Vec<(&'static str, &'static str)> {
        let rest = PRODUCTION.into_iter().filter(|(name, _)| *name != "DATABASE_URL");
        rest.chain([("DATABASE_STORAGE_TARGET", "firestore")]).chain(more.iter().copied()).collect()
    };
    let config = read(&on(&[("FIRESTORE_PROJECT_ID", "my-shop-1")])).unwrap();
    let StoreConfig::Firestore(firestore) = config.storage.chosen else { panic!("another store") };
    assert_eq!((firestore.project.as_str(), firestore.emulator), ("my-shop-1", None));
    assert!(config.storage.other.is_none(), "nothing to move from or to");
    assert_eq!(faulty(&on(&[])), ["FIRESTORE_PROJECT_ID"]);
    for bad in ["My Shop", "a/b", "ä", ""] {
        assert_eq!(faulty(&on(&[("FIRESTORE_PROJECT_ID", bad)])), ["FIRESTORE_PROJECT_ID"], "{bad}");
    }
    let project = ("FIRESTORE_PROJECT_ID", "my-shop-1");
    let emulator = ("FIRESTORE_EMULATOR_HOST", "127.0.0.1:8080");
    assert_eq!(faulty(&on(&[project, emulator])), ["FIRESTORE_EMULATOR_HOST"], "an emulator keeps no shop's orders");
    let away = ("GOOGLE_APPLICATION_CREDENTIALS", "/nonexistent/key.json");
    assert_eq!(faulty(&on(&[project, away])), ["GOOGLE_APPLICATION_CREDENTIALS"]);
    let no_key = ("GOOGLE_APPLICATION_CREDENTIALS", "Cargo.toml");
    assert_eq!(faulty(&on(&[project, no_key])), ["GOOGLE_APPLICATION_CREDENTIALS"]);
    assert_eq!(faulty(&production_with(("DATABASE_STORAGE_TARGET", "mysql"))), ["DATABASE_STORAGE_TARGET"]);
}

#[test]
fn the_store_that_is_not_chosen_is_known_if_it_is_configured() {
    let both = read(&[("FIRESTORE_PROJECT_ID", "demo-shop"), ("FIRESTORE_EMULATOR_HOST", "127.0.0.1:8080")]).unwrap();
    assert!(matches!(both.storage.chosen, StoreConfig::Postgres(_)));
    assert!(matches!(both.storage.other, Some(StoreConfig::Firestore(_))));
    for bad in ["8080", "http://127.0.0.1:8080/", "127.0.0.1:", "127.0.0.1:99999"] {
        let variables = [("FIRESTORE_PROJECT_ID", "demo-shop"), ("FIRESTORE_EMULATOR_HOST", bad)];
        assert_eq!(faulty(&variables), ["FIRESTORE_EMULATOR_HOST"], "{bad}");
    }
    // A key of other programs on this machine is none of a shop's business that is not on
    // Firestore.
    assert!(read(&[("GOOGLE_APPLICATION_CREDENTIALS", "/nonexistent/key.json")]).is_ok());
}

#[test]
fn production_reports_all_missing_variables_at_once() {
    assert_eq!(
        faulty(&[("APP_ENV", "production")]),
        [
            "APP_URL",
            "STRIPE_SECRET_KEY",
            "STRIPE_WEBHOOK_SECRET",
            "STRIPE_PRODUCT_ID",
            "COLOR_PRICE_MAP_JSON",
            "DATABASE_URL",
            "ADMIN_TOKEN"
        ]
    );
}

#[test]
fn a_complete_production_starts_without_sandbox_and_with_marketing_off() {
    let config = read(&PRODUCTION).unwrap();
    assert!(config.sandbox.is_none() && config.klaviyo.is_none() && config.stripe.livemode);
}

#[test]
fn no_configuration_fault_contains_the_value_of_a_secret() {
    let canary = "canary-9f3a";
    for (name, _) in PRODUCTION {
        let error = read(&production_with((name, canary))).unwrap_err().to_string();
        assert!(error.contains(name) && !error.contains(canary), "{error}");
    }
}

#[test]
fn live_and_test_keys_must_match_app_env() {
    assert_eq!(faulty(&production_with(("STRIPE_SECRET_KEY", "sk_test_abc"))), ["STRIPE_SECRET_KEY"]);
    let development = [
        ("STRIPE_SECRET_KEY", "sk_live_abc"),
        ("STRIPE_WEBHOOK_SECRET", "whsec_abc"),
        ("STRIPE_PRODUCT_ID", "prod_abc"),
        ("COLOR_PRICE_MAP_JSON", r#"{"Red":"price_r"}"#),
    ];
    assert_eq!(faulty(&development)[0], "STRIPE_SECRET_KEY");
}

#[test]
fn empty_or_malformed_webhook_secrets_are_faults() {
    for bad in ["", " ", "whsec_", "whsec_a b", "secret"] {
        let faults = faulty(
            &PRODUCTION
                .into_iter()
                .map(|(n, v)| (n, if n == "STRIPE_WEBHOOK_SECRET" { bad } else { v }))
                .collect::<Vec<_>>(),
        );
        assert_eq!(faults, ["STRIPE_WEBHOOK_SECRET"], "{bad:?}");
    }
}

#[test]
fn development_listens_on_loopback_only() {
    for name in ["LEPTOS_SITE_ADDR", "OPS_ADDR", "SANDBOX_ADDR"] {
        assert_eq!(faulty(&[(name, "0.0.0.0:3000")]), [name]);
    }
    assert!(read(&production_with(("LEPTOS_SITE_ADDR", "0.0.0.0:3000"))).is_ok());
}

#[test]
fn a_misspelt_app_env_does_not_open_a_development_shop() {
    assert!(faulty(&[("APP_ENV", "prod")]).contains(&"APP_ENV".to_owned()));
}

#[test]
fn colors_come_in_the_named_order_then_in_the_maps() {
    let config = read(&production_with(("PRODUCT_COLOR_ORDER", "Sakura Pink, Honey Khaki"))).unwrap();
    let colors: Vec<_> =
        config.catalogue.colors.iter().map(|(color, price)| (color.as_str(), price.is_some())).collect();
    assert_eq!(colors, [("Sakura Pink", false), ("Honey Khaki", true), ("Red", true)]);
}

#[test]
fn malformed_color_price_maps_are_faults() {
    for bad in [
        "[]",
        "{}",
        "{",
        r#"{"Red":1}"#,
        r#"{"Blue":"price_1"}"#,
        r#"{"Red":"price_1","Red":"price_2"}"#,
        r#"{"Red":"a b"}"#,
        r#"{"Red":"prod_1"}"#,
        r#"{"Red":"price_1"} x"#,
    ] {
        assert_eq!(
            faulty(&production_with(("COLOR_PRICE_MAP_JSON", Box::leak(bad.to_owned().into_boxed_str())))),
            ["COLOR_PRICE_MAP_JSON"],
            "{bad}"
        );
    }
}

#[test]
fn app_url_must_be_an_https_origin() {
    for bad in [
        "shop.example",
        "http://shop.example",
        "https://shop.example/x",
        "https://u@shop.example",
        "https://:p@shop.example",
        "ftp://shop.example",
        "https://shop.example/?a",
    ] {
        assert_eq!(
            faulty(&production_with(("APP_URL", Box::leak(bad.to_owned().into_boxed_str())))),
            ["APP_URL"],
            "{bad}"
        );
    }
}

#[test]
fn invalid_database_urls_and_log_formats_are_faults() {
    for bad in ["mysql://a/b", "postgres://a/b?sslmode=bogus", "postgres"] {
        let changed = Box::leak(bad.to_owned().into_boxed_str());
        assert_eq!(faulty(&production_with(("DATABASE_URL", changed))), ["DATABASE_URL"], "{bad}");
    }
    assert_eq!(faulty(&[("LOG_FORMAT", "yaml")]), ["LOG_FORMAT"]);
}

#[test]
fn rate_limits_can_be_switched_off_and_must_be_positive() {
    let config = read(&[("CHECKOUT_RATE_PER_IP", "off"), ("CHECKOUT_RATE_GLOBAL", "5")]).unwrap();
    assert_eq!(
        (config.rate_limits.per_ip_per_minute, config.rate_limits.global_per_second),
        (None, NonZeroU32::new(5))
    );
    assert_eq!(
        faulty(&[("CHECKOUT_RATE_PER_IP", "0"), ("CHECKOUT_RATE_GLOBAL", "-1"), ("TRUSTED_PROXY_HOPS", "x")]).len(),
        3
    );
}

#[test]
fn a_secret_comes_from_a_file_or_a_variable_not_both() {
    let path = std::env::temp_dir().join(format!("rolitt-config-{}", std::process::id()));
    std::fs::write(&path, "pk_fromfile\n").unwrap();
    let path = path.to_str().unwrap();
    let config = read(&[("KLAVIYO_API_KEY_FILE", path)]).unwrap();
    assert_eq!(config.klaviyo.unwrap().api_key.expose_secret(), "pk_fromfile");
    assert_eq!(faulty(&[("KLAVIYO_API_KEY_FILE", path), ("KLAVIYO_API_KEY", "pk_x")]), ["KLAVIYO_API_KEY"]);
    assert_eq!(faulty(&[("KLAVIYO_API_KEY_FILE", "/nonexistent/file")]), ["KLAVIYO_API_KEY_FILE"]);
    std::fs::remove_file(path).unwrap();
}

const INVOICE: [(&str, &str); 3] = [
    ("PAYMENT_PROVIDERS", "stripe, invoice"),
    ("INVOICE_ACCOUNT_HOLDER", "Rolitt Workshop"),
    ("INVOICE_IBAN", "DE89 3704 0044 0532 0130 00"),
];

fn invoice_with(changed: (&'static str, &'static str)) -> Vec<(&'static str, &'static str)> {
    INVOICE.into_iter().filter(|(name, _)| *name != changed.0).chain([changed]).collect()
}

#[test]
fn stripe_is_the_only_payment_provider_by_default() {
    let config = read(&[("INVOICE_IBAN", "not looked at")]).unwrap();
    assert_eq!(config.providers, ProvidersConfig { default: ProviderConfig::Stripe, others: Vec::new() });
}

#[test]
fn an_iban_is_validated_and_the_first_payment_provider_is_the_default() {
    let config = read(&INVOICE).unwrap();
    let invoice = config.providers.invoice().unwrap();
    assert_eq!((invoice.account.iban.grouped().as_str(), invoice.due_days), ("DE89 3704 0044 0532 0130 00", 14));
    assert!(config.providers.default == ProviderConfig::Stripe && invoice.account.bic.is_none() && !invoice.livemode);

    let first = [("PAYMENT_PROVIDERS", "invoice,stripe"), ("INVOICE_BIC", "COBADEFF"), ("INVOICE_DUE_DAYS", "7")];
    let config = read(&[&INVOICE[1..], &first].concat()).unwrap();
    let ProviderConfig::Invoice(invoice) = config.providers.default else { panic!("invoice is named first") };
    assert_eq!((invoice.account.bic.unwrap().to_string().as_str(), invoice.due_days), ("COBADEFF", 7));
}

#[test]
fn unknown_payment_providers_and_invalid_bank_accounts_are_faults() {
    for bad in ["paypal", "stripe,", "stripe,stripe", "invoice", "Stripe", "stripe;invoice"] {
        let changed = Box::leak(bad.to_owned().into_boxed_str());
        assert_eq!(faulty(&invoice_with(("PAYMENT_PROVIDERS", changed))), ["PAYMENT_PROVIDERS"], "{bad}");
    }
    assert_eq!(faulty(&INVOICE[..1]), ["INVOICE_ACCOUNT_HOLDER", "INVOICE_IBAN"]);
    let canary = "canary-9f3a\u{202e}";
    for name in ["INVOICE_ACCOUNT_HOLDER", "INVOICE_IBAN", "INVOICE_BIC", "INVOICE_DUE_DAYS"] {
        let error = read(&invoice_with((name, canary))).unwrap_err();
        assert_eq!(error.0.iter().map(|fault| fault.variable.as_str()).collect::<Vec<_>>(), [name]);
        assert!(!error.to_string().contains("canary"), "{error}");
    }
    for days in ["0", "91", "-1", "1.5"] {
        let changed = Box::leak(days.to_owned().into_boxed_str());
        assert_eq!(faulty(&invoice_with(("INVOICE_DUE_DAYS", changed))), ["INVOICE_DUE_DAYS"], "{days}");
    }
}

#[test]
fn retention_times_have_defaults_and_lower_bounds() {
    let days = |days: u64| Some(Duration::from_hours(24 * days));
    let kept = |raw: &str, personal: &str| {
        read(&[("RETENTION_RAW", raw), ("RETENTION_PERSONAL", personal)]).map(|config| config.retention)
    };
    assert_eq!(read(&[]).unwrap().retention, Retention { raw: days(90), personal: days(730) });
    assert_eq!(kept("7d", "120d").unwrap(), Retention { raw: days(7), personal: days(120) });
    assert_eq!(kept("off", "off").unwrap(), Retention { raw: None, personal: None });
    for (raw, personal) in [("6d 23h", "119d"), ("0s", "90"), ("never", "-1d")] {
        let faults: Vec<_> = kept(raw, personal).unwrap_err().0.into_iter().map(|fault| fault.variable).collect();
        assert_eq!(faults, ["RETENTION_RAW", "RETENTION_PERSONAL"], "{raw} {personal}");
    }
}

#[test]
fn failpoints_are_refused_by_a_build_without_them_and_misspelt_ones_by_every_build() {
    let with = |settings| read(&[("ROLITT_FAILPOINTS", settings)]);
    assert_eq!(with("kill@no_such_failpoint=1").unwrap_err().0[0].variable, "ROLITT_FAILPOINTS");
    let read_settings = with("kill@before_commit=37;lease_ms=4000");
    assert_eq!(read_settings.is_ok(), ::failpoints::ENABLED);
    match read_settings {
        Ok(config) => assert_eq!(config.failpoints.to_string(), "kill@before_commit=37;lease_ms=4000"),
        Err(ConfigError(faults)) => assert!(faults[0].fix.contains("without failpoints"), "{faults:?}"),
    }
    assert_eq!(read(&[]).unwrap().failpoints, ::failpoints::Settings::default());
}
