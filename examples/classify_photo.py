"""Classify one photograph with the built-in model.

python examples/classify_photo.py [PHOTO]
"""

import sys
from pathlib import Path

import edgeclf

photo = sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent / "photos" / "cat.jpg"

with edgeclf.Classifier() as classifier:
    prediction = classifier.predict(photo)

for category in prediction.categories:
    print(f"{category.score:6.3f}  {category.label}")
