//! Counts the glossary's banned words and the comments that are too wide, room by room.
//! `docs/glossary.md` names the words to use instead.
//!
//! The allowances are the counts of the day on which the test was added. They may only shrink: a
//! room that was rewritten is at zero.

use std::{collections::BTreeMap, fmt::Write as _, fs};

use super::documents::{root, tracked};

/// Single words, which count as parts of identifiers, too.
const WORDS: &[&str] = &[
    "anew",
    "beside",
    "chaos",
    "nobody",
    "rehearsal",
    "rehearse",
    "rehearsed",
    "somebody",
    "telling",
    "tells",
    "told",
    "whoever",
];

/// Pairs of words.
const PHRASES: &[[&str; 2]] = &[
    ["by", "who"],
    ["call", "off"],
    ["called", "off"],
    ["calls", "off"],
    ["for", "who"],
    ["from", "who"],
    ["gave", "back"],
    ["give", "back"],
    ["given", "back"],
    ["gives", "back"],
    ["of", "who"],
    ["to", "who"],
    ["with", "who"],
];

/// The widest comment line, in characters. A line with a URL may be wider.
const WIDTH: usize = 100;

/// A room, the number of banned words that it may still hold, and the number of wide comment lines.
/// A file belongs to the longest matching prefix. Applied migrations are frozen, and the last one
/// quotes the sentences that it replaces.
const ALLOWED: &[(&str, usize, usize)] = &[
    ("", 4, 0),
    (".ci/", 0, 0),
    (".config/", 0, 0),
    (".github/", 0, 0),
    ("crates/", 0, 0),
    ("crates/minor-money/", 0, 4),
    ("crates/stripe-sandbox/", 0, 0),
    ("deploy/", 0, 0),
    ("docs/", 2, 0),
    ("end2end/", 58, 30),
    ("fuzz/", 43, 14),
    ("migrations/", 13, 15),
    ("script/", 3, 0),
    ("src/", 7, 1),
    ("src/app/", 0, 0),
    ("src/domain/", 4, 0),
    ("src/ops/", 0, 0),
    ("src/router/", 0, 0),
    ("src/server/", 0, 0),
    ("src/server/config/", 0, 0),
    ("src/server/http/", 0, 0),
    ("src/server/marketing/", 0, 0),
    ("src/server/orders/", 4, 0),
    ("src/server/outbox/", 7, 0),
    ("src/server/payments/", 4, 0),
    ("src/server/privacy/", 0, 0),
    ("src/server/reconcile/", 2, 0),
    ("src/server/store/", 42, 0),
    ("src/server/store_copy/", 4, 0),
    ("src/server/storefront/", 0, 0),
    ("src/server/telemetry/", 0, 0),
    ("src/server/webhook/", 7, 0),
    ("src/tests/", 4, 0),
    ("src/wire/", 0, 0),
    ("style/", 0, 0),
];

/// This list itself, and the page that explains it.
const EXEMPT: &[&str] = &["docs/glossary.md", "src/tests/prose.rs"];

#[derive(Default)]
struct Found {
    words: Vec<String>,
    wide: Vec<String>,
}

/// Splits `text` at everything that is not a letter, and before each capital that follows a small
/// letter. Punctuation that ends a phrase becomes a word of its own. Each word has its line number.
fn words(text: &str) -> Vec<(usize, String)> {
    let (mut found, mut word, mut line, mut after_small) = (Vec::new(), String::new(), 1, false);
    for c in text.chars().chain(['\n']) {
        if !c.is_alphabetic() || (c.is_uppercase() && after_small) {
            if !word.is_empty() {
                found.push((line, std::mem::take(&mut word)));
            }
            if ".,;:?()|".contains(c) {
                found.push((line, c.to_string()));
            }
        }
        if c.is_alphabetic() {
            word.extend(c.to_lowercase());
        }
        after_small = c.is_lowercase();
        line += usize::from(c == '\n');
    }
    found
}

fn is_comment(path: &str, line: &str) -> bool {
    let extension = path.rsplit_once('.').map_or("", |(_, extension)| extension);
    let begins = |markers: &[&str]| markers.iter().any(|marker| line.trim_start().starts_with(marker));
    match extension {
        "rs" | "ts" | "rules" => begins(&["//", "* ", "/*"]),
        "css" => begins(&["/*", "* "]),
        "sql" => begins(&["--"]),
        "md" | "txt" => false,
        _ => begins(&["# "]),
    }
}

fn read(path: &str, found: &mut Found) {
    let text = fs::read_to_string(root().join(path)).unwrap();
    let words = words(&text);
    for (at, (line, word)) in words.iter().enumerate() {
        let next = words.get(at + 1).map_or("", |(_, next)| next);
        let phrase = PHRASES.iter().find(|phrase| phrase[0] == word && phrase[1] == next);
        if let Some(phrase) = phrase {
            found.words.push(format!("{path}:{line}: {}", phrase.join(" ")));
        } else if WORDS.contains(&word.as_str()) {
            found.words.push(format!("{path}:{line}: {word}"));
        }
    }
    for (number, line) in text.lines().enumerate() {
        if is_comment(path, line) && line.chars().count() > WIDTH && !line.contains("://") {
            found.wide.push(format!("{path}:{}", number + 1));
        }
    }
}

fn count() -> BTreeMap<&'static str, Found> {
    let is_read = |path: &str| {
        let name = path.rsplit('/').next().unwrap();
        let read = ["css", "example", "md", "rs", "rules", "sh", "sql", "toml", "ts", "txt", "yml"];
        !EXEMPT.contains(&path)
            && name.rsplit_once('.').map_or(path.starts_with("script/"), |(_, end)| read.contains(&end))
    };
    let mut rooms: BTreeMap<&str, Found> = BTreeMap::new();
    for path in tracked().iter().filter(|path| is_read(path)) {
        let room = ALLOWED.iter().map(|(room, ..)| *room).filter(|room| path.starts_with(room));
        read(path, rooms.entry(room.max_by_key(|room| room.len()).unwrap()).or_default());
    }
    assert!(rooms.len() > 10, "the sources were found");
    rooms
}

/// `cargo nextest run prose --no-capture` prints the current counts: use them to lower an allowance
/// after a rewrite.
#[test]
fn banned_words_and_wide_comments_only_become_fewer() {
    let rooms = count();
    let mut excess = String::new();
    for (room, words, wide) in ALLOWED {
        let none = Found::default();
        let found = rooms.get(room).unwrap_or(&none);
        eprintln!("    (\"{room}\", {}, {}),", found.words.len(), found.wide.len());
        for (what, lines, allowed) in [("banned words", &found.words, words), ("wide comments", &found.wide, wide)] {
            if lines.len() > *allowed {
                writeln!(excess, "`{room}`: {} {what}, allowed {allowed}:", lines.len()).unwrap();
                for line in lines {
                    writeln!(excess, "  {line}").unwrap();
                }
            }
        }
    }
    assert!(excess.is_empty(), "{excess}");
}

#[test]
fn the_allowances_are_sorted_and_each_room_has_one() {
    assert!(ALLOWED.windows(2).all(|pair| pair[0].0 < pair[1].0));
}
