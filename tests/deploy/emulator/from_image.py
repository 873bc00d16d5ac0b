"""Makes a zip of a function that was an image, and changes the stack's template to use it.

usage: from_image.py IMAGE_FOLDER ZIP TEMPLATE BUCKET
"""

import json
import pathlib
import re
import sys
import tarfile
import zipfile

image, archive, template, bucket = (pathlib.Path(argument) for argument in sys.argv[1:])

manifest = json.loads((image / "manifest.json").read_text())
blob = lambda descriptor: image / descriptor["digest"].removeprefix("sha256:")
config = json.loads(blob(manifest["config"]).read_text())["config"]
(entrypoint,) = config["Entrypoint"]
variables = dict(variable.split("=", 1) for variable in config["Env"])

with zipfile.ZipFile(archive, "w") as files:
    for layer in manifest["layers"]:
        with tarfile.open(blob(layer)) as tar:
            for member in tar:
                if member.isfile():
                    name = "/" + member.name.lstrip("./")
                    name = "bootstrap" if name == entrypoint else name.lstrip("/")
                    info = zipfile.ZipInfo(name)
                    info.external_attr = member.mode << 16
                    files.writestr(info, tar.extractfile(member).read())

text = template.read_text()
before = text
text = text.replace("      PackageType: Image\n", "      Runtime: provided.al2023\n      Handler: bootstrap\n")
text = text.replace("Code: { ImageUri: !Ref ImageUri }", f"Code: {{ S3Bucket: {bucket}, S3Key: {archive.name} }}")
# The emulator keeps the parameter as text, and then stops reading the queue.
text = text.replace("MaximumConcurrency: !Ref QueueConcurrency", "MaximumConcurrency: 2")
# A line more for each of the two functions.
assert text.count("\n") == before.count("\n") + 2 and text.count(archive.name) == 2 and "MaximumConcurrency: 2" in text
# The emulator knows no metric math; test_alarms.py tries these alarms.
for name in "BatchDurationAlarm", "StuckAlarm":
    text, removed = re.subn(rf"^  {name}:\n(?:    .*\n|\n)+", "", text, flags=re.MULTILINE)
    assert removed == 1
# A zip has no environment of its own, and lies under another root.
model = variables["INDIC_SEAMLESS_MODEL"]
model = model if model == "demo" else "/var/task" + model
text = re.sub(r"( +)Variables:\n", lambda m: f"{m[0]}{m[1]}  INDIC_SEAMLESS_MODEL: {model}\n", text)
template.write_text(text)
