"""One Classifier, several threads: each frame is answered by whichever thread is free.

python examples/many_threads.py [FOLDER]
"""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import edgeclf

folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "photos"
photos = sorted(folder.glob("*.jpg"))

with edgeclf.Classifier(num_threads=1) as classifier, ThreadPoolExecutor(4) as pool:
    for photo, prediction in zip(photos, pool.map(classifier.predict, photos)):
        print(f"{photo.name:20} {prediction.label} ({prediction.score:.2f})")
