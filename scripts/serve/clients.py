"""Calls a server with the Python clients of OpenAI, Triton and KServe, unmodified.

    pip install openai "tritonclient[http]" kserve
    descent serve text=RUN smollm2=SmolLM2-135M-Instruct.Q4_1.gguf
    python scripts/serve/clients.py http://127.0.0.1:8000

RUN is one of text-classification.
"""
import sys
import numpy as np
base = sys.argv[1]
import openai
c = openai.OpenAI(base_url=base + "/v1", api_key="none", max_retries=0)
r = c.chat.completions.create(model="smollm2", messages=[{"role": "user", "content": "What is the capital of France?"}], temperature=0, max_tokens=30)
print("openai", openai.__version__, "chat:", r.choices[0].message.content, r.usage.total_tokens)
s = "".join(ch.choices[0].delta.content or "" for ch in c.chat.completions.create(model="smollm2", messages=[{"role": "user", "content": "What is the capital of France?"}], temperature=0, max_tokens=30, stream=True) if ch.choices)
print("openai stream equal:", s == r.choices[0].message.content)
print("openai embeddings:", len(c.embeddings.create(model="smollm2", input=["a", "b"]).data[0].embedding), "models:", [m.id for m in c.models.list().data])
from pydantic import BaseModel
class City(BaseModel):
    city: str
    country: str
p = c.chat.completions.parse(model="smollm2", messages=[{"role": "user", "content": "Name a city in Italy as JSON."}], response_format=City, temperature=0, max_tokens=60)
print("openai parse:", p.choices[0].message.parsed)
import tritonclient, tritonclient.http as th
host = base.replace("http://", "")
t = th.InferenceServerClient(host)
print("tritonclient live/ready:", t.is_server_live(), t.is_model_ready("text"), t.get_model_metadata("text")["inputs"][0])
i = [th.InferInput("input_ids", [1, 4], "INT64"), th.InferInput("attention_mask", [1, 4], "INT64")]
i[0].set_data_from_numpy(np.array([[1, 2, 3, 4]], dtype=np.int64)); i[1].set_data_from_numpy(np.ones((1, 4), dtype=np.int64))
b = t.infer("text", i, outputs=[th.InferRequestedOutput("logits", binary_data=True)]).as_numpy("logits")

j = [th.InferInput("input_ids", [1, 4], "INT64"), th.InferInput("attention_mask", [1, 4], "INT64")]
j[0].set_data_from_numpy(np.array([[1, 2, 3, 4]], dtype=np.int64), binary_data=False); j[1].set_data_from_numpy(np.ones((1, 4), dtype=np.int64), binary_data=False)
d = t.infer("text", j, outputs=[th.InferRequestedOutput("logits", binary_data=False)]).as_numpy("logits")
print("tritonclient binary = json:", np.array_equal(b, d), b)
x = th.InferInput("text", [1], "BYTES"); x.set_data_from_numpy(np.array(["a good film"], dtype=object))
print("tritonclient text:", t.infer("text", [x]).as_numpy("label"))
import asyncio, kserve
from kserve import InferenceRESTClient, RESTConfig, InferRequest, InferInput
async def k():
    cl = InferenceRESTClient(RESTConfig(protocol="v2", timeout=60))
    print("kserve live/ready:", await cl.is_server_live(base), await cl.is_model_ready(base, "text"))
    q = [InferInput("input_ids", [1, 4], "INT64", data=[1, 2, 3, 4]), InferInput("attention_mask", [1, 4], "INT64", data=[1, 1, 1, 1])]
    res = await cl.infer(base, InferRequest(model_name="text", infer_inputs=q), model_name="text")
    print("kserve infer:", res.outputs[0].name, res.outputs[0].data)
asyncio.run(k())
