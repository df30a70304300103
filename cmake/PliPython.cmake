# The Python package: the extension module polars_incremental._core (stable ABI of 3.11) over the public headers.
#
#   <build>/python/polars_incremental/   links to the package's sources, and _core.abi3.so: put <build>/python on PYTHONPATH
#   a wheel (pyproject.toml)             the package with _core.abi3.so, and lib/ with libpli, the engine and its extensions
#
# PLI_PYTHON: auto (default: when Python's headers are there, and no sanitizer is on), ON, OFF.
set(PLI_PYTHON "auto" CACHE STRING "The Python package's extension: auto, ON, OFF")
set_property(CACHE PLI_PYTHON PROPERTY STRINGS auto ON OFF)

set(wanted "${PLI_PYTHON}")
if(SKBUILD)
  set(wanted ON)
elseif(wanted STREQUAL "auto" AND (PLI_SANITIZE OR PLI_FUZZ))
  # Python itself would have to be built with the sanitizer.
  set(wanted OFF)
endif()
set(PLI_PYTHON_FOUND OFF)
if(NOT wanted STREQUAL "OFF")
  if(wanted STREQUAL "auto")
    find_package(Python 3.11 QUIET COMPONENTS Interpreter Development.Module)
  else()
    find_package(Python 3.11 REQUIRED COMPONENTS Interpreter Development.Module)
  endif()
  if(NOT Python_FOUND)
    message(STATUS "Python 3.11 or newer with its headers was not found: the package is not built")
  endif()
endif()

if(Python_FOUND)
  set(PLI_PYTHON_FOUND ON)
  set(package "${PROJECT_SOURCE_DIR}/src/polars_incremental")
  set(beside "${CMAKE_BINARY_DIR}/python/polars_incremental")
  file(GLOB python_sources CONFIGURE_DEPENDS "${package}/ext/*.c")
  add_library(pli_python MODULE ${python_sources})
  target_include_directories(pli_python SYSTEM PRIVATE ${Python_INCLUDE_DIRS})
  target_compile_definitions(pli_python PRIVATE Py_LIMITED_API=0x030b0000)
  target_link_libraries(pli_python PRIVATE pli_flags pli)
  # As Python's API has it: functions of slots go through void *, lists of keywords are char *. Options of sources come last.
  set_source_files_properties(${python_sources} PROPERTIES COMPILE_OPTIONS "-Wno-pedantic;-Wno-write-strings")
  set_target_properties(pli_python PROPERTIES
    OUTPUT_NAME _core PREFIX "" SUFFIX .abi3.so C_VISIBILITY_PRESET hidden
    LIBRARY_OUTPUT_DIRECTORY "${beside}"
    BUILD_WITH_INSTALL_RPATH ON INSTALL_RPATH "$ORIGIN/lib;$ORIGIN/../../lib")
  add_dependencies(pli_python pli_engine)

  # The sources as links, so that an edit needs no build.
  file(GLOB parts CONFIGURE_DEPENDS RELATIVE "${package}" "${package}/*")
  list(REMOVE_ITEM parts ext __pycache__)
  file(MAKE_DIRECTORY "${beside}")
  foreach(part IN LISTS parts)
    file(CREATE_LINK "${package}/${part}" "${beside}/${part}" SYMBOLIC)
  endforeach()
endif()

if(SKBUILD)
  # Only what the package needs; what scikit-build-core installs is the component "python".
  set(into polars_incremental)
  install(TARGETS pli_python LIBRARY DESTINATION "${into}" COMPONENT python)
  install(TARGETS pli LIBRARY DESTINATION "${into}/lib" COMPONENT python NAMELINK_SKIP)
  install(TARGETS pli_engine LIBRARY DESTINATION "${into}/lib/pli" COMPONENT python)
  if(PLI_DUCKDB_FETCHED)
    install(FILES "${PLI_DUCKDB_LIBRARY}" DESTINATION "${into}/lib/pli" COMPONENT python
      PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
    install(FILES "${PLI_DUCKDB_DIR}/LICENSE" DESTINATION "${into}/lib/licenses" COMPONENT python
      RENAME libduckdb.so.copyright OPTIONAL)
  endif()
  if(PLI_DUCKDB_EXTENSIONS)
    install(FILES ${PLI_DUCKDB_EXTENSIONS} DESTINATION "${into}/lib/pli/extensions" COMPONENT python)
  endif()
endif()
