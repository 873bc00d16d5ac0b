//! `--against`: the comparison of a model with what transformers gave.

use std::path::Path;

use indic_seamless::{Precision, Result, Transcriber};
use serde_json::Value;

use crate::golden::{Golden, Report, compare};

/// Failures that are shown; the others are counted.
const SHOWN: usize = 20;

/// Compares on every clip and batch that `dir` has, prints what came of it, and adds what differs to `problems`.
pub(crate) fn compare(transcriber: &Transcriber, dir: &Path, problems: &mut Vec<String>) -> Result<()> {
    let golden = Golden::open(dir)?;
    let name = golden.name();
    println!("against {name}, recorded with {}", origin(&golden.manifest));
    let exact = transcriber.precision() == Precision::F32;
    let new = || if exact { Report::default() } else { Report::informative() };
    if !exact {
        println!("  weights in {}: only ids and texts must be the same", transcriber.precision());
    }
    let mut all = new();
    for (kind, is_clip) in [("clips", true), ("batches", false)] {
        for (name, info) in golden.entries(kind) {
            let mut report = new();
            if let Err(error) = compare_one(transcriber, &golden, (name, info), is_clip, &mut report) {
                report.fail(name, error);
            }
            let mut line = match report.failures.len() {
                0 => format!("  {name}: pass, {} comparisons", report.checks),
                failed => format!("  {name}: FAIL, {failed} differences in {} comparisons", report.checks),
            };
            if report.ambiguous > 0 {
                line += &format!("; {} searches left out, ambiguous in the reference", report.ambiguous);
            }
            println!("{line}");
            all.merge(report);
        }
    }
    println!("largest differences (features absolute, tensors as a part of their largest value):");
    print!("{all}");
    if let Some(variants) = golden.manifest["chunk_variants"].as_array() {
        println!("not compared: {} variants of chunked attention", variants.len());
    }
    if all.checks == 0 {
        problems.push(format!("--against: {name}: nothing to compare"));
    }
    let more = all.failures.len().saturating_sub(SHOWN);
    problems.extend(all.failures.into_iter().take(SHOWN));
    if more > 0 {
        problems.push(format!("... and {more} more differences"));
    }
    Ok(())
}

fn compare_one(
    transcriber: &Transcriber,
    golden: &Golden,
    (name, info): (&str, &Value),
    is_clip: bool,
    report: &mut Report,
) -> Result<()> {
    let (checkpoint, model) = (transcriber.checkpoint(), transcriber.model());
    let place = format!("{}/{name}", golden.name());
    if is_clip {
        compare::frontend(golden, name, info, &place, report)?;
    }
    if let Some(tensors) = golden.tensors(name)? {
        compare::stages(checkpoint, model, &tensors, &place, report)?;
    }
    compare::sequences(golden, checkpoint, model, (name, info), report)
}

/// What recorded it, as far as the manifest says.
fn origin(manifest: &Value) -> String {
    let versions = manifest["library_versions"].as_object();
    let mut origin: Vec<String> = versions
        .into_iter()
        .flatten()
        .map(|(library, version)| format!("{library} {}", version.as_str().unwrap_or("?")))
        .collect();
    for key in ["model", "revision", "platform"] {
        origin.extend(manifest["recorded"][key].as_str().map(|value| format!("{key} {value}")));
    }
    origin.join(", ")
}
