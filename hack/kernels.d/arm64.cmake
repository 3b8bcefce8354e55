# SPDX-License-Identifier: Apache-2.0
# Builds for arm64 with Debian's cross compiler and a root of arm64 packages that was unpacked, not installed:
#
#   cmake -S . -B build-arm64 --toolchain hack/kernels.d/arm64.cmake -DLIBVPC_SYSROOT=/path/of/the/root \
#         -DLIBVPC_LINK_OBJECTS=/path/of/this/machine's/build/bin/link_objects
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES LIBVPC_SYSROOT)
set(CMAKE_SYSROOT ${LIBVPC_SYSROOT})
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${LIBVPC_SYSROOT})
set(ENV{PKG_CONFIG_LIBDIR} ${LIBVPC_SYSROOT}/usr/lib/aarch64-linux-gnu/pkgconfig:${LIBVPC_SYSROOT}/usr/share/pkgconfig)
