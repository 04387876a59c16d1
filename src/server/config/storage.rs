//! Which store the shop lives on, and the other one, where it is configured too: a shop is moved from one to the other.

use std::{fs, path::PathBuf};

use secrecy::SecretString;

use super::reader::Reader;
use crate::server::store::{firestore::FirestoreConfig, postgres};

#[derive(Debug)]
pub struct StorageConfig {
    /// Where the shop's data is.
    pub chosen: StoreConfig,
    /// What `store copy` may move it from or to besides.
    pub other: Option<StoreConfig>,
}

#[derive(Debug)]
pub enum StoreConfig {
    Postgres(Database),
    Firestore(FirestoreConfig),
}

#[derive(Debug)]
pub enum Database {
    Url(SecretString),
    /// A cluster of our own in the data folder.
    Embedded,
}

/// Everything about stores; `None` where what the chosen one needs is missing or does not read.
pub fn storage(reader: &mut Reader<'_>) -> Option<StorageConfig> {
    let on_firestore = reader
        .parsed("DATABASE_STORAGE_TARGET", |text| match text {
            "postgres" => Ok(false),
            "firestore" => Ok(true),
            _ => Err("must be postgres or firestore".to_owned()),
        })
        .or_else(|| reader.text("DATABASE_STORAGE_TARGET").is_none().then_some(false));
    let database = database(reader, on_firestore == Some(false)).map(StoreConfig::Postgres);
    let firestore = firestore(reader, on_firestore == Some(true)).map(StoreConfig::Firestore);
    let (chosen, other) = if on_firestore? { (firestore, database) } else { (database, firestore) };
    Some(StorageConfig { chosen: chosen?, other })
}

fn database(reader: &mut Reader<'_>, chosen: bool) -> Option<Database> {
    let needed = reader.production && chosen;
    let given = reader.text("DATABASE_URL").is_some() || reader.text("DATABASE_URL_FILE").is_some();
    let url = reader.secret("DATABASE_URL", needed, |value| {
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
        reader.fault(PROJECT, "is needed where DATABASE_STORAGE_TARGET is firestore");
    }
    let project = reader.parsed(PROJECT, |text| {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.:".contains(&byte);
        if (1..=63).contains(&text.len()) && text.bytes().all(fits) {
            Ok(text.to_owned())
        } else {
            Err("must be a Google Cloud project's id, like my-shop-123".to_owned())
        }
    });
    let production = reader.production;
    let emulator = reader.parsed("FIRESTORE_EMULATOR_HOST", |text| match text.rsplit_once(':') {
        _ if production && chosen => Err("must not be set in production: an emulator keeps nothing".to_owned()),
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

/// It was there, and did not read: the fault is in the list.
struct Faulty;

/// The content of the file that `GOOGLE_APPLICATION_CREDENTIALS` names; where it names none, Google's other places are looked at when
/// the store is opened.
fn credentials(reader: &mut Reader<'_>, chosen: bool) -> Result<Option<SecretString>, Faulty> {
    const VARIABLE: &str = "GOOGLE_APPLICATION_CREDENTIALS";
    let Some(path) = reader.text(VARIABLE).map(PathBuf::from) else { return Ok(None) };
    if !chosen && reader.text("FIRESTORE_PROJECT_ID").is_none() {
        // Of other programs on this machine.
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
        reader.fault(VARIABLE, "names a file that holds no Google credentials (JSON with a type)");
        return Err(Faulty);
    }
    Ok(Some(SecretString::from(content)))
}
