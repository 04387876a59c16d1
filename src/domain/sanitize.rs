//! Makes untrusted text safe to store and to show. Nothing here interprets a text.

/// Returns `input` trimmed, at most `max` characters long, and without control characters and
/// bidirectional overrides. PostgreSQL's `text` rejects NUL; overrides can disguise a name.
pub fn clean(input: &str, max: usize) -> String {
    let cleaned: String = input.chars().filter(|c| !c.is_control() && !is_bidi_control(*c)).take(max).collect();
    cleaned.trim().to_owned()
}

fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::clean;

    #[test]
    fn control_and_bidi_characters_are_removed() {
        assert_eq!(clean(" a\u{0}b\u{202E}c\r\n ", 10), "abc");
    }

    #[test]
    fn length_counts_characters_not_bytes() {
        assert_eq!(clean("äöü😀x", 4), "äöü😀");
    }
}
