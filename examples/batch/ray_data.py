"""Transcribes the recordings of a manifest with Ray Data: `python ray_data.py clips.jsonl OUT [MODEL]`.

The manifest is JSON lines with `audio`, on storage that all machines see, and `lang`; OUT gets its lines with `text` and `error`.
Each actor holds a model. One that dies is started again with the recordings it had, and a block is written whole or not at all.
"""

import sys

import pandas
import ray
from indic_seamless import Transcriber

ACTORS = ray.data.ActorPoolStrategy(min_size=1, max_size=100)  # As many as the cluster has room for.
CORES = 1  # Of each actor.


class Transcribe:
    def __init__(self, model: str) -> None:
        self.transcriber = Transcriber.from_pretrained(model, threads=CORES)

    def __call__(self, batch: pandas.DataFrame) -> pandas.DataFrame:
        results = {}
        for lang, rows in batch.groupby(batch["lang"].fillna("")):
            results |= zip(rows.index, self.transcriber.transcribe_many(rows["audio"], language=lang))
        done = [results[row] for row in batch.index]
        # A recording that cannot be transcribed does not stop the others.
        failed = [isinstance(one, Exception) for one in done]
        return batch.assign(
            text=["" if bad else one.text for one, bad in zip(done, failed)],
            error=[str(one) if bad else "" for one, bad in zip(done, failed)],
        )


if __name__ == "__main__":
    manifest, out, model, *_ = [*sys.argv[1:], "ai4bharat/indic-seamless"]
    clips = ray.data.read_json(manifest).repartition(target_num_rows_per_block=64)
    options = {"batch_format": "pandas", "batch_size": 64, "num_cpus": CORES, "compute": ACTORS}
    clips.map_batches(Transcribe, fn_constructor_args=[model], **options).write_json(out, mode="error")
