//! The map of languages in `generation_config.json` against the tokenizer.

use super::{CheckProblem, CheckProblemKind, CheckReport, LanguageSummary, configs::Configs};
use crate::{
    checkpoint::{generation_config::LANGUAGES, layout::GENERATION},
    language::Language,
};

pub(super) fn check(configs: &Configs, report: &mut CheckReport) {
    let Some(tokenizer) = &configs.tokenizer else { return };
    let mut summary = LanguageSummary { tokenizer: tokenizer.languages().count(), ..LanguageSummary::default() };
    let Some(map) = &configs.languages else {
        report.notes.push(format!("{GENERATION}: no {LANGUAGES}: the languages are the tokenizer's"));
        report.languages = Some(summary);
        return;
    };
    summary.map = Some(map.len());
    for (code, &found) in map {
        let language = Language::of_code(code);
        if language.is_none() {
            summary.unknown.push(code.clone());
        }
        let token = format!("__{code}__");
        let piece = tokenizer.piece(found);
        if piece == Some(&token) {
            continue;
        }
        let found = match piece {
            Some(piece) => format!("{found}, which is {piece} in {},", configs.tokenizer_file),
            None => format!("{found}, which {} does not have,", configs.tokenizer_file),
        };
        let wanted = match language.and_then(|language| tokenizer.language_id(language)) {
            Some(id) => format!("{id}, which is {token}"),
            None => format!("the id of {token}, which it does not have"),
        };
        let place = Some(format!("{LANGUAGES}.{code}"));
        let file = GENERATION.to_owned();
        report.problems.push(CheckProblem { kind: CheckProblemKind::Language, file, place, found, wanted });
    }
    let missing = tokenizer.languages().filter(|language| !map.contains_key(language.code())).count();
    if missing > 0 {
        report.notes.push(format!("{GENERATION}: {LANGUAGES} lacks {missing} languages that the tokenizer knows"));
    }
    report.languages = Some(summary);
}
