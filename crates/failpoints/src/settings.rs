//! What a test build reads from its variable: which failpoints act, how, and at which hit; leases
//! and retry delays that a short run can wait for; a negative control.
//!
//! The text is a list of words, separated by `;` or `,`:
//!
//! | word | meaning |
//! |---|---|
//! | `kill@NAME=37` | SIGKILL at the 37th hit of the failpoint NAME |
//! | `stop@NAME=5` | SIGSTOP at the fifth hit |
//! | `panic@NAME=9` | a panic at the ninth hit |
//! | `lease_ms=4000` | leases of 4000 milliseconds |
//! | `speedup=10` | retry delays divided by ten |
//! | `control=NAME` | the negative control NAME: one rule of the program is broken on purpose |

use std::{error::Error, fmt, num::NonZeroU32, str::FromStr, time::Duration};

/// What a failpoint does to its process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// Sends SIGKILL: the process flushes nothing, rolls nothing back and releases no lease.
    Kill,
    /// Sends SIGSTOP: the process sleeps with everything that it holds until it gets SIGCONT.
    Stop,
    /// Panics.
    Panic,
}

impl Action {
    /// All actions.
    pub const ALL: [Self; 3] = [Self::Kill, Self::Stop, Self::Panic];

    /// Returns the word that stands for the action.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Stop => "stop",
            Self::Panic => "panic",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One action at one hit of one failpoint.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rule {
    /// What happens.
    pub action: Action,
    /// The name of the failpoint.
    pub failpoint: String,
    /// The number of the hit that acts, from 1.
    pub hit: u64,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}={}", self.action, self.failpoint, self.hit)
    }
}

/// What one run of a test build is to do. The default is what every other build does.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Settings {
    /// The actions at failpoints.
    pub rules: Vec<Rule>,
    /// How long leases last; `None` for the program's own length.
    pub lease: Option<Duration>,
    /// What retry delays are divided by; `None` for no division.
    pub speedup: Option<NonZeroU32>,
    /// The negative control: the name of the rule that the program breaks on purpose.
    pub control: Option<String>,
}

/// Why settings are refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SettingsError {
    /// A word that is none of the [known ones](Settings).
    Word(String),
    /// The program has no failpoint of this name.
    UnknownFailpoint(String),
    /// The program has no negative control of this name.
    UnknownControl(String),
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(word) => write!(
                f,
                "`{word}` is not understood; write kill@NAME=1, stop@NAME=1, panic@NAME=1, lease_ms=4000, speedup=10 or control=NAME"
            ),
            Self::UnknownFailpoint(name) => write!(f, "there is no failpoint `{name}`"),
            Self::UnknownControl(name) => write!(f, "there is no negative control `{name}`"),
        }
    }
}

impl Error for SettingsError {}

impl Settings {
    /// Checks that the names are among those that the program has.
    ///
    /// # Errors
    /// The first name that is not.
    pub fn check(&self, failpoints: &[&str], controls: &[&str]) -> Result<(), SettingsError> {
        if let Some(rule) = self.rules.iter().find(|rule| !failpoints.contains(&rule.failpoint.as_str())) {
            return Err(SettingsError::UnknownFailpoint(rule.failpoint.clone()));
        }
        match &self.control {
            Some(name) if !controls.contains(&name.as_str()) => Err(SettingsError::UnknownControl(name.clone())),
            _ => Ok(()),
        }
    }
}

impl FromStr for Settings {
    type Err = SettingsError;

    fn from_str(text: &str) -> Result<Self, SettingsError> {
        let mut settings = Self::default();
        for word in text.split([';', ',']).map(str::trim).filter(|word| !word.is_empty()) {
            settings.read(word).ok_or_else(|| SettingsError::Word(word.to_owned()))?;
        }
        Ok(settings)
    }
}

impl Settings {
    fn read(&mut self, word: &str) -> Option<()> {
        let (name, value) = word.split_once('=')?;
        match (name.split_once('@'), name) {
            (Some((action, failpoint)), _) => self.rules.push(Rule {
                action: Action::ALL.into_iter().find(|known| known.as_str() == action)?,
                failpoint: failpoint.to_owned(),
                hit: value.parse().ok().filter(|hit| *hit > 0)?,
            }),
            (None, "lease_ms") => self.lease = Some(Duration::from_millis(value.parse().ok()?)),
            (None, "speedup") => self.speedup = Some(value.parse().ok()?),
            (None, "control") => self.control = Some(value.to_owned()),
            (None, _) => return None,
        }
        Some(())
    }
}

/// Writes the text that reads as these settings.
impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words: Vec<String> = self.rules.iter().map(Rule::to_string).collect();
        words.extend(self.lease.map(|lease| format!("lease_ms={}", lease.as_millis())));
        words.extend(self.speedup.map(|speedup| format!("speedup={speedup}")));
        words.extend(self.control.as_ref().map(|control| format!("control={control}")));
        f.write_str(&words.join(";"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_survive_the_round_trip_through_their_text() {
        let settings = Settings {
            rules: vec![
                Rule { action: Action::Kill, failpoint: "before_commit".to_owned(), hit: 37 },
                Rule { action: Action::Stop, failpoint: "message_leased".to_owned(), hit: 5 },
                Rule { action: Action::Panic, failpoint: "lock_held".to_owned(), hit: 1 },
            ],
            lease: Some(Duration::from_secs(4)),
            speedup: NonZeroU32::new(10),
            control: Some("inline_send".to_owned()),
        };
        let text = "kill@before_commit=37;stop@message_leased=5;panic@lock_held=1;lease_ms=4000;speedup=10;control=inline_send";
        assert_eq!(settings.to_string(), text);
        assert_eq!(text.parse(), Ok(settings.clone()));
        assert_eq!(text.replace(';', " ,, ").parse(), Ok(settings));
        assert_eq!("".parse(), Ok(Settings::default()));
    }

    #[test]
    fn a_word_that_is_not_understood_is_named() {
        for word in [
            "kill",
            "kill@a",
            "kill@a=",
            "kill@a=0",
            "kill@a=-1",
            "explode@a=1",
            "lease_ms=soon",
            "speedup=0",
            "pause=1",
        ] {
            let error = format!("stop@b=1;{word}").parse::<Settings>();
            assert_eq!(error, Err(SettingsError::Word(word.to_owned())), "{word}");
        }
    }

    #[test]
    fn names_that_the_program_does_not_have_are_refused() {
        let check = |text: &str| text.parse::<Settings>().and_then(|settings| settings.check(&["a", "b"], &["c"]));
        assert_eq!(check("kill@a=1;stop@b=1;control=c"), Ok(()));
        assert_eq!(check("kill@a=1;stop@c=1"), Err(SettingsError::UnknownFailpoint("c".to_owned())));
        assert_eq!(check("control=a"), Err(SettingsError::UnknownControl("a".to_owned())));
    }
}
