# SPDX-License-Identifier: Apache-2.0
# What `cmake --install` lays down for those who embed the library: archive, headers, pkg-config and CMake package.
include(CMakePackageConfigHelpers)
set(package_directory ${CMAKE_INSTALL_LIBDIR}/cmake/libvpc)

install(TARGETS vpc EXPORT libvpc-targets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(FILES ${PROJECT_SOURCE_DIR}/libvpc/include/vpc/vpc.h ${PROJECT_SOURCE_DIR}/libvpc/include/vpc/lb.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/vpc)
install(FILES ${PROJECT_SOURCE_DIR}/bpf/parameter.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/vpc)
install(FILES ${CMAKE_BINARY_DIR}/bpf/ping_global.bpf.o ${CMAKE_BINARY_DIR}/bpf/ping_placeholder.bpf.o DESTINATION ${CMAKE_INSTALL_DATADIR}/libvpc/samples)

# Relative, so that `cmake --install --prefix` may lay it anywhere.
file(RELATIVE_PATH prefix_from_pkgconfig /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(${PROJECT_SOURCE_DIR}/libvpc/libvpc.pc.in ${CMAKE_CURRENT_BINARY_DIR}/libvpc.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/libvpc.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

configure_package_config_file(${PROJECT_SOURCE_DIR}/libvpc/libvpc-config.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/libvpc-config.cmake
	INSTALL_DESTINATION ${package_directory})
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/libvpc-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/libvpc-config.cmake ${CMAKE_CURRENT_BINARY_DIR}/libvpc-config-version.cmake DESTINATION ${package_directory})
install(EXPORT libvpc-targets NAMESPACE libvpc:: DESTINATION ${package_directory})
