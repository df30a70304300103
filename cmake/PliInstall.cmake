# What `make install` puts under the prefix: the layout of the build folder, plus headers and package files.
include(CMakePackageConfigHelpers)

set(pli_libdir "${CMAKE_INSTALL_LIBDIR}/pli")
install(TARGETS pli EXPORT pliTargets
  LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}" NAMELINK_COMPONENT development)
install(TARGETS pli_engine LIBRARY DESTINATION "${pli_libdir}")
if(TARGET pli_command)
  install(TARGETS pli_command RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
endif()
if(PLI_DUCKDB_FETCHED)
  install(FILES "${PLI_DUCKDB_LIBRARY}" DESTINATION "${pli_libdir}"
    PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
  install(FILES "${PLI_DUCKDB_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DOCDIR}/third-party"
    RENAME libduckdb.so.copyright OPTIONAL)
endif()
if(PLI_DUCKDB_EXTENSIONS)
  install(FILES ${PLI_DUCKDB_EXTENSIONS} DESTINATION "${pli_libdir}/extensions")
endif()
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DOCDIR}")

install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/pli" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
  COMPONENT development FILES_MATCHING PATTERN "*.h")
# ${pcfiledir} makes the file relocatable, as the libraries are.
file(RELATIVE_PATH pli_pc_to_prefix "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
configure_file(cmake/pli.pc.in "${CMAKE_BINARY_DIR}/gen/pli.pc" @ONLY)
install(FILES "${CMAKE_BINARY_DIR}/gen/pli.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig" COMPONENT development)
set(pli_cmakedir "${CMAKE_INSTALL_LIBDIR}/cmake/pli")
install(EXPORT pliTargets NAMESPACE pli:: DESTINATION "${pli_cmakedir}" COMPONENT development)
configure_package_config_file(cmake/pliConfig.cmake.in "${CMAKE_BINARY_DIR}/gen/pliConfig.cmake"
  INSTALL_DESTINATION "${pli_cmakedir}")
write_basic_package_version_file("${CMAKE_BINARY_DIR}/gen/pliConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${CMAKE_BINARY_DIR}/gen/pliConfig.cmake" "${CMAKE_BINARY_DIR}/gen/pliConfigVersion.cmake"
  DESTINATION "${pli_cmakedir}" COMPONENT development)

# Manual page and completions: pli makes them of its own tables.
if(TARGET pli_command)
  set(made "${CMAKE_BINARY_DIR}/gen/share")
  install(CODE "
    set(pli \"${CMAKE_BINARY_DIR}/bin/pli\")
    set(made \"${made}\")
    file(MAKE_DIRECTORY \"\${made}\")
    function(pli_make name destination)
      execute_process(COMMAND \"\${pli}\" \${ARGN} OUTPUT_FILE \"\${made}/\${name}\" ERROR_QUIET RESULT_VARIABLE code)
      file(SIZE \"\${made}/\${name}\" size)
      if(code EQUAL 0 AND size GREATER 0)
        file(INSTALL \"\${made}/\${name}\" DESTINATION \"\${CMAKE_INSTALL_PREFIX}/\${destination}\" TYPE FILE)
      endif()
    endfunction()
    pli_make(pli ${CMAKE_INSTALL_DATADIR}/bash-completion/completions completion bash)
    pli_make(_pli ${CMAKE_INSTALL_DATADIR}/zsh/site-functions completion zsh)
    pli_make(pli.fish ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d completion fish)
    pli_make(pli.1 ${CMAKE_INSTALL_MANDIR}/man1 reference man)
  ")
endif()
