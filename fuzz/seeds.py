#!/usr/bin/env python3
"""Makes the corpora in fuzz/corpus anew, from the clips in tests/clips, with ffmpeg and flac's frames cut out by hand.

The files are small and few: libFuzzer finds the rest. Names are those of the kinds. What was found is not here but in fuzz/found.
"""

import base64
import json
import shutil
import struct
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CORPUS = ROOT / "fuzz" / "corpus"
CLIP = ROOT / "tests" / "clips" / "hi.wav"
RATE = 16_000


def save(target: str, name: str, data: bytes | str | dict | list) -> None:
    if isinstance(data, (dict, list)):
        data = json.dumps(data, ensure_ascii=False)
    if isinstance(data, str):
        data = data.encode()
    (CORPUS / target).mkdir(parents=True, exist_ok=True)
    (CORPUS / target / name).write_bytes(data)


def ffmpeg(*options: str, name: str, seconds: float = 0.12) -> bytes:
    """A part of the clip, as ffmpeg writes it with these options to a file of this name."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        command = ["ffmpeg", "-v", "error", "-ss", "0.5", "-t", str(seconds), "-i", str(CLIP)]
        exact = ["-fflags", "+bitexact", "-flags:a", "+bitexact", "-map_metadata", "-1"]
        subprocess.run([*command, *options, *exact, "-strict", "-2", str(path)], check=True)
        data = path.read_bytes()
        return without_padding(data) if data.startswith(b"fLaC") else data


def without_padding(flac: bytes) -> bytes:
    """A FLAC file with its first block of metadata alone: the others are tags, and 8 KiB of padding."""
    at, last = 4, False
    while not last:
        last = bool(flac[at] & 0x80)
        at += 4 + int.from_bytes(flac[at + 1:at + 4], "big")
    return flac[:4] + b"\x80" + flac[5:42] + flac[at:]


def stretches(parts: list[bytes]) -> bytes:
    return b"".join(struct.pack("<H", len(part)) + part for part in parts)


def recordings() -> None:
    pcm = {"pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_f64le", "pcm_alaw", "pcm_mulaw", "adpcm_ima_wav", "adpcm_ms"}
    for codec in sorted(pcm):
        save("wav", codec, ffmpeg("-c:a", codec, name="a.wav", seconds=0.05))
    save("wav", "rf64", ffmpeg("-rf64", "always", name="a.wav", seconds=0.05))
    save("wav", "stereo", ffmpeg("-ac", "2", "-ar", "44100", name="a.wav", seconds=0.03))
    save("wav", "mp3", ffmpeg("-c:a", "libmp3lame", name="a.wav"))
    for codec in ("pcm_s16le", "pcm_alaw"):
        save("w64", codec, ffmpeg("-c:a", codec, name="a.w64", seconds=0.05))
    for codec in ("pcm_s16be", "pcm_s16le", "pcm_s24be", "pcm_f32be", "pcm_alaw", "adpcm_ima_qt"):
        save("aiff", codec, ffmpeg("-c:a", codec, name="a.aiff", seconds=0.05))
    for codec in ("pcm_s16be", "pcm_mulaw", "pcm_f32be"):
        save("au", codec, ffmpeg("-c:a", codec, name="a.au", seconds=0.05))
    for codec in ("pcm_s16be", "alac", "pcm_mulaw", "adpcm_ima_qt"):
        save("caf", codec, ffmpeg("-c:a", codec, name="a.caf", seconds=0.05))
    save("caf", "opus", ffmpeg("-c:a", "libopus", "-b:a", "12k", "-ar", "48000", name="a.caf"))
    save("flac", "plain", ffmpeg(name="a.flac"))
    save("flac", "stereo", ffmpeg("-ac", "2", "-frame_size", "256", name="a.flac", seconds=0.05))
    save("flac", "bits24", ffmpeg("-sample_fmt", "s32", name="a.flac", seconds=0.05))
    save("mp3", "plain", ffmpeg("-b:a", "16k", name="a.mp3", seconds=0.3))
    save("mp3", "bare", ffmpeg("-b:a", "16k", "-write_xing", "0", "-id3v2_version", "0", name="a.mp3", seconds=0.3))
    save("mp3", "mp2", ffmpeg("-c:a", "mp2", "-b:a", "32k", name="a.mp2", seconds=0.2))
    save("adts", "plain", ffmpeg("-c:a", "aac", "-b:a", "16k", name="a.aac", seconds=0.4))
    save("adts", "stereo", ffmpeg("-c:a", "aac", "-ac", "2", "-b:a", "24k", name="a.aac", seconds=0.3))
    for name, options in {
        "aac.m4a": ["-c:a", "aac", "-b:a", "16k"],
        "first.m4a": ["-c:a", "aac", "-b:a", "16k", "-movflags", "faststart"],
        "fragments.mp4": ["-c:a", "aac", "-b:a", "16k", "-movflags", "frag_keyframe+empty_moov", "-frag_duration", "100000"],
        "alac.m4a": ["-c:a", "alac"],
        "opus.mp4": ["-c:a", "libopus", "-b:a", "12k", "-ar", "48000"],
        "flac.mp4": ["-c:a", "flac"],
        "mp3.mp4": ["-c:a", "libmp3lame", "-b:a", "16k"],
        "pcm.mov": ["-c:a", "pcm_s16le"],
        "ima.mov": ["-c:a", "adpcm_ima_qt"],
    }.items():
        save("mp4", name, ffmpeg(*options, name="a." + name.split(".")[1]))
    for name, options in {
        "opus": ["-c:a", "libopus", "-b:a", "12k"],
        "vorbis": ["-c:a", "libvorbis", "-q:a", "0"],
        "flac": ["-c:a", "flac"],
    }.items():
        save("ogg", name, ffmpeg(*options, name="a.ogg"))
    for name, options in {
        "opus.webm": ["-c:a", "libopus", "-b:a", "12k"],
        "vorbis.webm": ["-c:a", "libvorbis", "-q:a", "0"],
        "live.webm": ["-c:a", "libopus", "-b:a", "12k", "-live", "1"],
        "aac.mka": ["-c:a", "aac", "-b:a", "16k"],
        "mp3.mka": ["-c:a", "libmp3lame", "-b:a", "16k"],
        "flac.mka": ["-c:a", "flac"],
        "pcm.mka": ["-c:a", "pcm_s16le"],
        "alac.mka": ["-c:a", "alac"],
    }.items():
        save("mkv", name, ffmpeg(*options, name="a." + name.split(".")[1], seconds=0.08))
    for target, name in [("wav", "pcm_s16le"), ("flac", "plain"), ("ogg", "opus"), ("mp3", "plain"), ("adts", "plain"),
                         ("mkv", "live.webm"), ("mp4", "fragments.mp4"), ("caf", "pcm_s16be"), ("aiff", "pcm_s16be"), ("au", "pcm_mulaw")]:
        save("pipe", target, b"\x01\0\0\0" + (CORPUS / target / name).read_bytes())
    for codec in ("pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_s32le"):
        save("wav_and_hound", codec, ffmpeg("-c:a", codec, name="a.wav", seconds=0.03))
    save("flac_and_claxon", "plain", ffmpeg(name="a.flac"))
    save("flac_and_claxon", "blocks", ffmpeg("-frame_size", "192", name="a.flac", seconds=0.06))
    save("flac_and_claxon", "bits24", ffmpeg("-sample_fmt", "s32", name="a.flac", seconds=0.04))


def codecs() -> None:
    adts, frames = ffmpeg("-c:a", "aac", "-b:a", "16k", name="a.aac", seconds=0.3), []
    while adts:
        size = (adts[3] & 3) << 11 | adts[4] << 3 | adts[5] >> 5
        frames.append(adts[7:size])
        adts = adts[size:]
    save("codec_aac", "lc", b"\x14\x08" + stretches(frames))
    opus = ogg_packets(ffmpeg("-c:a", "libopus", "-b:a", "12k", name="a.ogg", seconds=0.2))[2:]
    save("codec_opus", "mono", b"\0" + stretches(opus))
    save("codec_opus", "celt", b"\x01" + stretches(ogg_packets(
        ffmpeg("-c:a", "libopus", "-b:a", "32k", "-application", "lowdelay", "-frame_duration", "2.5", "-ac", "2", name="a.ogg", seconds=0.03))[2:]))
    save("codec_vorbis", "mono", stretches(ogg_packets(ffmpeg("-c:a", "libvorbis", "-q:a", "0", name="a.ogg", seconds=0.1))))
    mp3 = ffmpeg("-b:a", "32k", "-write_xing", "0", "-id3v2_version", "0", name="a.mp3", seconds=0.2)
    save("codec_mpeg", "mp3", b"\0" + stretches([mp3[at:at + 144] for at in range(0, len(mp3), 144)]))
    mp2 = ffmpeg("-c:a", "mp2", "-b:a", "32k", name="a.mp2", seconds=0.2)
    save("codec_mpeg", "mp2", b"\x01" + stretches([mp2[at:at + 288] for at in range(0, len(mp2), 288)]))
    caf = ffmpeg("-c:a", "alac", name="a.m4a", seconds=0.1)
    cookie = caf.index(b"alac", caf.index(b"alac") + 4) + 8
    data = caf.index(b"mdat") + 4
    size = struct.unpack(">I", caf[data - 8:data - 4])[0] - 8
    save("codec_alac", "plain", caf[cookie:cookie + 24] + stretches([caf[data:data + size]]))
    flac_codec()
    for name, (format_, bits) in {"pcm": (0, 16), "ms": (1, 4), "float": (2, 32), "ima": (5, 4), "wide": (7, 24)}.items():
        save("codec_samples", name, bytes([format_, 1, bits]) + struct.pack("<H", 64 if bits == 4 else 0) + b"\x02" + bytes(range(256)))


def ogg_packets(data: bytes) -> list[bytes]:
    packets, rest = [b""], data
    while rest:
        lacing = rest[27:27 + rest[26]]
        body, at = rest[27 + rest[26]:], 0
        for size in lacing:
            packets[-1] += body[at:at + size]
            at += size
            if size < 255:
                packets.append(b"")
        rest = body[at:]
    return packets[:-1]


def crc8(data: bytes) -> int:
    total = 0
    for byte in data:
        total ^= byte
        for _ in range(8):
            total = (total << 1 ^ 7 if total & 0x80 else total << 1) & 0xff
    return total


def flac_codec() -> None:
    """Frames without their checksums."""
    for name, options in {"plain": [], "stereo": ["-ac", "2", "-frame_size", "192"]}.items():
        data = ffmpeg(*options, name="a.flac", seconds=0.15 if not options else 0.03)
        starts = []
        for at in range(42, len(data) - 8):
            # The number of the frame is one byte; up to two bytes may follow it.
            if data[at] == 0xff and data[at + 1] == 0xf8 and data[at + 4] == len(starts):
                extra = {6: 1, 7: 2}.get(data[at + 2] >> 4, 0) + {12: 1, 13: 2, 14: 2}.get(data[at + 2] & 15, 0)
                if crc8(data[at:at + 5 + extra]) == data[at + 5 + extra]:
                    starts.append((at, 5 + extra))
        frames = []
        for (at, header), (end, _) in zip(starts, [*starts[1:], (len(data), 0)]):
            frames.append(data[at:at + header] + data[at + header + 1:end - 2])
        save("codec_flac", name, data[8:26] + stretches(frames))


def checkpoints() -> None:
    config = {
        "vocab_size": 21, "hidden_size": 8, "max_position_embeddings": 32, "max_new_tokens": 8, "decoder_layers": 1,
        "decoder_ffn_dim": 8, "decoder_attention_heads": 2, "speech_encoder_layers": 1, "speech_encoder_attention_heads": 2,
        "speech_encoder_intermediate_size": 8, "conv_depthwise_kernel_size": 3, "left_max_position_embeddings": 4,
        "right_max_position_embeddings": 2,
    }
    save("config", "tiny", config)
    save("config", "all", config | {
        "activation_function": "relu", "adaptor_kernel_size": 8, "adaptor_stride": 8, "add_adapter": True, "layer_norm_eps": 1e-5,
        "position_embeddings_type": "relative_key", "scale_embedding": True, "speech_encoder_chunk_size": 20_000,
        "speech_encoder_hidden_act": "swish", "speech_encoder_left_chunk_num": 128, "num_adapter_layers": 1, "pad_token_id": 0,
    })
    languages = {"text_decoder_lang_to_code_id": {"eng": 16, "hin": 17}}
    save("generation_config", "tiny", {"max_new_tokens": 8} | languages)
    save("generation_config", "beams", {
        "num_beams": 3, "num_return_sequences": 2, "length_penalty": 0.5, "early_stopping": True, "no_repeat_ngram_size": 2,
        "repetition_penalty": 1.5, "min_new_tokens": 2, "max_length": 12, "eos_token_id": [3], "forced_eos_token_id": 3,
        "suppress_tokens": [5], "begin_suppress_tokens": [6], "forced_bos_token_id": 4,
    } | languages)
    header = json.dumps({"__metadata__": {"format": "pt"}, "shared.weight": {"dtype": "F32", "shape": [21, 8], "data_offsets": [0, 672]}})
    file = struct.pack("<Q", len(header)) + header.encode() + bytes(672)
    save("safetensors", "one", file)
    index = json.dumps({"weight_map": {"shared.weight": "a.safetensors", "lm_head.weight": "b.safetensors"}}).encode()
    save("shards", "two", stretches([index, file, file]))
    for target in ("weights", "weights_int8", "weights_int4"):
        save(target, "none", b"\0")
        for kind in range(12):
            save(target, f"change{kind}", bytes([kind % 5, kind, 3, 0, 1, 2, 1, 2, 3, 4]))


def tokenizers() -> None:
    pieces = [("<unk>", 2), ("<s>", 3), ("</s>", 3), ("▁", 1), ("a", 1), ("b", 1), ("c", 1), ("ab", 1), ("नम", 1)]
    model = b""
    for number, (text, kind) in enumerate(pieces):
        piece = b"\x0a" + bytes([len(text.encode())]) + text.encode() + b"\x15" + struct.pack("<f", -number) + bytes([0x18, kind])
        model += b"\x0a" + bytes([len(piece)]) + piece
    model += b"\x12\x02\x18\x02"
    save("sentencepiece", "plain", model)
    # Rules: a trie of one node, and a replacement.
    charsmap = struct.pack("<I", 16) + struct.pack("<IIII", 1 << 10, 0x161 | 2 << 10, 0, 0) + b"b\0"
    rules = b"\x12" + bytes([len(charsmap)]) + charsmap + b"\x20\0"
    save("sentencepiece", "rules", model + b"\x1a" + bytes([len(rules)]) + rules)
    vocab = {text: number for number, text in enumerate(["<pad>", "<unk>", "<s>", "</s>", "▁", "a", "b", "ab"])}
    token = {"id": 8, "content": "__hin__", "special": True}
    save("tokenizer_json", "plain", {"added_tokens": [token], "model": {"type": "BPE", "vocab": vocab, "merges": ["a b"]}})
    save("tokenizer_config", "plain", {"added_tokens_decoder": {"16": {"content": "__hin__", "special": True}}, "clean_up_tokenization_spaces": True})


def speech() -> None:
    for target in ("kernel_int8", "kernel_int4", "kernel_float"):
        save(target, "small", bytes([3, 65, 0, 70, 1, 2, 3, 4]) + bytes(range(256)))
        save(target, "large", bytes([12, 0x4c, 4, 129, 1, 2, 3, 4]) + b"\x01\x30" * 200)
        save(target, "blocks", bytes([245, 0, 4, 69, 1, 2, 3, 4]) + bytes(range(256)))
        save(target, "extreme", bytes([6, 0, 4, 63, 0, 0, 0, 0]) + b"\x01" * 3_000)
    own = struct.pack("<5HB", 3_000, 20_000, 16_000, 10_000, 20_000, 1)
    for name, options in {"default": bytes(11), "own": own}.items():
        parts = b"".join(bytes(part) for part in ([2, 200, 0, 0, 0], [0, 255, 0, 120, 0], [0, 255, 0, 120, 100], [2, 250, 0, 0, 0],
                                                  [1, 255, 0, 60, 0], [3, 100, 9, 30, 0], [0, 200, 0, 127, 30], [4, 90, 0, 90, 0]))
        save("segmenter", name, options + b"\x07\0" + parts * 2)
        save("stream", name, options + b"\0\x07\0" + parts)
    save("together", "two", bytes([0, 0, 0, 255, 0, 128, 200, 0, 128]))
    save("together", "five", bytes([2, 1, 3, 255, 0, 128, 10, 0, 128, 90, 40, 100, 250, 3, 255, 150, 80, 60]))
    text = "नमस्ते दुनिया. Hello world, how are you?"[:60].encode()[:60]
    segment = bytes([len(text)]) + text + bytes([2, 0, 0x40, 200]) + b"\x02\0\x10\x02\0\x20" * 6 + bytes([0, 2, 0, 0x80])
    save("subtitles", "words", bytes(6) + segment * 3)
    save("subtitles", "plain", bytes([1, 1, 1, 1, 1, 2]) + (bytes([12]) + "今天天气".encode() + bytes([2, 0, 9, 0, 1, 2, 0, 99])) * 3)


def requests() -> None:
    clip = ffmpeg(name="a.wav", seconds=0.1)

    def form(file: str, audio: bytes, **fields: str) -> bytes:
        parts = [f'--X\r\ncontent-disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode() for name, value in fields.items()]
        head = f'--X\r\ncontent-disposition: form-data; name="{file}"; filename="a.wav"\r\ncontent-type: audio/wav\r\n\r\n'
        return b"".join(parts) + head.encode() + audio + b"\r\n--X--\r\n"

    save("form", "plain", form("audio", clip, target_lang="hin"))
    save("form", "options", form("audio", clip, target_lang="tam", words="true", num_beams="2", format="srt", start="0", duration="1"))
    save("json", "plain", {"audio": base64.b64encode(clip).decode(), "target_lang": "hin"})
    save("json", "url", {"audio": "data:audio/wav;base64," + base64.b64encode(clip[:600]).decode(), "words": True, "num_beams": 2})
    save("openai", "plain", form("file", clip, model="whisper-1", language="hi"))
    save("openai", "verbose", form("file", clip[:800], **{
        "model": "indic-seamless", "response_format": "verbose_json", "timestamp_granularities[]": "word", "stream": "false",
        "chunking_strategy": '{"type": "server_vad", "threshold": 0.5}', "temperature": "0"}))
    save("openai", "stream", form("file", clip[:800], model="whisper-1", stream="true", **{"include[]": "logprobs"}))
    save("request", "health", "GET /health\n\n")
    save("request", "model", "GET /v1/models/indic-seamless\n\n")
    save("request", "bare", b"POST /speech-to-text?target_lang=hin&words=true&channel=0\naudio/wav\n" + clip[:900])
    save("request", "socket", "GET /v1/realtime?intent=transcription\n\n")
    events = [
        {"type": "session.update", "session": {"type": "transcription", "audio": {"input": {
            "format": {"type": "audio/pcm", "rate": 16_000}, "transcription": {"model": "whisper-1", "language": "hi"},
            "turn_detection": {"type": "server_vad", "threshold": 0.5, "silence_duration_ms": 300}}}, "include": None}},
        {"type": "input_audio_buffer.append", "audio": base64.b64encode(clip[44:1_044]).decode(), "event_id": "a"},
        {"type": "input_audio_buffer.commit"},
        {"type": "input_audio_buffer.clear"},
    ]
    save("realtime", "turn", "\n".join(json.dumps(event) for event in events))
    by_hand = [{"type": "session.update", "session": {"audio": {"input": {"turn_detection": None, "format": {"type": "audio/pcmu"}}}}}, *events[1:3]]
    save("realtime", "by_hand", "\n".join(json.dumps(event) for event in by_hand) + "\n!\0\1")


def programs() -> None:
    rest = {
        "resource": "/{proxy+}", "path": "/base/health", "httpMethod": "POST", "headers": {"content-type": "application/json"},
        "multiValueHeaders": {"accept": ["*/*"]}, "queryStringParameters": {"a": "1"}, "multiValueQueryStringParameters": {"a": ["1"]},
        "pathParameters": {"proxy": "health"}, "stageVariables": None,
        "requestContext": {"resourcePath": "/{proxy+}", "path": "/prod/base/health", "httpMethod": "POST", "stage": "prod", "identity": {},
                           "requestTimeEpoch": 1_700_000_000_000},
        "body": "e30=", "isBase64Encoded": True,
    }
    save("lambda_event", "rest", rest)
    http = {
        "version": "2.0", "routeKey": "$default", "rawPath": "/prod/health", "rawQueryString": "a=1", "headers": {"a": "b"}, "cookies": ["c=d"],
        "pathParameters": {"proxy": "health"}, "isBase64Encoded": False, "body": "x",
        "requestContext": {"domainName": "x.lambda-url.ap-south-1.on.aws", "stage": "prod", "timeEpoch": 1_700_000_000_000,
                           "http": {"method": "GET", "path": "/health", "protocol": "HTTP/1.1", "sourceIp": "::1", "userAgent": ""}},
    }
    save("lambda_event", "http", http)
    save("lambda_event", "alb", {"requestContext": {"elb": {"targetGroupArn": "arn"}}, "httpMethod": "GET", "path": "/", "headers": {},
                                 "queryStringParameters": {}, "body": "", "isBase64Encoded": False})
    save("lambda_event", "by_hand", {"httpMethod": "GET", "path": "/health"})
    notification = {"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": {
        "bucket": {"name": "speech"}, "object": {"key": "recordings/hin/%E0%A4%86+1.wav"}}}]}
    queue = {"Records": [{"messageId": "1", "eventSource": "aws:sqs", "body": json.dumps(notification)}]}
    save("lambda_event", "queue", queue)
    save("lambda_event", "one", {"bucket": "speech", "key": "calls/a.wav", "target_lang": "hi"})
    save("lambda_event", "map", {"BatchInput": {"bucket": "speech", "target_lang": "tam"},
                                 "Items": [{"Key": "recordings/", "Size": 0}, {"bucket": "b", "key": "c.wav"}]})
    bridge = {"detail-type": "Object Created", "detail": {"bucket": {"name": "speech"}, "object": {"key": "recordings/a.wav"}}}
    save("message", "notification", notification)
    save("message", "bridge", bridge)
    save("message", "row", {"audio": "s3://speech/calls/a.wav", "id": "may/1", "lang": "Tamil", "num_beams": 2})
    save("message", "object", {"bucket": "speech", "key": "calls/a.wav", "target_lang": "hi"})
    save("message", "test", {"Service": "Amazon S3", "Event": "s3:TestEvent"})
    save("manifest", "json", '{"audio": "a.wav", "lang": "hin", "num_beams": 2}\n\n{"audio":"b, c.wav","lang":null,"id":7,"start":"1.5"}\r\n')
    save("manifest", "csv", 'audio,lang,num_beams,id,start,duration,channel,track,script\na.wav,hin,2,,1,2,0,1,\n"b, c.wav",auto,,7,,,,,any\n')


if __name__ == "__main__":
    shutil.rmtree(CORPUS, ignore_errors=True)
    for make in (recordings, codecs, checkpoints, tokenizers, speech, requests, programs):
        make()
    sizes = [path.stat().st_size for path in CORPUS.rglob("*") if path.is_file()]
    print(f"{len(sizes)} files, {sum(sizes)} bytes")
