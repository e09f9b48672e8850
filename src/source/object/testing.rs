//! The real clients over a server that has one answer for every request.

use std::sync::Arc;

use async_trait::async_trait;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpRequest, HttpResponse, HttpService,
};
use object_store::{ClientOptions, RetryConfig};

use super::ObjectSource;
use crate::config::{Access, StoreUrl};
use crate::model::SelectAll;
use crate::store::{Locations, Pages, connected};

#[derive(Debug, Clone)]
struct OneAnswer {
    status: u16,
    body: &'static str,
}

impl HttpConnector for OneAnswer {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

#[async_trait]
impl HttpService for OneAnswer {
    async fn call(&self, _: HttpRequest) -> Result<HttpResponse, HttpError> {
        let mut answer = HttpResponse::new(self.body.to_owned().into());
        *answer.status_mut() = self.status.try_into().unwrap();
        Ok(answer)
    }
}

/// Returns the source `url`, whose store answers with `status` and `body` whatever it is asked.
pub(crate) fn source(url: &str, status: u16, body: &'static str) -> ObjectSource {
    let access: Access = [
        ("AWS_ACCESS_KEY_ID", "k"),
        ("AWS_SECRET_ACCESS_KEY", "s"),
        ("GOOGLE_SKIP_SIGNATURE", "true"),
        ("AZURE_STORAGE_ACCOUNT_NAME", "account"),
        ("AZURE_STORAGE_ACCOUNT_KEY", "c2VjcmV0"),
    ]
    .into_iter()
    .collect();
    let url = StoreUrl::parse(url).unwrap();
    let store = connected(
        &url,
        &access,
        Vec::new(),
        Pages(OneAnswer { status, body }),
        RetryConfig::default(),
    )
    .unwrap();
    let (name, all) = (url.to_string(), Arc::new(SelectAll));
    ObjectSource::listing(store, url.prefix(), name, all, Locations::Listed).unwrap()
}
