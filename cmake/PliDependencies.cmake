# Libraries from the system (scripts/setup installs them) and DuckDB. Each is named for the layers that may use it.
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)

function(pli_pkg target module)
  pkg_check_modules(${target} QUIET IMPORTED_TARGET GLOBAL ${module})
  if(NOT ${target}_FOUND)
    message(FATAL_ERROR "the library '${module}' is missing: run scripts/setup build")
  endif()
endfunction()

pli_pkg(JANSSON jansson)
pli_pkg(YAML yaml-0.1)
pli_pkg(SQLITE3 sqlite3)
pli_pkg(XXHASH libxxhash)
pli_pkg(ZLIB zlib)
pli_pkg(ZSTD libzstd)
pli_pkg(CRYPTO libcrypto)
pli_pkg(UUID uuid)

# CRoaring has no pkg-config file on every distribution.
find_path(ROARING_INCLUDE_DIR roaring/roaring.h)
find_library(ROARING_LIBRARY roaring)
if(NOT ROARING_INCLUDE_DIR OR NOT ROARING_LIBRARY)
  message(FATAL_ERROR "the library 'roaring' is missing: run scripts/setup build")
endif()
add_library(pli_roaring INTERFACE)
target_include_directories(pli_roaring SYSTEM INTERFACE "${ROARING_INCLUDE_DIR}")
target_link_libraries(pli_roaring INTERFACE "${ROARING_LIBRARY}")

add_library(pli_base_deps INTERFACE)
target_link_libraries(pli_base_deps INTERFACE
  PkgConfig::JANSSON PkgConfig::XXHASH PkgConfig::ZLIB PkgConfig::ZSTD PkgConfig::CRYPTO PkgConfig::UUID
  Threads::Threads m)
add_library(pli_core_deps INTERFACE)
target_link_libraries(pli_core_deps INTERFACE
  pli_base_deps PkgConfig::SQLITE3 PkgConfig::YAML pli_roaring ${CMAKE_DL_LIBS})
# The command's own needs: JSON for its output; everything else comes through the public headers.
add_library(pli_cli_deps INTERFACE)
target_link_libraries(pli_cli_deps INTERFACE PkgConfig::JANSSON m)

include(PliDuckDB)
