//! Text that strangers typed, made fit to store and to show. Nothing here decides what a text means.

/// `input` without control characters (NUL among them, which PostgreSQL's `text` refuses) and without the bidirectional
/// overrides that can make a name read as something else; trimmed, at most `max` characters.
pub fn clean(input: &str, max: usize) -> String {
    let kept: String = input.chars().filter(|c| !c.is_control() && !is_bidi_control(*c)).take(max).collect();
    kept.trim().to_owned()
}

fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::clean;

    #[test]
    fn control_and_direction_characters_are_removed() {
        assert_eq!(clean(" a\u{0}b\u{202E}c\r\n ", 10), "abc");
    }

    #[test]
    fn length_counts_characters_not_bytes() {
        assert_eq!(clean("äöü😀x", 4), "äöü😀");
    }
}
