"""Drawing image tokens, as the public implementations do it: the whole prefix again for every token, or with keys and
values of what was seen (as Hugging Face's GPT-2 keeps them, by concatenation). Eager, float32.

A step is one token at one position; the benchmark adds positions up.
"""

import torch
import torch.nn.functional as F

import gpt


@torch.no_grad()
def cached_token(model, x, cache):
    """x (B, 1, C) and a list of (keys, values) (B, H, S, d) -> logits of the next token."""
    for block, (keys, values) in zip(model.h, cache):
        a = block.attn
        B, T, C = x.size()
        q, k, v = a.c_attn(block.ln_1(x)).split(C, dim=2)
        q, k, v = (y.view(B, T, a.heads, C // a.heads).transpose(1, 2) for y in (q, k, v))
        k, v = torch.cat([keys, k], dim=2), torch.cat([values, v], dim=2)
        att = F.softmax(q @ k.transpose(-2, -1) * k.size(-1) ** -0.5, dim=-1)
        x = x + a.c_proj((att @ v).transpose(1, 2).reshape(B, T, C))
        x = x + block.mlp(block.ln_2(x))
    return model.head(model.ln_f(x))


def choose(logits):
    """Temperature 1, top-p 0.9."""
    sorted_logits, order = torch.sort(logits, descending=True)
    remove = F.softmax(sorted_logits, dim=-1).cumsum(-1) > 0.9
    remove[..., 1:] = remove[..., :-1].clone()
    remove[..., 0] = False
    logits = logits.masked_fill(remove.scatter(1, order, remove), -float("inf"))
    return torch.multinomial(F.softmax(logits, dim=-1), 1)


def workload(settings):
    torch.manual_seed(0)
    config, batch, position = settings["model"], settings["batch"], settings["position"]
    model = _model(config)
    heads, width = config["heads"], config["width"]
    condition = F.normalize(torch.randn(batch, config["conditionDim"]), dim=-1)
    if settings["cached"]:
        shape = (batch, heads, position, width // heads)
        cache = [(torch.randn(shape), torch.randn(shape)) for _ in range(config["layers"])]
        x = torch.randn(batch, 1, width)
        return lambda: choose(cached_token(model, x, cache)[:, -1])
    tokens = torch.randint(config["codebookSize"], (batch, position))

    @torch.no_grad()
    def step():
        return choose(model(tokens, condition)[:, -1])

    return step


_known = {}


def _model(config):
    """The same network for every position."""
    key = str(config)
    if key not in _known:
        _known.clear()
        _known[key] = gpt.GPT(**config).eval()
    return _known[key]
