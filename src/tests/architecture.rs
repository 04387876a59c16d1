//! The house's walls, held by reading its sources.

use std::{fs, path::Path};

use fault_harness::contract::{COLORS, STATUSES};
use rolitt::domain::{preorder::PreorderStatus, product::ProductColor};

struct Source {
    path: String,
    text: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The shop's own package by paths below `src/`, the other packages by paths that begin with
/// `crates/`.
fn sources() -> Vec<Source> {
    fn collect(folder: &Path, base: &Path, found: &mut Vec<Source>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, base, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let relative = path.strip_prefix(base).unwrap().to_str().unwrap().to_owned();
                found.push(Source { path: relative, text: fs::read_to_string(&path).unwrap() });
            }
        }
    }
    let mut found = Vec::new();
    collect(&root().join("src"), &root().join("src"), &mut found);
    collect(&root().join("crates"), root(), &mut found);
    assert!(found.len() > 50, "the sources were found");
    assert!(found.iter().any(|source| source.path == "crates/minor-money/src/lib.rs"), "the crates were found");
    found
}

/// The manifests of all packages, by their paths: the shop's first.
fn manifests() -> Vec<(String, String)> {
    let crates = fs::read_dir(root().join("crates")).unwrap().map(|entry| entry.unwrap().path().join("Cargo.toml"));
    let all = [root().join("Cargo.toml")].into_iter().chain(crates);
    all.map(|path| (path.display().to_string(), fs::read_to_string(&path).unwrap())).collect()
}

/// Lines of code that hold `needle`; comments may say what they like.
fn lines_with(source: &Source, needle: &str) -> Vec<String> {
    let code = |line: &&str| !line.trim_start().starts_with("//");
    source
        .text
        .lines()
        .filter(code)
        .filter(|line| line.contains(needle))
        .map(|line| format!("{}: {line}", source.path))
        .collect()
}

fn only_in(needle: &str, allowed: &[&str]) {
    let found: Vec<String> = sources()
        .iter()
        .filter(|source| !["tests/", "crates/fault-harness/"].iter().any(|outside| source.path.starts_with(outside)))
        .filter(|source| !allowed.iter().any(|place| source.path.starts_with(place)))
        .flat_map(|source| lines_with(source, needle))
        .collect();
    assert!(found.is_empty(), "`{needle}` belongs in {allowed:?} only:\n{}", found.join("\n"));
}

fn never_from(room: &str, needles: &[&str]) {
    let found: Vec<String> = sources()
        .iter()
        .filter(|source| source.path.starts_with(room))
        .flat_map(|source| needles.iter().flat_map(|needle| lines_with(source, needle)).collect::<Vec<_>>())
        .collect();
    assert!(found.is_empty(), "{room} may not name {needles:?}:\n{}", found.join("\n"));
}

#[test]
fn features_are_gated_in_one_place() {
    only_in("cfg(feature", &["lib.rs", "crates/failpoints/src/lib.rs"]);
    // In every other build the macros of `failpoints` leave nothing, and this module is not
    // compiled.
    only_in("when_enabled!", &["main.rs", "serve.rs", "crates/failpoints/src/lib.rs"]);
    only_in("negative_controls", &["lib.rs", "serve.rs"]);
    only_in("failpoints::arm", &["main.rs", "crates/failpoints"]);
    only_in("failpoints::hit", &["crates/failpoints"]);
    only_in("config.failpoints", &["main.rs", "serve.rs", "server/state.rs", "server/config/tests.rs"]);
}

#[test]
fn vendors_stay_in_their_rooms() {
    only_in("sqlx::", &["server/store/postgres"]);
    for name in ["firestore::", "gcloud_sdk::", "tonic::"] {
        only_in(name, &["server/store/firestore", "server/config/storage.rs", "ops/context.rs"]);
    }
    for name in [
        "stripe_billing",
        "stripe_checkout",
        "stripe_client_core",
        "stripe_core",
        "stripe_misc",
        "stripe_product",
        "stripe_shared",
        "stripe_types",
    ] {
        only_in(name, &["server/payments/stripe"]);
    }
    only_in(
        "reqwest::",
        &[
            "server/payments/stripe",
            "server/marketing",
            "server/http/client.rs",
            "server/state.rs",
            "crates/stripe-sandbox",
        ],
    );
}

#[test]
fn the_environment_is_read_by_the_process_only() {
    only_in("std::env", &["main.rs", "server/config/tests.rs", "server/store/postgres/embedded.rs"]);
    only_in("env::var", &["main.rs"]);
}

#[test]
fn arrows_go_one_way() {
    never_from(
        "domain/",
        &[
            "crate::server",
            "crate::app",
            "crate::wire",
            "crate::ops",
            "crate::sandbox",
            "crate::router",
            "leptos",
            "axum",
            "tokio",
        ],
    );
    never_from("wire/", &["app::", "server::", "router::", "ops::", "sandbox::", "leptos", "axum", "tokio"]);
    only_in("stripe_sandbox", &["sandbox.rs"]);
    never_from("sandbox.rs", &["crate::domain", "crate::app", "crate::wire", "crate::ops", "crate::router"]);
    never_from("crates/", &["rolitt::"]);
    // The harness links no part of the shop, and no failpoint acts in it.
    never_from("crates/fault-harness/", &["stripe_sandbox", "failpoints::arm", "failpoints::hit"]);
    for (path, manifest) in manifests().iter().filter(|(path, _)| path.contains("crates/")) {
        assert!(!manifest.contains("\nrolitt"), "{path} depends on the shop");
        assert!(!manifest.contains("\"enabled\""), "{path} turns failpoints on in everything that is built with it");
    }
    never_from("server/", &["crate::app", "app::api", "crate::ops", "crate::sandbox", "crate::router"]);
    never_from("ops/", &["crate::app", "crate::wire", "crate::router"]);
    never_from("server/payments/", &["server::store", "server::marketing"]);
    never_from("server/store/", &["server::payments", "server::marketing"]);
    never_from("server/marketing/", &["server::payments", "server::store"]);
    never_from("server/store_copy/", &["store::postgres", "store::firestore", "postgres::", "firestore::"]);
}

#[test]
fn pages_reach_the_server_through_their_functions_only() {
    let found: Vec<String> = sources()
        .iter()
        .filter(|source| source.path.starts_with("app/") && source.path != "app/api.rs")
        .flat_map(|source| lines_with(source, "crate::server"))
        .collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
    let api = sources().into_iter().find(|source| source.path == "app/api.rs").unwrap();
    assert!(lines_with(&api, "use crate::server").is_empty(), "inside bodies only");
}

/// The harness has its own list of the names that the outside depends on, because it does not link
/// the shop.
#[test]
fn the_fault_harness_spells_colors_and_statuses_as_the_shop_does() {
    assert_eq!(COLORS, ProductColor::ALL.map(ProductColor::as_str));
    assert_eq!(STATUSES, PreorderStatus::ALL.map(PreorderStatus::as_str));
}

#[test]
fn files_fit_in_one_reading_and_have_a_purpose() {
    for source in sources() {
        let lines = source.text.lines().count();
        assert!(lines <= 400, "{} has {lines} lines", source.path);
        assert!(source.text.starts_with("//!"), "{} does not say what it is for", source.path);
        let name = source.path.rsplit('/').next().unwrap();
        assert!(!["utils.rs", "helpers.rs", "common.rs", "types.rs"].contains(&name), "{} says nothing", source.path);
    }
}

#[test]
fn nothing_unsafe_and_nothing_left_open() {
    only_in("unsafe ", &[]);
    only_in("todo!(", &[]);
    only_in("unimplemented!(", &[]);
    only_in("#[allow(", &[]);
    let read = |file: &str| fs::read_to_string(root().join(file)).unwrap();
    assert!(read("Cargo.toml").contains("[workspace.lints.rust]\nunsafe_code = \"forbid\""));
    for (path, manifest) in manifests() {
        assert!(manifest.contains("\n[lints]\nworkspace = true\n"), "{path} has the workspace's lints");
    }
    // The targets' macro names the entry point for the linker, which counts as unsafe: what they
    // call holds the code.
    assert!(read("fuzz/src/lib.rs").contains("#![forbid(unsafe_code)]"));
    assert!(read("fuzz/Cargo.toml").contains("unsafe_code = \"deny\""));
}

#[test]
fn the_running_server_and_the_build_agree() {
    let table = |file: &str| {
        let text = fs::read_to_string(root().join(file)).unwrap();
        let section = text.split("[package.metadata.leptos]").nth(1).unwrap().split("\n[").next().unwrap().to_owned();
        section
            .lines()
            .filter_map(|line| line.split_once('='))
            .map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned()))
            .collect::<Vec<_>>()
    };
    let build = table("Cargo.toml");
    for (key, value) in table("Leptos.toml") {
        let in_build = build.iter().find(|(name, _)| *name == key).map(|(_, value)| value);
        assert_eq!(in_build, Some(&value), "{key}");
    }
}

#[test]
fn every_dependency_says_why_it_is_there() {
    for (path, manifest) in manifests() {
        let mut section = "";
        for line in manifest.lines() {
            if line.starts_with('[') {
                section = line;
            }
            let entry = section.ends_with("dependencies]") && line.contains(" = ") && !line.starts_with([' ', '#']);
            assert!(!entry || line.contains('#'), "{path}: {line}");
        }
    }
}

/// Carets between these crates would mix releases; the lock file alone does not hold, because
/// `cargo update` rewrites it.
#[test]
fn each_crate_of_async_stripe_is_pinned_and_all_are_of_one_release() {
    let read = |file: &str| fs::read_to_string(root().join(file)).unwrap();
    let (manifest, lock) = (read("Cargo.toml"), read("Cargo.lock"));
    let locked: Vec<&str> = lock.lines().filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"')).collect();
    let theirs: Vec<_> = locked.into_iter().filter(|name| name.starts_with("async-stripe")).collect();
    assert!(theirs.len() >= 8, "{theirs:?}");
    for name in theirs {
        let entry = format!("\n{name} = {{ version = \"=1.0.0-alpha.3\"");
        assert!(manifest.contains(&entry), "{name} is not pinned");
    }
}

/// The page that says where each fault is tried names tests that there are.
#[test]
fn the_matrix_names_tests_that_there_are() {
    let matrix = fs::read_to_string(root().join("docs/matrix.md")).unwrap();
    let sources = sources();
    let there_is = |name: &str| sources.iter().any(|source| source.text.contains(&format!("fn {name}(")));
    let is_name = |text: &&str| text.contains('_') && text.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    let named: Vec<&str> = matrix.split('`').skip(1).step_by(2).filter(is_name).collect();
    assert!(named.len() > 60, "{}", named.len());
    let missing: Vec<&&str> = named.iter().filter(|name| !there_is(name)).collect();
    assert!(missing.is_empty(), "{missing:#?}");
}
