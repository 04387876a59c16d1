//! The real binary, started with configurations that must not start, and asked how it is used.

use std::process::{Command, Output};

fn rolitt(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rolitt"))
        .args(arguments)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .envs(variables.iter().copied())
        .current_dir(std::env::temp_dir())
        .output()
        .unwrap()
}

#[test]
fn production_names_all_that_is_missing_at_once_and_shows_no_value() {
    let output = rolitt(
        &["serve"],
        &[("APP_ENV", "production"), ("STRIPE_SECRET_KEY", "sk_test_canary"), ("ADMIN_TOKEN", "short-canary")],
    );
    assert_eq!(output.status.code(), Some(1));
    let output = String::from_utf8(output.stderr).unwrap() + &String::from_utf8(output.stdout).unwrap();
    for name in [
        "APP_URL",
        "DATABASE_URL",
        "STRIPE_SECRET_KEY",
        "STRIPE_WEBHOOK_SECRET",
        "STRIPE_PRODUCT_ID",
        "COLOR_PRICE_MAP_JSON",
        "ADMIN_TOKEN",
    ] {
        assert!(output.contains(name), "{name} in:\n{output}");
    }
    assert!(!output.contains("canary"), "{output}");
}

#[test]
fn development_does_not_listen_beyond_this_machine() {
    let output = rolitt(&[], &[("LEPTOS_SITE_ADDR", "0.0.0.0:3000")]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("LEPTOS_SITE_ADDR"));
}

#[test]
fn the_sandbox_does_not_run_in_production() {
    let complete = [
        ("APP_ENV", "production"),
        ("APP_URL", "https://shop.example"),
        ("DATABASE_URL", "postgres://a:b@127.0.0.1:1/x"),
        ("STRIPE_SECRET_KEY", "rk_live_abc"),
        ("STRIPE_WEBHOOK_SECRET", "whsec_abc"),
        ("STRIPE_PRODUCT_ID", "prod_abc"),
        ("COLOR_PRICE_MAP_JSON", r#"{"Red":"price_r"}"#),
        ("ADMIN_TOKEN", "0123456789abcdef0123456789abcdef"),
    ];
    assert_eq!(rolitt(&["sandbox"], &complete).status.code(), Some(1));
}

#[test]
fn wrong_usage_is_2_and_help_is_0() {
    assert_eq!(rolitt(&["sell"], &[]).status.code(), Some(2));
    assert_eq!(rolitt(&["serve", "--fast"], &[]).status.code(), Some(2));
    for command in ["serve", "migrate", "check", "sandbox", "postgres"] {
        assert_eq!(rolitt(&[command, "--help"], &[]).status.code(), Some(0), "{command}");
    }
}

#[test]
fn the_help_of_every_command_has_words_and_no_identifiers() {
    let preorders = ["list", "show", "approve", "ship", "deliver", "mark-paid", "cancel", "erase", "refund"];
    let commands = [vec![], vec!["check"], vec!["doctor"], vec!["reconcile"], vec!["store", "copy"], vec!["postgres"]];
    for command in commands.into_iter().chain(preorders.map(|name| vec!["preorders", name])) {
        let output = rolitt(&[&command[..], &["--help"]].concat(), &[]);
        let help = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && help.contains("Usage: rolitt"), "{command:?}: {help}");
        let words = help.split(|c: char| !c.is_alphanumeric()).filter(|word| *word != "PostgreSQL");
        let humps = |word: &&str| {
            word.as_bytes().windows(2).any(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase())
        };
        assert_eq!(words.filter(humps).collect::<Vec<_>>(), Vec::<&str>::new(), "{command:?}");
    }
}

#[test]
fn the_example_of_a_dotenv_reads_line_by_line() {
    let example = include_str!("../../.env.example");
    let uncommented: Vec<&str> = example
        .lines()
        .filter_map(|line| line.strip_prefix('#'))
        .filter(|line| {
            line.split_once('=').is_some_and(|(name, _)| name.chars().all(|c| c.is_ascii_uppercase() || c == '_'))
        })
        .collect();
    let read: Vec<_> = dotenvy::from_read_iter(uncommented.join("\n").as_bytes()).collect();
    assert!(read.len() > 15);
    for line in read {
        let (name, value) = line.unwrap();
        assert!(name != "COLOR_PRICE_MAP_JSON" || value.starts_with("{\"Honey Khaki\":"), "{value}");
    }
}

#[test]
fn a_dotenv_that_does_not_read_is_said_and_not_left_out() {
    let folder = std::env::temp_dir().join(format!("rolitt-dotenv-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(".env"), "STRIPE_SECRET_KEY=sk_test_abc def\n").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_rolitt"))
        .arg("check")
        .env_remove("APP_ENV")
        .current_dir(&folder)
        .output()
        .unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(output.status.code(), Some(1));
    let output = String::from_utf8(output.stderr).unwrap();
    assert!(output.contains(".env") && !output.contains("sk_test"), "{output}");
}
