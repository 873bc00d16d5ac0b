//! Manifests: JSON lines or CSV. A manifest is checked whole before any work begins.

use std::{collections::HashMap, fmt, path::Path};

use csv::{ErrorKind, Position, ReaderBuilder, StringRecord, Trim};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::Value;

use super::{
    location::Base,
    row::{Row, Rows, stem},
};
use crate::transcribe::options::TextLanguage;

/// The largest manifest, in bytes.
pub(super) const MAX_BYTES: u64 = 1 << 30;
/// How many problems are told.
const TOLD: usize = 10;

/// What kind of problem a row has. Those that come first hide those that come later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// It cannot be read.
    Syntax,
    /// It has a column that there is not, or lacks one.
    Columns,
    /// A cell has a value that cannot be used.
    Values,
    /// Its results are those of another row.
    Results,
}

/// What is wrong with a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    line: u64,
    kind: Kind,
    found: String,
    wanted: String,
}

impl Problem {
    pub(super) fn new(line: u64, kind: Kind, found: impl Into<String>, wanted: impl Into<String>) -> Self {
        Self { line, kind, found: found.into(), wanted: wanted.into() }
    }

    /// What is wrong, without the line.
    pub(super) fn text(&self) -> String {
        format!("{} found, wanted {}", self.found, self.wanted)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.text())
    }
}

/// A manifest that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("manifest {name}: {}", told(problems, *count))]
pub(super) struct ManifestError {
    /// The file or URL.
    name: String,
    /// The first problems of one kind.
    problems: Vec<Problem>,
    /// How many there are of this kind.
    count: usize,
}

fn told(problems: &[Problem], count: usize) -> String {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    let more = count.saturating_sub(problems.len());
    let more = if more > 0 { format!("\n  and {more} more") } else { String::new() };
    format!("{}{more}", lines.join("\n  "))
}

/// The first problems of the kind that hides the others.
#[derive(Debug, Default)]
struct Problems {
    first: Vec<Problem>,
    count: usize,
}

impl Problems {
    fn add(&mut self, problem: Problem) {
        match self.first.first().map(|first| first.kind.cmp(&problem.kind)) {
            Some(std::cmp::Ordering::Less) => return,
            Some(std::cmp::Ordering::Greater) => *self = Self::default(),
            _ => {}
        }
        self.count += 1;
        if self.first.len() < TOLD {
            self.first.push(problem);
        }
    }
}

/// The rows of a manifest. `name` says where it is from, and by its ending which format it has; paths go on from `base`, and rows
/// without a language have `lang`. If `case_is_ignored`, results whose names differ in case only are the same.
///
/// # Errors
///
/// [`ManifestError`] with all problems of the first kind, up to a bound.
pub(super) fn rows(
    name: &str,
    bytes: &[u8],
    base: &Base,
    lang: TextLanguage,
    case_is_ignored: bool,
) -> Result<Vec<Row>, ManifestError> {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let mut problems = Problems::default();
    let mut rows = Vec::new();
    let reader = Rows::new(base, stem);
    let mut take = |row: Result<Row, Problem>| match row {
        Ok(row) => rows.push(row),
        Err(problem) => problems.add(problem),
    };
    if is_csv(name, bytes) {
        csv_rows(bytes, reader, &mut take);
    } else {
        json_rows(bytes, reader, &mut take);
    }
    if rows.is_empty() && problems.count == 0 {
        problems.add(Problem::new(1, Kind::Syntax, "no row", "at least one"));
    }
    let mut lines: HashMap<String, u64> = HashMap::with_capacity(rows.len());
    for row in &rows {
        let result = row.result(lang);
        let key = if case_is_ignored { result.to_lowercase() } else { result.clone() };
        if let Some(first) = lines.get(&key) {
            let found = format!("the result {result}, which is that of line {first},");
            problems.add(Problem::new(row.line, Kind::Results, found, "another id"));
        } else {
            lines.insert(key, row.line);
        }
    }
    let Problems { first, count } = problems;
    if count == 0 { Ok(rows) } else { Err(ManifestError { name: name.to_owned(), problems: first, count }) }
}

/// Whether a manifest is CSV, by its ending or else by its first byte, and not JSON lines.
fn is_csv(name: &str, bytes: &[u8]) -> bool {
    let extension = Path::new(name).extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    match &*extension.to_ascii_lowercase() {
        "csv" => true,
        "jsonl" | "ndjson" | "json" => false,
        _ => bytes.trim_ascii_start().first() != Some(&b'{'),
    }
}

fn json_rows(bytes: &[u8], mut rows: Rows<'_>, take: &mut impl FnMut(Result<Row, Problem>)) {
    for (line, text) in (1..).zip(bytes.split(|&byte| byte == b'\n')) {
        if !text.trim_ascii().is_empty() {
            let cells = json_object(line, text).and_then(|object| json_cells(line, object));
            take(cells.and_then(|cells| rows.read(line, &cells)));
        }
    }
}

/// A JSON object in the order in which it is written. Unlike a map, it has a name twice that is there twice.
pub(super) struct Object(pub(super) Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Object(members))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

/// The object of a line.
pub(super) fn json_object(line: u64, text: &[u8]) -> Result<Object, Problem> {
    serde_json::from_slice(text).map_err(|error| {
        if error.is_eof() {
            return cut_off(line, "a JSON object without an end");
        }
        let reason = error.to_string();
        let reason = reason.split(" at line ").next().unwrap_or_default();
        Problem::new(
            line,
            Kind::Syntax,
            format!("no JSON object ({reason}, column {})", error.column()),
            "one on each line",
        )
    })
}

/// The cells of an object, each with the name of its column.
pub(super) fn json_cells(line: u64, Object(members): Object) -> Result<Vec<(String, String)>, Problem> {
    let cell = |(name, value)| match value {
        Value::String(text) => Ok((name, text)),
        Value::Number(number) => Ok((name, number.to_string())),
        Value::Null => Ok((name, String::new())),
        other => Err(Problem::new(line, Kind::Values, format!("{name} {other}"), "a text or a number")),
    };
    members.into_iter().map(cell).collect()
}

fn csv_rows(bytes: &[u8], mut rows: Rows<'_>, take: &mut impl FnMut(Result<Row, Problem>)) {
    let last = bytes.split(|&byte| byte == b'\n').count() as u64;
    if bytes.last().is_some_and(|&byte| byte != b'\n') {
        return take(Err(cut_off(last, "no end of the last line")));
    }
    if bytes.iter().filter(|&&byte| byte == b'"').count() % 2 == 1 {
        return take(Err(cut_off(last, "a quotation mark that nothing closes")));
    }
    let mut reader = ReaderBuilder::new().trim(Trim::All).from_reader(bytes);
    let header: Vec<String> = match reader.headers() {
        Ok(header) => header.iter().map(str::to_owned).collect(),
        Err(error) => return take(Err(csv_problem(bytes, &error))),
    };
    let cells = |record: &StringRecord| -> Vec<(String, String)> {
        header.iter().cloned().zip(record.iter().map(str::to_owned)).collect()
    };
    let mut record = StringRecord::new();
    loop {
        let row = match reader.read_record(&mut record) {
            Ok(false) => return,
            Ok(true) => {
                let line = record.position().map_or(1, |position| line_of(bytes, position));
                rows.read(line, &cells(&record))
            }
            Err(error) => Err(csv_problem(bytes, &error)),
        };
        take(row);
    }
}

/// The line of a record; its position is that of the empty lines before it.
fn line_of(bytes: &[u8], position: &Position) -> u64 {
    let rest = bytes.get(position.byte() as usize..).unwrap_or_default();
    let empty = rest.iter().take_while(|byte| b"\r\n".contains(byte)).filter(|&&byte| byte == b'\n').count();
    position.line() + empty as u64
}

fn csv_problem(bytes: &[u8], error: &csv::Error) -> Problem {
    let line = error.position().map_or(1, |position| line_of(bytes, position));
    match error.kind() {
        ErrorKind::UnequalLengths { expected_len, len, .. } => {
            Problem::new(line, Kind::Syntax, format!("{len} cells"), format!("{expected_len}, as in the first line"))
        }
        ErrorKind::Utf8 { err, .. } => {
            Problem::new(line, Kind::Syntax, format!("cell {} not in UTF-8", err.field() + 1), "UTF-8")
        }
        other => Problem::new(line, Kind::Syntax, format!("{other:?}"), "CSV"),
    }
}

/// The problem of a manifest that was copied or written in part.
fn cut_off(line: u64, found: &str) -> Problem {
    Problem::new(line, Kind::Syntax, found, "one: the manifest may have been cut off")
}

#[cfg(test)]
mod tests {
    use indic_seamless::Language;

    use super::*;

    fn read(name: &str, text: &str) -> Result<Vec<Row>, String> {
        let (base, lang) = (Base::Folder("lists".into()), TextLanguage::Known(Language::HINDI));
        rows(name, text.as_bytes(), &base, lang, false).map_err(|error| error.to_string())
    }

    fn ids(name: &str, text: &str) -> Vec<(u64, String)> {
        read(name, text)
            .expect("a manifest")
            .into_iter()
            .map(|row| (row.line, row.result(TextLanguage::Spoken)))
            .collect()
    }

    #[test]
    fn json_lines_and_csv_say_the_same() {
        let json = "{\"audio\": \"a.wav\", \"lang\": \"hin\", \"num_beams\": 2}\n\n{\"audio\":\"b, c.wav\",\"lang\":null,\"id\":7}\r\n";
        let csv = "audio,lang,num_beams,id\na.wav,hin,2,\n\n\"b, c.wav\",,,7\r\n";
        let wanted = vec![(1, "a.hin".to_owned()), (3, "7.auto".to_owned())];
        assert_eq!(ids("m.jsonl", json), wanted);
        assert_eq!(ids("-", json), wanted, "by the first byte");
        assert_eq!(ids("m.txt", &format!("\u{feff}{json}")), wanted);
        let wanted = vec![(2, "a.hin".to_owned()), (4, "7.auto".to_owned())];
        assert_eq!(ids("m.CSV", csv), wanted);
        assert_eq!(ids("-", csv), wanted);
        assert_eq!(read("m.csv", csv).unwrap()[1].audio.to_string(), "lists/b, c.wav");
        // The last line of JSON is whole without a newline.
        assert_eq!(ids("-", json.trim_end()).len(), 2);
        // A record over two lines.
        assert_eq!(ids("-", "audio,id\n\"a\nb.wav\",1\nc.wav,2\n")[1], (4, "2.auto".to_owned()));
    }

    #[test]
    fn manifests_that_were_cut_off_are_refused() {
        let json = "{\"audio\":\"a.wav\",\"lang\":\"hin\"}\n{\"audio\":\"b.wav\",\"lang\":\"tam\"}\n";
        let csv = "audio,lang\n\"a.wav\",hin\n\"b.wav\",tam\n";
        for (name, text) in [("m.jsonl", json), ("m.csv", csv)] {
            let whole = read(name, text).unwrap();
            for end in 1..text.len() {
                match read(name, &text[..end]) {
                    // At the end of a line nobody can tell.
                    Ok(rows) => {
                        assert!(text[end..].starts_with('\n') || text[..end].ends_with('\n'), "{end}: {rows:?}");
                    }
                    Err(error) => assert!(error.contains("line "), "{error}"),
                }
            }
            assert_eq!(whole.len(), 2);
        }
        let says = |name, text, wanted: &str| assert_eq!(read(name, text).unwrap_err(), wanted);
        let half = "wanted one: the manifest may have been cut off";
        says("m.jsonl", &json[..40], &format!("manifest m.jsonl: line 2: a JSON object without an end found, {half}"));
        says("m.csv", &csv[..24], &format!("manifest m.csv: line 3: no end of the last line found, {half}"));
        says("m.csv", "audio\n", "manifest m.csv: line 1: no row found, wanted at least one");
        says("m.jsonl", " \n", "manifest m.jsonl: line 1: no row found, wanted at least one");
        says("-", "", "manifest -: line 1: no row found, wanted at least one");
    }

    #[test]
    fn all_problems_of_the_first_kind_are_told() {
        let text =
            "{\"audio\":\"a.wav\",\"lang\":\"klingon\"}\n{\"audio\":\"b.wav\",\"reference\":\"x\"}\nhello\n[1]\n";
        let error = read("m.jsonl", text).unwrap_err();
        assert!(
            error.starts_with("manifest m.jsonl: line 3: no JSON object (expected value, column 1) found"),
            "{error}"
        );
        assert!(
            error.contains("\n  line 4: ") && !error.contains("klingon") && !error.contains("reference"),
            "{error}"
        );
        let columns = read("m.jsonl", &text[..text.find("hello").unwrap()]).unwrap_err();
        assert!(columns.contains("line 2: column \"reference\"") && !columns.contains("klingon"), "{columns}");

        let many: String = (0..25).map(|number| format!("{{\"audio\":\"{number}.wav\",\"lang\":\"xx\"}}\n")).collect();
        let error = read("m.jsonl", &many).unwrap_err();
        assert!(
            error.contains("line 10: ") && !error.contains("line 11: ") && error.ends_with("\n  and 15 more"),
            "{error}"
        );

        let error = read("m.csv", "audio,lang\na.wav,hin\nb.wav\nc.wav,hin,1\n").unwrap_err();
        assert!(error.contains("line 3: 1 cells found, wanted 2, as in the first line\n  line 4: 3 cells"), "{error}");
        let error = read("m.csv", "audio,lang,\na.wav,hin,\n").unwrap_err();
        assert!(error.contains("column \"\" found"), "{error}");
        assert!(read("m.jsonl", "{\"audio\":[\"a.wav\"]}").unwrap_err().contains("wanted a text or a number"));
        let twice = ": column audio twice found, wanted it once";
        for (name, text) in
            [("m.jsonl", "{\"audio\":\"a.wav\",\"audio\":\"b.wav\"}"), ("m.csv", "audio,audio\na.wav,b.wav\n")]
        {
            let error = read(name, text).unwrap_err();
            assert!(error.ends_with(twice), "{error}");
        }
        let latin = [b"audio\n", &b"\xe9.wav\n"[..]].concat();
        let error =
            rows("m.csv", &latin, &Base::Folder("".into()), TextLanguage::Spoken, false).unwrap_err().to_string();
        assert!(error.contains("line 2: cell 1 not in UTF-8 found"), "{error}");
    }

    #[test]
    fn two_rows_never_have_the_same_results() {
        let says = |text: &str, wanted: &str| {
            let error = read("m.csv", text).unwrap_err();
            assert!(error.ends_with(wanted), "{error}");
        };
        says(
            "audio\na.wav\nb.wav\na.mp3\n",
            "line 4: the result a.hin, which is that of line 2, found, wanted another id",
        );
        says("audio,id,lang\na.wav,x,\nb.wav,x,hi-IN\n", "which is that of line 2, found, wanted another id");
        // Another language is another result, and so is another part with an id of its own.
        assert_eq!(read("m.csv", "audio,lang\na.wav,hin\na.wav,tam\n").unwrap().len(), 2);
        assert_eq!(read("m.csv", "audio,start,id\na.wav,0,1\na.wav,5,2\n").unwrap().len(), 2);
        let text = b"audio\nA.wav\na.wav\n";
        let cases = |ignored| rows("m.csv", text, &Base::Folder("".into()), TextLanguage::Spoken, ignored);
        assert_eq!(cases(false).unwrap().len(), 2);
        assert!(cases(true).unwrap_err().to_string().contains("the result a.auto, which is that of line 2,"));
    }
}
