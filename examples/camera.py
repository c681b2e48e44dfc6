"""Classify what a camera sees, or a video file, through OpenCV (pip install 'edgeclf[opencv]').

python examples/camera.py [CAMERA-NUMBER | VIDEO] [FRAMES]
"""

import contextlib
import sys

import cv2

import edgeclf

source = sys.argv[1] if len(sys.argv) > 1 else "0"
frames = int(sys.argv[2]) if len(sys.argv) > 2 else None

camera = cv2.VideoCapture(int(source) if source.isdigit() else source)
if not camera.isOpened():
    sys.exit(f"cannot open camera or video {source!r}")

# Ctrl-C ends it.
with edgeclf.Classifier(score_threshold=0.3) as classifier, contextlib.suppress(KeyboardInterrupt):
    classifier.warmup()
    seen = 0
    while frames is None or seen < frames:
        more, frame = camera.read()  # BGR, as Classifier expects unless told otherwise
        if not more:
            break
        seen += 1
        prediction = classifier.predict(frame)
        total = sum(prediction.speed)
        print(f"{prediction.label or '-':30}  {prediction.score or 0:5.3f}  {total:6.1f} ms")
camera.release()
