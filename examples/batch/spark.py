"""Transcribes the recordings of a manifest with Spark: `spark-submit spark.py clips.jsonl OUT [MODEL]`.

The manifest is JSON lines with `audio`, on storage that all machines see, and `lang`; OUT gets its lines with `text` and `error`.
A task that dies is started again, on another worker if need be, and only what finished tasks wrote becomes part of OUT.
"""

import sys
from collections.abc import Iterable, Iterator

import pandas
from indic_seamless import Transcriber
from pyspark.sql import SparkSession

TASK_ROWS = 64  # Recordings of a task, which loads the model: milliseconds from a folder of int8 weights.
CORES = 1  # Of each task, as in spark.task.cpus.


def transcribe(batches: Iterable[pandas.DataFrame], model: str) -> Iterator[pandas.DataFrame]:
    transcriber = Transcriber.from_pretrained(model, threads=CORES)
    for batch in batches:
        results = {}
        for lang, rows in batch.groupby(batch["lang"].fillna("")):
            results |= zip(rows.index, transcriber.transcribe_many(rows["audio"], language=lang))
        done = [results[row] for row in batch.index]
        # A recording that cannot be transcribed does not stop the others.
        failed = [isinstance(one, Exception) for one in done]
        yield batch.assign(
            text=["" if bad else one.text for one, bad in zip(done, failed)],
            error=[str(one) if bad else "" for one, bad in zip(done, failed)],
        )


if __name__ == "__main__":
    manifest, out, model, *_ = [*sys.argv[1:], "ai4bharat/indic-seamless"]
    clips = SparkSession.builder.getOrCreate().read.json(manifest)
    tasks = clips.repartition(-(-clips.count() // TASK_ROWS))
    schema = ", ".join(f"{name} {kind}" for name, kind in [*clips.dtypes, ("text", "string"), ("error", "string")])
    tasks.mapInPandas(lambda batches: transcribe(batches, model), schema).write.json(out, mode="error")
