//! Names of source files and of outputs.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

macro_rules! path_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes `path` as it is.
            #[must_use]
            pub fn new(path: impl Into<Arc<str>>) -> Self {
                Self(path.into())
            }

            /// Returns the path as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl Deref for $name {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }

        impl From<&str> for $name {
            fn from(path: &str) -> Self {
                Self(path.into())
            }
        }
    };
}

path_type! {
    /// A source file's path: relative to the source root, `/`-separated, UTF-8, compared in byte order.
    SourcePath
}

path_type! {
    /// An output's path: relative to the target, `/`-separated, UTF-8.
    OutputPath
}

/// Where rows that are set aside stand: no reader of the target looks there.
const ASIDE: &str = "_strandline/quarantine/";

impl OutputPath {
    /// Returns the path of a file of rows that are set aside.
    #[must_use]
    pub fn aside(name: &str) -> Self {
        Self::new(format!("{ASIDE}{name}"))
    }

    /// Tells whether the file holds rows that are set aside: nobody counts them among those of the target.
    #[must_use]
    pub fn is_aside(&self) -> bool {
        let name = self.strip_prefix(ASIDE);
        name.is_some_and(|name| !name.is_empty() && !name.contains('/'))
    }
}
