"""A training step of a VQGAN with its discriminator, as CompVis/taming-transformers writes it, without LPIPS.

The networks are those of src/models/codec.ts, quantizer.ts and discriminator.ts, in taming's order and arithmetic (its
`nonlinearity` is x * sigmoid(x)). Lightning's loop runs the autoencoder once for each optimizer; here it runs once a step.
"""

from contextlib import nullcontext

import torch
import torch.nn as nn
import torch.nn.functional as F


def nonlinearity(x):
    return x * torch.sigmoid(x)


def normalize(channels):
    return nn.GroupNorm(num_groups=min(32, channels), num_channels=channels, eps=1e-6, affine=True)


class Upsample(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x):
        return self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))


class Downsample(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2)

    def forward(self, x):
        return self.conv(F.pad(x, (0, 1, 0, 1)))


class ResnetBlock(nn.Module):
    def __init__(self, inputs, outputs, dropout):
        super().__init__()
        self.norm1 = normalize(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.norm2 = normalize(outputs)
        self.dropout = nn.Dropout(dropout)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.nin_shortcut = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x):
        h = self.conv1(nonlinearity(self.norm1(x)))
        h = self.conv2(self.dropout(nonlinearity(self.norm2(h))))
        return self.nin_shortcut(x) + h


class AttnBlock(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.norm = normalize(channels)
        self.q, self.k, self.v, self.proj_out = (nn.Conv2d(channels, channels, 1) for _ in range(4))

    def forward(self, x):
        h_ = self.norm(x)
        q, k, v = self.q(h_), self.k(h_), self.v(h_)
        b, c, h, w = q.shape
        q = q.reshape(b, c, h * w).permute(0, 2, 1)
        w_ = torch.bmm(q, k.reshape(b, c, h * w)) * (int(c) ** (-0.5))
        w_ = F.softmax(w_, dim=2).permute(0, 2, 1)
        h_ = torch.bmm(v.reshape(b, c, h * w), w_).reshape(b, c, h, w)
        return x + self.proj_out(h_)


def stage(config, inputs, outputs, resolution, count):
    """Residual blocks, each with attention after it where the resolution asks for it."""
    layers = []
    for i in range(count):
        layers.append(ResnetBlock(inputs if i == 0 else outputs, outputs, config["dropout"]))
        if resolution in config["attnResolutions"]:
            layers.append(AttnBlock(outputs))
    return layers


def middle(config, channels):
    block = lambda: ResnetBlock(channels, channels, config["dropout"])
    return [block(), AttnBlock(channels), block()]


class Swish(nn.Module):
    def forward(self, x):
        return nonlinearity(x)


def encoder(config):
    patch, ch, mult = config["patchSize"], config["ch"], config["chMult"]
    layers = [nn.PixelUnshuffle(patch), nn.Conv2d(3 * patch**2, ch, 3, padding=1)]
    inputs, resolution = ch, config["resolution"] // patch
    for i, m in enumerate(mult):
        layers += stage(config, inputs, ch * m, resolution, config["numResBlocks"])
        inputs = ch * m
        if i < len(mult) - 1:
            layers.append(Downsample(inputs))
            resolution //= 2
    layers += middle(config, inputs)
    return nn.Sequential(*layers, normalize(inputs), Swish(), nn.Conv2d(inputs, config["zChannels"], 3, padding=1))


def decoder(config):
    patch, ch, mult = config["patchSize"], config["ch"], config["chMult"]
    inputs, resolution = ch * mult[-1], config["resolution"] // patch // 2 ** (len(mult) - 1)
    layers = [nn.Conv2d(config["zChannels"], inputs, 3, padding=1), *middle(config, inputs)]
    for i, m in reversed(list(enumerate(mult))):
        layers += stage(config, inputs, ch * m, resolution, config["numResBlocks"] + 1)
        inputs = ch * m
        if i > 0:
            layers.append(Upsample(inputs))
            resolution *= 2
    last = nn.Conv2d(inputs, 3 * patch**2, 3, padding=1)
    return nn.Sequential(*layers, normalize(inputs), Swish(), last, nn.PixelShuffle(patch)), last.weight


class VectorQuantizer2(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.beta, self.legacy = config["beta"], config["legacy"]
        self.unit = (lambda x: F.normalize(x, dim=-1)) if config["normalizeCodebook"] else (lambda x: x)
        self.embedding = nn.Embedding(config["codebookSize"], config["embedDim"])
        nn.init.uniform_(self.embedding.weight, -1.0 / config["codebookSize"], 1.0 / config["codebookSize"])

    def forward(self, z):
        z = self.unit(z.float().permute(0, 2, 3, 1).contiguous())
        z_flattened = z.view(-1, z.shape[-1])
        codebook = self.unit(self.embedding.weight)
        d = (
            torch.sum(z_flattened**2, dim=1, keepdim=True)
            + torch.sum(codebook**2, dim=1)
            - 2 * torch.einsum("bd,dn->bn", z_flattened, codebook.t())
        )
        z_q = F.embedding(torch.argmin(d, dim=1), codebook).view(z.shape)
        codebook_term, commitment = torch.mean((z_q - z.detach()) ** 2), torch.mean((z_q.detach() - z) ** 2)
        loss = commitment + self.beta * codebook_term if self.legacy else codebook_term + self.beta * commitment
        z_q = z + (z_q - z).detach()
        return z_q.permute(0, 3, 1, 2).contiguous(), loss


class VQModel(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.encoder = encoder(config)
        self.decoder, self.last_layer = decoder(config)
        self.quantize = VectorQuantizer2(config)
        self.quant_conv = nn.Conv2d(config["zChannels"], config["embedDim"], 1)
        self.post_quant_conv = nn.Conv2d(config["embedDim"], config["zChannels"], 1)

    def forward(self, x):
        z_q, loss = self.quantize(self.quant_conv(self.encoder(x)))
        return self.decoder(self.post_quant_conv(z_q)), loss


def discriminator(ndf, n_layers):
    """NLayerDiscriminator with BatchNorm."""
    layers = [nn.Conv2d(3, ndf, 4, stride=2, padding=1), nn.LeakyReLU(0.2, True)]
    width = lambda n: ndf * min(2**n, 8)
    for n in range(1, n_layers + 1):
        stride = 2 if n < n_layers else 1
        conv = nn.Conv2d(width(n - 1), width(n), 4, stride=stride, padding=1, bias=False)
        layers += [conv, nn.BatchNorm2d(width(n)), nn.LeakyReLU(0.2, True)]
    return nn.Sequential(*layers, nn.Conv2d(width(n_layers), 1, 4, stride=1, padding=1))


def adaptive_weight(rec_loss, g_loss, last_layer):
    nll_grads = torch.autograd.grad(rec_loss, last_layer, retain_graph=True)[0]
    g_grads = torch.autograd.grad(g_loss, last_layer, retain_graph=True)[0]
    return torch.clamp(torch.norm(nll_grads) / (torch.norm(g_grads) + 1e-4), 0.0, 1e4).detach()


def workload(settings):
    torch.manual_seed(0)
    config, training = settings["model"], settings["training"]
    model = VQModel(config).train()
    disc = discriminator(training["discNdf"], training["discLayers"]).train()
    adam = {"lr": training["lr"], "betas": tuple(training["betas"])}
    opt_ae = torch.optim.Adam(model.parameters(), **adam)
    opt_disc = torch.optim.Adam(disc.parameters(), **adam)
    low = settings["dtype"] != "float32"
    context = torch.autocast("cpu", dtype=getattr(torch, settings["dtype"])) if low else nullcontext()
    images = torch.rand(settings["batch"], 3, config["resolution"], config["resolution"]) * 2 - 1

    def step():
        with context:
            xrec, codebook_loss = model(images)
        xrec = xrec.float()
        rec_loss = torch.abs(images - xrec).mean()
        disc.requires_grad_(False)  # as Lightning's toggle_optimizer
        g_loss = -torch.mean(disc(xrec))
        d_weight = adaptive_weight(rec_loss, g_loss, model.last_layer) * training["discWeight"]
        loss = rec_loss + d_weight * g_loss + training["codebookWeight"] * codebook_loss
        disc.requires_grad_(True)
        opt_ae.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), training["clipGrad"])
        opt_ae.step()

        logits_real, logits_fake = disc(images), disc(xrec.detach())
        d_loss = 0.5 * (torch.mean(F.relu(1.0 - logits_real)) + torch.mean(F.relu(1.0 + logits_fake)))
        opt_disc.zero_grad(set_to_none=True)
        d_loss.backward()
        torch.nn.utils.clip_grad_norm_(disc.parameters(), training["clipGrad"])
        opt_disc.step()
        return loss.item(), d_loss.item()

    return step
