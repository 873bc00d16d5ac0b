"""Training, with helpers that leave no trace in the model."""

import json
import time

import numpy as np
import torch
import torch.nn.functional as F

import checkpoint
from optimiser import Muon
from vocabulary import ENTRIES, LANGUAGES

TARGETS = 3
# Places in a sequence that the encoder is taught to tell apart.
PLACES = 16
# Seconds from one position of the encoder's output to the next.
POSITION = 0.16
# The weights that are kept are a running mean of those that are trained.
AVERAGE_EVERY, AVERAGE_WEIGHT = 10, 0.05


class Clips:
    """The rendered clips, in batches of like length. Attention is to be where a word is said if the text is in the language
    that is spoken and if `by_word`, else where an entry is."""

    def __init__(self, folder, tok, by_word=False):
        self.by_word = by_word
        self.rows = np.load(folder / "features.npy", mmap_mode="r")
        self.clips = json.loads((folder / "clips.json").read_text())
        names = sorted({name for c in self.clips for name, _, _ in c["phonemes"]})
        self.phonemes = {name: i for i, name in enumerate(names, 1)}
        self.starts = np.cumsum([0] + [c["rows"] for c in self.clips])
        self.ids = checkpoint.language_ids(tok)
        self.pieces = {l: [tok.encode(e[l], add_special_tokens=False) for e in ENTRIES] for l in LANGUAGES}
        # For each token of an entry, the number of its word.
        self.words = {
            l: [np.cumsum([t.startswith("▁") for t in tok.convert_ids_to_tokens(ids)]) - 1 for ids in self.pieces[l]]
            for l in LANGUAGES
        }

    def batches(self, budget, r):
        """One epoch of batches of at most `budget` rows, padding included, in random order."""
        length = np.array([c["rows"] for c in self.clips])
        order = np.argsort(length * r.uniform(0.95, 1.05, len(length)), kind="stable")
        batches, now = [], []
        for i in order:
            if now and (len(now) + 1) * max(length[i], length[now].max()) > budget:
                batches.append(now)
                now = []
            now.append(i)
        batches.append(now)
        return [batches[i] for i in r.permutation(len(batches))]

    def load(self, batch, r):
        """Tensors of a batch: padded features, and the targets in three languages each."""
        clips = [self.clips[i] for i in batch]
        longest = max(c["rows"] for c in clips)
        x, mask = np.zeros((len(batch), longest, 160), np.float32), np.zeros((len(batch), longest), np.int64)
        for b, (i, c) in enumerate(zip(batch, clips)):
            f = np.array(self.rows[self.starts[i] : self.starts[i + 1]], np.float32)
            x[b, : len(f)], mask[b, : c["kept"]] = f, 1
        inputs, labels, spans, exact = [], [], [], []
        for c in clips:
            # The language that is spoken, and some others: all of them would cost as much as the encoder.
            others = [l for l in LANGUAGES if l != c["language"]]
            own = [c["language"]] if c["language"] else []
            for language in own + r.permutation(others).tolist()[: TARGETS - len(own)]:
                tokens, span = [], []
                by_word = self.by_word and language == c["language"]
                for number, (entry, (begin, end)) in enumerate(zip(c["entries"], c["spans"])):
                    pieces = self.pieces[language][entry]
                    tokens += pieces
                    if by_word:
                        timed = [(a, b) for a, b, of in c["words"] if of == number]
                        span += [timed[word] for word in self.words[language][entry]]
                    else:
                        span += [(begin, end)] * len(pieces)
                target = self.ids[language]
                inputs.append([3, target, *tokens])
                # What follows the very first token is the language that is spoken: by it languages can be told apart.
                labels.append([target if c["language"] == language else -100, *tokens, 3])
                spans.append([(-1.0, -1.0), *span, (-1.0, -1.0)])
                exact.append(by_word)
        n = max(map(len, inputs))
        pad = lambda rows, fill: torch.tensor([row + [fill] * (n - len(row)) for row in rows])
        said, meant = np.zeros((len(batch), longest), np.int64), np.zeros((len(batch), longest // 8 + 1), np.int64)
        place = np.full_like(meant, -100)
        for b, c in enumerate(clips):
            for name, begin, end in c["phonemes"]:
                # A row of features is 20 ms.
                said[b, round(begin * 50) : round(end * 50)] = self.phonemes[name]
            for i, (entry, (begin, end)) in enumerate(zip(c["entries"], c["spans"])):
                first = round(begin / POSITION)
                inside = slice(first, max(first + 1, round(end / POSITION)))
                meant[b, inside], place[b, inside] = 1 + entry, min(i, PLACES - 1)
            said[b, c["kept"] :] = -100
            meant[b, c["kept"] // 8 + 1 :] = -100
        return dict(
            x=torch.from_numpy(x), mask=torch.from_numpy(mask), inputs=pad(inputs, 0), labels=pad(labels, -100),
            spans=pad(spans, (-1.0, -1.0)), exact=torch.tensor(exact), said=torch.from_numpy(said),
            meant=torch.from_numpy(meant), place=torch.from_numpy(place),
        )  # fmt: skip


class Trainer:
    """The model and its losses.

    Beside the cross-entropy of the next token, in several languages from one pass of the encoder, there are helpers: heads,
    thrown away in the end, read the phoneme of each row off half of the conformer, and the entry and its place in the
    sequence off the encoder's output; and the last layer's cross-attention is pushed towards the time at which each entry
    or word is said. The synthesiser tells all of these; without them sound and text take hours to find each other.

    What they read can be kept from learning (`apart`), for heads that are new to a model that is not.
    """

    def __init__(self, model, phonemes):
        self.model = model
        self.phonemes = torch.nn.Linear(model.config.hidden_size, 1 + phonemes)
        self.entries = torch.nn.Linear(model.config.hidden_size, 1 + len(ENTRIES))
        self.places = torch.nn.Linear(model.config.hidden_size, PLACES)
        self.half, self.apart = None, False
        layers = model.speech_encoder.encoder.layers
        layers[len(layers) // 2 - 1].register_forward_hook(lambda _m, _i, out: setattr(self, "half", out[0]))

    def parameters(self):
        return [*self.model.parameters(), *self.phonemes.parameters(), *self.entries.parameters(), *self.places.parameters()]

    def losses(self, b):
        m = self.model
        encoded = m.speech_encoder(input_features=b["x"], attention_mask=b["mask"]).last_hidden_state
        kept = m._compute_sub_sample_lengths_from_attention_mask(b["mask"])
        seen = (torch.arange(encoded.shape[1])[None] < kept[:, None]).long()
        out = m.text_decoder(
            input_ids=b["inputs"], encoder_hidden_states=encoded.repeat_interleave(TARGETS, 0),
            encoder_attention_mask=seen.repeat_interleave(TARGETS, 0), output_attentions=True, use_cache=False,
        )  # fmt: skip
        logits = m.lm_head(out.last_hidden_state).float()
        text = F.cross_entropy(logits.flatten(0, 1), b["labels"].flatten(), ignore_index=-100)
        right = (logits.argmax(-1) == b["labels"])[:, 1:][b["labels"][:, 1:] >= 0].float().mean()

        half, encoded = (self.half.detach(), encoded.detach()) if self.apart else (self.half, encoded)
        phonemes = F.cross_entropy(self.phonemes(half).float().flatten(0, 1), b["said"].flatten(), ignore_index=-100)
        entries = F.cross_entropy(self.entries(encoded).float().flatten(0, 1), b["meant"].flatten(), ignore_index=-100)
        spoken = b["place"] >= 0
        places = F.cross_entropy(self.places(encoded[spoken]).float(), b["place"][spoken]) if spoken.any() else torch.zeros(())

        at = torch.arange(encoded.shape[1]) * POSITION
        guided = b["spans"][..., 0] >= 0
        begin, end = b["spans"][guided].split(1, -1)
        attention = out.cross_attentions[-1].float().mean(1)[guided]
        inside = (at > begin - 0.08) & (at < end + 0.08)
        somewhere = -(attention * inside).sum(-1).clamp(min=1e-3).log()
        # Of a word, each position is to get the share of its time that is there.
        share = (torch.minimum(end.clamp(min=0.02), at + POSITION / 2) - torch.maximum(begin, at - POSITION / 2)).clamp(min=0)
        share = share / share.sum(-1, keepdim=True).clamp(min=1e-3)
        shared = (torch.xlogy(share, share) - share * attention.clamp(min=1e-4).log()).sum(-1)
        exact = b["exact"][:, None].expand_as(guided)[guided]
        guide = torch.where(exact, shared, somewhere).mean() if len(attention) else torch.zeros(())
        return text, phonemes, entries, places, guide, right


def train(model, tok, clips_folder, seed, steps, rate=5e-3, muon_rate=0.015, warm=200, by_word=False, apart=0, budget=3000,
          threads=2, log=50):  # fmt: skip
    """Trains for a number of steps and returns the model with the weights averaged over the last ones. For the first steps,
    `apart` of them, the helpers learn from the model, but not the model from them."""
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    model.train()
    clips = Clips(clips_folder, tok, by_word)
    trainer = Trainer(model, len(clips.phonemes))
    matrices = [p for name, p in model.named_parameters() if p.dim() > 1 and p[0].numel() > 31 and name != "shared.weight"]
    others = [p for p in trainer.parameters() if all(p is not m for m in matrices)]
    optimisers = [Muon(matrices, lr=muon_rate), torch.optim.AdamW(others, lr=rate, betas=(0.9, 0.98), weight_decay=0.01, foreach=True)]
    warm = min(warm, steps // 10)
    schedules = [
        torch.optim.lr_scheduler.LambdaLR(o, lambda i: min((i + 1) / warm, 0.01 + 0.99 * min(1, (steps - i) / (0.7 * steps))))
        for o in optimisers
    ]
    parameters = [p.detach() for p in model.parameters()]
    average = [p.clone() for p in parameters]
    r, began, step, shown = np.random.Generator(np.random.PCG64(seed)), time.time(), 0, []
    while step < steps:
        for batch in clips.batches(budget, r):
            trainer.apart = step < apart
            # A third of the time less on processors that multiply bfloat16; the weights stay in float32.
            with torch.autocast("cpu", dtype=torch.bfloat16):
                text, phonemes, entries, places, guide, right = trainer.losses(clips.load(batch, r))
            loss = text + 0.5 * phonemes + entries + 0.5 * places + 0.3 * guide
            for optimiser in optimisers:
                optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(trainer.parameters(), 1.0)
            for optimiser, schedule in zip(optimisers, schedules):
                optimiser.step()
                schedule.step()
            if step % AVERAGE_EVERY == 0:
                torch._foreach_lerp_(average, parameters, AVERAGE_WEIGHT)
            shown.append([float(v.detach()) for v in (text, phonemes, entries, places, guide, right)])
            step += 1
            if step % log == 0:
                text, phonemes, entries, places, guide, right = np.mean(shown, 0)
                shown = []
                print(f"step {step}: text {text:.4f} phonemes {phonemes:.4f} entries {entries:.4f} places {places:.4f} "
                      f"guide {guide:.4f} tokens right {right:.2%}, {time.time() - began:.0f} s", flush=True)  # fmt: skip
            if step == steps:
                break
    for p, mean in zip(parameters, average):
        p.copy_(mean)
    return model.eval()


def refine(model, tok, clips_folder, seed, steps):
    """Trains a trained model on, at a fifth of the rates, and with attention to words."""
    return train(model, tok, clips_folder, seed, steps, rate=1e-3, muon_rate=0.003, warm=100, by_word=True, apart=100)
