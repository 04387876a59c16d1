//! The store on Firestore.

use secrecy::SecretString;

/// Which database, and how it is reached.
#[derive(Clone, Debug)]
pub struct FirestoreConfig {
    /// The Google Cloud project; its database is `(default)`.
    pub project: String,
    /// `host:port` of an emulator, which takes anybody.
    pub emulator: Option<String>,
    /// The content of a credentials file; without one, Google's other places are looked at.
    pub credentials: Option<SecretString>,
}
