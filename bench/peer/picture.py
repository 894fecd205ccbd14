"""Pictures through VQGAN and CLIP, eager: tokens' latents to pictures and their embeddings, or pictures to both."""

import torch
import torch.nn as nn
import torch.nn.functional as F

import vqgan


class VisionTransformer(nn.Module):
    """openai/CLIP's, with its QuickGELU."""

    def __init__(self, image_size, patch, width, layers, heads, output):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, patch, stride=patch, bias=False)
        self.class_embedding = nn.Parameter(torch.randn(width) * width**-0.5)
        self.positional = nn.Parameter(torch.randn((image_size // patch) ** 2 + 1, width) * width**-0.5)
        self.ln_pre, self.ln_post = nn.LayerNorm(width), nn.LayerNorm(width)
        self.blocks = nn.ModuleList([Block(width, heads) for _ in range(layers)])
        self.proj = nn.Linear(width, output, bias=False)

    def forward(self, x):
        x = self.conv1(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.class_embedding.expand(x.size(0), 1, -1), x], dim=1) + self.positional
        x = self.ln_pre(x)
        for block in self.blocks:
            x = block(x)
        return self.proj(self.ln_post(x[:, 0]))


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.c_fc, self.c_proj = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        y = self.ln_1(x)
        x = x + self.attn(y, y, y, need_weights=False)[0]
        y = self.c_fc(self.ln_2(x))
        return x + self.c_proj(y * torch.sigmoid(1.702 * y))


def workload(settings):
    torch.manual_seed(0)
    config, vision, batch = settings["model"], settings["vision"], settings["batch"]
    model = vqgan.VQModel(config).eval()
    clip = VisionTransformer(
        vision["imageSize"], vision["patchSize"], vision["width"], vision["layers"], vision["heads"], settings["embedDim"]
    ).eval()
    size, grid = config["resolution"], settings["grid"]
    images = torch.rand(batch, 3, size, size) * 2 - 1
    indices = torch.randint(config["codebookSize"], (batch, grid, grid))

    def seen(pictures):
        return clip(F.interpolate(pictures, size=(vision["imageSize"],) * 2, mode="bicubic"))

    @torch.no_grad()
    def decode():
        latents = model.quantize.embedding(indices).permute(0, 3, 1, 2)
        return seen(model.decoder(model.post_quant_conv(latents)))

    @torch.no_grad()
    def encode():
        model.quantize(model.quant_conv(model.encoder(images)))
        return seen(images)

    return decode if settings["work"] == "decode" else encode
