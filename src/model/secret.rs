//! A secret that cannot be displayed by accident.

use std::fmt;

/// A client secret or access token. Its `Debug` is redacted, and it has no `Display` and no `Serialize`;
/// [`Secret::reveal`] returns the text explicitly.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself, for a request or a report that has to contain it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}
