"""The shape and the tokenizer of the models that work arithmetic: the embedded teacher and its students."""

from __future__ import annotations

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

PAD, END, UNKNOWN, USER, ASSISTANT = "<|pad|>", "<|end|>", "<|unk|>", "<|user|>", "<|assistant|>"
_MERGED = ("; = ", "; ", "#### ")
"""Frequent strings that are one token: a fifth fewer tokens to generate."""
VOCABULARY = (PAD, END, UNKNOWN, USER, ASSISTANT, *"0123456789+-*()=\n ;#", *_MERGED)
MAX_POSITIONS = 512
"""Tokens. The longest worked solution with five operators has about 300."""
HEAD_SIZE = 32

CHAT_TEMPLATE = (
    "{%- for message in messages -%}"
    "{%- if message['role'] == 'user' -%}" + USER + "{{ message['content'] }}"
    "{%- elif message['role'] == 'assistant' -%}" + ASSISTANT + "{{ message['content'] }}" + END +
    "{%- else -%}{{ raise_exception('this model knows the roles user and assistant only') }}{%- endif -%}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}" + ASSISTANT + "{%- endif -%}"
)  # fmt: skip


def build_tokenizer() -> PreTrainedTokenizerFast:
    """A tokenizer of one token a character, but for three frequent strings; × and − are read as * and -."""
    tokenizer = Tokenizer(models.WordLevel({token: i for i, token in enumerate(VOCABULARY)}, unk_token=UNKNOWN))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Replace("×", "*"), normalizers.Replace("−", "-")])
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("|".join([*_MERGED, r"[\s\S]"])), "isolated")
    tokenizer.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        eos_token=END,
        unk_token=UNKNOWN,
        additional_special_tokens=[USER, ASSISTANT],
        chat_template=CHAT_TEMPLATE,
        model_max_length=MAX_POSITIONS,
        clean_up_tokenization_spaces=False,
        padding_side="left",
    )


def build_model(layers: int, hidden_size: int, intermediate_size: int) -> LlamaForCausalLM:
    """A randomly initialised Llama with heads of size 32 and tied embeddings."""
    config = LlamaConfig(
        vocab_size=len(VOCABULARY),
        hidden_size=hidden_size,
        intermediate_size=intermediate_size,
        num_hidden_layers=layers,
        num_attention_heads=hidden_size // HEAD_SIZE,
        num_key_value_heads=hidden_size // HEAD_SIZE,
        head_dim=HEAD_SIZE,
        max_position_embeddings=MAX_POSITIONS,
        tie_word_embeddings=True,
        pad_token_id=VOCABULARY.index(PAD),
        eos_token_id=VOCABULARY.index(END),
        bos_token_id=None,
    )
    return LlamaForCausalLM(config)
