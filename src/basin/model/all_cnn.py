"""All-CNN-C with BN, as Entropy-SGD trains it (Chaudhari et al. 2017, arXiv:1611.01838).

After Springenberg et al. 2015 (arXiv:1412.6806).
Differs: the seventh convolution is padded, as in Chaudhari's code; Springenberg's is not.
"""

from __future__ import annotations

from torch import Tensor, nn

from basin.model.initialisation import check_choice, initialise_

WIDE, WIDER = 96, 192
KERNELS = (1, 3)
HEADS = ("activated", "plain")


class AllCNN(nn.Module):
    """Nine convolutions, two of stride 2 in place of pooling; the mean of the last K maps.

    width: channels are the paper's times this. batch_norm: after every convolution that has a ReLU.
    input_dropout, dropout: before the first layer, and after both of stride 2.
    last_kernel: side of the eighth convolution; 1 in Springenberg et al., 3 in the authors' code.
    head: `activated` has BN and ReLU after the last convolution too, as that code; `plain` has not.
    conv_init, bn_weight_init: basin.model.initialisation.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        in_channels: int,
        width: float,
        batch_norm: bool,
        input_dropout: float,
        dropout: float,
        last_kernel: int,
        head: str,
        conv_init: str,
        bn_weight_init: str,
    ) -> None:
        super().__init__()
        check_choice("head", head, HEADS)
        if last_kernel not in KERNELS:
            raise ValueError(f"last_kernel={last_kernel} is not one of 1, 3")
        a, b = round(WIDE * width), round(WIDER * width)
        if a < 1:
            raise ValueError(f"width={width} leaves no channels; the paper's is 1")
        layers: list[nn.Module] = [nn.Dropout(input_dropout)]
        before = in_channels
        plan = [(a, 3, 1), (a, 3, 1), (a, 3, 2), (b, 3, 1), (b, 3, 1), (b, 3, 2)]
        plan += [(b, 3, 1), (b, last_kernel, 1), (num_classes, 1, 1)]
        for index, (after, kernel, stride) in enumerate(plan):
            layers.append(nn.Conv2d(before, after, kernel, stride, padding=kernel // 2))
            if index < len(plan) - 1 or head == "activated":
                layers += [nn.BatchNorm2d(after)] if batch_norm else []
                layers.append(nn.ReLU(inplace=True))
            if stride == 2:
                layers.append(nn.Dropout(dropout))
            before = after
        self.features = nn.Sequential(*layers)
        initialise_(self, conv_init=conv_init, bn_weight_init=bn_weight_init, linear_init="default")

    def forward(self, images: Tensor) -> Tensor:
        return self.features(images).mean((2, 3))  # (B, K)
