//! What a method answers.

use serde_json::Value;

/// The result of a method, which is a JSON object.
pub(super) enum Content {
    Value(Value),
    /// As text.
    Text(String),
}

impl Content {
    pub(super) fn into_text(self) -> String {
        match self {
            Self::Value(value) => value.to_string(),
            Self::Text(text) => text,
        }
    }

    pub(super) fn to_value(&self) -> Value {
        match self {
            Self::Value(value) => value.clone(),
            Self::Text(text) => serde_json::from_str(text).unwrap_or_default(),
        }
    }
}

impl From<Value> for Content {
    fn from(value: Value) -> Self {
        Self::Value(value)
    }
}
