"""Conversations as transformers renders them, by templates written in the manner of well-known checkpoints:
`python scripts/golden/chat-templates.py > test/golden/chat-templates.json`."""

import json

import transformers
from transformers.utils.chat_template_utils import render_jinja_template

CHATML = """{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"""
INST = """{%- if messages[0]['role'] == 'system' -%}
    {%- set system_message = messages[0]['content'] | trim + '\n\n' -%}
    {%- set messages = messages[1:] -%}
{%- else -%}
    {%- set system_message = '' -%}
{%- endif -%}
{{- bos_token -}}
{%- for message in messages -%}
    {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) -%}
        {{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}
    {%- endif -%}
    {%- if loop.first -%}
        {%- set content = system_message + message['content'] -%}
    {%- else -%}
        {%- set content = message['content'] -%}
    {%- endif -%}
    {%- if message['role'] == 'user' -%}
        {{ '[INST] ' + content | trim + ' [/INST]' }}
    {%- elif message['role'] == 'assistant' -%}
        {{ ' ' + content | trim + ' ' + eos_token }}
    {%- endif -%}
{%- endfor -%}"""
HEADERS = """{{ bos_token }}
{% set ns = namespace(system='You help.', seen=false) %}
{% for message in messages %}
    {% if message.role == 'system' %}
        {% set ns.system = message.content %}
    {% endif %}
{% endfor %}
{# A comment, and blocks that stand in lines of their own #}
<|start_header_id|>system<|end_header_id|>

{{ ns.system }}<|eot_id|>
{% for message in messages if message.role != 'system' %}
<|start_header_id|>{{ message.role }}<|end_header_id|>

{{ message.content | trim }}{% if not loop.last %}<|eot_id|>{% endif %}

{% endfor %}
{% if tools is defined and tools is not none %}
{{ tools | tojson }}
{% endif %}
{%- if add_generation_prompt -%}
<|start_header_id|>assistant<|end_header_id|>

{% endif -%}"""
MACROS = """{%- macro turn(role, text) -%}
<start_of_turn>{{ role }}
{{ text | trim }}<end_of_turn>
{% endmacro -%}
{{ bos_token }}{% for message in messages %}{% if message['role'] == 'assistant' %}{% set role = 'model' %}{% else %}{% set role = message['role'] %}{% endif %}{{ turn(role, message['content'] | upper if style == 'loud' else message['content']) }}{% endfor %}
{%- if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"""

TALKS = [
    [{"role": "user", "content": "What is 2 + 2?"}],
    [{"role": "system", "content": "  Answer in \"verse\".\n"}, {"role": "user", "content": "你好,世界 😀 "}],
    [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": " Hello! "}, {"role": "user", "content": "{{ not a template }}\n"}],
]
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": {"city": "Köln"}}}]
TOKENS = {"bos_token": "<s>", "eos_token": "</s>"}

cases = []
for name, template in {"chatml": CHATML, "inst": INST, "headers": HEADERS, "macros": MACROS}.items():
    for talk in TALKS:
        for prompt in (True, False):
            for more in ({}, {"tools": TOOLS}, {"style": "loud"}):
                if more and not prompt:
                    continue
                named = {k: v for k, v in more.items() if k != "tools"}
                rendered, _ = render_jinja_template(conversations=[talk], tools=more.get("tools"), chat_template=template, add_generation_prompt=prompt, **named, **TOKENS)
                cases.append({"template": name, "messages": talk, "addGenerationPrompt": prompt, "variables": more, "text": rendered[0]})

print(json.dumps({
    "madeBy": f"scripts/golden/chat-templates.py, transformers {transformers.__version__}",
    "tokens": TOKENS, "templates": {"chatml": CHATML, "inst": INST, "headers": HEADERS, "macros": MACROS}, "cases": cases,
}, ensure_ascii=False, separators=(",", ":")))
