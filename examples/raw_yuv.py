"""Classify raw frames from a pipe, as a Raspberry Pi's camera or FFmpeg writes them, unconverted:

rpicam-vid -t 0 -n --width 640 --height 480 --codec yuv420 -o - | python examples/raw_yuv.py 640 480
ffmpeg -i VIDEO -f rawvideo -pix_fmt nv12 - | python examples/raw_yuv.py 1920 1080 nv12
"""

import sys

import edgeclf

if len(sys.argv) < 3:
    sys.exit(__doc__)
width, height = int(sys.argv[1]), int(sys.argv[2])
frame_format = sys.argv[3] if len(sys.argv) > 3 else "i420"
color_range = sys.argv[4] if len(sys.argv) > 4 else "limited"
size = width * height + 2 * ((width + 1) // 2) * ((height + 1) // 2)

try:
    with edgeclf.Classifier() as classifier:
        while len(pixels := sys.stdin.buffer.read(size)) == size:  # fewer: the last frame was cut
            frame = edgeclf.Frame(
                pixels, frame_format, width=width, height=height, color_range=color_range
            )
            prediction = classifier.predict(frame)
            print(f"{prediction.score:6.3f}  {prediction.label}", flush=True)
except KeyboardInterrupt:
    pass  # Ctrl-C, which ends the camera's program in the same pipe, too
