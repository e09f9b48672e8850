use std::path::PathBuf;

use super::{Profile, ProfileError, ProfileFile};
use crate::config::Access;

fn file(path: &str, text: &str) -> ProfileFile {
    ProfileFile {
        path: PathBuf::from(path),
        text: Some(text.to_owned()).filter(|text| !text.is_empty()),
    }
}

fn find(name: Option<&str>, config: &str, credentials: &str) -> Result<Profile, ProfileError> {
    Profile::find(
        name,
        &file("config", config),
        &file("credentials", credentials),
    )
}

/// Returns the variables that come of these and of the profile `p`, each as `NAME=value`.
fn joined(
    variables: Variables<'_>,
    config: &str,
    credentials: &str,
) -> Result<Vec<String>, String> {
    let access: Access = variables.iter().copied().collect();
    let profile = find(Some("p"), config, credentials).map_err(|error| error.to_string())?;
    let access = access.with_profile(&profile);
    let access = access.map_err(|error| error.to_string())?;
    let asked = access
        .process()
        .map(|process| format!("$ {}", process.words().join("|")));
    let variables = access
        .variables()
        .map(|(name, value)| format!("{name}={value}"));
    Ok(variables.chain(asked).collect())
}

type Variables<'a> = &'a [(&'a str, &'a str)];

const KEYS: &str = "[p]\naws_access_key_id = id\naws_secret_access_key = secret\n";

#[test]
fn a_profile_is_found_in_either_file_by_its_name() {
    for (name, config, credentials, region) in [
        (None, "", "", None),
        (None, "[default]\nregion = a", "", Some("a")),
        (
            None,
            "[default]\nregion = a\n[profile default]\nregion = b",
            "",
            Some("b"),
        ),
        (Some("default"), "[default]\nregion = a", "", Some("a")),
        (Some("p"), "[profile p]\nregion = a", "", Some("a")),
        (Some("p q"), "[profile \"p q\"]\nregion = a", "", Some("a")),
        (
            Some("p"),
            "[profile p]\nregion = a",
            "[p]\nregion = b",
            Some("b"),
        ),
        (Some("p"), "", "[p]\nregion = b", Some("b")),
        (Some("p"), "", "[p]", None),
    ] {
        let profile = find(name, config, credentials).unwrap();
        assert_eq!(profile.get("region"), region, "{name:?} {config}");
    }
}

#[test]
fn a_named_profile_that_is_not_there_is_told_with_the_files() {
    for (config, credentials) in [("", ""), ("[p]\nregion = a", "[profile p]\nregion = a")] {
        let error = find(Some("p"), config, credentials).err().unwrap();
        assert_eq!(
            error.to_string(),
            "there is no profile p, neither in config nor in credentials"
        );
    }
}

#[test]
fn a_line_that_cannot_be_read_is_told_without_what_it_says() {
    let error = find(None, "", "[default]\n\nvery secret").err().unwrap();
    assert_eq!(
        error.to_string(),
        "line 3 of credentials is neither a section in brackets nor a key with its value"
    );
}

#[test]
fn keys_come_from_one_place_in_the_order_of_the_cli() {
    let config_keys = "[profile p]\naws_access_key_id = cid\naws_secret_access_key = csecret\n";
    let identity = "[profile p]\nweb_identity_token_file = /t\nrole_arn = arn\n";
    let taken: &[&str] = &["AWS_ACCESS_KEY_ID=id", "AWS_SECRET_ACCESS_KEY=secret"];
    let rows: [(Variables<'_>, &str, String, &[&str]); 12] = [
        (&[], "", KEYS.to_owned(), taken),
        (
            &[],
            "",
            format!("{KEYS}aws_session_token = t"),
            &[
                "AWS_ACCESS_KEY_ID=id",
                "AWS_SECRET_ACCESS_KEY=secret",
                "AWS_SESSION_TOKEN=t",
            ],
        ),
        // A token that belongs to other keys is not sent with these.
        (
            &[("AWS_SESSION_TOKEN", "stray")],
            "",
            KEYS.to_owned(),
            taken,
        ),
        (
            &[("AWS_ACCESS_KEY_ID", "e"), ("AWS_SECRET_ACCESS_KEY", "e")],
            "",
            format!("{KEYS}aws_session_token = t"),
            &["AWS_ACCESS_KEY_ID=e", "AWS_SECRET_ACCESS_KEY=e"],
        ),
        // Half of a key is the environment's, whoever finds that out.
        (
            &[("AWS_ACCESS_KEY_ID", "e")],
            "",
            KEYS.to_owned(),
            &["AWS_ACCESS_KEY_ID=e"],
        ),
        (
            &[("AWS_SKIP_SIGNATURE", "true")],
            "",
            KEYS.to_owned(),
            &["AWS_SKIP_SIGNATURE=true"],
        ),
        (&[], config_keys, KEYS.to_owned(), taken),
        (
            &[],
            config_keys,
            "[p]\nregion = r\n".to_owned(),
            &[
                "AWS_ACCESS_KEY_ID=cid",
                "AWS_REGION=r",
                "AWS_SECRET_ACCESS_KEY=csecret",
            ],
        ),
        (
            &[("AWS_ROLE_ARN", "stray")],
            identity,
            KEYS.to_owned(),
            &["AWS_ROLE_ARN=arn", "AWS_WEB_IDENTITY_TOKEN_FILE=/t"],
        ),
        (
            &[("AWS_WEB_IDENTITY_TOKEN_FILE", "/e"), ("AWS_ROLE_ARN", "e")],
            identity,
            KEYS.to_owned(),
            &["AWS_ROLE_ARN=e", "AWS_WEB_IDENTITY_TOKEN_FILE=/e"],
        ),
        (
            &[],
            "[profile p]\ncredential_process = \"/a b\" c\naws_access_key_id = cid\n",
            String::new(),
            &["$ /a b|c"],
        ),
        (
            &[],
            "[profile p]\ncredential_process = x",
            KEYS.to_owned(),
            taken,
        ),
    ];
    for (variables, config, credentials, expected) in rows {
        let joined = joined(variables, config, &credentials).unwrap();
        assert_eq!(joined, expected, "{variables:?} {config} {credentials}");
    }
}

#[test]
fn a_region_an_address_and_certificates_come_from_the_profile_where_the_environment_has_none() {
    let config = "[profile p]\nregion = r\nendpoint_url = https://all\nca_bundle = /ca\n";
    let services = format!(
        "{config}services = own\n[services own]\ns3 =\n  endpoint_url = https://s3\nsts =\n  endpoint_url = https://sts\n"
    );
    let rows: [(Variables<'_>, &str, &[&str]); 4] = [
        (
            &[],
            config,
            &[
                "AWS_CA_BUNDLE=/ca",
                "AWS_ENDPOINT_URL=https://all",
                "AWS_REGION=r",
            ],
        ),
        (
            &[],
            &services,
            &[
                "AWS_CA_BUNDLE=/ca",
                "AWS_ENDPOINT_URL_S3=https://s3",
                "AWS_ENDPOINT_URL_STS=https://sts",
                "AWS_REGION=r",
            ],
        ),
        (
            &[
                ("AWS_CA_BUNDLE", "/e"),
                ("AWS_DEFAULT_REGION", "e"),
                ("AWS_ENDPOINT_URL", "https://e"),
                ("AWS_ENDPOINT_URL_STS", "https://e"),
            ],
            &services,
            &[
                "AWS_CA_BUNDLE=/e",
                "AWS_DEFAULT_REGION=e",
                "AWS_ENDPOINT_URL=https://e",
                "AWS_ENDPOINT_URL_STS=https://e",
            ],
        ),
        (
            &[("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")],
            &services,
            &[
                "AWS_CA_BUNDLE=/ca",
                "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true",
                "AWS_REGION=r",
            ],
        ),
    ];
    for (variables, config, expected) in rows {
        assert_eq!(
            joined(variables, config, "").unwrap(),
            expected,
            "{variables:?}"
        );
    }
    let access = Access::default()
        .with_profile(&find(Some("p"), config, "").unwrap())
        .unwrap();
    assert_eq!(
        access.place("AWS_ENDPOINT_URL"),
        "endpoint_url of the profile p"
    );
    assert_eq!(access.place("AWS_TIMEOUT"), "AWS_TIMEOUT");
}

#[test]
fn what_cannot_be_followed_is_told_by_its_key_and_nothing_else() {
    for (config, expected) in [
        (
            "role_arn = secret\nsource_profile = secret",
            "the profile p has source_profile, which only the AWS CLI can follow",
        ),
        (
            "role_arn = secret\ncredential_source = secret",
            "the profile p has credential_source, which only the AWS CLI can follow",
        ),
        (
            "sso_account_id = secret\naws_access_key_id = secret\naws_secret_access_key = secret",
            "the profile p has sso_account_id, which only the AWS CLI can follow",
        ),
        (
            "login_session = secret",
            "the profile p has login_session, which only the AWS CLI can follow",
        ),
        (
            "role_arn = secret",
            "the profile p has role_arn, and no web_identity_token_file or source_profile beside it",
        ),
        (
            "web_identity_token_file = secret",
            "the profile p has web_identity_token_file, and no role_arn beside it",
        ),
        (
            "aws_access_key_id = secret",
            "the profile p has aws_access_key_id, and no aws_secret_access_key beside it",
        ),
        (
            "aws_secret_access_key = secret",
            "the profile p has aws_secret_access_key, and no aws_access_key_id beside it",
        ),
        (
            "credential_process = 'secret",
            "credential_process of the profile p is no command: it is empty, or a quote is not closed",
        ),
        (
            "services = other",
            "the profile p has services = other, and config has no such section",
        ),
    ] {
        let config = format!("[profile p]\n{config}\n");
        assert_eq!(joined(&[], &config, "").unwrap_err(), expected);
        if !config.contains("services") {
            let keys = [("AWS_ACCESS_KEY_ID", "e"), ("AWS_SECRET_ACCESS_KEY", "e")];
            assert!(
                joined(&keys, &config, "").is_ok(),
                "the environment has keys: {config}"
            );
        }
    }
}
