# The core as a CMake package: `cmake --install` writes the library, its headers, and what
# find_package(edgeclf) reads. Others link to edgeclf::core, installed or by add_subdirectory().
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

file(STRINGS "${CMAKE_CURRENT_SOURCE_DIR}/edgeclf/version.py" version REGEX "^__version__")
string(REGEX MATCH "[0-9]+\\.[0-9]+\\.[0-9]+" version "${version}")
set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/edgeclf")

add_library(edgeclf::core ALIAS edgeclf_core)
target_compile_features(edgeclf_core PUBLIC cxx_std_17)
# An installed package holds no path of the machine that built it.
set_target_properties(edgeclf_core PROPERTIES
  EXPORT_NAME core
  INTERFACE_INCLUDE_DIRECTORIES
  "$<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/cpp/include>;$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>")

install(TARGETS edgeclf_core EXPORT edgeclfTargets ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
install(DIRECTORY cpp/include/edgeclf DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
        FILES_MATCHING PATTERN "*.h")
install(EXPORT edgeclfTargets NAMESPACE edgeclf:: DESTINATION "${package_dir}")
# Until 1.0 a minor version may change the interface. It compares the size of a pointer, too.
write_basic_package_version_file("${CMAKE_CURRENT_BINARY_DIR}/edgeclfConfigVersion.cmake"
                                 VERSION "${version}" COMPATIBILITY SameMinorVersion)
install(FILES cpp/edgeclfConfig.cmake "${CMAKE_CURRENT_BINARY_DIR}/edgeclfConfigVersion.cmake"
        DESTINATION "${package_dir}")
