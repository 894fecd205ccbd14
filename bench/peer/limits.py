"""What the machine and the framework can do at most."""

import torch


def matmul(settings):
    dtype = getattr(torch, settings["dtype"])
    a, b = (torch.randn(settings["size"], settings["size"]).to(dtype) for _ in range(2))
    return lambda: a @ b


def read(settings):
    x = torch.ones(settings["elements"])
    return lambda: x.sum().item()


def add(settings):
    calls = range(settings["calls"])
    a, b = torch.ones(2, 2), torch.ones(2, 2)

    def step():
        for _ in calls:
            a + b

    return step
