# Common to the boards: Debian's cross compilers and multiarch libraries for `triplet`.
#
# Libraries come from the board's own folders; headers may also come from /usr/include, where
# multiarch packages put those that are the same everywhere. No product option is set here.
set(CMAKE_C_COMPILER ${triplet}-gcc)
set(CMAKE_CXX_COMPILER ${triplet}-g++)
set(CMAKE_STRIP ${triplet}-strip)
set(CMAKE_LIBRARY_ARCHITECTURE ${triplet})

set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_LIBRARY_PATH /usr/lib/${triplet} /usr/${triplet}/lib)
set(CMAKE_INCLUDE_PATH /usr/include/${triplet} /usr/include)
set(CMAKE_IGNORE_PATH /usr/lib/x86_64-linux-gnu)
set(CMAKE_SYSTEM_LIBRARY_PATH /usr/lib/${triplet} /usr/${triplet}/lib)

set(CMAKE_C_FLAGS_INIT "-ffunction-sections -fdata-sections")
set(CMAKE_CXX_FLAGS_INIT "-ffunction-sections -fdata-sections")
set(CMAKE_EXE_LINKER_FLAGS_INIT "-Wl,--gc-sections")
