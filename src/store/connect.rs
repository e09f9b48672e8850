//! From a URL and what gives access to a client.

use std::error::Error;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::client::{HttpConnector, ReqwestConnector};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::{BackoffConfig, Certificate, ClientOptions, RetryConfig};

use super::Objects;
use super::paced::Paced;
use super::pages::Pages;
use super::process::{ProcessCredentials, is_header};
use super::throttle::Throttled;
use super::traffic::Traffic;
use super::trust::{Verified, certificates};
use crate::clock::SystemClock;
use crate::config::{Access, StoreKind, StoreUrl};

/// What gives access, and is refused.
#[derive(Debug, thiserror::Error)]
enum AddressError {
    /// It is without encryption, and nobody has allowed that. The client says no more than "builder error".
    #[error("{place} is no https:// address, and {allow} is not true")]
    PlainHttp { place: String, allow: &'static str },
    /// It has a user, a password or a query. The client tells addresses in its errors.
    #[error("{place} holds more than an address, which may be secret")]
    Secret { place: String },
    /// It is no address, but stands in the header of each request. The client does not survive that it cannot.
    #[error("{place} holds a line end or another character that no key has")]
    Key { place: String },
}

/// Makes the client, whose listings have [`ListedKey`](super::pages::ListedKey)s. What the URL names wins over what `access`
/// does. Its requests are part of `traffic`.
pub(crate) fn connect(
    url: &StoreUrl,
    access: &Access,
    traffic: &Traffic,
) -> Result<Arc<dyn Objects>, Box<dyn Error + Send + Sync>> {
    let connector = Throttled {
        inner: ReqwestConnector::default(),
        traffic: traffic.clone(),
    };
    let inner = checked(url, access, connector, retries())?;
    let traffic = traffic.clone();
    Ok(Arc::new(Paced { inner, traffic }))
}

/// As [`connect`], with a patience of one's own, and no traffic that counts.
pub(super) fn connect_retrying(
    url: &StoreUrl,
    access: &Access,
    retry: RetryConfig,
) -> Result<Arc<dyn Objects>, Box<dyn Error + Send + Sync>> {
    checked(url, access, ReqwestConnector::default(), retry)
}

fn checked(
    url: &StoreUrl,
    access: &Access,
    connector: impl HttpConnector,
    retry: RetryConfig,
) -> Result<Arc<dyn Objects>, Box<dyn Error + Send + Sync>> {
    check_addresses(url.kind(), access)?;
    check_keys(url.kind(), access)?;
    let certificates = certificates(url.kind(), access)?;
    let connector = Pages(Verified(connector));
    connected(url, access, certificates, connector, retry).map_err(|error| match error {
        // Which says no more than what it holds.
        object_store::Error::Generic { source, .. } => source,
        other => other.into(),
    })
}

/// Tells whether the store itself begins a listing behind a key, whatever its order. S3 directory buckets do not, and the
/// client of Azure neither does with the emulator nor tells what it means where names are those of a tree.
pub(crate) fn goes_on_behind_a_key(url: &StoreUrl, access: &Access) -> bool {
    let has_directories = || access.is_true("AWS_S3_EXPRESS");
    match url.kind() {
        StoreKind::S3 => !url.bucket().ends_with("--x-s3") && !has_directories(),
        StoreKind::Gcs => true,
        StoreKind::Azure => false,
    }
}

/// As [`connect`], over whatever `connector` connects with.
pub(crate) fn connected(
    url: &StoreUrl,
    access: &Access,
    certificates: Vec<Certificate>,
    connector: impl HttpConnector,
    retry: RetryConfig,
) -> object_store::Result<Arc<dyn Objects>> {
    let trusting = |options| {
        certificates
            .into_iter()
            .fold(options, ClientOptions::with_root_certificate)
    };
    Ok(match url.kind() {
        StoreKind::S3 => {
            let options = trusting(ClientOptions::new());
            let builder = of_aws(access, options).with_url(url.bucket());
            Arc::new(
                builder
                    .with_retry(retry)
                    .with_http_connector(connector)
                    .build()?,
            )
        }
        StoreKind::Gcs => {
            // As this client has it by itself, since a service account may name another address.
            let options = trusting(ClientOptions::new().with_allow_http(true));
            let mut builder = GoogleCloudStorageBuilder::new().with_url(url.bucket());
            builder = builder.with_client_options(options);
            for (key, value) in known::<GoogleConfigKey>(access, "GOOGLE_") {
                builder = builder.with_config(key, value);
            }
            Arc::new(
                builder
                    .with_retry(retry)
                    .with_http_connector(connector)
                    .build()?,
            )
        }
        StoreKind::Azure => {
            let options = trusting(ClientOptions::new());
            let mut builder = MicrosoftAzureBuilder::new().with_url(url.bucket());
            builder = builder.with_client_options(options);
            for (key, value) in known::<AzureConfigKey>(access, "AZURE_") {
                builder = builder.with_config(key, value);
            }
            Arc::new(
                builder
                    .with_retry(retry)
                    .with_http_connector(connector)
                    .build()?,
            )
        }
    })
}

/// Returns what makes a client of AWS, as `access` has it.
pub(super) fn of_aws(access: &Access, options: ClientOptions) -> AmazonS3Builder {
    let mut builder = AmazonS3Builder::new().with_client_options(options);
    if let Some(process) = access.process() {
        let clock = Arc::new(SystemClock::new());
        let keys = ProcessCredentials::new(process.clone(), clock);
        builder = builder.with_credentials(Arc::new(keys));
    }
    for (key, value) in known::<AmazonS3ConfigKey>(access, "AWS_") {
        builder = builder.with_config(key, value);
    }
    builder
}

/// Returns the client options that `access` has for AWS, with the certificates that are trusted.
///
/// # Errors
/// Where a key, or a file of certificates, cannot be what it is said to be.
pub(super) fn options_of_aws(
    access: &Access,
) -> Result<ClientOptions, Box<dyn Error + Send + Sync>> {
    check_keys(StoreKind::S3, access)?;
    let certificates = certificates(StoreKind::S3, access)?;
    let options = certificates
        .into_iter()
        .fold(ClientOptions::new(), ClientOptions::with_root_certificate);
    let known = known::<AmazonS3ConfigKey>(access, "AWS_").into_iter();
    Ok(known.fold(options, |options, (key, value)| match key {
        AmazonS3ConfigKey::Client(key) => options.with_config(key, value),
        _ => options,
    }))
}

/// How the client tries again what may go well the next time: dropped connections, 5xx, 429. Each pause is a random time
/// between the shortest and twice the one before. All of it has to be over before the signature and the credentials are stale,
/// with which every try is made.
pub(super) fn retries() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(15),
            base: 2.,
        },
        max_retries: 10,
        retry_timeout: Duration::from_mins(3),
    }
}

/// Looks at the addresses of the kind of store, by the names that the client knows them by.
fn check_addresses(kind: StoreKind, access: &Access) -> Result<(), AddressError> {
    let (addresses, allow): (&[&str], _) = match kind {
        StoreKind::S3 => (
            &["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"],
            "AWS_ALLOW_HTTP",
        ),
        StoreKind::Gcs => (&["GOOGLE_BASE_URL"], "GOOGLE_ALLOW_HTTP"),
        StoreKind::Azure => (
            &["AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"],
            "AZURE_ALLOW_HTTP",
        ),
    };
    let given = || {
        let variables = access.variables();
        variables.filter(|(name, _)| addresses.contains(name))
    };
    if let Some((name, _)) = given().find(|(_, value)| value.contains(['@', '?', '#'])) {
        let place = access.place(name);
        return Err(AddressError::Secret { place });
    }
    if access.is_true(allow) {
        return Ok(());
    }
    let is_plain = |value: &str| value.to_ascii_lowercase().starts_with("http://");
    match given().find(|(_, value)| is_plain(value)) {
        Some((name, _)) => Err(AddressError::PlainHttp {
            place: access.place(name),
            allow,
        }),
        None => Ok(()),
    }
}

/// Looks at what the client of S3 puts into headers.
fn check_keys(kind: StoreKind, access: &Access) -> Result<(), AddressError> {
    let keys: &[&str] = match kind {
        StoreKind::S3 => &[
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_SESSION_TOKEN",
            "AWS_TOKEN",
            "AWS_REGION",
            "AWS_DEFAULT_REGION",
        ],
        StoreKind::Gcs | StoreKind::Azure => &[],
    };
    let mut given = keys.iter().copied();
    let is_bad = |name: &&str| access.value(name).is_some_and(|value| !is_header(value));
    match given.find(is_bad) {
        Some(name) => Err(AddressError::Key {
            place: access.place(name),
        }),
        None => Ok(()),
    }
}

/// Returns what the client knows of the variables that begin with `prefix`.
pub(super) fn known<K: FromStr>(access: &Access, prefix: &str) -> Vec<(K, String)> {
    let known = access.variables().filter_map(|(name, value)| {
        let is_own = name.starts_with(prefix);
        let key = name.to_ascii_lowercase().parse().ok().filter(|_| is_own)?;
        Some((key, value.to_owned()))
    });
    known.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Stores;

    fn traffic() -> Traffic {
        Stores::default().traffic(&StoreUrl::parse("s3://bucket").unwrap())
    }

    #[test]
    fn a_listing_is_begun_behind_a_key_where_the_store_does_it_and_not_the_client() {
        for (url, variable, expected) in [
            ("s3://bucket/a", ("AWS_REGION", "x"), true),
            ("s3://bucket/a", ("AWS_S3_EXPRESS", "false"), true),
            ("s3://bucket/a", ("AWS_S3_EXPRESS", "true"), false),
            ("s3://bucket--use1-az4--x-s3/a", ("AWS_REGION", "x"), false),
            ("gs://bucket/a", ("GOOGLE_SKIP_SIGNATURE", "true"), true),
            ("az://box/a", ("AZURE_STORAGE_USE_EMULATOR", "true"), false),
            ("az://box/a", ("AZURE_STORAGE_ACCOUNT_NAME", "x"), false),
        ] {
            let (url, access) = (
                StoreUrl::parse(url).unwrap(),
                [variable].into_iter().collect(),
            );
            assert_eq!(
                goes_on_behind_a_key(&url, &access),
                expected,
                "{url} {variable:?}"
            );
        }
    }

    #[test]
    fn every_kind_of_store_is_opened_with_the_variables_of_its_own_tools() {
        let access: Access = [
            ("AWS_ACCESS_KEY_ID", "k"),
            ("AWS_SECRET_ACCESS_KEY", "s"),
            ("AWS_REGION", "eu-central-1"),
            ("AWS_PROFILE", "other"),
            ("GOOGLE_SKIP_SIGNATURE", "true"),
            ("AZURE_STORAGE_ACCOUNT_NAME", "account"),
            ("AZURE_STORAGE_ACCOUNT_KEY", "c2VjcmV0"),
        ]
        .into_iter()
        .collect();
        for (url, shown) in [
            ("s3://bucket/a", "AmazonS3(bucket)"),
            ("s3a://bucket", "AmazonS3(bucket)"),
            ("gs://bucket/a", "GoogleCloudStorage(bucket)"),
            ("gcs://bucket/a", "GoogleCloudStorage(bucket)"),
            (
                "az://box/a",
                "MicrosoftAzure { account: account, container: box }",
            ),
            (
                "abfss://box@account.dfs.core.windows.net/a",
                "MicrosoftAzure { account: account, container: box }",
            ),
        ] {
            let store = connect(&StoreUrl::parse(url).unwrap(), &access, &traffic()).unwrap();
            assert_eq!(store.to_string(), shown, "{url}");
        }
    }

    #[test]
    fn an_address_without_encryption_is_refused_by_its_name_unless_allowed() {
        for (url, variable, allow) in [
            ("s3://bucket", "AWS_ENDPOINT_URL", "AWS_ALLOW_HTTP"),
            ("s3://bucket", "AWS_ENDPOINT_URL_S3", "AWS_ALLOW_HTTP"),
            ("gs://bucket", "GOOGLE_BASE_URL", "GOOGLE_ALLOW_HTTP"),
            ("az://box", "AZURE_STORAGE_ENDPOINT", "AZURE_ALLOW_HTTP"),
        ] {
            let url = StoreUrl::parse(url).unwrap();
            for (value, allowed, is_refused) in [
                ("http://127.0.0.1:9", "false", true),
                ("HTTP://127.0.0.1:9", "", true),
                ("http://127.0.0.1:9", "True", false),
                ("https://127.0.0.1:9", "", false),
            ] {
                let access = [(variable, value), (allow, allowed)].into_iter().collect();
                let refused = check_addresses(url.kind(), &access);
                let refused = refused.map_err(|error| error.to_string());
                let expected =
                    format!("{variable} is no https:// address, and {allow} is not true");
                let expected = if is_refused { Err(expected) } else { Ok(()) };
                assert_eq!(refused, expected, "{variable} {value} {allowed}");
            }
        }
    }

    #[test]
    fn a_key_that_no_request_can_carry_is_refused_by_its_name_alone() {
        let url = StoreUrl::parse("s3://bucket").unwrap();
        for variable in [
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_SESSION_TOKEN",
        ] {
            let keys = [("AWS_ACCESS_KEY_ID", "k"), ("AWS_SECRET_ACCESS_KEY", "s")];
            let keys = keys.into_iter().chain([(variable, "pw\n")]);
            let error = connect(&url, &keys.collect(), &traffic()).err();
            assert_eq!(
                error.unwrap().to_string(),
                format!("{variable} holds a line end or another character that no key has"),
            );
        }
    }

    #[test]
    fn an_address_with_a_user_or_a_query_is_refused_by_its_name_alone() {
        for (url, variable) in [
            ("s3://bucket", "AWS_ENDPOINT_URL"),
            ("gs://bucket", "GOOGLE_BASE_URL"),
            ("az://box", "AZURE_STORAGE_ENDPOINT"),
        ] {
            let url = StoreUrl::parse(url).unwrap();
            for value in [
                "https://user:pw@host",
                "https://user@host:9/x",
                "https://us/er:pw@host",
                "https://host/?sig=pw",
            ] {
                let error =
                    connect(&url, &[(variable, value)].into_iter().collect(), &traffic()).err();
                assert_eq!(
                    error.unwrap().to_string(),
                    format!("{variable} holds more than an address, which may be secret"),
                );
            }
        }
    }
}
