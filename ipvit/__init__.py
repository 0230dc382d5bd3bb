"""The science of IPViT Lab: images in, arrays and numbers out.

No HTTP, no queue, no settings and no globals live here; `workers` and `app` build on it.
"""

__version__ = "0.1.0"
