"""Class names, one a line, in the order of the logits.

`imagenet.txt` is the `categories` list of torchvision's ImageNet-1k weights (BSD-3-Clause),
`cifar10.txt` the order of Krizhevsky's CIFAR-10 batches.
"""
