"""The text side at toy size: a unigram tokenizer over the caption grammar's words, and a UMT5 encoder.

The tokenizer has the shape of UMT5's (Unigram, Metaspace, EOS appended), so what reads one reads the other. Single
characters are in the vocabulary too: words that no caption uses are spelt, never lost.
"""

import string

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast, UMT5Config, UMT5EncoderModel

PAD, EOS, UNKNOWN = "<pad>", "</s>", "<unk>"


def build_tokenizer(words, max_length: int) -> PreTrainedTokenizerFast:
    """words: every word of the caption grammar, lower case."""
    whole = [("▁" + word, -5.0) for word in sorted({*words, ",", "."})]
    pieces = [(c, -12.0) for c in "▁" + string.ascii_lowercase + string.digits + ".,'-!?"]
    known = {piece for piece, _ in whole}
    vocabulary = [(PAD, 0.0), (EOS, 0.0), (UNKNOWN, 0.0)] + whole + [p for p in pieces if p[0] not in known]
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=2))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation(), pre_tokenizers.Metaspace()]
    )
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(single=f"$A {EOS}", special_tokens=[(EOS, 1)])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token=PAD, eos_token=EOS, unk_token=UNKNOWN, model_max_length=max_length
    )


def build_text_encoder(settings, vocabulary_size: int) -> UMT5EncoderModel:
    sizes = {name: settings[name] for name in ("d_model", "d_kv", "num_heads", "d_ff", "num_layers")}
    config = UMT5Config(vocab_size=vocabulary_size, dropout_rate=0.0, feed_forward_proj="gated-gelu", **sizes)
    config.architectures = ["UMT5EncoderModel"]
    return UMT5EncoderModel(config)


def tokenize(tokenizer, captions, max_length: int):
    """-> input_ids, attention_mask LongTensor [N, L]"""
    batch = tokenizer(captions, padding="max_length", truncation=True, max_length=max_length, return_tensors="pt")
    return batch.input_ids, batch.attention_mask


def encode(text_encoder, input_ids, attention_mask):
    """Embeddings with the rows after the real length set to zero, as the Wan pipeline feeds them. -> [N, L, d_model]"""
    hidden = text_encoder(input_ids, attention_mask).last_hidden_state
    return hidden * attention_mask[..., None].to(hidden.dtype)
