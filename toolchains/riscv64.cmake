# 64-bit RISC-V (RV64GC), glibc: VisionFive 2, Milk-V and similar boards.
#
# Debian 13 and Ubuntu 24.04: dpkg --add-architecture riscv64 && apt-get update && apt-get install
#         g++-riscv64-linux-gnu libwolfssl-dev:riscv64 libsqlite3-dev:riscv64 libasio-dev
#         libboost1.83-dev. Debian 12 has the compiler, but its archive has no riscv64 libraries:
#         install these two below a root of their own and set CMAKE_FIND_ROOT_PATH to it.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR riscv64)

set(triplet riscv64-linux-gnu)
include(${CMAKE_CURRENT_LIST_DIR}/debian.cmake)
