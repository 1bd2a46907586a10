"""A network without its weights, and sets of weights for it under the same names."""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping, Sequence

from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.batchnorm import _BatchNorm


class Skeleton(nn.Module):
    """The structure and the BN running statistics of a network; every other tensor is passed in.

    trainable: names of the parameters that train; names: those, and then all other tensors.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.trainable = [n for n, p in network.named_parameters() if p.requires_grad]
        others = [name for name in self.tensors(network) if name not in self.trainable]
        self.names = self.trainable + others
        self._places = _places(network, self.names)
        for name in [place for places in self._places for place in places]:
            module, last = _owner(network, name)
            if last in module._parameters:
                module.register_parameter(last, None)
            else:
                module.register_buffer(last, None)
        self.network = network

    @staticmethod
    def tensors(network: nn.Module) -> dict[str, Tensor]:
        """Parameters and floating-point buffers that are no BN statistics, each once by name."""
        statistics = {
            f"{prefix}.{name}" if prefix else name
            for prefix, module in network.named_modules()
            if isinstance(module, _BatchNorm)
            for name, _ in module.named_buffers(recurse=False)
        }
        buffers = {
            name: buffer
            for name, buffer in network.named_buffers()
            if buffer.is_floating_point() and name not in statistics
        }
        return {**dict(network.named_parameters()), **buffers}

    def forward(self, tensors: Sequence[Tensor], *inputs: Tensor) -> Tensor:
        """The network on tensors in the order of `names`."""
        output: Tensor = functional_call(
            self.network, self._named(tensors), inputs, tie_weights=False
        )
        return output

    def filled(self, tensors: Sequence[Tensor]) -> nn.Module:
        """A copy of the network that owns copies of the tensors."""
        network = copy.deepcopy(self.network)
        for index, (places, tensor) in enumerate(zip(self._places, tensors, strict=True)):
            own = tensor.detach().clone()
            value = nn.Parameter(own, index < len(self.trainable))
            for place in places:
                module, last = _owner(network, place)
                if last in module._parameters:
                    module.register_parameter(last, value)
                else:
                    module.register_buffer(last, own)
        return network

    def _named(self, tensors: Sequence[Tensor]) -> dict[str, Tensor]:
        return {
            place: tensor
            for places, tensor in zip(self._places, tensors, strict=True)
            for place in places
        }


def tree(tensors: Mapping[str, Tensor], trainable: Collection[str]) -> nn.Module:
    """Modules that hold copies of named tensors: those that train as parameters, else buffers."""
    root = nn.Module()
    for name, tensor in tensors.items():
        *path, last = name.split(".")
        node = root
        for part in path:
            if part not in node._modules:
                node.add_module(part, nn.Module())
            node = node.get_submodule(part)
        own = tensor.detach().clone()
        if name in trainable:
            node.register_parameter(last, nn.Parameter(own))
        else:
            node.register_buffer(last, own)
    return root


def _places(network: nn.Module, names: Sequence[str]) -> list[list[str]]:
    """Of each tensor, its name in every layer that has it; a layer counts once however named."""
    found: dict[int, list[str]] = {}
    for prefix, module in network.named_modules():
        tensors = [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]
        for last, tensor in tensors:
            found.setdefault(id(tensor), []).append(f"{prefix}.{last}" if prefix else last)
    by_name = {**dict(network.named_parameters()), **dict(network.named_buffers())}
    return [found[id(by_name[name])] for name in names]


def _owner(network: nn.Module, name: str) -> tuple[nn.Module, str]:
    path, _, last = name.rpartition(".")
    return network.get_submodule(path), last
