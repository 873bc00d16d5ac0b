//! `docs/transcript.schema.json`, read as JSON Schema has it.

use std::{fs, path::PathBuf};

use serde_json::Value;

/// The file.
pub(crate) fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/transcript.schema.json")
}

/// What it says.
pub(crate) fn published() -> Value {
    serde_json::from_slice(&fs::read(path()).expect("the schema")).expect("JSON")
}

/// Checks a value. Knows the keywords that the schema has, and fails for others.
///
/// # Errors
///
/// Where the value is otherwise than the schema says.
pub(crate) fn validate(schema: &Value, value: &Value) -> Result<(), String> {
    at(schema, schema, value, "")
}

fn at(whole: &Value, schema: &Value, value: &Value, place: &str) -> Result<(), String> {
    for (keyword, wanted) in schema.as_object().ok_or("a schema that is no object")? {
        let fits = match (keyword.as_str(), wanted) {
            ("$schema" | "$id" | "$defs" | "title" | "description" | "default", _) => true,
            ("type", Value::String(kind)) => is(kind, value),
            ("type", Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).any(|kind| is(kind, value)),
            ("enum", Value::Array(values)) => values.contains(value),
            ("minimum", Value::Number(least)) => value.as_f64() >= least.as_f64(),
            ("required", Value::Array(names)) => {
                names.iter().filter_map(Value::as_str).all(|name| value.get(name).is_some())
            }
            ("$ref", Value::String(name)) => {
                let part = name.strip_prefix('#').and_then(|name| whole.pointer(name));
                at(whole, part.ok_or_else(|| format!("no {name}"))?, value, place)?;
                true
            }
            ("properties", Value::Object(properties)) => {
                for (name, part) in properties {
                    value.get(name).map_or(Ok(()), |value| at(whole, part, value, &format!("{place}/{name}")))?;
                }
                true
            }
            ("items", part) => {
                for (number, item) in value.as_array().into_iter().flatten().enumerate() {
                    at(whole, part, item, &format!("{place}/{number}"))?;
                }
                true
            }
            (other, _) => return Err(format!("the keyword {other}, which this test does not know")),
        };
        if !fits {
            return Err(format!("{place}: found {value}, wanted {wanted}"));
        }
    }
    Ok(())
}

/// Whether a value is of a type of JSON Schema.
fn is(kind: &str, value: &Value) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_u64() || value.is_i64(),
        "null" => value.is_null(),
        _ => false,
    }
}
