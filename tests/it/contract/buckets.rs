//! The contract of `Source` over servers, a double, and a real bucket.
//!
//! `STRANDLINE_TEST_BUCKET=s3://bucket/prefix` (or `gs://`, `az://`) names a real one, with the access that the stores' own tools
//! have in the environment. What is written there lies below a prefix of its own, and is deleted.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::Write;
use std::str::FromStr;
use std::sync::Arc;

use futures::StreamExt;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use strandline::config::{Access, StoreKind, StoreUrl};
use strandline::model::SelectAll;
use strandline::source::ObjectSource;
use strandline::store::Stores;
use tokio::runtime::Runtime;

use super::source::{CHECKS, World};
use crate::support::program::Sandbox;
use crate::support::server::Server;

/// The variable that names a real bucket.
const BUCKET: &str = "STRANDLINE_TEST_BUCKET";

/// A place in a bucket, with hands of our own.
pub(super) struct Prefix {
    url: StoreUrl,
    access: Access,
    store: Arc<dyn ObjectStore>,
    runtime: Runtime,
    is_in_byte_order: bool,
}

impl Prefix {
    fn new(url: &str, access: Access, is_in_byte_order: bool) -> Self {
        let url = StoreUrl::parse(url).unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread();
        Self {
            store: client(&url, &access),
            url,
            access,
            runtime: { runtime }.worker_threads(1).enable_all().build().unwrap(),
            is_in_byte_order,
        }
    }

    pub(super) fn source(&self) -> ObjectSource {
        ObjectSource::new(
            &self.url,
            &self.access,
            &Stores::default(),
            Arc::new(SelectAll),
        )
        .unwrap()
    }

    pub(super) fn is_in_byte_order(&self) -> bool {
        self.is_in_byte_order
    }

    pub(super) fn put(&self, path: &str, bytes: &[u8]) {
        let key = self.key(path);
        let put = self.store.put(&key, bytes.to_vec().into());
        self.runtime.block_on(put).unwrap();
    }

    pub(super) fn delete(&self, path: &str) {
        let key = self.key(path);
        let delete = self.store.delete(&key);
        self.runtime.block_on(delete).unwrap();
    }

    fn key(&self, path: &str) -> Path {
        Path::parse(format!("{}/{path}", self.url.prefix())).unwrap()
    }
}

/// Nothing is left in a bucket that is not ours.
impl Drop for Prefix {
    fn drop(&mut self) {
        let root = Path::parse(self.url.prefix()).unwrap();
        self.runtime.block_on(async {
            let listed: Vec<_> = self.store.list(Some(&root)).collect().await;
            for object in listed.into_iter().filter_map(Result::ok) {
                // It may be gone, and whoever panics has something else to say.
                let _ = self.store.delete(&object.location).await;
            }
        });
    }
}

/// Returns a client that shares nothing with the program's own but the crate.
fn client(url: &StoreUrl, access: &Access) -> Arc<dyn ObjectStore> {
    match url.kind() {
        StoreKind::S3 => {
            let builder = AmazonS3Builder::new().with_url(url.bucket());
            let known = known::<AmazonS3ConfigKey>(access).into_iter();
            let builder = known.fold(builder, |it, (key, value)| it.with_config(key, value));
            Arc::new(builder.build().unwrap())
        }
        StoreKind::Gcs => {
            let builder = GoogleCloudStorageBuilder::new().with_url(url.bucket());
            let known = known::<GoogleConfigKey>(access).into_iter();
            let builder = known.fold(builder, |it, (key, value)| it.with_config(key, value));
            Arc::new(builder.build().unwrap())
        }
        StoreKind::Azure => {
            let builder = MicrosoftAzureBuilder::new().with_url(url.bucket());
            let known = known::<AzureConfigKey>(access).into_iter();
            let builder = known.fold(builder, |it, (key, value)| it.with_config(key, value));
            Arc::new(builder.build().unwrap())
        }
    }
}

fn known<K: FromStr>(access: &Access) -> Vec<(K, String)> {
    let variables = access.variables();
    let known = variables.filter_map(|(name, value)| {
        let key = name.to_ascii_lowercase().parse().ok()?;
        Some((key, value.to_owned()))
    });
    known.collect()
}

/// Checks whatever holds for a source, each below a prefix of its own.
fn check(url: &str, access: &Access, is_in_byte_order: bool) {
    let run = RandomState::new().build_hasher().finish();
    for (name, check) in CHECKS {
        let url = format!("{url}/strandline-test-{run:016x}/{name}");
        check(&World::bucket(Prefix::new(
            &url,
            access.clone(),
            is_in_byte_order,
        )));
    }
}

fn check_server(server: &Server, is_in_byte_order: bool) {
    let url = server.url("contract");
    check(&url, &server.variables().collect(), is_in_byte_order);
}

#[test]
#[ignore = "needs moto; .ci/run installs it"]
fn moto_keeps_the_contract() {
    let sandbox = Sandbox::new();
    check_server(&Server::moto(&sandbox), true);
}

#[test]
#[ignore = "needs SeaweedFS; .ci/run installs it"]
fn seaweedfs_keeps_the_contract_but_for_the_order() {
    let sandbox = Sandbox::new();
    check_server(&Server::seaweedfs(&sandbox), false);
}

#[test]
#[ignore = "needs Azurite; .ci/run installs it"]
fn azurite_keeps_the_contract_but_for_the_order() {
    let sandbox = Sandbox::new();
    check_server(&Server::azurite(&sandbox), false);
}

#[test]
fn a_double_of_google_keeps_the_contract() {
    let sandbox = Sandbox::new();
    check_server(&Server::gcs(&sandbox), true);
}

#[test]
fn a_real_bucket_keeps_the_contract_where_the_environment_names_one() {
    let Ok(url) = std::env::var(BUCKET) else {
        // Past whoever keeps what tests say to himself.
        let told = format!("\nNOT RUN: the contract over a real bucket; {BUCKET} names none\n\n");
        std::io::stderr().write_all(told.as_bytes()).unwrap();
        return;
    };
    let variables = std::env::vars_os();
    let texts = variables
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    check(url.trim_end_matches('/'), &texts.collect(), false);
}
