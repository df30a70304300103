# Finds DuckDB: an installed one of a fitting version, else the one that scripts/setup fetched.
# Gives: target pli_duckdb (compile and link), target pli_duckdb_files (lays it beside the engine module),
# PLI_DUCKDB_LIBRARY, PLI_DUCKDB_INCLUDE_DIR, PLI_DUCKDB_FETCHED, PLI_DUCKDB_EXTENSIONS (list of files).
file(STRINGS "${PROJECT_SOURCE_DIR}/scripts/pins.env" pins REGEX "^DUCKDB_VERSION=")
string(REGEX REPLACE "^DUCKDB_VERSION=" "" PLI_DUCKDB_VERSION "${pins}")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/scripts/pins.env")

# As in scripts/lib.sh.
if(DEFINED ENV{PLI_CACHE_DIR})
  set(cache "$ENV{PLI_CACHE_DIR}")
elseif(DEFINED ENV{XDG_CACHE_HOME})
  set(cache "$ENV{XDG_CACHE_HOME}/polars-incremental")
elseif(DEFINED ENV{HOME})
  set(cache "$ENV{HOME}/.cache/polars-incremental")
else()
  set(cache "/tmp/.cache/polars-incremental")
endif()
# Not in CMake's own cache, which would keep it when the pinned version changes; -DPLI_DUCKDB_DIR=… is respected.
if(NOT DEFINED PLI_DUCKDB_DIR)
  set(PLI_DUCKDB_DIR "${cache}/duckdb-${PLI_DUCKDB_VERSION}-${CMAKE_SYSTEM_PROCESSOR}")
endif()

set(PLI_DUCKDB_FETCHED OFF)
unset(PLI_DUCKDB_LIBRARY)
if(PLI_DUCKDB MATCHES "^(auto|system)$")
  find_library(PLI_DUCKDB_SYSTEM_LIBRARY duckdb)
  find_path(PLI_DUCKDB_SYSTEM_INCLUDE_DIR duckdb.h)
  if(PLI_DUCKDB_SYSTEM_LIBRARY AND PLI_DUCKDB_SYSTEM_INCLUDE_DIR)
    try_run(ran compiled "${CMAKE_BINARY_DIR}/gen/duckdb_probe" "${PROJECT_SOURCE_DIR}/cmake/duckdb_probe.c"
            CMAKE_FLAGS "-DINCLUDE_DIRECTORIES=${PLI_DUCKDB_SYSTEM_INCLUDE_DIR}"
            LINK_LIBRARIES "${PLI_DUCKDB_SYSTEM_LIBRARY}" RUN_OUTPUT_VARIABLE found_version)
    string(REGEX REPLACE "^v" "" found_version "${found_version}")
    if(compiled AND ran EQUAL 0 AND found_version VERSION_GREATER_EQUAL 1.5 AND found_version VERSION_LESS 1.6)
      set(PLI_DUCKDB_LIBRARY "${PLI_DUCKDB_SYSTEM_LIBRARY}")
      set(PLI_DUCKDB_INCLUDE_DIR "${PLI_DUCKDB_SYSTEM_INCLUDE_DIR}")
      message(STATUS "DuckDB ${found_version}, installed: ${PLI_DUCKDB_LIBRARY}")
    else()
      message(STATUS "DuckDB at ${PLI_DUCKDB_SYSTEM_LIBRARY} does not fit (needs >= 1.5 and < 1.6)")
    endif()
  endif()
endif()
if(NOT PLI_DUCKDB_LIBRARY AND PLI_DUCKDB MATCHES "^(auto|fetched)$")
  if(EXISTS "${PLI_DUCKDB_DIR}/lib/libduckdb.so" AND EXISTS "${PLI_DUCKDB_DIR}/include/duckdb.h")
    set(PLI_DUCKDB_FETCHED ON)
    set(PLI_DUCKDB_LIBRARY "${PLI_DUCKDB_DIR}/lib/libduckdb.so")
    set(PLI_DUCKDB_INCLUDE_DIR "${PLI_DUCKDB_DIR}/include")
    message(STATUS "DuckDB ${PLI_DUCKDB_VERSION}, fetched: ${PLI_DUCKDB_DIR}")
  endif()
endif()
if(NOT PLI_DUCKDB_LIBRARY)
  message(FATAL_ERROR "DuckDB is missing: run scripts/setup build")
endif()

add_library(pli_duckdb INTERFACE)
target_include_directories(pli_duckdb SYSTEM INTERFACE "${PLI_DUCKDB_INCLUDE_DIR}")
target_link_libraries(pli_duckdb INTERFACE "${PLI_DUCKDB_LIBRARY}")

# Beside the engine module, as links: it is 70 MB, and there are many build folders.
set(beside "${CMAKE_BINARY_DIR}/lib/pli")
file(GLOB PLI_DUCKDB_EXTENSIONS "${PLI_DUCKDB_DIR}/extensions/*.duckdb_extension")
set(links "")
if(PLI_DUCKDB_FETCHED)
  list(APPEND links COMMAND "${CMAKE_COMMAND}" -E create_symlink "${PLI_DUCKDB_LIBRARY}" "${beside}/libduckdb.so")
endif()
foreach(extension IN LISTS PLI_DUCKDB_EXTENSIONS)
  get_filename_component(name "${extension}" NAME)
  list(APPEND links COMMAND "${CMAKE_COMMAND}" -E create_symlink "${extension}" "${beside}/extensions/${name}")
endforeach()
add_custom_command(OUTPUT "${beside}/.duckdb"
  COMMAND "${CMAKE_COMMAND}" -E make_directory "${beside}/extensions"
  ${links}
  COMMAND "${CMAKE_COMMAND}" -E touch "${beside}/.duckdb"
  COMMENT "DuckDB beside the engine module" VERBATIM)
add_custom_target(pli_duckdb_files DEPENDS "${beside}/.duckdb")
