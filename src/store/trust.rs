//! Whose certificates are trusted, and what is said of a store whose certificate is not.
//!
//! TLS is verified always. What is trusted are the certificates of the system, or those that `SSL_CERT_FILE` names instead of
//! them, which the client reads by itself; beside them those of `--ca-file`, and for S3 those of `AWS_CA_BUNDLE`. The client
//! would take a file that is not there, or holds none, for one without a word, so each is looked at here.
//!
//! The client tries again whatever fails while it connects. A certificate that is not trusted will not be the next time, so
//! such a failure is passed on as one that is not tried again.

use std::error::Error;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
};
use object_store::{Certificate, ClientOptions};

use crate::config::{Access, SYSTEM_CERTIFICATES, StoreKind};

/// Names certificates that are trusted where S3 is spoken.
const OF_S3: &str = "AWS_CA_BUNDLE";

/// How the clients call what would have them trust anybody.
const ANYBODY: &str = "ALLOW_INVALID_CERTIFICATES";

/// Certificates that cannot be trusted.
#[derive(Debug, thiserror::Error)]
pub(super) enum TrustError {
    /// The file cannot be read.
    #[error("cannot read the certificates in {}, which {named_by} names", path.display())]
    Read {
        path: PathBuf,
        named_by: String,
        #[source]
        source: io::Error,
    },
    /// There is none in it.
    #[error("there is no certificate in PEM form in {}, which {named_by} names", path.display())]
    NoCertificate { path: PathBuf, named_by: String },
    /// Verification was to be switched off.
    #[error("{variable} would trust any certificate, which is no way to keep anything secret")]
    Anybody { variable: String },
}

/// A certificate that nobody vouches for. The client's own words follow as the cause.
#[derive(Debug, thiserror::Error)]
#[error("the certificate of {host} is not trusted")]
pub(super) struct Untrusted {
    host: String,
    #[source]
    source: HttpError,
}

/// Returns the certificates that are trusted beside those that the client trusts by itself.
///
/// # Errors
/// Where a file that is named does not hold any.
pub(super) fn certificates(
    kind: StoreKind,
    access: &Access,
) -> Result<Vec<Certificate>, TrustError> {
    let mut variables = access.variables();
    let anybody = |(name, value): &(&str, &str)| name.ends_with(ANYBODY) && *value != "false";
    if let Some((name, _)) = variables.find(anybody) {
        let variable = name.to_owned();
        return Err(TrustError::Anybody { variable });
    }
    let named = |variable: &str| {
        let path = access.value(variable)?;
        Some((Path::new(path), access.place(variable)))
    };
    if let Some((path, named_by)) = named(SYSTEM_CERTIFICATES) {
        read(path, named_by)?;
    }
    let of_s3 = named(OF_S3).filter(|_| kind == StoreKind::S3);
    let of_all = access.ca_file().map(|path| (path, "--ca-file".to_owned()));
    let files = [of_all, of_s3].into_iter().flatten();
    let held = files.map(|(path, named_by)| read(path, named_by));
    Ok(held.collect::<Result<Vec<_>, _>>()?.concat())
}

fn read(path: &Path, named_by: String) -> Result<Vec<Certificate>, TrustError> {
    let path = path.to_owned();
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(source) => {
            return Err(TrustError::Read {
                path,
                named_by,
                source,
            });
        }
    };
    match Certificate::from_pem_bundle(&text) {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(TrustError::NoCertificate { path, named_by }),
    }
}

/// Makes clients that do not try again where a certificate is not trusted.
#[derive(Debug)]
pub(super) struct Verified<C>(pub(super) C);

impl<C: HttpConnector> HttpConnector for Verified<C> {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(Verifier(self.0.connect(options)?)))
    }
}

#[derive(Debug)]
struct Verifier(HttpClient);

#[async_trait]
impl HttpService for Verifier {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let host = request.uri().host().unwrap_or_default().to_owned();
        let answer = self.0.execute(request).await;
        answer.map_err(|source| {
            if is_about_certificate(&source) {
                HttpError::new(HttpErrorKind::Unknown, Untrusted { host, source })
            } else {
                source
            }
        })
    }
}

fn is_about_certificate(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        let held = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        let held = held.and_then(|held| held.downcast_ref::<rustls::Error>());
        let own = error.downcast_ref::<rustls::Error>().or(held);
        if let Some(rustls::Error::InvalidCertificate(_)) = own {
            return true;
        }
        cause = match error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
        {
            Some(held) => Some(held),
            None => error.source(),
        };
    }
    false
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    /// Returns what is wrong with the certificates that `variable` names.
    fn wrong(kind: StoreKind, variable: &str, path: &Path) -> Option<String> {
        let access = [(variable, path.to_str().unwrap())].into_iter().collect();
        let refused = certificates(kind, &access).err();
        refused.map(|error| error.to_string())
    }

    #[test]
    fn a_file_that_is_not_there_or_holds_no_certificate_is_told_by_who_names_it() {
        let directory = tempfile::tempdir().unwrap();
        let (missing, empty) = (directory.path().join("a"), directory.path().join("b"));
        fs::write(&empty, "-----BEGIN NOTHING-----\n").unwrap();
        for variable in ["AWS_CA_BUNDLE", "SSL_CERT_FILE"] {
            assert_eq!(
                wrong(StoreKind::S3, variable, &missing).unwrap(),
                format!(
                    "cannot read the certificates in {}, which {variable} names",
                    missing.display()
                )
            );
            assert_eq!(
                wrong(StoreKind::S3, variable, &empty).unwrap(),
                format!(
                    "there is no certificate in PEM form in {}, which {variable} names",
                    empty.display()
                )
            );
        }
        assert_eq!(wrong(StoreKind::Gcs, "AWS_CA_BUNDLE", &missing), None);
        let access = Access::default().with_ca_file(Some(PathBuf::from("no")));
        for kind in [StoreKind::S3, StoreKind::Gcs, StoreKind::Azure] {
            assert_eq!(
                certificates(kind, &access).unwrap_err().to_string(),
                "cannot read the certificates in no, which --ca-file names"
            );
        }
    }

    #[test]
    fn nobody_can_have_every_certificate_trusted() {
        for variable in [
            "AWS_ALLOW_INVALID_CERTIFICATES",
            "GOOGLE_ALLOW_INVALID_CERTIFICATES",
            "AZURE_ALLOW_INVALID_CERTIFICATES",
        ] {
            assert_eq!(
                wrong(StoreKind::S3, variable, Path::new("true")).unwrap(),
                format!(
                    "{variable} would trust any certificate, which is no way to keep anything secret"
                )
            );
            assert_eq!(wrong(StoreKind::S3, variable, Path::new("false")), None);
        }
    }
}
