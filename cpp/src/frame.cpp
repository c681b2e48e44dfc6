#include "edgeclf/frame.h"

namespace edgeclf {

FrameView region_of(const FrameView& frame, int x, int y, int width, int height) {
  FrameView part = frame;
  part.data = frame.at(x, y);
  part.width = width;
  part.height = height;
  return part;
}

FrameView rotated(const FrameView& frame, int quarter_turns) {
  FrameView turned = frame;
  if (quarter_turns % 2 == 1) {
    turned.width = frame.height;
    turned.height = frame.width;
  }
  switch (quarter_turns) {
    case 1:  // the left column, read upwards, becomes the top row
      turned.data = frame.at(0, frame.height - 1);
      turned.stride_x = -frame.stride_y;
      turned.stride_y = frame.stride_x;
      break;
    case 2:
      turned.data = frame.at(frame.width - 1, frame.height - 1);
      turned.stride_x = -frame.stride_x;
      turned.stride_y = -frame.stride_y;
      break;
    case 3:  // the right column, read downwards, becomes the top row
      turned.data = frame.at(frame.width - 1, 0);
      turned.stride_x = frame.stride_y;
      turned.stride_y = -frame.stride_x;
      break;
    default: break;
  }
  return turned;
}

}  // namespace edgeclf
