# The two commands of the README: make demo, make test. Everything they need comes from PyPI into
# .venv; the machine itself needs python3 (>= 3.8, with venv and headers), make and a C++ compiler.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

# The runtime that is quickest on this machine; both are tested.
RUNTIME := $(if $(filter x86_64 amd64,$(shell uname -m)),onnx,tflite)
SOURCES := setup.py pyproject.toml CMakeLists.txt toolchains/preflight.py \
  $(shell find cpp/include cpp/src cpp/bindings -type f)

.PHONY: demo test test-cpp test-python test-sanitized test-arm test-heavy fuzz lint format bench clean

demo: $(VENV)/.demo
	$(BIN)/edgeclf predict examples/photos --annotate demo-output

test: lint test-cpp test-python

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/clang-format --dry-run --Werror $$(find cpp examples/cpp -name '*.h' -o -name '*.cpp')
	$(BIN)/python -m mypy

test-cpp: $(VENV)/.test
	$(BIN)/cmake -S . -B build/cpp -G Ninja -DCMAKE_MAKE_PROGRAM=$(abspath $(BIN))/ninja \
	  -DCMAKE_BUILD_TYPE=Release -DEDGECLF_PYTHON=OFF -DEDGECLF_TESTS=ON
	$(BIN)/cmake --build build/cpp
	$(BIN)/ctest --test-dir build/cpp --output-on-failure

test-python: $(VENV)/.test
	$(BIN)/python -m pytest $(PYTEST_ARGS)

# The heavier groups: minutes long, run by .ci/run.
test-sanitized: $(VENV)/.test
	$(BIN)/cmake -S . -B build/sanitized -G Ninja -DCMAKE_MAKE_PROGRAM=$(abspath $(BIN))/ninja \
	  -DCMAKE_BUILD_TYPE=Debug -DEDGECLF_PYTHON=OFF -DEDGECLF_TESTS=ON -DEDGECLF_SANITIZE=ON
	$(BIN)/cmake --build build/sanitized
	$(BIN)/ctest --test-dir build/sanitized --output-on-failure

test-arm: $(VENV)/.test
	toolchains/test_arm.sh $(BIN)/python

test-heavy: $(VENV)/.test
	$(BIN)/python -m pytest -m heavy $(PYTEST_ARGS)

# TensorRT's tests with NVIDIA's own wheels, in an environment of their own: real engines are built,
# and the kernel is compiled, without a GPU.
.PHONY: test-tensorrt
test-tensorrt: $(VENV)/.venv
	$(PYTHON) -m venv build/tensorrt-venv
	build/tensorrt-venv/bin/python -m pip install --quiet --editable '.[onnx,tflite,opencv,test-tensorrt]'
	build/tensorrt-venv/bin/python -m pytest tests/engine tests/build tests/cuda tests/backends \
	  tests/manifest/test_engine_manifest.py -m 'not gpu' $(PYTEST_ARGS)

# Every wheel, the sdist and the list of parts, into dist/: see docs/wheels.md.
.PHONY: wheels test-wheels test-arm-wheels
wheels:
	$(PYTHON) toolchains/build_wheels.py $(WHEEL_ARGS)

test-wheels: $(VENV)/.test wheels
	EDGECLF_WHEELS=dist $(BIN)/python -m pytest -m heavy tests/test_wheels.py tests/test_board_pages.py \
	  $(PYTEST_ARGS)

# The wheels of dist/ on an emulated Debian; says so where its packages cannot be had.
test-arm-wheels: $(VENV)/.venv
	$(BIN)/python toolchains/arm_root.py dist

# On this machine's GPU; without one every test is skipped. benchmarks/results/gpu-*.json
.PHONY: test-gpu
test-gpu: $(VENV)/.test
	@test ! -e /dev/nvidiactl || $(PIP) install --quiet --editable '.[tensorrt-rtx]' \
	  nvidia-cuda-nvrtc nvidia-cuda-nvrtc-cu12
	$(BIN)/python tests/gpu/on_gpu.py $(PYTEST_ARGS)

# Looks for inputs that break the core. Needs clang (Debian: clang); SECONDS for each target.
SECONDS ?= 60
fuzz: $(VENV)/.test
	@command -v clang++ > /dev/null || { echo "make fuzz needs clang: apt install clang"; exit 1; }
	$(BIN)/cmake -S . -B build/fuzz -G Ninja -DCMAKE_MAKE_PROGRAM=$(abspath $(BIN))/ninja \
	  -DCMAKE_CXX_COMPILER=clang++ -DCMAKE_BUILD_TYPE=RelWithDebInfo -DEDGECLF_PYTHON=OFF \
	  -DEDGECLF_FUZZ=ON -DEDGECLF_SANITIZE=ON
	$(BIN)/cmake --build build/fuzz
	for target in preprocessor scores; do mkdir -p build/fuzz/found/$$target; \
	  build/fuzz/fuzz_$$target -max_len=96 -max_total_time=$(SECONDS) -print_final_stats=1 \
	  -artifact_prefix=build/fuzz/$$target- build/fuzz/found/$$target cpp/fuzz/corpus/$$target \
	  || exit 1; done

format: $(VENV)/.test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $$(find cpp examples/cpp -name '*.h' -o -name '*.cpp')

bench: $(VENV)/.test
	$(BIN)/python benchmarks/run.py

# Makes its own environments under build/, with the libraries that it compares with.
.PHONY: bench-hotpath
bench-hotpath:
	$(PYTHON) benchmarks/hotpath.py $(BENCH_ARGS)

clean:
	rm -rf $(VENV) build dist demo-output *.egg-info edgeclf/_core*.so

$(VENV)/.venv:
	@$(PYTHON) toolchains/preflight.py --venv
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --upgrade pip
	@touch $@

$(VENV)/.demo: $(VENV)/.venv $(SOURCES)
	@$(PYTHON) toolchains/preflight.py
	$(PIP) install --quiet --editable '.[$(RUNTIME)]'
	@touch $@

$(VENV)/.test: $(VENV)/.venv $(SOURCES)
	@$(PYTHON) toolchains/preflight.py
	$(PIP) install --quiet --editable '.[all,test,lint]'
	@touch $@
