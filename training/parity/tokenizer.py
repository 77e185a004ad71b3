"""Golden ids of two small Unigram tokenizers, and golden results of diffusers' prompt cleaning.

- `tokenizer-umt5`: the shape of UMT5's, a SentencePiece model trained here and loaded by T5Tokenizer. Its precompiled character
  map holds the rules of nmt_nfkc for the characters of the prompts below only: the whole map takes a third of a megabyte.
- `tokenizer-toy`: the shape that training/text.py gives mv2id-tiny (NFKC, lower case, punctuation split off).
"""

import html
import json
import re
import sys
import tempfile
import unicodedata
from pathlib import Path

import sentencepiece
from transformers import PreTrainedTokenizerFast, T5Tokenizer

from golden import write_json

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from text import build_tokenizer  # noqa: E402

CORPUS = [
    "A woman with short black hair turns her head slowly to the left and looks at the camera.",
    "A man with a red beard and round glasses looks up, then smiles; soft light, plain background.",
    "The head turns from the left profile to the right profile in 17 frames, 8 frames a second.",
    "Une femme tourne la tête vers la droite, lumière chaude; garçon, où, œuvre, naïve.",
    "Eine Frau dreht den Kopf langsam nach rechts, größer, schön, Straße.",
    "色调艳丽，过曝，静态，细节模糊不清，字幕，风格，作品，画作，画面，静止，整体发灰，最差质量",
    "голова медленно поворачивается налево и смотрит в камеру",
    "freckles, a mole on one cheek, an earring, a scar; parting on the right; skin, nose, eyes, brows, mouth, ears",
    "office file fluent waffle 1/2 kg x2 (c) tm 0123456789 !?.,:;'\"-()[]{}<>@#$%^&*+=_/\\|~`",
]

PROMPTS = [
    "",
    " ",
    "a head turns to the left",
    "  A   man\twith\n a beard  ",
    "Ｆｕｌｌ　ｗｉｄｔｈ ｔｅｘｔ",
    "ﬁne oﬃce waﬄe",
    "½ ² ™ ㎏ ①",
    "zero\u200bwidth soft\u00adhyphen no\u00a0break bom\ufeff here",
    "tête te\u0302te garçon garc\u0327on",
    "色调艳丽，过曝，静态",
    "голова поворачивается",
    "emoji 🙂 family 👩‍👩‍👧 flag 🇫🇷",
    "</s> <pad> <unk> <extra_id_0> inside",
    "</s>glued<extra_id_1>tokens",
    "a▁b ▁c",
    "line\r\nbreak\u2028separator\u0085next",
    "control\u0001char tab\tend",
    "الله ﷲ ﻻ",
    "한국어 각 ㄱㅏㄱ",
    "x" * 90,
    "the head turns from the left profile to the right profile " * 6,
]

CLEANED = [
    "  plain   text\n\twith  spaces ",
    "Tom &amp; Jerry",
    "Tom &amp;amp; Jerry",
    "Tom &amp;amp;amp; Jerry",
    "&lt;b&gt;bold&lt;/b&gt; &quot;q&quot; &#39;s&#39;",
    "&nbsp;lead and trail&nbsp;",
    "caf&eacute; caf&eacute na&#239;ve &#xe9; &#x1F642; &#128;",
    "broken &ampersand; &unknown; &# &#x; &#0; &#55296; &#1114112;",
    "copy &copy2024 &notit; &notin; &amp",
    "no\u00a0break\u2003em\u3000ideographic\u200bzero\u0085nel\u001cfs\ufeffbom",
    "a\u2028b\u2029c\r\nd\x0be\x0cf",
    "",
    "   ",
    "色调&#33394; 艳丽",
]


def prompt_clean_without_ftfy(text: str) -> str:
    """prompt_clean of diffusers' pipeline_wan.py as it runs where ftfy is not installed."""
    text = html.unescape(html.unescape(text)).strip()
    return re.sub(r"\s+", " ", text).strip()


def train(directory: Path, vocab_size: int) -> T5Tokenizer:
    corpus = directory / "corpus.txt"
    corpus.write_text("\n".join(CORPUS * 20))
    rules = directory / "rules.tsv"
    rules.write_text("".join(f"{hexadecimal(source)}\t{hexadecimal(target)}\n" for source, target in character_rules().items()))
    sentencepiece.SentencePieceTrainer.train(
        input=str(corpus),
        model_prefix=str(directory / "spiece"),
        vocab_size=vocab_size,
        model_type="unigram",
        normalization_rule_tsv=str(rules),
        character_coverage=1.0,
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        minloglevel=2,
    )
    model = sentencepiece.SentencePieceProcessor(model_file=str(directory / "spiece.model"))
    vocab = [(model.id_to_piece(i), model.get_score(i)) for i in range(model.get_piece_size())]
    return T5Tokenizer(vocab=vocab, _spm_precompiled_charsmap=precompiled_charsmap((directory / "spiece.model").read_bytes()), extra_ids=4)


def character_rules() -> dict[str, str]:
    """nmt_nfkc for what occurs in PROMPTS: spaces, control characters, compatibility forms, and letters with one combining mark."""
    rules = {}
    for prompt in PROMPTS:
        for character in prompt:
            if character in "\t\n\r\x0c\u00a0\u200b\u2028\u2029\u3000\ufeff":
                rules[character] = " "
            elif unicodedata.category(character) == "Cc":
                rules[character] = ""
            elif unicodedata.normalize("NFKC", character) != character:
                rules[character] = unicodedata.normalize("NFKC", character)
        for base, mark in zip(prompt, prompt[1:]):
            if unicodedata.combining(mark):
                rules[base + mark] = unicodedata.normalize("NFKC", base + mark)
    return rules


def hexadecimal(text: str) -> str:
    return " ".join(f"{ord(character):x}" for character in text)


def precompiled_charsmap(model: bytes) -> bytes:
    """ModelProto.normalizer_spec (field 3) .precompiled_charsmap (field 2), read without the protobuf package."""
    return length_delimited(length_delimited(model, 3), 2)


def length_delimited(message: bytes, wanted: int) -> bytes:
    """The last length-delimited field `wanted` of a protobuf message."""
    position, found = 0, b""
    while position < len(message):
        tag, position = varint(message, position)
        if tag & 7 == 0:
            _, position = varint(message, position)
        elif tag & 7 == 5:
            position += 4
        elif tag & 7 == 1:
            position += 8
        else:
            size, position = varint(message, position)
            if tag >> 3 == wanted:
                found = message[position : position + size]
            position += size
    return found


def varint(message: bytes, position: int) -> tuple[int, int]:
    value, shift = 0, 0
    while True:
        byte = message[position]
        value |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            return value, position


def toy() -> PreTrainedTokenizerFast:
    words = re.findall(r"[a-z]+", " ".join(CORPUS[:2]).lower())
    return build_tokenizer(words, max_length=32)


def golden_of(tokenizer: PreTrainedTokenizerFast, prompts: list[str]) -> dict:
    """The saved tokenizer, and the ids that a pipeline would get: of cleaned prompts, padding left out."""
    with tempfile.TemporaryDirectory() as folder:
        tokenizer.save_pretrained(folder)
        saved = json.loads((Path(folder) / "tokenizer.json").read_text())
        config = json.loads((Path(folder) / "tokenizer_config.json").read_text())
    encodings = []
    for prompt in prompts:
        for max_length in (12, 64):
            encoded = tokenizer(prompt_clean_without_ftfy(prompt), padding="max_length", max_length=max_length, truncation=True, return_attention_mask=True)
            real_length = sum(encoded["attention_mask"])
            ids = encoded["input_ids"]
            assert all(token == tokenizer.pad_token_id for token in ids[real_length:])
            encodings.append({"prompt": prompt, "max_length": max_length, "input_ids": ids[:real_length]})
    return {"tokenizer": saved, "tokenizer_config": config, "encodings": encodings}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_json("tokenizer-umt5", golden_of(train(Path(folder), vocab_size=210), PROMPTS))
    # U+FEFF is white space to JavaScript but not to Rust; without a character map the two differ, see tokenizer.ts.
    write_json("tokenizer-toy", golden_of(toy(), [prompt.replace("\ufeff", "") for prompt in PROMPTS]))
    write_json("prompt-clean", [{"prompt": prompt, "cleaned": prompt_clean_without_ftfy(prompt)} for prompt in CLEANED])


if __name__ == "__main__":
    main()
