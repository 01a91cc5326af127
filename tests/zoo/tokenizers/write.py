"""Write the tokenizers that real libraries write: every model, many steps, and many ways to save them.

python write.py FOLDER
"""

from __future__ import annotations

import base64
import json
import random
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import gguf
import sentencepiece
import tiktoken
from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers import AutoTokenizer, PreTrainedTokenizerFast
from transformers.convert_slow_tokenizer import TikTokenConverter

ROOT = Path(sys.argv[1])
GPT4 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
BLOOM = r" ?[^(\s|[.,!?…。，、।۔،])]+"
PROSE = """
the model reads a text and writes another one under the table while der Hund schläft im Garten
und la maison est à côté de l'église para que los niños jueguen модель читает текст и пишет
模型 读 文本 モデル يقرأ النموذج נוסח पाठ ข้อความ 텍스트 https www github com http import numpy as np
def forward self return if else sudo rm ls curl eval exec os system json name arguments not never
always user assistant
"""
WORDS = PROSE.split()
SIGNS = [
    "://",
    ".",
    ",",
    "!",
    "?",
    "()",
    "{",
    "}",
    '"',
    "'s",
    "\n",
    "  ",
    "\t",
    "==",
    "->",
    "/",
    "1",
    "2024",
    "42",
    "😀",
    "’",
]


def corpus(lines: int = 4_000) -> list[str]:
    """Return sentences of words, code and addresses."""
    source = random.Random(7)
    made = []
    for _ in range(lines):
        words = source.choices(WORDS, k=source.randint(4, 14))
        for _ in range(source.randint(0, 5)):
            words.insert(source.randrange(len(words)), source.choice(SIGNS))
        made.append(" ".join(words))
        made.append(
            f"see https://www.{source.choice('abcdef')}.org/{source.choice(WORDS)}"
            f" for {source.choice(WORDS)}"
        )
    return made


TEXTS = corpus()
SPECIAL = ["<s>", "</s>", "<unk>", "<pad>", "<mask>"]
BERT = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def folder(name: str) -> Path:
    path = ROOT / name
    path.mkdir(parents=True, exist_ok=True)
    return path


def train(tokenizer: Tokenizer, trainer: object, name: str) -> Tokenizer:
    tokenizer.train_from_iterator(TEXTS, trainer)
    tokenizer.save(str(folder(name) / "tokenizer.json"))
    return tokenizer


def byte_level(name: str, *, alphabet: bool, pattern: str | None, specials: Sequence[str]) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    split = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=pattern is None)
    tokenizer.pre_tokenizer = (
        split
        if pattern is None
        else pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated"), split])
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    initial = pre_tokenizers.ByteLevel.alphabet() if alphabet else []
    trainer = trainers.BpeTrainer(
        vocab_size=1500, special_tokens=list(specials), initial_alphabet=initial
    )
    return train(tokenizer, trainer, name)


def write_byte_level() -> None:
    byte_level("bytes/gpt2", alphabet=True, pattern=None, specials=["<|endoftext|>"])
    byte_level("bytes/no-alphabet", alphabet=False, pattern=None, specials=["<|endoftext|>"])
    byte_level("bytes/gpt4", alphabet=True, pattern=GPT4, specials=[])
    byte_level("bytes/bloom", alphabet=True, pattern=BLOOM, specials=SPECIAL)
    code = byte_level(
        "bytes/code",
        alphabet=True,
        pattern=r"\p{N}| ?\p{L}+|[^\s\p{L}\p{N}]+|\s+",
        specials=["<|endoftext|>"],
    )
    code.add_tokens([AddedToken(" " * count, normalized=False) for count in range(2, 32)])
    code.add_special_tokens([f"<fim_{part}>" for part in ("prefix", "middle", "suffix", "pad")])
    code.save(str(folder("bytes/runs") / "tokenizer.json"))
    llama = byte_level("bytes/llama3", alphabet=True, pattern=GPT4, specials=[])
    names = [
        "begin_of_text",
        "end_of_text",
        "start_header_id",
        "end_header_id",
        "eot_id",
        "python_tag",
        "image",
    ]
    llama.add_special_tokens([f"<|{name}|>" for name in names])
    llama.add_special_tokens([f"<|reserved_special_token_{at}|>" for at in range(200)])
    number = llama.token_to_id("<|begin_of_text|>")
    llama.post_processor = processors.Sequence(
        [
            processors.ByteLevel(trim_offsets=False),
            processors.TemplateProcessing(
                single="<|begin_of_text|> $A",
                pair="<|begin_of_text|> $A <|begin_of_text|>:1 $B:1",
                special_tokens=[("<|begin_of_text|>", number)],
            ),
        ]
    )
    llama.save(str(folder("bytes/llama3") / "tokenizer.json"))
    whisper = byte_level("bytes/whisper", alphabet=True, pattern=None, specials=["<|endoftext|>"])
    languages = [f"<|{code}|>" for code in ("en", "zh", "de", "es", "ru", "ko", "fr", "ja")]
    times = [f"<|{at * 0.02:.2f}|>" for at in range(1501)]
    whisper.add_special_tokens(
        ["<|startoftranscript|>", *languages, "<|transcribe|>", "<|notimestamps|>"]
    )
    whisper.add_tokens(times)
    whisper.save(str(folder("bytes/whisper") / "tokenizer.json"))


def write_classic() -> None:
    bert = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    bert.normalizer = normalizers.BertNormalizer(lowercase=True)
    bert.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    bert.decoder = decoders.WordPiece(prefix="##")
    specials = [BERT[0], *(f"[unused{at}]" for at in range(99)), *BERT[1:]]
    train(bert, trainers.WordPieceTrainer(vocab_size=1200, special_tokens=specials), "wordpiece/bert")
    pairs = [("[CLS]", bert.token_to_id("[CLS]")), ("[SEP]", bert.token_to_id("[SEP]"))]
    bert.post_processor = processors.BertProcessing(pairs[1], pairs[0])
    bert.save(str(folder("wordpiece/bert") / "tokenizer.json"))
    bert.model.save(str(folder("wordpiece/bert")))
    bert.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=pairs
    )
    bert.save(str(folder("wordpiece/template") / "tokenizer.json"))
    clip = Tokenizer(models.BPE(end_of_word_suffix="</w>", unk_token="<|endoftext|>"))
    clip.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    clip.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(
                Regex(r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"),
                "removed",
                invert=True,
            ),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    clip.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=1200, end_of_word_suffix="</w>", special_tokens=["<|startoftext|>", "<|endoftext|>"]
    )
    train(clip, trainer, "bpe/clip")
    classic = Tokenizer(models.BPE(unk_token="<unk>", end_of_word_suffix="</w>"))
    classic.normalizer = normalizers.BertNormalizer()
    classic.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    classic.decoder = decoders.BPEDecoder(suffix="</w>")
    train(
        classic,
        trainers.BpeTrainer(vocab_size=900, end_of_word_suffix="</w>", special_tokens=["<unk>"]),
        "bpe/openai-gpt",
    )
    words = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    train(
        words,
        trainers.WordLevelTrainer(vocab_size=500, special_tokens=["[UNK]", "sos", "eos", "pad"]),
        "wordlevel/plain",
    )
    phonemes = Tokenizer(
        models.WordLevel(
            {"<pad>": 0, "|": 1, "<unk>": 2, **{c: 3 + at for at, c in enumerate("abcdefgh'")}}, "<unk>"
        )
    )
    phonemes.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    phonemes.decoder = decoders.CTC(pad_token="<pad>", word_delimiter_token="|")
    phonemes.save(str(folder("wordlevel/ctc") / "tokenizer.json"))


def write_unigram() -> None:
    t5 = Tokenizer(models.Unigram())
    t5.normalizer = normalizers.Sequence(
        [normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")]
    )
    t5.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]
    )
    t5.decoder = decoders.Metaspace()
    specials = ["<pad>", "</s>", "<unk>", *(f"<extra_id_{at}>" for at in range(100))]
    train(
        t5,
        trainers.UnigramTrainer(vocab_size=1000, special_tokens=specials, unk_token="<unk>"),
        "unigram/t5",
    )
    albert = Tokenizer(models.Unigram())
    albert.normalizer = normalizers.Sequence(
        [
            normalizers.Replace("``", '"'),
            normalizers.Replace("''", '"'),
            normalizers.NFKD(),
            normalizers.StripAccents(),
            normalizers.Lowercase(),
            normalizers.Strip(left=False, right=True),
            normalizers.Replace(Regex(" {2,}"), "▁"),
        ]
    )
    albert.pre_tokenizer = pre_tokenizers.Metaspace()
    albert.decoder = decoders.Metaspace()
    train(
        albert,
        trainers.UnigramTrainer(vocab_size=1000, special_tokens=SPECIAL, unk_token="<unk>"),
        "unigram/albert",
    )
    cleaned = Tokenizer(models.Unigram())
    cleaned.normalizer = normalizers.Sequence(
        [
            normalizers.Replace(Regex(r"https?://\S+"), "<url>"),
            normalizers.Replace(Regex(r"@\w+"), "@USER"),
            normalizers.Replace("&amp;", "&"),
            normalizers.Replace("<br />", " "),
            normalizers.Replace("\n", " "),
            normalizers.Replace("ё", "е"),
            normalizers.Replace("ß", "ss"),
            normalizers.Replace("½", " 1/2"),
            normalizers.Replace(Regex(r"\p{Cc}"), ""),
            normalizers.Replace("…", "..."),
            normalizers.Replace("’", "'"),
            normalizers.Replace(Regex(r"(\w)\1{3,}"), "$1$1"),
        ]
    )
    cleaned.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Punctuation(),
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.Metaspace(),
        ]
    )
    cleaned.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.Strip(" ", 1, 0), decoders.Fuse()]
    )
    train(
        cleaned,
        trainers.UnigramTrainer(vocab_size=900, special_tokens=["<unk>", "<url>"], unk_token="<unk>"),
        "unigram/cleaned",
    )
    gemma = Tokenizer(models.BPE(byte_fallback=True, fuse_unk=True, unk_token="<unk>"))
    gemma.normalizer = normalizers.Replace(" ", "▁")
    gemma.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    specials = [
        "<pad>",
        "<eos>",
        "<bos>",
        "<unk>",
        "<mask>",
        *(f"<0x{byte:02X}>" for byte in range(256)),
    ]
    specials += [f"<unused{at}>" for at in range(99)]
    train(gemma, trainers.BpeTrainer(vocab_size=1800, special_tokens=specials), "bpe/gemma")
    llama = Tokenizer.from_file(str(ROOT / "bpe/gemma/tokenizer.json"))
    llama.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    llama.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    llama.save(str(folder("bpe/llama2") / "tokenizer.json"))


def write_fine_tunes() -> None:
    """What users add, and each way to save it."""
    base = PreTrainedTokenizerFast(
        tokenizer_file=str(ROOT / "bytes/llama3/tokenizer.json"),
        bos_token="<|begin_of_text|>",
        eos_token="<|eot_id|>",
        pad_token="<|end_of_text|>",
        extra_special_tokens=["<|python_tag|>"],
    )
    base.save_pretrained(str(folder("saved/plain")))
    base.add_tokens(
        [
            "pharmacokinetics",
            "BRCA1",
            "eng_Latn",
            "zho_Hans",
            "__deu__",
            "😀",
            "你好",
            "[PAD151646]",
            "  ",
        ]
    )
    base.add_special_tokens(
        {"extra_special_tokens": ["<tool_call>", "</tool_call>", "<|image_pad|>", "[TOOL_CALLS]"]}
    )
    base.chat_template = (
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    )
    base.save_pretrained(str(folder("saved/extended")))
    bert = PreTrainedTokenizerFast(
        tokenizer_file=str(ROOT / "wordpiece/template/tokenizer.json"),
        unk_token="[UNK]",
        sep_token="[SEP]",
        pad_token="[PAD]",
        cls_token="[CLS]",
        mask_token=AddedToken("[MASK]", lstrip=True),
    )
    bert.add_tokens(["<num>", "<date>", "covid-19", "e-mail"])
    bert.save_pretrained(str(folder("saved/bert")))
    again = AutoTokenizer.from_pretrained(str(ROOT / "saved/bert"))
    again.save_pretrained(str(folder("saved/bert-again")))
    target = folder("saved/old-style")
    tokenizer = Tokenizer.from_file(str(ROOT / "bytes/gpt2/tokenizer.json"))
    tokenizer.model.save(str(target))
    tokenizer.add_tokens(["<new>"])
    tokenizer.save(str(target / "tokenizer.json"))
    special = dict.fromkeys(("bos_token", "eos_token", "unk_token", "pad_token"), "<|endoftext|>")
    (target / "special_tokens_map.json").write_text(json.dumps(special), encoding="utf-8")
    (target / "added_tokens.json").write_text(
        json.dumps({"<new>": tokenizer.token_to_id("<new>")}), encoding="utf-8"
    )
    number = tokenizer.token_to_id("<|endoftext|>")
    decoder = {str(number): {"content": "<|endoftext|>", "special": True, "normalized": False}}
    config = {
        "tokenizer_class": "GPT2Tokenizer",
        "model_max_length": 1024,
        "added_tokens_decoder": decoder,
        **special,
    }
    (target / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    ids = {"bos_token_id": number, "eos_token_id": number, "vocab_size": tokenizer.get_vocab_size()}
    (target / "config.json").write_text(json.dumps({"model_type": "gpt2", **ids}), encoding="utf-8")
    (target / "generation_config.json").write_text(
        json.dumps({"eos_token_id": [number]}), encoding="utf-8"
    )


def write_sentencepiece() -> None:
    text = ROOT.parent / ".tokenizers-corpus.txt"
    text.write_text("\n".join(" ".join(line.split()) for line in TEXTS), encoding="utf-8")
    common = {"input": str(text), "num_threads": 1, "minloglevel": 2, "hard_vocab_limit": False}
    kinds: dict[str, dict[str, object]] = {
        "unigram": {"vocab_size": 600},
        "llama": {
            "vocab_size": 900,
            "model_type": "bpe",
            "byte_fallback": True,
            "split_digits": True,
            "normalization_rule_name": "identity",
            "remove_extra_whitespaces": False,
            "add_dummy_prefix": True,
        },
        "t5": {
            "vocab_size": 600,
            "pad_id": 0,
            "eos_id": 1,
            "unk_id": 2,
            "bos_id": -1,
            "user_defined_symbols": "<extra_id_0>,<extra_id_1>",
        },
        "cased-folded": {"vocab_size": 500, "normalization_rule_name": "nmt_nfkc_cf"},
        "nfkc": {
            "vocab_size": 500,
            "normalization_rule_name": "nfkc",
            "control_symbols": "<sep>,<cls>,<2de>",
        },
        "word": {"vocab_size": 120, "model_type": "word"},
        "char": {"vocab_size": 300, "model_type": "char"},
    }
    for name, options in kinds.items():
        target = folder(f"sentencepiece/{name}")
        prefix = str(target / "spiece")
        sentencepiece.SentencePieceTrainer.train(model_prefix=prefix, **common, **options)  # type: ignore[arg-type]
    llama = folder("sentencepiece/converted")
    (llama / "tokenizer.model").write_bytes((ROOT / "sentencepiece/llama/spiece.model").read_bytes())
    (llama / "tokenizer_config.json").write_text(
        '{"tokenizer_class": "LlamaTokenizer"}', encoding="utf-8"
    )
    AutoTokenizer.from_pretrained(str(llama)).save_pretrained(str(llama))


def write_tiktoken() -> None:
    tokenizer = Tokenizer.from_file(str(ROOT / "bytes/gpt4/tokenizer.json"))
    shown = {character: byte for byte, character in enumerate(alphabet())}
    ranks = {bytes(shown[c] for c in text): number for text, number in tokenizer.get_vocab().items()}
    target = folder("tiktoken")
    ordered = sorted(ranks.items(), key=lambda item: item[1])
    lines = [f"{base64.b64encode(token).decode()} {rank}" for token, rank in ordered]
    (target / "qwen.tiktoken").write_text("\n".join(lines) + "\n", encoding="ascii")
    tiktoken.Encoding("own", pat_str=GPT4, mergeable_ranks=ranks, special_tokens={"<|end|>": len(ranks)})
    converter = TikTokenConverter(
        vocab_file=str(target / "qwen.tiktoken"), pattern=GPT4, extra_special_tokens=["<|end|>"]
    )
    converter.converted().save(str(target / "tokenizer.json"))
    tekken = {
        "config": {
            "pattern": GPT4,
            "num_vocab_tokens": len(ordered),
            "default_vocab_size": len(ordered) + 10,
            "default_num_special_tokens": 10,
            "version": "v3",
        },
        "vocab": [
            {"rank": rank, "token_bytes": base64.b64encode(token).decode(), "token_str": as_text(token)}
            for token, rank in ordered
        ],
        "special_tokens": [
            {"rank": 0, "token_str": "<unk>", "is_control": True},
            {"rank": 1, "token_str": "<s>", "is_control": True},
        ],
    }
    (folder("tekken") / "tekken.json").write_text(json.dumps(tekken), encoding="utf-8")


def as_text(token: bytes) -> str | None:
    try:
        return token.decode()
    except UnicodeDecodeError:
        return None


def alphabet() -> list[str]:
    """Return the character of each byte in byte-level vocabularies."""
    kept = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(256) if byte not in kept]
    return [chr(byte) if byte in kept else chr(256 + hidden.index(byte)) for byte in range(256)]


def write_gguf() -> None:
    tokenizer = Tokenizer.from_file(str(ROOT / "bytes/gpt2/tokenizer.json"))
    vocabulary = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    merges = [" ".join(pair) for pair in json.loads(tokenizer.to_str())["model"]["merges"]]
    writer = gguf.GGUFWriter(str(folder("gguf") / "gpt2.gguf"), "gpt2")
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list([text for text, _ in vocabulary])
    writer.add_token_types([3 if text.startswith("<|") else 1 for text, _ in vocabulary])
    writer.add_token_merges(merges)
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(0)
    finish(writer)
    pieces = sentencepiece.SentencePieceProcessor(
        model_file=str(ROOT / "sentencepiece/llama/spiece.model")
    )
    writer = gguf.GGUFWriter(str(folder("sentencepiece/converted") / "llama.gguf"), "llama")
    count = pieces.vocab_size()
    writer.add_tokenizer_model("llama")
    writer.add_token_list([pieces.id_to_piece(at) for at in range(count)])
    writer.add_token_scores([pieces.get_score(at) for at in range(count)])
    writer.add_token_types(
        [
            6
            if pieces.is_byte(at)
            else 3
            if pieces.is_control(at)
            else 2
            if pieces.is_unknown(at)
            else 1
            for at in range(count)
        ]
    )
    finish(writer)


def finish(writer: gguf.GGUFWriter) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main(steps: Iterable[Callable[[], None]]) -> None:
    for step in steps:
        step()


main(
    (
        write_byte_level,
        write_classic,
        write_unigram,
        write_fine_tunes,
        write_sentencepiece,
        write_tiktoken,
        write_gguf,
    )
)
