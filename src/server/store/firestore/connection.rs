//! The connection to Firestore: the database, the credentials, and the meaning of its errors.

use std::time::Duration;

use firestore::{FirestoreDb, FirestoreDbOptions};
use gcloud_sdk::{
    GCP_DEFAULT_SCOPES, GoogleAuthHeaders, HeaderMap,
    error::ErrorKind,
    google_cloud_auth::{
        credentials::{
            CacheableResource, Credentials, CredentialsProvider, EntityTag, external_account, impersonated,
            service_account, user_account,
        },
        errors::CredentialsError,
    },
    tonic::Code,
};
use hyper::{
    header::{AUTHORIZATION, HeaderValue},
    http::Extensions,
};
use secrecy::{ExposeSecret, SecretString};

use super::super::StoreError;

/// The database, and how to reach it.
#[derive(Clone, Debug)]
pub struct FirestoreConfig {
    /// The Google Cloud project; its database is `(default)`.
    pub project: String,
    /// `host:port` of an emulator, which accepts every caller.
    pub emulator: Option<String>,
    /// The content of a credentials file. Without one, Google's other sources of credentials are
    /// searched.
    pub credentials: Option<SecretString>,
}

const SERVICE: &str = "https://firestore.googleapis.com";

/// The longest that connecting may take.
const CONNECT: Duration = Duration::from_secs(5);

/// Connects, with credentials that were tested.
///
/// # Errors
/// [`StoreError::Refused`] where the credentials are missing or unusable.
pub async fn connect(config: &FirestoreConfig) -> Result<FirestoreDb, StoreError> {
    // Service accounts sign with it. It is installed once for the process: a second call changes
    // nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let address = config.emulator.as_ref().map_or_else(|| SERVICE.to_owned(), |host| format!("http://{host}"));
    let mut options = FirestoreDbOptions::new(config.project.clone());
    // Explicit, because the library would otherwise read the environment.
    options.firebase_api_url = Some(address.clone());
    let auth = match &config.emulator {
        Some(_) => Credentials::from(Emulator(EntityTag::new())).into(),
        None => credentials(config.credentials.as_ref()).await?,
    };
    match tokio::time::timeout(CONNECT, FirestoreDb::with_options_auth(options, auth)).await {
        Ok(Ok(database)) => Ok(database),
        Ok(Err(_)) | Err(_) => Err(StoreError::Unavailable(format!("no connection to Firestore at {address}"))),
    }
}

const MISSING: &str = "no Google credentials were found; set GOOGLE_APPLICATION_CREDENTIALS to a service account's key file, or run where \
                       the machine has an account of its own";

/// The longest wait for a first token: on a machine without an account nothing responds.
const TOKEN: Duration = Duration::from_secs(3);
const TOKEN_TRIES: u32 = 3;

/// Returns credentials that gave a token once, so that missing ones fail here and not in every
/// call.
async fn credentials(file: Option<&SecretString>) -> Result<GoogleAuthHeaders, StoreError> {
    let auth = find(file).await?;
    let mut tries = 0;
    loop {
        tries += 1;
        let passing = match tokio::time::timeout(TOKEN, auth.headers()).await {
            Ok(Ok(_)) => return Ok(auth),
            Ok(Err(error)) => matches!(error.kind(), ErrorKind::Credentials(error) if error.is_transient()),
            Err(_) => true,
        };
        match file {
            // A machine that has just started may not know its own account yet.
            None if passing && tries < TOKEN_TRIES => tokio::time::sleep(TOKEN / 5).await,
            None => return Err(StoreError::Refused(MISSING.to_owned())),
            Some(_) if passing => return Err(StoreError::Unavailable("Google gave no token in time".to_owned())),
            Some(_) => {
                let refused = "Google gives no token for the credentials of GOOGLE_APPLICATION_CREDENTIALS";
                return Err(StoreError::Refused(refused.to_owned()));
            }
        }
    }
}

async fn find(file: Option<&SecretString>) -> Result<GoogleAuthHeaders, StoreError> {
    let Some(file) = file else {
        return GoogleAuthHeaders::from_adc_with_scopes(GCP_DEFAULT_SCOPES.clone())
            .await
            .map_err(|_| StoreError::Refused(MISSING.to_owned()));
    };
    let unusable =
        || StoreError::Refused("GOOGLE_APPLICATION_CREDENTIALS names credentials that cannot be used".to_owned());
    let json: serde_json::Value = serde_json::from_str(file.expose_secret()).map_err(|_| unusable())?;
    let scopes = GCP_DEFAULT_SCOPES.clone();
    let kind = json["type"].as_str().unwrap_or_default().to_owned();
    let built = match kind.as_str() {
        "service_account" => service_account::Builder::new(json)
            .with_access_specifier(service_account::AccessSpecifier::from_scopes(scopes))
            .build(),
        "authorized_user" => user_account::Builder::new(json).with_scopes(scopes).build(),
        "external_account" => external_account::Builder::new(json).with_scopes(scopes).build(),
        "impersonated_service_account" => impersonated::Builder::new(json).with_scopes(scopes).build(),
        _ => return Err(unusable()),
    };
    built.map(Into::into).map_err(|_| unusable())
}

/// The credentials for an emulator, which lets their holder do everything.
#[derive(Debug)]
struct Emulator(EntityTag);

impl CredentialsProvider for Emulator {
    async fn headers(&self, extensions: Extensions) -> Result<CacheableResource<HeaderMap>, CredentialsError> {
        if extensions.get::<EntityTag>() == Some(&self.0) {
            return Ok(CacheableResource::NotModified);
        }
        let data = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static("Bearer owner"))]);
        Ok(CacheableResource::New { entity_tag: self.0.clone(), data })
    }

    async fn universe_domain(&self) -> Option<String> {
        None
    }
}

/// Sorts an error by whether the same call may succeed later. Firestore's message is not passed on:
/// it may quote documents. Codes: <https://cloud.google.com/apis/design/errors#error_model>.
pub fn sort(code: Code, message: &str, project: &str) -> StoreError {
    match code {
        Code::Unavailable | Code::Cancelled | Code::DeadlineExceeded | Code::Internal | Code::Unknown => {
            if message.to_ascii_lowercase().contains("credential") {
                return StoreError::Unavailable("Google gave no token for these credentials".to_owned());
            }
            StoreError::Unavailable(format!("{code:?}"))
        }
        Code::ResourceExhausted => StoreError::Busy("Firestore's quota is used up".to_owned()),
        Code::Aborted => StoreError::Conflict("Aborted".to_owned()),
        Code::NotFound => StoreError::Refused(format!(
            "project {project} has no Firestore database (default); check FIRESTORE_PROJECT_ID"
        )),
        Code::PermissionDenied => StoreError::Refused(format!(
            "these credentials may not use the Firestore of project {project}; check FIRESTORE_PROJECT_ID, \
             switch its Firestore API on, and give the account roles/datastore.user"
        )),
        Code::Unauthenticated => StoreError::Refused(MISSING.to_owned()),
        Code::FailedPrecondition if message.contains("Datastore Mode") => StoreError::Refused(format!(
            "the database of project {project} is in Datastore mode; the shop needs one in native mode"
        )),
        Code::FailedPrecondition if message.contains("index") => StoreError::Refused(
            "a query needs an index that is not there (yet); deploy deploy/firestore/firestore.indexes.json".to_owned(),
        ),
        _ => StoreError::Refused(format!("{code:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_to_do_and_quotes_no_document() {
        let text = |code, message: &str| sort(code, message, "my-shop").to_string();
        assert!(text(Code::NotFound, "jo@example.com").contains("FIRESTORE_PROJECT_ID"));
        assert!(text(Code::PermissionDenied, "").contains("roles/datastore.user"));
        assert!(text(Code::FailedPrecondition, "The query requires an index").contains("firestore.indexes.json"));
        assert!(
            text(Code::FailedPrecondition, "not available for Firestore in Datastore Mode").contains("native mode")
        );
        for code in [Code::NotFound, Code::Unavailable, Code::InvalidArgument, Code::Internal] {
            assert!(!text(code, "jo@example.com").contains('@'));
        }
    }

    #[test]
    fn grpc_codes_are_sorted_by_whether_a_retry_may_succeed() {
        for code in [Code::Unavailable, Code::DeadlineExceeded, Code::Aborted, Code::ResourceExhausted, Code::Unknown] {
            assert!(sort(code, "", "p").retryable(), "{code:?}");
        }
        for code in [Code::NotFound, Code::PermissionDenied, Code::Unauthenticated, Code::InvalidArgument] {
            assert!(!sort(code, "", "p").retryable(), "{code:?}");
        }
    }
}
