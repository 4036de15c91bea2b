"""A tiny Llama and a tiny Qwen2 as GGUF files (Q4_0, Q4_1, Q8_0 and F16 tensors), with the logits that transformers gives for the dequantized weights.

    PYTHONPATH=… python scripts/golden/gguf-files.py          # needs torch, transformers, gguf and accelerate; writes test/golden/gguf.json
    python scripts/golden/gguf-files.py FILE.gguf TOKENS      # logits of a real file's last token, as JSON
"""
import base64, json, os, sys, tempfile
import numpy as np, torch, transformers, gguf

QUANTS = {"q": gguf.GGMLQuantizationType.Q4_0, "k": gguf.GGMLQuantizationType.Q4_1, "v": gguf.GGMLQuantizationType.Q8_0,
          "output": gguf.GGMLQuantizationType.F16, "gate": gguf.GGMLQuantizationType.Q4_1, "up": gguf.GGMLQuantizationType.Q4_0, "down": gguf.GGMLQuantizationType.Q8_0}
PARTS = {"attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
         "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj", "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm"}
VOCAB = [chr(c) for c in range(33, 127)] + ["Ġ", "th", "the", "Ġthe"] + ["<|end|>", "<|im_start|>"]
MERGES = ["t h", "th e", "Ġ the"]

def paired(w, heads):  # as llama.cpp's converter stores the rows of queries and keys
    return w.reshape(heads, 2, w.shape[0] // heads // 2, *w.shape[1:]).swapaxes(1, 2).reshape(w.shape)

def unpaired(w, heads):
    return w.reshape(heads, w.shape[0] // heads // 2, 2, *w.shape[1:]).swapaxes(1, 2).reshape(w.shape)

def make(family):
    torch.manual_seed(3)
    common = dict(vocab_size=len(VOCAB), hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
                  max_position_embeddings=64, rms_norm_eps=1e-5, rope_theta=10000.0, tie_word_embeddings=family == "llama")
    config = transformers.LlamaConfig(**common) if family == "llama" else transformers.Qwen2Config(**common)
    model = transformers.AutoModelForCausalLM.from_config(config).eval()
    state = {k: torch.randn_like(v) * 0.2 + (1 if "norm" in k else 0) for k, v in model.state_dict().items()}
    path = os.path.join(tempfile.mkdtemp(), "tiny.gguf")
    w = gguf.GGUFWriter(path, family)
    for name, value in [("block_count", 2), ("context_length", 64), ("embedding_length", 64), ("feed_forward_length", 96), ("head_count", 4), ("head_count_kv", 2)]:
        getattr(w, "add_" + name)(value)
    w.add_layer_norm_rms_eps(1e-5); w.add_rope_freq_base(10000.0)
    w.add_tokenizer_model("gpt2"); w.add_tokenizer_pre("smollm" if family == "llama" else "qwen2")
    w.add_token_list(VOCAB); w.add_token_types([1] * (len(VOCAB) - 2) + [3, 3]); w.add_token_merges(MERGES)
    w.add_eos_token_id(len(VOCAB) - 2); w.add_bos_token_id(len(VOCAB) - 1)
    w.add_chat_template("{% for m in messages %}{{ bos_token }}{{ m['content'] }}{{ eos_token }}{% endfor %}")
    def put(name, key, quant=None, heads=0):
        x = state[key].numpy()
        x = paired(x, heads) if heads and family == "llama" else x
        if quant is None: w.add_tensor(name, np.ascontiguousarray(x)); return
        q = gguf.quants.quantize(np.ascontiguousarray(x), quant)
        w.add_tensor(name, q, raw_dtype=quant)
        back = gguf.quants.dequantize(q, quant).reshape(x.shape) if quant != gguf.GGMLQuantizationType.F16 else q.astype(np.float32)
        state[key] = torch.from_numpy(np.ascontiguousarray(unpaired(back, heads) if heads and family == "llama" else back))
    put("token_embd.weight", "model.embed_tokens.weight", gguf.GGMLQuantizationType.Q8_0)
    put("output_norm.weight", "model.norm.weight")
    if family == "llama": state["lm_head.weight"] = state["model.embed_tokens.weight"]
    else: put("output.weight", "lm_head.weight", gguf.GGMLQuantizationType.Q4_0)
    for layer in range(2):
        for ours, theirs in PARTS.items():
            kind = ours.split("_")[1]
            heads = {"attn_q": 4, "attn_k": 2}.get(ours, 0)
            for suffix in ["weight", "bias"]:
                key = f"model.layers.{layer}.{theirs}.{suffix}"
                if key in state: put(f"blk.{layer}.{ours}.{suffix}", key, QUANTS.get(kind) if suffix == "weight" and "norm" not in ours else None, heads if suffix == "weight" else 0)
    w.write_header_to_file(); w.write_kv_data_to_file(); w.write_tensors_to_file(); w.close()
    model.load_state_dict(state)
    tokens = [5, 17, 60, 95, 2, 41]
    with torch.no_grad(): logits = model(torch.tensor([tokens])).logits[0]
    return {"file": base64.b64encode(open(path, "rb").read()).decode(), "tokens": tokens, "logits": np.round(logits.numpy().astype(float), 6).tolist()}

if len(sys.argv) > 2:
    folder, name = os.path.split(os.path.abspath(sys.argv[1]))
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, gguf_file=name).eval()
    with torch.no_grad(): logits = model(torch.tensor([json.loads(sys.argv[2])])).logits[0, -1]
    print(json.dumps(logits.tolist()))
else:
    made = {"about": f"transformers {transformers.__version__}, torch {torch.__version__}, gguf {getattr(gguf, '__version__', '')}", **{f: make(f) for f in ["llama", "qwen2"]}}
    open("test/golden/gguf.json", "w").write(json.dumps(made) + "\n")
