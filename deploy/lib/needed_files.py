"""Which files of a model on the hub the service needs; the hub's answer comes on standard input."""

import json
import re
import sys

# Weights and tokenizer; a repository may hold the same weights in other formats, pictures, or other parts of the model.
NEEDED = re.compile(
    r"(config|generation_config|preprocessor_config|tokenizer_config|added_tokens|special_tokens_map|tokenizer)\.json"
    r"|sentencepiece\.bpe\.model"
    r"|model\.safetensors\.index\.json|model(-\d+-of-\d+)?\.safetensors"
)

names = sorted(file["rfilename"] for file in json.load(sys.stdin)["siblings"])
needed = [name for name in names if NEEDED.fullmatch(name)]
if "config.json" not in needed or not any(name.endswith(".safetensors") for name in needed):
    sys.exit(f"no config.json or no safetensors among {names}")
print("\n".join(needed))
