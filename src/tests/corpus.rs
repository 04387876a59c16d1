//! What fuzzing asserts, over the inputs that it kept: a crash that was found once stays a test.

use std::{fs, path::Path};

/// The functions of the fuzz targets themselves.
#[path = "../../fuzz/src/lib.rs"]
mod properties;

#[test]
fn every_fuzz_corpus_input_holds_the_properties_of_its_target() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let mut folders: Vec<_> = fs::read_dir(root.join("corpus"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    folders.sort_unstable();
    assert_eq!(folders, properties::TARGETS.map(|(name, _)| name), "a corpus for each target");
    for (name, target) in properties::TARGETS {
        assert!(root.join("targets").join(name).with_extension("rs").exists(), "{name}");
        let inputs: Vec<_> = fs::read_dir(root.join("corpus").join(name)).unwrap().collect();
        assert!(inputs.len() >= 8, "{name} has a corpus");
        for input in inputs {
            let path = input.unwrap().path();
            // Where it fails, the output ends with the name of the input.
            eprintln!("{}", path.display());
            target(&fs::read(path).unwrap());
        }
    }
}
