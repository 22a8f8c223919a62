//! Reading the fields of a JSON object, one typed look-up at a time.

use serde_json::Value;

use crate::{ErrorCode, FrameError, Map, names};

/// The fields of one frame; each is taken out as it is read. `null` in an optional field counts as absent.
pub(crate) struct Fields {
    map: Map,
    kind: String,
    request_id: Option<String>,
}

impl Fields {
    /// Reads the object, its `type` and its `requestId`.
    pub(crate) fn parse(text: &str) -> Result<Self, FrameError> {
        // serde_json refuses nesting deeper than 128 levels, so hostile input cannot exhaust the stack.
        let value: Value =
            serde_json::from_str(text).map_err(|_| uncorrelated("the frame is not valid JSON"))?;
        let Value::Object(mut map) = value else {
            return Err(uncorrelated("the frame is not a JSON object"));
        };
        let request_id = match map.remove("requestId") {
            None | Some(Value::Null) => None,
            Some(Value::String(id)) if names::validate_request_id(&id).is_ok() => Some(id),
            Some(_) => return Err(uncorrelated("`requestId` must be a short string")),
        };
        let mut fields = Self { map, kind: String::new(), request_id };
        fields.kind = fields.string("type")?;
        Ok(fields)
    }

    /// Returns the frame's `type`.
    pub(crate) fn kind(&self) -> &str {
        &self.kind
    }

    /// Takes the optional request id. Errors made later no longer carry it.
    pub(crate) fn take_request_id(&mut self) -> Option<String> {
        self.request_id.take()
    }

    /// Takes a string that must be there.
    pub(crate) fn string(&mut self, key: &'static str) -> Result<String, FrameError> {
        match self.map.remove(key) {
            Some(Value::String(text)) => Ok(text),
            Some(_) => Err(self.wrong(key, "a string")),
            None => Err(self.missing(key)),
        }
    }

    /// Takes a string that may be absent.
    pub(crate) fn optional_string(&mut self, key: &'static str) -> Result<Option<String>, FrameError> {
        match self.map.remove(key) {
            Some(Value::String(text)) => Ok(Some(text)),
            None | Some(Value::Null) => Ok(None),
            Some(_) => Err(self.wrong(key, "a string")),
        }
    }

    /// Takes a flag; absent is false.
    pub(crate) fn flag(&mut self, key: &'static str) -> Result<bool, FrameError> {
        match self.map.remove(key) {
            Some(Value::Bool(flag)) => Ok(flag),
            None | Some(Value::Null) => Ok(false),
            Some(_) => Err(self.wrong(key, "a boolean")),
        }
    }

    /// Takes any JSON value, `null` included, but the key must be there.
    pub(crate) fn value(&mut self, key: &'static str) -> Option<Value> {
        self.map.remove(key)
    }

    /// Takes an object that may be absent.
    pub(crate) fn optional_object(&mut self, key: &'static str) -> Result<Option<Map>, FrameError> {
        match self.map.remove(key) {
            Some(Value::Object(object)) => Ok(Some(object)),
            None | Some(Value::Null) => Ok(None),
            Some(_) => Err(self.wrong(key, "an object")),
        }
    }

    /// Takes an array that must be there.
    pub(crate) fn array(&mut self, key: &'static str) -> Result<Vec<Value>, FrameError> {
        match self.map.remove(key) {
            Some(Value::Array(items)) => Ok(items),
            Some(_) => Err(self.wrong(key, "an array")),
            None => Err(self.missing(key)),
        }
    }

    /// Takes a number that must be there and not negative; a fraction is cut off.
    pub(crate) fn number(&mut self, key: &'static str) -> Result<u64, FrameError> {
        match self.map.remove(key) {
            Some(value) => whole(&value).ok_or_else(|| self.wrong(key, "a number of zero or more")),
            None => Err(self.missing(key)),
        }
    }

    /// Takes a number or `null`; the key itself must be there.
    pub(crate) fn number_or_null(&mut self, key: &'static str) -> Result<Option<u64>, FrameError> {
        if self.map.get(key).is_some_and(Value::is_null) {
            return Ok(None);
        }
        self.number(key).map(Some)
    }

    /// Takes a number that may be absent.
    pub(crate) fn optional_number(&mut self, key: &'static str) -> Result<Option<u64>, FrameError> {
        if self.map.contains_key(key) { self.number_or_null(key) } else { Ok(None) }
    }

    /// Makes an error that carries the request id.
    pub(crate) fn error(&self, code: ErrorCode, message: impl Into<String>) -> FrameError {
        FrameError { code, request_id: self.request_id.clone(), message: message.into() }
    }

    /// Makes the error for a field that is there but not what it must be.
    pub(crate) fn wrong(&self, key: &'static str, must_be: &str) -> FrameError {
        self.error(ErrorCode::MalformedMessage, format!("`{key}` must be {must_be}"))
    }

    fn missing(&self, key: &'static str) -> FrameError {
        self.error(ErrorCode::MalformedMessage, format!("`{key}` is missing"))
    }
}

fn uncorrelated(message: &str) -> FrameError {
    FrameError { code: ErrorCode::MalformedMessage, request_id: None, message: message.to_owned() }
}

fn whole(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| {
        let number = value.as_f64()?;
        // The cast saturates, and JSON has no NaN.
        (number >= 0.0).then_some(number as u64)
    })
}
