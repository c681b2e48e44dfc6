// A picture to the tensor that torchvision's ImageNet classifiers take, with the C++ core alone.
//
//   make_tensor PICTURE.ppm OUT              8-bit RGB
//   make_tensor FRAME WIDTH HEIGHT OUT       a camera's NV12 without padding, BT.601 limited range
//
// OUT becomes float32 1x3x224x224 in this machine's byte order; its checksum is printed. The tensor
// is the same, bit for bit, on every processor, and so is the checksum.
#include <cstdint>
#include <cstdio>
#include <exception>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "edgeclf/frame.h"
#include "edgeclf/preprocessor.h"
#include "edgeclf/spec.h"

namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error(path + ": cannot be read");
  return Bytes(std::istreambuf_iterator<char>(file), {});
}

void write_file(const std::string& path, const std::vector<float>& tensor) {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(tensor.data()),
             static_cast<std::streamsize>(tensor.size() * sizeof(float)));
  if (!file.flush()) throw std::runtime_error(path + ": cannot be written");
}

// Sides that the core takes; and a buffer that is too short would be read beyond its end.
void check_size(int width, int height, std::uint64_t expected, std::uint64_t got) {
  if (width < 1 || height < 1 || width > 65535 || height > 65535) {
    throw std::runtime_error("expected 1 to 65535 pixels a side");
  }
  if (got != expected) {
    throw std::runtime_error("expected " + std::to_string(expected) + " bytes of pixels, got " +
                             std::to_string(got));
  }
}

// The view points into `file`, which has to outlive it.
edgeclf::FrameView ppm_frame(const Bytes& file) {
  std::istringstream header(std::string(file.begin(), file.end()));
  std::string magic;
  int width = 0, height = 0, maximum = 0;
  header >> magic >> width >> height >> maximum;
  if (!header.good() || magic != "P6" || maximum != 255) {
    throw std::runtime_error("expected a PPM file (P6) of 8 bits, without comments");
  }
  const auto begin = static_cast<std::size_t>(header.tellg()) + 1;
  const auto pixels = static_cast<std::uint64_t>(width) * static_cast<std::uint64_t>(height) * 3;
  check_size(width, height, pixels, file.size() - begin);
  return edgeclf::packed_frame({file.data() + begin, 3, 3 * static_cast<std::ptrdiff_t>(width)},
                               width, height, 3, {0, 1, 2});
}

edgeclf::FrameView nv12_frame(const Bytes& file, int width, int height) {
  const std::ptrdiff_t pairs = width / 2 + width % 2;
  const auto luma = static_cast<std::uint64_t>(width) * static_cast<std::uint64_t>(height);
  const auto chroma =
      static_cast<std::uint64_t>(pairs) * static_cast<std::uint64_t>(height / 2 + height % 2) * 2;
  check_size(width, height, luma + chroma, file.size());
  const edgeclf::ByteGrid y{file.data(), 1, width};
  const edgeclf::ByteGrid uv{file.data() + static_cast<std::size_t>(luma), 2, 2 * pairs};
  const edgeclf::YuvEncoding encoding{edgeclf::ColorMatrix::bt601, edgeclf::ColorRange::limited};
  return edgeclf::yuv_frame(edgeclf::YuvFormat::nv12, {y, uv}, width, height, encoding);
}

// torchvision's Resize(256), CenterCrop(224), ToTensor(), Normalize(mean, std).
edgeclf::InputSpec imagenet_spec() {
  edgeclf::InputSpec spec;
  spec.width = spec.height = 224;
  spec.resize_mode = edgeclf::ResizeMode::center_crop;
  spec.resize_size = 256;
  spec.rescale_factor = 1.0 / 255;
  spec.mean = {0.485, 0.456, 0.406};
  spec.std = {0.229, 0.224, 0.225};
  return spec;
}

// FNV-1a, 64 bits.
std::uint64_t checksum(const std::vector<float>& tensor) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(tensor.data());
  std::uint64_t sum = 14695981039346656037U;
  for (std::size_t i = 0; i < tensor.size() * sizeof(float); ++i) {
    sum = (sum ^ bytes[i]) * 1099511628211U;
  }
  return sum;
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 3 && count != 5) {
    std::fprintf(stderr, "make_tensor PICTURE.ppm OUT\nmake_tensor FRAME WIDTH HEIGHT OUT\n");
    return 2;
  }
  try {
    const Bytes file = read_file(arguments[1]);
    const edgeclf::FrameView frame =
        count == 3 ? ppm_frame(file)
                   : nv12_frame(file, std::stoi(arguments[2]), std::stoi(arguments[3]));
    edgeclf::Preprocessor preprocessor(imagenet_spec(), {});  // kept for many frames
    std::vector<float> tensor(3 * 224 * 224);
    preprocessor.run(frame, tensor.data());
    write_file(arguments[count - 1], tensor);
    std::printf("%016llx\n", static_cast<unsigned long long>(checksum(tensor)));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "make_tensor: %s\n", error.what());
    return 1;
  }
  return 0;
}
