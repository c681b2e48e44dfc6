// Frames as Python hands them over: arrays of any strides, checked before the core sees them.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <array>
#include <string>

#include "edgeclf/frame.h"

namespace edgeclf {

// Whether it is grey or of three channels, uint8, and of a size that a frame can have.
bool is_picture(const pybind11::array& pixels);

// The others raise FrameError. Their view is valid as long as the arrays are.

// bgr, rgb, bgra, rgba or gray.
FrameView packed_view(const pybind11::array& pixels, const std::string& format);

// Width and height of a frame, the side of a block, and the pixels by which the first block begins
// before the frame: across and down.
using Averages = std::array<int, 5>;

// A packed frame of which `pixels` are the averages of blocks. ValueError where there is
// not one for each.
FrameView averages_view(const pybind11::array& pixels, const std::string& format,
                        const Averages& of);

// The same in memory that is no array's: nothing but the size is checked.
FrameView packed_grid_view(const ByteGrid& grid, const std::string& format, int width, int height);
FrameView yuv_grid_view(const std::array<ByteGrid, 3>& grids, const std::string& format, int width,
                        int height, const std::string& color_matrix,
                        const std::string& color_range);

// uint16 levels, HxW; low and high differ and are finite.
FrameView gray16_view(const pybind11::array& pixels, double low, double high);

// The format's grids of bytes as edgeclf/frame.py lays them out.
FrameView yuv_view(const pybind11::tuple& grids, const std::string& format, int width, int height,
                   const std::string& color_matrix, const std::string& color_range);

}  // namespace edgeclf
