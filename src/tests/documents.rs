//! Checks that what the documents name exists: every path in a code span or a code block, every
//! link and every anchor of each `*.md`.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Folders that tools create, or whose files are not text.
const UNREAD: &[&str] = &["target", "node_modules", "corpus", "artifacts", "test-results", "playwright-report"];

/// Folders with a dot that belong to the sources.
const DOTTED: &[&str] = &[".ci", ".config", ".githooks", ".github"];

/// Paths that exist only after a build or on a server.
const MADE: &[&str] = &["target/", ".rolitt/", "fuzz/artifacts/", "end2end/node_modules/", "site/"];

/// What a path ends with.
const ENDINGS: &[&str] =
    &[".css", ".json", ".md", ".png", ".rs", ".rules", ".sh", ".sql", ".svg", ".toml", ".ts", ".yml"];

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns the repository's files, relative to its root and sorted. Reads the folders, because a
/// release archive has no `.git`.
pub fn tracked() -> Vec<String> {
    fn collect(folder: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() {
                if !UNREAD.contains(&name) && (!name.starts_with('.') || DOTTED.contains(&name)) {
                    collect(&path, found);
                }
            } else {
                found.push(path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    let mut found = Vec::new();
    collect(root(), &mut found);
    found.sort();
    found
}

/// Returns every file and every folder that holds one.
fn all() -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for file in tracked() {
        let above = Path::new(&file).ancestors().skip(1).map(|folder| folder.to_str().unwrap().to_owned());
        all.extend(above.filter(|folder| !folder.is_empty()));
        all.insert(file);
    }
    all
}

fn documents() -> Vec<(String, String)> {
    let is_document = |path: &String| Path::new(path).extension().is_some_and(|extension| extension == "md");
    let read = |path: String| {
        let text = fs::read_to_string(root().join(&path)).unwrap();
        (path, text)
    };
    tracked().into_iter().filter(is_document).map(read).collect()
}

/// Returns the words of a document that are in a code span or a code block.
fn code(text: &str) -> Vec<&str> {
    let mut fenced = false;
    let mut found = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if fenced {
            found.extend(line.split_whitespace());
        } else {
            found.extend(line.split('`').skip(1).step_by(2).flat_map(str::split_whitespace));
        }
    }
    found
}

/// True if `word` must be in the repository: a path below one of its folders, or the name of a
/// source file.
fn is_path(word: &str, all: &BTreeSet<String>) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "/_.-*".contains(c);
    let below = |folder: &str| all.contains(folder) && root().join(folder).is_dir();
    let made = MADE.iter().any(|folder| word.starts_with(folder));
    let source = ENDINGS.iter().any(|ending| word.strip_suffix(ending).is_some_and(|stem| !stem.is_empty()));
    word.chars().all(allowed) && !made && (source || word.split_once('/').is_some_and(|(folder, _)| below(folder)))
}

/// True if `path` exists. It may be shortened at its front (`app/shell.rs`), and `*` matches any
/// part of it.
fn exists(path: &str, all: &BTreeSet<String>) -> bool {
    let path = path.trim_end_matches('/');
    root().join(path).exists()
        || all.iter().any(|known| match path.split_once('*') {
            None => known.strip_suffix(path).is_some_and(|front| front.is_empty() || front.ends_with('/')),
            Some((front, back)) => known.find(front).is_some_and(|at| {
                (at == 0 || known.as_bytes()[at - 1] == b'/') && known[at + front.len()..].ends_with(back)
            }),
        })
}

#[test]
fn every_path_that_a_document_names_exists() {
    let all = all();
    let (mut missing, mut seen) = (Vec::new(), 0);
    for (document, text) in documents() {
        for word in code(&text) {
            let word = word.trim_end_matches([',', ';', ':']);
            if is_path(word, &all) {
                seen += 1;
                if !exists(word, &all) {
                    missing.push(format!("{document}: {word}"));
                }
            }
        }
    }
    assert!(seen > 50, "{seen}");
    assert!(missing.is_empty(), "{missing:#?}");
}

/// Returns the anchors of a document, as GitHub derives them from its headings.
fn anchors(text: &str) -> Vec<String> {
    let anchor = |heading: &str| -> String {
        let plain = heading.trim_start_matches('#').trim().to_lowercase();
        let letters = plain.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        letters.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    text.lines().filter(|line| line.starts_with('#')).map(anchor).collect()
}

#[test]
fn every_link_of_a_document_leads_to_a_file_and_a_heading() {
    let mut broken = Vec::new();
    for (document, text) in documents() {
        for link in text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target: PathBuf = match file {
                "" => root().join(&document),
                file => root().join(&document).parent().unwrap().join(file),
            };
            let leads = target.exists()
                && (heading.is_empty() || anchors(&fs::read_to_string(&target).unwrap()).contains(&heading.to_owned()));
            if !leads {
                broken.push(format!("{document}: {link}"));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}
