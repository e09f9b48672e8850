//! What gives access to an object store.

use std::collections::BTreeMap;
use std::fmt;

/// Beginnings of the names that the tools of the clouds look for in the environment.
const PREFIXES: [&str; 3] = ["AWS_", "AZURE_", "GOOGLE_"];

/// Keys, endpoints and regions, by the names that they have in the environment. Its values are never shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Access(BTreeMap<String, String>);

impl Access {
    /// Returns the variables, in order of their names.
    pub fn variables(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// Takes the variables that are about an object store, and not empty.
impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Access {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        let variables = variables
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()));
        let is_about = |name: &String| PREFIXES.iter().any(|prefix| name.starts_with(prefix));
        let own = variables.filter(|(name, value)| is_about(name) && !value.is_empty());
        Self(own.collect())
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_about_a_store_is_taken_and_no_value_is_shown() {
        let access: Access = [
            ("AWS_SECRET_ACCESS_KEY", "pw"),
            ("AWS_REGION", ""),
            ("HOME", "pw"),
        ]
        .into_iter()
        .collect();
        assert_eq!(format!("{access:?}"), "{\"AWS_SECRET_ACCESS_KEY\"}");
        assert_eq!(
            access.variables().collect::<Vec<_>>(),
            [("AWS_SECRET_ACCESS_KEY", "pw")]
        );
    }
}
