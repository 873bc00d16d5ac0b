"""How good the transcript of a long recording is, and the times of words: this crate's JSON against the truth that
`recordings.py` wrote. Nothing here needs torch."""

import json
from pathlib import Path

import numpy as np

NEAR = 0.3  # A boundary this near, in seconds, is right.
NO_TIMES = "no word has times: was `transcribe` called with --words?"


def align(found, wanted):
    """Levenshtein's alignment of two lists of words: (distance, pairs of indices), None for what has no counterpart."""
    ids = {}
    a, b = (np.array([ids.setdefault(w, len(ids)) for w in side], np.int32) for side in (found, wanted))
    steps = np.arange(len(b) + 1, dtype=np.int32)
    rows = np.empty((len(a) + 1, len(b) + 1), np.int32)
    rows[0] = steps
    for i, word in enumerate(a, 1):
        best = np.minimum(rows[i - 1, :-1] + (b != word), rows[i - 1, 1:] + 1)
        rows[i] = np.minimum.accumulate(np.concatenate(([i], best)) - steps) + steps
    pairs, i, j = [], len(a), len(b)
    while i or j:
        here = rows[i, j]
        if i and j and here == rows[i - 1, j - 1] + (a[i - 1] != b[j - 1]):
            i, j = i - 1, j - 1
            pairs.append((i, j))
        elif i and here == rows[i - 1, j] + 1:
            i -= 1
            pairs.append((i, None))
        else:
            j -= 1
            pairs.append((None, j))
    return int(rows[-1, -1]), pairs[::-1]


def errors(texts):
    """(words wanted, substituted, missing, added) over pairs of found and wanted text."""
    counts = np.zeros(4, int)
    for found, wanted in texts:
        found, wanted = found.split(), wanted.split()
        for i, j in align(found, wanted)[1]:
            counts += (j is not None, None not in (i, j) and found[i] != wanted[j], i is None, j is None)
    return counts


def rate(counts):
    wanted, *wrong = counts
    other, missing, added = wrong
    percent = 100 * sum(wrong) / max(wanted, 1)
    return f"{percent:.2f} % of {wanted} words ({other} other, {missing} missing, {added} added)"


def lines(path):
    """The lines of `transcribe --format json`, by the name of the file."""
    found = [json.loads(line) for line in Path(path).read_text().splitlines() if line.strip()]
    return {Path(line.get("file", "long.wav")).name: line for line in found}


def nearest(times, targets):
    """For each time, how much later the nearest target is."""
    times, targets = np.asarray(times, float), np.sort(np.asarray(targets, float))
    if not len(times) or not len(targets):
        return np.full(len(times), np.inf)
    right = np.clip(np.searchsorted(targets, times), 1, len(targets)) if len(targets) > 1 else np.zeros(len(times), int)
    left = np.maximum(right - 1, 0)
    right = np.minimum(right, len(targets) - 1)
    closer = np.where(np.abs(targets[left] - times) <= np.abs(targets[right] - times), left, right)
    return targets[closer] - times


def boundaries(later):
    """(how many, share that is right, median and 95th percentile of the distance, median with its sign)."""
    if not len(later):
        return 0, np.nan, np.nan, np.nan, np.nan
    off = np.abs(later)
    percentile = np.sort(off)[min(len(off) - 1, int(0.95 * len(off)))]  # no interpolation: distances may be infinite
    close = later[off <= NEAR]
    return len(off), np.mean(off <= NEAR), np.median(off), percentile, np.median(close) if len(close) else np.nan


def covered(spans, cover):
    """How much of each span is in the union of others."""
    merged = []
    for a, b in sorted(cover):
        if merged and a <= merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], b)
        else:
            merged.append([a, b])
    return np.array([sum(max(0, min(b, d) - max(a, c)) for c, d in merged) for a, b in spans])


def _between(clips, gaps):
    """Whether each gap is of silence, noise or music, and how long nobody speaks around it."""
    kinds = ["music" if "music" in g["kind"] else "silence" if g["kind"] == "silence" else "noise" for g in gaps]
    ends, starts = [-np.inf, *(c["speech_end"] for c in clips)], [*(c["speech_start"] for c in clips), np.inf]
    return kinds, [b - a for a, b in zip(ends, starts)]


def recording_scores(truth, long, one_by_one=None):
    """What `score_recording` prints, as a dictionary. `one_by_one` are the lines of the clips by name."""
    clips, result = truth["clips"], {}
    segments = [s for s in long["segments"] if s["text"].strip()]
    spans = [(s["start"], s["end"]) for s in segments]
    result["segments"] = len(spans), len(long["segments"]) - len(spans)
    if spans:
        lengths = [b - a for a, b in spans]
        result["lengths"] = float(np.median(lengths)), float(np.max(lengths)), float(np.sum(lengths))
    result["long"] = errors([(long["text"], " ".join(c["text"] for c in clips))])
    if one_by_one is not None:
        missing = [c["file"] for c in clips if c["file"] not in one_by_one]
        if missing:
            raise SystemExit(f"no transcript of {len(missing)} clips, the first is {missing[0]}")
        result["clips"] = errors([(one_by_one[c["file"]]["text"], c["text"]) for c in clips])
        total = sum(one_by_one[c["file"]]["timings"]["total_ms"] for c in clips) / 1000
        result["seconds"] = total, sum(c["end"] - c["start"] for c in clips)
    result["long seconds"] = long["timings"]["total_ms"] / 1000, truth["seconds"]

    utterances = [u for c in clips for u in c["utterances"]]
    kinds, quiet = _between(clips, truth["gaps"])
    table = {}
    for side, own in (("start", 0), ("end", 1)):
        later = nearest([c[f"speech_{side}"] for c in clips], [s[own] for s in spans])
        here = slice(own, own + len(clips))  # The gaps before the clips, or after them.
        kind, apart = np.array(kinds[here]), np.array(quiet[here])
        table[f"clip {side}s"] = boundaries(later)
        for name in ("silence", "noise", "music"):
            table[f"clip {side}s at {name}"] = boundaries(later[kind == name])
        table[f"clip {side}s, 1.5 s or more apart"] = boundaries(later[apart >= 1.5])
        table[f"clip {side}s, less than 1.5 s apart"] = boundaries(later[apart < 1.5])
    for side, own in (("start", 0), ("end", 1)):
        table[f"segment {side}s"] = boundaries(-nearest([s[own] for s in spans], [u[side] for u in utterances]))
    result["boundaries"] = table

    spoken = [(u["start"], u["end"]) for u in utterances]
    words = [(w["start"], w["end"]) for c in clips for w in c["words"]]
    total = sum(b - a for a, b in spoken)
    heard = covered(spoken, spans).sum()
    result["left out"] = total - heard, total
    result["too much"] = covered(spans, spans).sum() - heard, truth["seconds"] - total
    inside = covered(words, spans) / np.maximum([b - a for a, b in words], 1e-9)
    result["words outside"] = int((inside < 0.5).sum()), len(words)
    cuts = np.sort([t for span in spans for t in span])
    cores = [(a + 0.05, b - 0.05) for a, b in words if b - a > 0.1]
    result["cut words"] = sum(np.searchsorted(cuts, b) > np.searchsorted(cuts, a, "right") for a, b in cores)
    alone = [s for s, c in zip(segments, covered(spans, spoken)) if c == 0]
    result["text of nothing"] = len(alone), sum(len(s["text"].split()) for s in alone)
    return result


def score_recording(truth, long, one_by_one=None):
    """Prints how the transcript of a long recording compares with the truth and with those of its clips one by one."""
    truth = json.loads(Path(truth).read_text())
    (long,) = lines(long).values()
    r = recording_scores(truth, long, lines(one_by_one) if one_by_one else None)
    print(f"{truth['language']}, {truth['seconds'] / 60:.1f} min, {len(truth['clips'])} clips, "
          f"{sum(len(c['utterances']) for c in truth['clips'])} utterances")  # fmt: skip
    if "clips" in r:
        took, length = r["seconds"]
        print(f"clips one by one: word error rate {rate(r['clips'])}, {took:.2f} s for {length:.0f} s")
    took, length = r["long seconds"]
    print(f"long recording:   word error rate {rate(r['long'])}, {took:.2f} s for {length:.0f} s")
    print(f"segments with text {r['segments'][0]}, without {r['segments'][1]}", end="")
    if "lengths" in r:
        print("; length: median {:.2f} s, longest {:.2f} s, together {:.0f} s".format(*r["lengths"]), end="")
    print(f"; where nobody speaks {r['text of nothing'][0]}, with {r['text of nothing'][1]} words")
    print(f"speech outside segments {r['left out'][0]:.2f} s of {r['left out'][1]:.0f}; "
          f"words outside {r['words outside'][0]} of {r['words outside'][1]}; boundaries inside words {r['cut words']}; "
          f"other sound inside segments {r['too much'][0]:.1f} s of {r['too much'][1]:.0f}")  # fmt: skip
    print(f"\n| boundaries | number | within {NEAR} s | median s | 95th percentile s | median of these, with sign |")
    print("|---|---:|---:|---:|---:|---:|")
    for name, (n, right, median, percentile, signed) in r["boundaries"].items():
        print(f"| {name} | {n} | {100 * right:.1f} % | {median:.3f} | {percentile:.3f} | {signed:+.3f} |")
    print("Sign: minus if the segment's boundary is the earlier one.")
    return r


def score_nothing(about, found):
    """Prints what was found where nobody speaks."""
    about, found = json.loads(Path(about).read_text()), lines(found)
    for name, pieces in about.items():
        if name not in found:
            continue
        segments = found[name]["segments"]
        texts = [s for s in segments if s["text"].strip()]
        length, took = sum(s["end"] - s["start"] for s in segments), found[name]["timings"]["total_ms"] / 1000
        words = sum(len(s["text"].split()) for s in texts)
        print(f"{name}: {pieces[-1]['end'] / 60:.1f} min, {took:.2f} s, {len(segments)} segments of {length:.1f} s, "
              f"{len(texts)} with text, {words} words")  # fmt: skip
        for kind in sorted({p["kind"] for p in pieces}):
            of_kind = [(p["start"], p["end"]) for p in pieces if p["kind"] == kind]
            inside = covered(of_kind, [(s["start"], s["end"]) for s in segments]).sum()
            print(f"  {kind}: {inside:.1f} of {sum(b - a for a, b in of_kind):.0f} s in segments")
        for s in texts[:20]:
            kinds = "+".join(sorted({p["kind"] for p in pieces if p["start"] < s["end"] and s["start"] < p["end"]}))
            print(f"  {s['start']:.2f} to {s['end']:.2f} ({kinds}): {s['text']}")


def word_times(truth, found):
    """Rows of (truth's word, errors of its start and end or None, {begins: an entry, several: utterances, language}) for
    the words that count; and how many are left out as joined. Truth is of clips, or of a recording."""
    rows, joined = [], 0
    one = "gaps" in truth  # A long recording: its clips' words follow each other in one transcript.
    groups = [(truth["file"], truth["clips"])] if one else [(c["file"], [c]) for c in truth["clips"]]
    for name, clips in groups:
        wanted = []
        for c in clips:
            several, language = len(c["utterances"]) > 1, c.get("language") or truth["language"]
            for before, w in zip([None, *c["words"]], c["words"]):
                begins = not before or before["entry"] != w["entry"]
                wanted.append((w, dict(begins=begins, several=several, language=language)))
        heard = [w for s in found[name]["segments"] for w in s.get("words") or []]
        pairs = align([w["text"].strip() for w in heard], [w["text"] for w, _ in wanted])[1]
        counterpart = {j: heard[i] for i, j in pairs if None not in (i, j)}
        for j, (w, about) in enumerate(wanted):
            if w["joined"]:
                joined += 1
                continue
            same = counterpart.get(j)
            if same and same["text"].strip() != w["text"]:
                same = None
            off = (same["start"] - w["start"], same["end"] - w["end"]) if same else (None, None)
            rows.append((w, *off, about))
    return rows, joined


def times_summary(rows):
    """{side: (median and 90th percentile of the distance, shares within 0.15 and 0.2 s, mean with its sign)}"""
    result = {"number": len(rows), "found": sum(row[1] is not None for row in rows)}
    for side, k in (("start", 1), ("end", 2)):
        off = np.array([row[k] for row in rows if row[k] is not None])
        far = np.abs(off)
        result[side] = (
            (np.median(far), np.percentile(far, 90), np.mean(far <= 0.15), np.mean(far <= 0.2), np.mean(off))
            if len(off) else (np.nan,) * 5
        )  # fmt: skip
    return result


def score_words(truth, found):
    """Prints how near the times of the recognised words are."""
    truth, found = json.loads(Path(truth).read_text()), lines(found)
    languages = {c.get("language") or truth["language"] for c in truth["clips"]}
    if "gaps" not in truth:  # A run asks for text in one language: what has no line was not in it.
        truth["clips"] = [c for c in truth["clips"] if c["file"] in found]
        languages &= {c["language"] for c in truth["clips"]}
    rows, joined = word_times(truth, found)
    if not any(row[1] is not None for row in rows):
        raise SystemExit(NO_TIMES)
    groups = {language: [r for r in rows if r[3]["language"] == language] for language in sorted(languages)}
    groups |= {
        "all": rows,
        "begins an entry": [r for r in rows if r[3]["begins"]],
        "inside an entry": [r for r in rows if not r[3]["begins"]],
        "one utterance": [r for r in rows if not r[3]["several"]],
        "several utterances": [r for r in rows if r[3]["several"]],
    }
    print(f"{joined} words are joined with others in speech and left out")
    columns = ["median s", "90th percentile s", "within 0.15 s", "within 0.2 s", "mean s"]
    columns = [f"{side}: {c}" for side in ("start", "end") for c in columns]
    print("| words | number | recognised |", " | ".join(columns), "|")
    print("|---|" + "---:|" * 12)
    for name, group in groups.items():
        s = times_summary(group)
        cells = [f"{100 * s['found'] / max(s['number'], 1):.1f} %"]
        for median, percentile, near, nearer, mean in (s["start"], s["end"]):
            cells += [f"{median:.3f}", f"{percentile:.3f}"]
            cells += [f"{100 * near:.1f} %", f"{100 * nearer:.1f} %", f"{mean:+.3f}"]
        print(f"| {name} | {s['number']} | " + " | ".join(cells) + " |")
    print("Mean: minus if the found time is the earlier one.")
    worst = sorted((r for r in rows if r[1] is not None), key=lambda r: -abs(r[1]))[:5]
    print("farthest starts:", ", ".join(f"{w['text']} at {w['start']:.2f} ({off:+.2f})" for w, off, *_ in worst))
    return rows


def _example():
    """A truth of four clips, of which the third has two utterances, and its perfect transcript."""
    clips, gaps, at = [], [], 0.0
    for number, texts in enumerate((["one two"], ["turn on the light"], ["three four", "five"], ["six"])):
        gaps.append(dict(start=at, end=at + 2, kind="silence"))
        start = at = at + 2
        words, utterances = [], []
        for u, text in enumerate(texts):
            at += 0.5
            for entry, word in enumerate(text.split()):
                joined = word in ("on", "the")
                words.append(dict(text=word, start=at, end=at + 0.3, entry=entry, utterance=u, joined=joined))
                at += 0.4
            mine = [w for w in words if w["utterance"] == u]
            utterances.append(dict(start=mine[0]["start"], end=mine[-1]["end"], text=text))
        at += 0.4
        marks = dict(speech_start=words[0]["start"], speech_end=words[-1]["end"], utterances=utterances, words=words)
        clips.append(dict(file=f"clip-{number:04}.wav", text=" ".join(texts), start=start, end=at) | marks)
    gaps.append(dict(start=at, end=at + 2, kind="silence"))
    truth = dict(file="long.wav", language="eng", seconds=at + 2, gaps=gaps, clips=clips)
    segments = []
    for c in clips:
        for number, u in enumerate(c["utterances"]):
            words = [w | dict(confidence=1.0) for w in c["words"] if w["utterance"] == number]
            segments.append(dict(u, words=words))
    long = dict(file="long.wav", text=" ".join(c["text"] for c in clips), segments=segments, timings=dict(total_ms=7.0))
    one_by_one = {c["file"]: dict(text=c["text"], timings=dict(total_ms=2.0)) for c in clips}
    return truth, long, one_by_one


def _later(long, seconds):
    """A transcript of which everything is later."""
    def moved(x):
        return x | dict(start=x["start"] + seconds, end=x["end"] + seconds)

    return long | dict(segments=[moved(s) | dict(words=[moved(w) for w in s["words"]]) for s in long["segments"]])


def self_test():
    """A perfect transcript has no error and no wrong boundary; what is wrong in another one counts as what it is."""
    def slow(found, wanted):
        row = list(range(len(wanted) + 1))
        for i, a in enumerate(found, 1):
            above, row = row, [i]
            for j, b in enumerate(wanted, 1):
                row.append(min(above[j] + 1, row[-1] + 1, above[j - 1] + (a != b)))
        return row[-1]

    r = np.random.default_rng(0)
    for _ in range(300):
        found, wanted = (list(r.choice(list("abc"), size=r.integers(0, 9))) for _ in range(2))
        distance, pairs = align(found, wanted)
        assert distance == slow(found, wanted)
        assert distance == sum(None in (i, j) or found[i] != wanted[j] for i, j in pairs)
        assert [i for i, _ in pairs if i is not None] == list(range(len(found)))
        assert [j for _, j in pairs if j is not None] == list(range(len(wanted)))
    assert nearest([1, 2.4, 9], [2, 3]).round(6).tolist() == [1, -0.4, -6] and nearest([1], [3]).tolist() == [2]
    assert covered([(0, 4), (5, 6)], [(1, 2), (1.5, 3), (3.5, 9)]).tolist() == [2.5, 1]

    truth, long, one_by_one = _example()
    s = recording_scores(truth, long, one_by_one)
    assert s["long"].tolist() == s["clips"].tolist() == [10, 0, 0, 0], s
    assert all(n == 0 or right == 1 and percentile == 0 for n, right, _, percentile, _ in s["boundaries"].values()), s
    assert s["boundaries"]["clip starts"][0] == 4 and s["boundaries"]["segment starts"][0] == 5
    assert abs(s["left out"][0]) < 1e-9 and abs(s["too much"][0]) < 1e-9 and s["seconds"][0] == 0.008
    assert s["words outside"][0] == s["cut words"] == s["text of nothing"][0] == 0
    s = recording_scores(truth, _later(long, 0.2), one_by_one)
    assert s["boundaries"]["clip starts"][1] == 1 and round(s["boundaries"]["clip ends"][4], 6) == 0.2
    assert round(s["boundaries"]["segment starts"][4], 6) == 0.2
    assert s["cut words"] > 0 and round(s["left out"][0], 6) == round(s["too much"][0], 6) == 1
    s = recording_scores(truth, _later(long, 0.4))
    assert all(n == 0 or right == 0 for name, (n, right, *_) in s["boundaries"].items() if name.startswith("clip")), s
    extra = long | dict(text=long["text"] + " no", segments=long["segments"] + [dict(start=0.1, end=1, text="no")])
    s = recording_scores(truth, extra)
    assert s["long"].tolist() == [10, 0, 0, 1] and s["text of nothing"] == (1, 1)
    assert s["boundaries"]["segment starts"][1] < 1 == s["boundaries"]["clip starts"][1]
    s = recording_scores(truth, long | dict(text="one three turn on light three four five six", segments=[]))
    assert s["long"].tolist() == [10, 1, 1, 0] and s["words outside"] == (10, 10)
    assert s["boundaries"]["clip ends"][1] == 0

    by_clip = {c["file"]: dict(segments=[s]) for c, s in zip(truth["clips"], long["segments"])}
    by_clip["clip-0002.wav"]["segments"] = long["segments"][2:4]
    by_clip["clip-0003.wav"]["segments"] = long["segments"][4:]
    for about, found in ((truth, {"long.wav": long}), ({k: v for k, v in truth.items() if k != "gaps"}, by_clip)):
        rows, joined = word_times(about, found)
        s = times_summary(rows)
        assert joined == 2 and s["number"] == s["found"] == 8 and s["start"] == s["end"] == (0, 0, 1, 1, 0), s
        assert sum(r[3]["several"] for r in rows) == 3
    s = times_summary(word_times(truth, {"long.wav": _later(long, 0.17)})[0])
    assert s["start"][2:4] == (0, 1) and round(s["end"][4], 6) == 0.17
    s = times_summary(word_times(truth, {"long.wav": long | dict(segments=long["segments"][1:])})[0])
    assert (s["number"], s["found"]) == (8, 6)
    print("scores are as they should be")
