//! The order of the layers, held by reading the sources.

use std::{fs, path::Path};

/// Lines of code under `folder` that contain one of `needles`; comments may say what they like.
fn lines_with(folder: &Path, needles: &[&str], found: &mut Vec<String>) {
    if folder.is_dir() {
        for entry in fs::read_dir(folder).unwrap() {
            lines_with(&entry.unwrap().path(), needles, found);
        }
        return;
    }
    let text = fs::read_to_string(folder).unwrap();
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let bad = code.filter(|line| needles.iter().any(|needle| line.contains(needle)));
    found.extend(bad.map(|line| format!("{}: {line}", folder.display())));
}

fn never_from(layer: &str, needles: &[&str]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(layer);
    assert!(path.exists(), "{layer} is there");
    let mut found = Vec::new();
    lines_with(&path, needles, &mut found);
    assert!(found.is_empty(), "{layer} may not name {needles:?}:\n{}", found.join("\n"));
}

const ABOVE_ACTIONS: [&str; 7] =
    ["routes::", "middleware::", "router::", "hosted::", "controls::", "Sandbox", "sandbox::"];

#[test]
fn layers_objects_world_actions_routes_depend_downwards_only() {
    let above_world: Vec<&str> =
        ["actions::", "crate::delivery", "klaviyo::routes"].into_iter().chain(ABOVE_ACTIONS).collect();
    let above_objects: Vec<&str> =
        ["World", "world::", "world.", "resources", "events::"].into_iter().chain(above_world.clone()).collect();
    never_from("table.rs", &["crate::", "super::"]);
    never_from("stripe/wire", &[&["objects::"], &above_objects[..]].concat());
    never_from("stripe/objects", &above_objects);
    never_from("stripe/resources.rs", &above_world);
    never_from("stripe/events.rs", &above_world);
    never_from("world.rs", &above_world);
    never_from("stripe/actions", &[&["Reader", "axum", "crate::delivery"], &ABOVE_ACTIONS[..]].concat());
    never_from("stripe/routes", &["hosted::", "controls::", "router::", "klaviyo::"]);
    never_from("config.rs", &["crate::"]);
}
