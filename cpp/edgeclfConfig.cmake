# What find_package(edgeclf) runs: see docs/cpp.md.
include(CMakeFindDependencyMacro)
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_dependency(Threads)
include("${CMAKE_CURRENT_LIST_DIR}/edgeclfTargets.cmake")
