//! Reads variables one by one and collects every fault, so that an operator can repair a
//! configuration in one go. A fault names a variable and what it must be, never its value.

use std::{fmt, fs, net::SocketAddr};

use secrecy::SecretString;

/// Everything that is wrong with the configuration.
#[derive(Debug, PartialEq, Eq)]
pub struct ConfigError(pub Vec<Fault>);

/// One variable, and its repair as the end of a sentence that begins with the variable's name.
#[derive(Debug, PartialEq, Eq, Clone)]
pub struct Fault {
    pub variable: String,
    pub fix: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the configuration has {} fault(s):", self.0.len())?;
        self.0.iter().try_for_each(|fault| write!(f, "\n  {}: {}", fault.variable, fault.fix))
    }
}

impl std::error::Error for ConfigError {}

/// The variables as a function of their names, and the faults found so far.
pub struct Reader<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    /// Whether the rules of production apply.
    pub production: bool,
    faults: Vec<Fault>,
}

impl<'a> Reader<'a> {
    pub fn new(lookup: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { lookup, production: false, faults: Vec::new() }
    }

    /// Records a fault. `fix` continues the sentence that begins with the variable's name.
    pub fn fault(&mut self, variable: &str, fix: impl Into<String>) {
        self.faults.push(Fault { variable: variable.to_owned(), fix: fix.into() });
    }

    /// Returns `config` if it is complete and no fault was found.
    pub fn finish<T>(self, config: Option<T>) -> Result<T, ConfigError> {
        match config {
            Some(config) if self.faults.is_empty() => Ok(config),
            _ => Err(ConfigError(self.faults)),
        }
    }

    /// Returns the variable's text. An empty variable counts as not set.
    pub fn text(&self, variable: &str) -> Option<String> {
        (self.lookup)(variable).filter(|value| !value.is_empty())
    }

    /// Parses the variable, if it is set. `parse` receives it without surrounding white space, and
    /// its error becomes the fault.
    pub fn parsed<T>(&mut self, variable: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let text = self.text(variable)?;
        match parse(text.trim()) {
            Ok(value) => Some(value),
            Err(fix) => {
                self.fault(variable, fix);
                None
            }
        }
    }

    /// Like [`Self::parsed`]; in production, absence is a fault.
    pub fn required_in_production<T>(
        &mut self,
        variable: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        if self.text(variable).is_none() && self.production {
            self.fault(variable, "is required in production");
        }
        self.parsed(variable, parse)
    }

    /// Reads a secret from the variable, or from the file that `NAME_FILE` names (without the line
    /// end).
    ///
    /// Secrets contain no white space. `check` returns the repair if the secret is wrong.
    pub fn secret(
        &mut self,
        variable: &str,
        required: bool,
        check: impl FnOnce(&str) -> Option<&'static str>,
    ) -> Option<SecretString> {
        let file_variable = format!("{variable}_FILE");
        let value = match (self.text(variable), self.text(&file_variable)) {
            (Some(_), Some(_)) => {
                self.fault(variable, format!("is set, and {file_variable} is too; set only one of them"));
                return None;
            }
            (Some(value), None) => value,
            (None, Some(path)) => match fs::read_to_string(path) {
                Ok(content) => content.trim_end_matches(['\r', '\n']).to_owned(),
                Err(error) => {
                    self.fault(&file_variable, format!("names a file that cannot be read ({})", error.kind()));
                    return None;
                }
            },
            (None, None) => {
                if required {
                    self.fault(variable, format!("is required in production (or {file_variable})"));
                }
                return None;
            }
        };
        let wrong = if value.chars().any(char::is_whitespace) || value.is_empty() {
            Some("must not be empty or contain white space")
        } else {
            check(&value)
        };
        if let Some(fix) = wrong {
            self.fault(variable, fix);
            return None;
        }
        Some(SecretString::from(value))
    }

    /// Reads a listener's address. Development accepts loopback only, so that a forgotten `APP_ENV`
    /// does not open a shop in which orders cost nothing.
    pub fn listener(&mut self, variable: &str, default: SocketAddr) -> SocketAddr {
        let address = self
            .parsed(variable, |text| {
                text.parse().map_err(|_| "must be an address with a port, like 127.0.0.1:3000".to_owned())
            })
            .unwrap_or(default);
        if !self.production && !address.ip().is_loopback() {
            self.fault(
                variable,
                "must be a loopback address in development; set APP_ENV=production to listen elsewhere",
            );
        }
        address
    }
}
