//! Requests in JSON: an object with `audio` in base64, and options.
//!
//! The object is read field by field. An unknown field ends the reading at its name, a value of the wrong kind at its first
//! byte, so that no tree of values is built, whatever is sent.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Unexpected, Visitor};

use super::{
    encoded,
    fields::{Fields, Given, OPTIONS, once, unknown},
    problem::Problem,
};

/// The field with the recording.
const AUDIO: &str = "audio";

/// Reads the recording and its media type, and adds the options to `fields`. The recording is decoded from the text of the body.
/// Takes as long as decoding base64 takes, which is too long for an asynchronous thread.
pub(super) fn read(body: &[u8], fields: &mut Fields) -> Result<(Vec<u8>, Option<String>), Problem> {
    let mut object = Object { fields, audio: None, problem: None };
    let mut json = serde_json::Deserializer::from_slice(body);
    let read = json.deserialize_any(&mut object).and_then(|()| json.end());
    let Object { audio, problem, .. } = object;
    if let Some(problem) = problem {
        return Err(problem);
    }
    read.map_err(|error| Problem::bad_request(format!("cannot read the JSON: {error}")))?;
    audio.ok_or_else(|| Problem::invalid_field("audio is missing, wanted base64"))
}

/// The object, as far as it was read.
struct Object<'a> {
    fields: &'a mut Fields,
    audio: Option<(Vec<u8>, Option<String>)>,
    /// Why the reading ended: serde's own errors quote values in full.
    problem: Option<Problem>,
}

impl Object<'_> {
    fn refuse<E: Error>(&mut self, problem: Problem) -> E {
        self.problem = Some(problem);
        E::custom("refused")
    }

    fn add(&mut self, name: &str, given: Given<'_>) -> Result<(), Problem> {
        match given {
            _ if name != AUDIO => self.fields.set(name, given),
            Given::String(text) => once(name, &mut self.audio, encoded::decode(text)?),
            _ => Err(Problem::invalid_field(format!("audio is {}, wanted base64", given.describe()))),
        }
    }
}

impl<'de> Visitor<'de> for &mut Object<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Err(E::invalid_type(Unexpected::Other("string"), &self))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key_seed(Name(self))? {
            map.next_value_seed(Value { name, object: self })?;
        }
        Ok(())
    }
}

/// Reads the name of a field.
struct Name<'o, 'a>(&'o mut Object<'a>);

impl<'de> DeserializeSeed<'de> for Name<'_, '_> {
    type Value = &'static str;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<&'static str, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_, '_> {
    type Value = &'static str;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<&'static str, E> {
        let known = OPTIONS.into_iter().chain([AUDIO]).find(|name| *name == text);
        known.ok_or_else(|| self.0.refuse(unknown(text)))
    }
}

/// Reads the value of a field.
struct Value<'o, 'a> {
    name: &'static str,
    object: &'o mut Object<'a>,
}

impl Value<'_, '_> {
    fn add<E: Error>(self, given: Given<'_>) -> Result<(), E> {
        self.object.add(self.name, given).map_err(|problem| self.object.refuse(problem))
    }
}

impl<'de> DeserializeSeed<'de> for Value<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the value of a field")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.add(Given::Bool(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.add(Given::Number(value as f64))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.add(Given::Number(value as f64))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.add(Given::Number(value))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.add(Given::String(text))
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.add(Given::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<(), A::Error> {
        self.add(Given::Nested("an array"))
    }

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<(), A::Error> {
        self.add(Given::Nested("an object"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detail(body: &str) -> (u16, String) {
        let problem = read(body.as_bytes(), &mut Fields::default()).expect_err(body);
        (problem.status.as_u16(), problem.detail)
    }

    #[test]
    fn fields_are_read_in_any_order_and_with_escapes() {
        let mut fields = Fields::default();
        let body =
            r#" {"words": true, "audio": "AA\/A\n\u0041AAA", "beams": 2.0, "target_lang": null, "format": "vtt"} "#;
        assert_eq!(read(body.as_bytes(), &mut fields).expect("a recording"), (vec![0, 15, 192, 0, 0, 0], None));
        let options = fields.finish().expect("options");
        assert_eq!((options.words, options.beams, options.format.name()), (true, Some(2), "vtt"));
    }

    #[test]
    fn errors_name_field_found_and_wanted() {
        for (body, status, wanted) in [
            ("", 400, "cannot read the JSON: EOF"),
            ("[]", 400, "sequence, expected an object"),
            ("\"text\"", 400, "string, expected an object"),
            ("{\"audio\": \"AAAA\"} x", 400, "trailing characters"),
            ("{\"audio\": \"AAAA\"", 400, "EOF"),
            ("{}", 422, "audio is missing"),
            ("{\"audio\": 7}", 422, "audio is 7, wanted base64"),
            ("{\"audio\": [", 422, "audio is an array, wanted base64"),
            ("{\"audio\": \"AAAA\", \"audio\": \"AAAA\"}", 422, "audio is given twice"),
            ("{\"beams\": \"two\"", 422, "beams is \"two\", wanted a whole number"),
            ("{\"beams\": -1", 422, "beams is -1, wanted a whole number"),
            ("{\"beams\": 11", 422, "beams is 11, wanted 1 to 10"),
            ("{\"words\": \"true\"", 422, "words is \"true\", wanted true or false"),
            ("{\"format\": {", 422, "format is an object, wanted the name of a format"),
            ("{\"format\": \"docx\"", 422, "docx"),
            ("{\"x\": ", 422, "unknown field \"x\"; expected one of audio, target_lang"),
        ] {
            let (found, detail) = detail(body);
            assert_eq!(found, status, "{body}: {detail}");
            assert!(detail.contains(wanted), "{body}: {detail}");
        }
    }
}
