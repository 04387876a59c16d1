//! A configuration in which each variable is wrong: its name is said, its value is not.

use crate::program::{closed, empty_folder, ended, program};

/// Each variable with a value that its shape refuses, marked.
const WRONG: [(&str, &str); 33] = [
    ("APP_ENV", "canaryvalue"),
    ("APP_URL", "ftp://canaryvalue@host/path"),
    ("LEPTOS_SITE_ADDR", "canaryvalue"),
    ("OPS_ADDR", "canaryvalue:1"),
    ("SANDBOX_ADDR", "canaryvalue"),
    ("DATABASE_STORAGE_TARGET", "canaryvalue"),
    ("DATABASE_URL", "mysql://canaryvalue:canaryvalue@host/x"),
    ("DATABASE_URL", "postgres://u:canaryvalue@host/x?sslmode=canaryvalue"),
    ("DATABASE_URL", "postgres://u:canaryvalue@host:canaryvalue/x"),
    ("MIGRATE", "canaryvalue"),
    ("STRIPE_SECRET_KEY", "canaryvalue"),
    ("STRIPE_SECRET_KEY", "sk_live_canaryvalue"),
    ("STRIPE_SECRET_KEY_FILE", "/canaryvalue"),
    ("STRIPE_WEBHOOK_SECRET", "canaryvalue"),
    ("STRIPE_WEBHOOK_SECRET_PREVIOUS", "canaryvalue"),
    ("STRIPE_PRODUCT_ID", "canaryvalue value"),
    ("COLOR_PRICE_MAP_JSON", "{\"canaryvalue\":1}"),
    ("COLOR_PRICE_MAP_JSON", "{\"Red\":\"canaryvalue"),
    ("PRODUCT_COLOR_ORDER", "canaryvalue"),
    ("STRIPE_CAPABILITIES", "canaryvalue"),
    ("PAYMENT_PROVIDERS", "canaryvalue"),
    ("INVOICE_DUE_DAYS", "canaryvalue"),
    ("STRIPE_API_BASE", "canaryvalue"),
    ("KLAVIYO_API_BASE", "canaryvalue"),
    ("KLAVIYO_API_KEY", "canaryvalue"),
    ("SHIPPING_COUNTRIES", "canaryvalue"),
    ("CHECKOUT_RATE_PER_IP", "canaryvalue"),
    ("CHECKOUT_RATE_GLOBAL", "canaryvalue"),
    ("TRUSTED_PROXY_HOPS", "canaryvalue"),
    ("RECONCILE_EVERY", "canaryvalue"),
    ("RETENTION_RAW", "3d canaryvalue"),
    ("RETENTION_PERSONAL", "canaryvalue"),
    ("ADMIN_TOKEN", "canaryvalue"),
];

#[tokio::test]
async fn an_invalid_variable_is_named_and_never_quoted() {
    for (name, value) in WRONG {
        let variables = [(name, value), ("RUST_LOG", "trace")];
        let needed = [("PAYMENT_PROVIDERS", "stripe,invoice")].into_iter().filter(|_| name == "INVOICE_DUE_DAYS");
        let mut command = program(&["check"], variables.into_iter().chain(needed));
        command.current_dir(empty_folder());
        let (status, output, complaint) = ended(command).await;
        assert!(!format!("{output}{complaint}").contains("canaryvalue"), "{name}: {output}{complaint}");
        assert_eq!(status, 1, "{name}={value}: {output}{complaint}");
        assert!(complaint.contains(name), "{name}: {complaint}");
    }
}

#[tokio::test]
async fn an_unreachable_store_or_provider_is_reported_without_credentials() {
    let variables = [
        ("DATABASE_URL", format!("postgres://canaryuser:canaryvalue@{}/x", closed())),
        ("STRIPE_SECRET_KEY", "sk_test_canaryvalue".to_owned()),
        ("STRIPE_WEBHOOK_SECRET", "whsec_canaryvalue".to_owned()),
        ("STRIPE_API_BASE", format!("http://canaryvalue:canaryvalue@{}", closed())),
        ("STRIPE_PRODUCT_ID", "prod_1".to_owned()),
        ("COLOR_PRICE_MAP_JSON", r#"{"Red":"price_1"}"#.to_owned()),
        ("RUST_LOG", "trace,reqwest=trace,hyper=trace,sqlx=trace".to_owned()),
    ];
    for arguments in [&["check"][..], &["check", "--json"], &["doctor"], &["preorders", "list"]] {
        let mut command = program(arguments, variables.iter().map(|(name, value)| (*name, value.as_str())));
        command.current_dir(empty_folder());
        let (status, output, complaint) = ended(command).await;
        assert_eq!(status, 1, "{arguments:?}: {output}{complaint}");
        assert!(!format!("{output}{complaint}").contains("canaryvalue"), "{arguments:?}: {output}{complaint}");
    }
}
