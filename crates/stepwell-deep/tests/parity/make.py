"""Makes parity.safetensors: the networks of stepwell-deep written in PyTorch, with weights, a batch, logits, loss,
gradients, and running statistics after one training pass. Computed in double precision from single-precision inputs.

    pip install torch==2.13.0 safetensors numpy && python make.py
"""
import os
from collections import OrderedDict

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn


def conv(inputs, outputs, kernel, stride=1):
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)


class DenseLayer(nn.Module):
    def __init__(self, inputs, growth, bottleneck):
        super().__init__()
        self.norm1 = nn.BatchNorm2d(inputs)
        if bottleneck:
            self.conv1 = conv(inputs, 4 * growth, 1)
            self.norm2 = nn.BatchNorm2d(4 * growth)
            self.conv2 = conv(4 * growth, growth, 3)
        else:
            self.conv1 = conv(inputs, growth, 3)

    def forward(self, x):
        new = self.conv1(F.relu(self.norm1(x)))
        if hasattr(self, "conv2"):
            new = self.conv2(F.relu(self.norm2(new)))
        return torch.cat([x, new], 1)


class Transition(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.norm = nn.BatchNorm2d(inputs)
        self.conv = conv(inputs, outputs, 1)

    def forward(self, x):
        return F.avg_pool2d(self.conv(F.relu(self.norm(x))), 2)


class DenseNet(nn.Module):
    def __init__(self, depth, growth, bottleneck, compression, channels, classes):
        super().__init__()
        layers = (depth - 4) // (6 if bottleneck else 3)
        width = 2 * growth if bottleneck else 16
        parts = OrderedDict(conv0=conv(channels, width, 3))
        for block in range(1, 4):
            dense = OrderedDict()
            for layer in range(1, layers + 1):
                dense[f"denselayer{layer}"] = DenseLayer(width, growth, bottleneck)
                width += growth
            parts[f"denseblock{block}"] = nn.Sequential(dense)
            if block < 3:
                parts[f"transition{block}"] = Transition(width, int(width * compression))
                width = int(width * compression)
        parts["norm5"] = nn.BatchNorm2d(width)
        self.features = nn.Sequential(parts)
        self.classifier = nn.Linear(width, classes)

    def forward(self, x):
        return self.classifier(F.relu(self.features(x)).mean((2, 3)))


class Residual(nn.Module):
    def __init__(self, inputs, width, stride):
        super().__init__()
        self.conv1, self.bn1 = conv(inputs, width, 3, stride), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = conv(width, width, 3), nn.BatchNorm2d(width)
        if stride != 1 or inputs != width:
            self.downsample = nn.Sequential(conv(inputs, width, 1, stride), nn.BatchNorm2d(width))

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + (self.downsample(x) if hasattr(self, "downsample") else x))


class ResNet(nn.Module):
    def __init__(self, width, channels, classes):
        super().__init__()
        self.conv1, self.bn1 = conv(channels, width, 3), nn.BatchNorm2d(width)
        inputs = width
        for stage in range(4):
            outputs = width << stage
            blocks = [Residual(inputs, outputs, 1 + (stage > 0)), Residual(outputs, outputs, 1)]
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
            inputs = outputs
        self.fc = nn.Linear(inputs, classes)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        for stage in range(4):
            x = getattr(self, f"layer{stage + 1}")(x)
        return self.fc(x.mean((2, 3)))


class ConvNet(nn.Module):
    def __init__(self, width, channels, classes):
        super().__init__()
        for stage in range(3):
            parts = OrderedDict(conv=conv(channels, width << stage, 3), norm=nn.BatchNorm2d(width << stage))
            setattr(self, f"stage{stage + 1}", nn.Sequential(parts))
            channels = width << stage
        self.classifier = nn.Linear(channels, classes)

    def forward(self, x):
        x = F.relu(self.stage1(x))
        x = F.relu(self.stage2(F.avg_pool2d(x, 2)))
        x = F.relu(self.stage3(F.avg_pool2d(x, 2)))
        return self.classifier(x.mean((2, 3)))


def hashed(count, stream):
    """Numbers in [-1, 1) that any language makes alike, from integers alone."""
    h = np.arange(count, dtype=np.uint32) + np.uint32((stream * 0x9E3779B9) % 2**32)
    for _ in range(2):
        h = (h ^ (h >> np.uint32(16))) * np.uint32(0x45D9F3B)
    h ^= h >> np.uint32(16)
    return (h >> np.uint32(8)).astype(np.float64) / 2**23 - 1.0


def fill(net):
    """Hashed weights: convolutions and linear layers at He's scale, scales near 1, shifts and means near 0."""
    with torch.no_grad():
        for stream, (name, p) in enumerate(net.named_parameters()):
            values = torch.from_numpy(hashed(p.numel(), stream).astype(np.float32)).double().reshape(p.shape)
            if p.dim() > 1:
                p.copy_((values * (6.0 / p[0].numel()) ** 0.5).float())
            else:
                p.copy_((values * 0.25 + (1.0 if name.endswith("weight") else 0.0)).float())


def batch(samples, channels, size, classes):
    pixels = (hashed(samples * channels * size * size, 1000) * 0.5 + 0.5).astype(np.float32)
    return torch.from_numpy(pixels).reshape(samples, channels, size, size), torch.arange(samples) % classes


def parity(out, key, net, samples, channels, size, classes, whole):
    net = net.double()
    fill(net)
    images, labels = batch(samples, channels, size, classes)
    net.train()
    logits = net(images.double())
    loss = F.cross_entropy(logits, labels)
    loss.backward()
    out[f"{key}/logits"], out[f"{key}/loss"] = logits, loss.reshape(1)
    grads = OrderedDict((name, p.grad) for name, p in net.named_parameters())
    if whole:
        out.update({f"{key}/gradient/{name}": grad for name, grad in grads.items()})
        state = net.state_dict()
        out.update({f"{key}/weights/{name}": value for name, value in state.items()})
    else:
        out[f"{key}/gradient_norms"] = torch.stack([grad.norm() for grad in grads.values()])
        probes = [torch.from_numpy(hashed(g.numel(), 2000 + i)).reshape(g.shape) for i, g in enumerate(grads.values())]
        out[f"{key}/gradient_probes"] = torch.stack([(g * v).sum() for g, v in zip(grads.values(), probes)])
        means = [value.sum() for name, value in net.state_dict().items() if name.endswith("running_var")]
        out[f"{key}/running_var_sums"] = torch.stack(means)
    net.eval()
    out[f"{key}/evaluation_logits"] = net(images.double())


def main():
    out = OrderedDict()
    parity(out, "dense_net", DenseNet(10, 4, False, 1.0, 1, 5), 6, 1, 12, 5, True)
    parity(out, "dense_net_bc", DenseNet(16, 4, True, 0.5, 3, 5), 6, 3, 12, 5, True)
    parity(out, "res_net", ResNet(3, 3, 5), 6, 3, 16, 5, True)
    parity(out, "conv_net", ConvNet(8, 3, 5), 6, 3, 13, 5, True)
    parity(out, "dense_net_bc_100_12", DenseNet(100, 12, True, 0.5, 3, 10), 4, 3, 32, 10, False)
    tensors = {k: v.detach().clone().float() if v.is_floating_point() else v.clone() for k, v in out.items()}
    save_file(tensors, os.path.join(os.path.dirname(os.path.abspath(__file__)), "parity.safetensors"))


if __name__ == "__main__":
    main()
