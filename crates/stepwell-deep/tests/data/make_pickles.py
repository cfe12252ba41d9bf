"""Makes the small CIFAR batches of this folder, in the exact layout of the Python distribution.

Needs NumPy. `python3 make_pickles.py` writes, of two images each (pixel k of image i is (5 k + 101 i) mod 256):
  cifar10.python2.pkl   as Python 2 wrote the official files: protocol 2, texts as byte strings, NumPy's old module names
  cifar10.protocol2.pkl, cifar10.protocol4.pkl   the same dictionary written by today's Python and NumPy
  cifar100.python2.pkl  with coarse and fine labels, the pixels in Fortran's order
"""

import io
import pickle
import struct

import numpy as np


class Python2Pickler(pickle._Pickler):
    """Writes str and bytes as Python 2 wrote its str: SHORT_BINSTRING and BINSTRING."""

    dispatch = dict(pickle._Pickler.dispatch)

    def save_string(self, text):
        data = text.encode("latin1") if isinstance(text, str) else text
        if len(data) < 256:
            self.write(pickle.SHORT_BINSTRING + struct.pack("<B", len(data)) + data)
        else:
            self.write(pickle.BINSTRING + struct.pack("<i", len(data)) + data)
        self.memoize(text)

    dispatch[str] = save_string
    dispatch[bytes] = save_string


def python2(batch):
    out = io.BytesIO()
    Python2Pickler(out, protocol=2).dump(batch)
    return out.getvalue().replace(b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n")


images = ((5 * np.arange(3072)[None, :] + 101 * np.arange(2)[:, None]) % 256).astype(np.uint8)
cifar10 = {
    "batch_label": "training batch 1 of 5",
    "labels": [6, 9],
    "data": images,
    "filenames": ["leptodactylus_pentadactylus_s_000004.png", "camion_s_000148.png"],
}
cifar100 = {
    "data": np.asfortranarray(images),
    "batch_label": "training batch 1 of 1",
    "fine_labels": [19, 99],
    "coarse_labels": [11, 15],
    "filenames": ["bos_taurus_s_000507.png", "stegosaurus_s_000125.png"],
}
files = {
    "cifar10.python2.pkl": python2(cifar10),
    "cifar10.protocol2.pkl": pickle.dumps(cifar10, protocol=2),
    "cifar10.protocol4.pkl": pickle.dumps(cifar10, protocol=4),
    "cifar100.python2.pkl": python2(cifar100),
}
for name, content in files.items():
    back = pickle.loads(content, encoding="latin1")
    assert np.array_equal(back["data"], images), name
    with open(name, "wb") as file:
        file.write(content)
