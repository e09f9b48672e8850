//! From a URL and what gives access to a client.

use std::error::Error;
use std::str::FromStr;
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::client::{HttpConnector, ReqwestConnector};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};

use super::pages::Pages;
use crate::config::{Access, StoreKind, StoreUrl};

/// Makes the client, whose listings have [`ListedKey`](super::pages::ListedKey)s. What the URL names wins over what `access`
/// does.
pub(super) fn open(
    url: &StoreUrl,
    access: &Access,
) -> Result<Arc<dyn ObjectStore>, Box<dyn Error + Send + Sync>> {
    let connector = Pages(ReqwestConnector::default());
    connected(url, access, connector).map_err(|error| match error {
        // Which says no more than what it holds.
        object_store::Error::Generic { source, .. } => source,
        other => other.into(),
    })
}

/// As [`open`], over whatever `connector` connects with.
pub(super) fn connected(
    url: &StoreUrl,
    access: &Access,
    connector: impl HttpConnector,
) -> object_store::Result<Arc<dyn ObjectStore>> {
    Ok(match url.kind() {
        StoreKind::S3 => {
            let mut builder = AmazonS3Builder::new().with_url(url.bucket());
            for (key, value) in known::<AmazonS3ConfigKey>(access, "AWS_") {
                builder = builder.with_config(key, value);
            }
            Arc::new(builder.with_http_connector(connector).build()?)
        }
        StoreKind::Gcs => {
            let mut builder = GoogleCloudStorageBuilder::new().with_url(url.bucket());
            for (key, value) in known::<GoogleConfigKey>(access, "GOOGLE_") {
                builder = builder.with_config(key, value);
            }
            Arc::new(builder.with_http_connector(connector).build()?)
        }
        StoreKind::Azure => {
            let mut builder = MicrosoftAzureBuilder::new().with_url(url.bucket());
            for (key, value) in known::<AzureConfigKey>(access, "AZURE_") {
                builder = builder.with_config(key, value);
            }
            Arc::new(builder.with_http_connector(connector).build()?)
        }
    })
}

/// Returns what the client knows of the variables that begin with `prefix`.
fn known<K: FromStr>(access: &Access, prefix: &str) -> Vec<(K, String)> {
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
            let store = open(&StoreUrl::parse(url).unwrap(), &access).unwrap();
            assert_eq!(store.to_string(), shown, "{url}");
        }
    }
}
