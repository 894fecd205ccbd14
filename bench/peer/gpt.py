"""A training step of a GPT on image tokens, as karpathy/nanoGPT writes it.

The network is that of src/models/gpt.ts: a projected embedding in place of the start token, a head of its own with a bias.
"""

from contextlib import nullcontext

import torch
import torch.nn as nn
import torch.nn.functional as F


class CausalSelfAttention(nn.Module):
    def __init__(self, width, heads, length, dropout):
        super().__init__()
        self.c_attn = nn.Linear(width, 3 * width)
        self.c_proj = nn.Linear(width, width)
        self.attn_dropout = nn.Dropout(dropout)
        self.resid_dropout = nn.Dropout(dropout)
        self.heads, self.width, self.dropout = heads, width, dropout
        self.flash = hasattr(F, "scaled_dot_product_attention")
        self.register_buffer("bias", torch.tril(torch.ones(length, length)).view(1, 1, length, length))

    def forward(self, x):
        B, T, C = x.size()
        q, k, v = self.c_attn(x).split(self.width, dim=2)
        k = k.view(B, T, self.heads, C // self.heads).transpose(1, 2)
        q = q.view(B, T, self.heads, C // self.heads).transpose(1, 2)
        v = v.view(B, T, self.heads, C // self.heads).transpose(1, 2)
        if self.flash:
            y = F.scaled_dot_product_attention(q, k, v, dropout_p=self.dropout if self.training else 0, is_causal=True)
        else:
            att = (q @ k.transpose(-2, -1)) * (1.0 / k.size(-1) ** 0.5)
            att = att.masked_fill(self.bias[:, :, :T, :T] == 0, float("-inf"))
            y = self.attn_dropout(F.softmax(att, dim=-1)) @ v
        y = y.transpose(1, 2).contiguous().view(B, T, C)
        return self.resid_dropout(self.c_proj(y))


class Block(nn.Module):
    def __init__(self, width, heads, length, dropout):
        super().__init__()
        self.ln_1 = nn.LayerNorm(width)
        self.attn = CausalSelfAttention(width, heads, length, dropout)
        self.ln_2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width), nn.Dropout(dropout)
        )

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class GPT(nn.Module):
    def __init__(self, codebookSize, tokenCount, conditionDim, layers, heads, width, dropout):
        super().__init__()
        self.wte = nn.Embedding(codebookSize, width)
        self.wpe = nn.Embedding(tokenCount, width)
        self.condition = nn.Linear(conditionDim, width)
        self.drop = nn.Dropout(dropout)
        self.h = nn.ModuleList([Block(width, heads, tokenCount, dropout) for _ in range(layers)])
        self.ln_f = nn.LayerNorm(width)
        self.head = nn.Linear(width, codebookSize)
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.normal_(parameter, std=0.02)

    def forward(self, tokens, condition):
        x = torch.cat([self.condition(condition).unsqueeze(1), self.wte(tokens)], dim=1)
        x = self.drop(x + self.wpe(torch.arange(x.size(1), device=x.device)))
        for block in self.h:
            x = block(x)
        return self.head(self.ln_f(x))


def workload(settings):
    torch.manual_seed(0)
    config, optimizer_config = settings["model"], settings["optimizer"]
    device = settings.get("device", "cpu")
    model = GPT(**config).train().to(device)
    decay = [p for p in model.parameters() if p.dim() >= 2]
    others = [p for p in model.parameters() if p.dim() < 2]
    optimizer = torch.optim.AdamW(
        [
            {"params": decay, "weight_decay": optimizer_config["weightDecay"]},
            {"params": others, "weight_decay": 0.0},
        ],
        lr=optimizer_config["lr"],
        betas=tuple(optimizer_config["betas"]),
        **({"fused": True} if device != "cpu" else {}),
    )
    low = settings["dtype"] != "float32"
    context = torch.autocast(device, dtype=getattr(torch, settings["dtype"])) if low else nullcontext()
    tokens = torch.randint(config["codebookSize"], (settings["batch"], config["tokenCount"]), device=device)
    condition = F.normalize(torch.randn(settings["batch"], config["conditionDim"], device=device), dim=-1)
    forward = torch.compile(model) if settings.get("compile") else model

    def step():
        with context:
            logits = forward(tokens[:, :-1], condition)
            loss = F.cross_entropy(logits.view(-1, logits.size(-1)), tokens.view(-1))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), optimizer_config["clipGrad"])
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss.item()

    return step
