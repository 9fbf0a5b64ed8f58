# 64-bit Arm, glibc: gateways and single-board computers (Raspberry Pi 3 and later, i.MX8, AM64).
#
# Debian: dpkg --add-architecture arm64 && apt-get update && apt-get install g++-aarch64-linux-gnu
#         libwolfssl-dev:arm64 libsqlite3-dev:arm64 libasio-dev libboost1.81-dev
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)

set(triplet aarch64-linux-gnu)
include(${CMAKE_CURRENT_LIST_DIR}/debian.cmake)
