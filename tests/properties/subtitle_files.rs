//! Readers of subtitle files, as strict as the formats. They find what a player would show.

use indic_seamless::subtitles::Cue;

/// A cue in a file: milliseconds, the speaker, and the lines without what the files add to them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Shown {
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) speaker: Option<usize>,
    pub(crate) lines: Vec<String>,
}

/// Marks of direction, and what keeps text from being taken for markup.
const ADDED: [char; 3] = ['\u{202b}', '\u{202c}', '\u{2060}'];

fn plain(line: &str) -> String {
    line.replace(ADDED, "")
}

impl From<&Cue> for Shown {
    fn from(cue: &Cue) -> Self {
        let ms = |seconds: f64| (seconds * 1000.0).round() as u64;
        let lines = cue.lines.iter().map(|line| plain(line)).collect();
        Self { start: ms(cue.start), end: ms(cue.end), speaker: cue.speaker, lines }
    }
}

/// Reads SubRip.
pub(crate) fn read_srt(file: &str) -> Result<Vec<Shown>, String> {
    let mut cues = Vec::new();
    for (place, block) in blocks(file)?.into_iter().enumerate() {
        let [number, times, lines @ ..] = &block[..] else { return Err(format!("no times: {block:?}")) };
        if *number != (place + 1).to_string() {
            return Err(format!("cue {} has the number {number}", place + 1));
        }
        if lines.iter().any(|line| line.contains("-->") || is_markup(line)) {
            return Err(format!("text that is no text: {lines:?}"));
        }
        let (start, end) = read_times(times, ',')?;
        cues.push(Shown { start, end, speaker: None, lines: lines.iter().map(|line| plain(line)).collect() });
    }
    Ok(cues)
}

/// Reads WebVTT.
pub(crate) fn read_vtt(file: &str) -> Result<Vec<Shown>, String> {
    let rest = file.strip_prefix("WEBVTT\n\n").ok_or("no header")?;
    let mut cues = Vec::new();
    for block in blocks(rest)? {
        let [times, lines @ ..] = &block[..] else { return Err(format!("no times: {block:?}")) };
        let (start, end) = read_times(times, '.')?;
        let mut speaker = None;
        let mut shown = Vec::new();
        for (place, line) in lines.iter().enumerate() {
            let mut line = *line;
            if place == 0
                && let Some((voice, rest)) = line.strip_prefix("<v ").and_then(|line| line.split_once('>'))
            {
                speaker = Some(voice.parse().map_err(|_| format!("voice {voice:?}"))?);
                line = rest;
            }
            shown.push(plain(&unescaped(line)?));
        }
        cues.push(Shown { start, end, speaker, lines: shown });
    }
    Ok(cues)
}

/// The lines of each block; each ends with an empty line.
fn blocks(file: &str) -> Result<Vec<Vec<&str>>, String> {
    if file.is_empty() {
        return Ok(Vec::new());
    }
    let whole = file.strip_suffix("\n\n").ok_or("the last cue has no end")?;
    let blocks: Vec<Vec<&str>> = whole.split("\n\n").map(|block| block.split('\n').collect()).collect();
    match blocks.iter().flatten().find(|line| line.is_empty() || line.contains('\r')) {
        Some(line) => Err(format!("a line {line:?}")),
        None => Ok(blocks),
    }
}

/// `<b>`, `{\an8}`: what players of SubRip take for markup.
fn is_markup(line: &str) -> bool {
    let follows =
        |(place, _): (usize, &str)| line[place + 1..].starts_with(|c: char| !c.is_whitespace() && !ADDED.contains(&c));
    line.match_indices(['<', '{']).any(follows)
}

/// Text in which `<`, `>` and `&` are written as entities.
fn unescaped(line: &str) -> Result<String, String> {
    let mut text = String::new();
    let mut rest = line;
    while let Some(place) = rest.find(['<', '>', '&']) {
        text.push_str(&rest[..place]);
        let known = [("&amp;", '&'), ("&lt;", '<'), ("&gt;", '>')];
        let found = known.iter().find(|(entity, _)| rest[place..].starts_with(entity));
        let (entity, letter) = found.ok_or_else(|| format!("not escaped: {line:?}"))?;
        text.push(*letter);
        rest = &rest[place + entity.len()..];
    }
    Ok(text + rest)
}

/// `00:00:01,000 --> 00:00:02,000`, in milliseconds.
fn read_times(line: &str, point: char) -> Result<(u64, u64), String> {
    let wrong = || format!("times {line:?}");
    let (start, end) = line.split_once(" --> ").ok_or_else(wrong)?;
    let time = |text: &str| -> Option<u64> {
        let (whole, thousandths) = text.split_once(point)?;
        let [hours, minutes, seconds] = whole.split(':').collect::<Vec<_>>()[..] else { return None };
        let number = |digits: &str, least: usize, end: u64| -> Option<u64> {
            let right = digits.len() >= least && digits.bytes().all(|byte| byte.is_ascii_digit());
            digits.parse().ok().filter(|number| right && *number < end)
        };
        let (hours, minutes) = (number(hours, 2, u64::MAX / 3_600_000)?, number(minutes, 2, 60)?);
        Some(((hours * 60 + minutes) * 60 + number(seconds, 2, 60)?) * 1000 + number(thousandths, 3, 1000)?)
    };
    Ok((time(start).ok_or_else(wrong)?, time(end).ok_or_else(wrong)?))
}
