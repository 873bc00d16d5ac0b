//! `docs/transcript.schema.json` is made of the types.

use std::{env, fs};

use indic_seamless::Transcript;
use serde_json::{Map, Value, json};
use utoipa::{PartialSchema, ToSchema};

use crate::common::schema::{path, published};

/// The schema of the types.
fn made() -> Value {
    let mut parts = Vec::new();
    Transcript::schemas(&mut parts);
    let parts: Map<String, Value> =
        parts.into_iter().map(|(name, part)| (name, serde_json::to_value(part).expect("JSON"))).collect();
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://raw.githubusercontent.com/indic-seamless/indic-seamless/main/docs/transcript.schema.json",
        "title": "Transcript",
    });
    let whole = serde_json::to_value(Transcript::schema()).expect("JSON");
    for (key, value) in whole.as_object().expect("an object") {
        schema[key] = value.clone();
    }
    schema["$defs"] = parts.into();
    tidy(&mut schema);
    schema
}

/// Turns what OpenAPI and rustdoc have into what JSON Schema and its readers have: references, and text without links.
fn tidy(part: &mut Value) {
    match part {
        Value::Object(keys) => {
            // JSON has one kind of number.
            keys.remove("format");
            for (key, value) in keys {
                match value {
                    Value::String(text) if key == "$ref" => *text = text.replace("#/components/schemas/", "#/$defs/"),
                    Value::String(text) if key == "description" => *text = plain(text),
                    _ => tidy(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        _ => {}
    }
}

/// The first paragraph, with the text of links in their place.
fn plain(text: &str) -> String {
    without_links(text.split("\n\n").next().unwrap_or_default())
}

fn without_links(text: &str) -> String {
    let Some((before, rest)) = text.split_once('[') else { return text.to_owned() };
    let link = rest.split_once(']').and_then(|(name, rest)| {
        let behind = rest.strip_prefix('(').and_then(|rest| rest.split_once(')')).map(|(_, behind)| behind);
        // Rustdoc's short form.
        Some((name, behind.or(name.starts_with('`').then_some(rest))?))
    });
    match link {
        Some((name, behind)) => format!("{before}{name}{}", without_links(behind)),
        None => format!("{before}[{}", without_links(rest)),
    }
}

#[test]
fn the_published_schema_is_that_of_the_types() {
    let made = made();
    if env::var_os("WRITE_SCHEMA").is_some() {
        fs::write(path(), format!("{made:#}\n")).expect("written");
    }
    assert!(published() == made, "{} is not up to date: run this test with WRITE_SCHEMA=1", path().display());
}
