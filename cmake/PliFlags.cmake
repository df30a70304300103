# How everything is compiled and linked: interface targets pli_flags (compile) and pli_link_flags (link).
set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
include(CheckPIESupported)
check_pie_supported(LANGUAGES C)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_C_FLAGS_RELEASE "-O2 -g1 -DNDEBUG")
set(CMAKE_C_FLAGS_DEBUG "-Og -g")

if(PLI_CCACHE AND NOT CMAKE_C_COMPILER_LAUNCHER)
  find_program(PLI_CCACHE_PROGRAM ccache)
  if(PLI_CCACHE_PROGRAM)
    set(CMAKE_C_COMPILER_LAUNCHER "${PLI_CCACHE_PROGRAM}")
  endif()
endif()

add_library(pli_flags INTERFACE)
target_compile_definitions(pli_flags INTERFACE _GNU_SOURCE "PLI_VERSION=\"${PROJECT_VERSION}\"")
target_include_directories(pli_flags INTERFACE
  "${PROJECT_SOURCE_DIR}/include" "${PROJECT_SOURCE_DIR}/src" "${PROJECT_BINARY_DIR}/gen")
target_compile_options(pli_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion
  -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wvla -Wpointer-arith
  -Wwrite-strings -Wformat=2 -Wundef -Wimplicit-fallthrough
  -fno-common -fno-strict-aliasing -fstack-protector-strong
  $<$<CONFIG:Release>:-U_FORTIFY_SOURCE> $<$<CONFIG:Release>:-D_FORTIFY_SOURCE=2>)
# No path of the building machine goes into what is shipped.
target_compile_options(pli_flags INTERFACE "-ffile-prefix-map=${PROJECT_SOURCE_DIR}/=")
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
  target_compile_options(pli_flags INTERFACE -Wlogical-op -Wduplicated-cond)
  if(CMAKE_C_COMPILER_VERSION VERSION_LESS 12)
    # It warns about designated initializers when their values come from macros.
    target_compile_options(pli_flags INTERFACE -Wno-missing-field-initializers)
  endif()
  if(NOT CMAKE_BUILD_TYPE STREQUAL "Release" OR PLI_SANITIZE)
    # Without the release build's optimiser, or with sanitizers, gcc warns about paths that do not exist.
    target_compile_options(pli_flags INTERFACE -Wno-maybe-uninitialized)
  endif()
endif()
if(PLI_WERROR)
  target_compile_options(pli_flags INTERFACE -Werror)
endif()

add_library(pli_link_flags INTERFACE)
target_link_options(pli_link_flags INTERFACE
  "LINKER:-z,defs" "LINKER:-z,relro" "LINKER:-z,now" "LINKER:--as-needed" "LINKER:--enable-new-dtags")

if(PLI_SANITIZE)
  target_compile_options(pli_flags INTERFACE
    "-fsanitize=${PLI_SANITIZE}" -fno-omit-frame-pointer -fno-sanitize-recover=all -O1)
  # clang leaves the sanitizer's own symbols to the executable, so -z defs cannot hold there.
  set_target_properties(pli_link_flags PROPERTIES INTERFACE_LINK_OPTIONS "LINKER:--enable-new-dtags")
  add_link_options("-fsanitize=${PLI_SANITIZE}")
endif()
if(PLI_FUZZ)
  target_compile_options(pli_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
