//! The store that holds the shop's data, and the other one if it is configured, too: `rolitt store
//! copy` moves a shop from one to the other.

use std::{fs, path::PathBuf};

use clap::ValueEnum;
use secrecy::SecretString;

use super::reader::Reader;
use crate::server::store::{firestore::FirestoreConfig, postgres};

#[derive(Debug)]
pub struct StorageConfig {
    /// The store named by `DATABASE_STORAGE_TARGET`: it holds the shop's data.
    pub chosen: StoreConfig,
    /// The other store, if it is configured, too. Only `rolitt store copy` uses it.
    pub other: Option<StoreConfig>,
}

impl StorageConfig {
    /// Returns the store of this name; `None` if it is not configured.
    pub fn named(&self, name: StoreName) -> Option<&StoreConfig> {
        std::iter::once(&self.chosen).chain(&self.other).find(|store| store.name() == name)
    }
}

/// A kind of store, as `DATABASE_STORAGE_TARGET` and `rolitt store copy` name it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum StoreName {
    Postgres,
    Firestore,
}

impl StoreName {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Firestore => "firestore",
        }
    }
}

#[derive(Debug)]
pub enum StoreConfig {
    Postgres(Database),
    /// `FIRESTORE_PROJECT_ID`, `FIRESTORE_EMULATOR_HOST`, `GOOGLE_APPLICATION_CREDENTIALS`.
    Firestore(FirestoreConfig),
}

impl StoreConfig {
    const fn name(&self) -> StoreName {
        match self {
            Self::Postgres(_) => StoreName::Postgres,
            Self::Firestore(_) => StoreName::Firestore,
        }
    }
}

#[derive(Debug)]
pub enum Database {
    /// `DATABASE_URL`, required in production if PostgreSQL is the chosen store.
    Url(SecretString),
    /// The embedded PostgreSQL, in development without `DATABASE_URL`.
    Embedded,
}

/// Reads everything about stores. `None` if something that the chosen one needs is missing or
/// wrong.
pub fn storage(reader: &mut Reader<'_>) -> Option<StorageConfig> {
    let target = reader
        .parsed("DATABASE_STORAGE_TARGET", |text| {
            StoreName::from_str(text, false).map_err(|_| "must be postgres or firestore".to_owned())
        })
        .or_else(|| reader.text("DATABASE_STORAGE_TARGET").is_none().then_some(StoreName::Postgres));
    let database = database(reader, target == Some(StoreName::Postgres)).map(StoreConfig::Postgres);
    let firestore = firestore(reader, target == Some(StoreName::Firestore)).map(StoreConfig::Firestore);
    let (chosen, other) = match target? {
        StoreName::Postgres => (database, firestore),
        StoreName::Firestore => (firestore, database),
    };
    Some(StorageConfig { chosen: chosen?, other })
}

fn database(reader: &mut Reader<'_>, chosen: bool) -> Option<Database> {
    let required = reader.production && chosen;
    let given = reader.text("DATABASE_URL").is_some() || reader.text("DATABASE_URL_FILE").is_some();
    let url = reader.secret("DATABASE_URL", required, |value| {
        (!postgres::reads(value)).then_some("must be a URL like postgres://user:password@host/database")
    });
    match url {
        Some(url) => Some(Database::Url(url)),
        None if reader.production || given => None,
        None => Some(Database::Embedded),
    }
}

fn firestore(reader: &mut Reader<'_>, chosen: bool) -> Option<FirestoreConfig> {
    const PROJECT: &str = "FIRESTORE_PROJECT_ID";
    if chosen && reader.text(PROJECT).is_none() {
        reader.fault(PROJECT, "is required when DATABASE_STORAGE_TARGET is firestore");
    }
    let project = reader.parsed(PROJECT, |text| {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.:".contains(&byte);
        if (1..=63).contains(&text.len()) && text.bytes().all(fits) {
            Ok(text.to_owned())
        } else {
            Err("must be the id of a Google Cloud project, like my-shop-123".to_owned())
        }
    });
    let production = reader.production;
    let emulator = reader.parsed("FIRESTORE_EMULATOR_HOST", |text| match text.rsplit_once(':') {
        _ if production && chosen => {
            Err("must not be set in production, because the emulator stores nothing durably".to_owned())
        }
        Some((host, port)) if !host.is_empty() && !host.contains('/') && port.parse::<u16>().is_ok() => {
            Ok(text.to_owned())
        }
        _ => Err("must be a host and a port, like 127.0.0.1:8080".to_owned()),
    });
    let wrong_emulator = emulator.is_none() && reader.text("FIRESTORE_EMULATOR_HOST").is_some();
    let credentials = credentials(reader, chosen);
    if wrong_emulator || (production && emulator.is_some()) {
        return None;
    }
    Some(FirestoreConfig { project: project?, emulator, credentials: credentials.ok()? })
}

/// The variable is set and wrong: the reader has the fault.
struct Faulty;

/// Reads the file that `GOOGLE_APPLICATION_CREDENTIALS` names. `None` if the variable is not set:
/// then Google's other places are searched when the store is opened.
fn credentials(reader: &mut Reader<'_>, chosen: bool) -> Result<Option<SecretString>, Faulty> {
    const VARIABLE: &str = "GOOGLE_APPLICATION_CREDENTIALS";
    let Some(path) = reader.text(VARIABLE).map(PathBuf::from) else { return Ok(None) };
    if !chosen && reader.text("FIRESTORE_PROJECT_ID").is_none() {
        // The variable belongs to other programs on this machine.
        return Ok(None);
    }
    let content = match fs::read_to_string(path) {
        Ok(content) => content,
        Err(error) => {
            reader.fault(VARIABLE, format!("names a file that cannot be read ({})", error.kind()));
            return Err(Faulty);
        }
    };
    let reads = serde_json::from_str::<serde_json::Value>(&content).is_ok_and(|json| json["type"].is_string());
    if !reads {
        reader.fault(VARIABLE, "names a file without Google credentials (a JSON object with a \"type\")");
        return Err(Faulty);
    }
    Ok(Some(SecretString::from(content)))
}
