# 32-bit Arm with hardware floating point (ARMv7-A), glibc: Raspberry Pi 2 and later with a 32-bit
# system, BeagleBone, i.MX6, older industrial gateways. Not for ARMv6 (Raspberry Pi 1, Zero).
#
# Debian: dpkg --add-architecture armhf && apt-get update && apt-get install g++-arm-linux-gnueabihf
#         libwolfssl-dev:armhf libsqlite3-dev:armhf libasio-dev libboost1.81-dev
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR armv7l)

set(triplet arm-linux-gnueabihf)
include(${CMAKE_CURRENT_LIST_DIR}/debian.cmake)
