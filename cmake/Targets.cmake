# Targets that read like a bill of materials. They set the language standard, the warnings, the
# include root and the sanitizers once.

function(petiole_settings target)
  target_compile_features(${target} PUBLIC cxx_std_20)
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF)
  target_include_directories(${target} PUBLIC ${PROJECT_SOURCE_DIR})
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wconversion)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # Both guess wrong once the library's code is inlined (GCC 12, bugs 105329 and 105562).
    target_compile_options(${target} PRIVATE -Wno-restrict -Wno-maybe-uninitialized)
  endif()
  if(PETIOLE_STATIC)
    # Nothing asks for a type's name, and Beast's are long: 60 KB less.
    target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-fno-rtti>)
    target_compile_definitions(${target} PRIVATE ASIO_NO_TYPEID BOOST_ASIO_NO_TYPEID)
  endif()
  if(CMAKE_SIZEOF_VOID_P EQUAL 4)
    # Else a file of over 2 GB, or an inode beyond 32 bits, is one that cannot be opened.
    target_compile_definitions(${target} PRIVATE _FILE_OFFSET_BITS=64)
  endif()
  petiole_sanitize(${target})
endfunction()

# petiole_without_exceptions(): for the targets of this folder and below, in a self-contained binary.
# agent/ and storage/ throw and catch nothing; without landing pads and unwind tables they take 360 KB
# less. Memory that cannot be had, the one thing that a library still throws, ends the program either way.
macro(petiole_without_exceptions)
  if(PETIOLE_STATIC)
    add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-fno-exceptions>
                        $<$<COMPILE_LANGUAGE:CXX>:-fno-asynchronous-unwind-tables>)
  endif()
endmacro()

# petiole_precompile(target owner): with PETIOLE_PCH the compiler reads the standard headers once, for
# `owner`, and every other target with the same options takes them from there. Each file still
# includes what it uses: a build without, and clang-tidy, see to that. Only where nothing is optimised,
# in tests and in a Debug build: elsewhere GCC 12 warns of the library's own code once that comes from
# there (array-bounds, in agent/leaf/nkey.cpp).
set(standard_headers <algorithm> <array> <chrono> <cstdint> <cstring> <functional> <map> <memory>
                     <optional> <span> <string> <string_view> <utility> <vector>)
function(petiole_precompile target owner)
  if(NOT PETIOLE_PCH OR NOT (owner STREQUAL petiole_test_main OR CMAKE_BUILD_TYPE STREQUAL Debug))
    return()
  endif()
  if(target STREQUAL owner)
    target_precompile_headers(${target} PRIVATE ${standard_headers} ${ARGN})
  else()
    target_precompile_headers(${target} REUSE_FROM ${owner})
  endif()
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(${target} PRIVATE -fpch-preprocess)  # For ccache.
  endif()
endfunction()

# The owner for the product: no source, and no definition that a user of it could lack.
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/headers.cpp CONTENT "")
add_library(petiole_headers OBJECT ${CMAKE_BINARY_DIR}/generated/headers.cpp)
petiole_settings(petiole_headers)
petiole_precompile(petiole_headers petiole_headers)

# petiole_library(name SOURCES file… USES target…)
function(petiole_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;USES" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  petiole_settings(${name})
  petiole_precompile(${name} petiole_headers)
  target_link_libraries(${name} PUBLIC ${ARG_USES})
endfunction()

# 170 KB less; binutils 2.38 and glibc 2.36 know them.
include(CheckLinkerFlag)
check_linker_flag(CXX -Wl,-z,pack-relative-relocs PETIOLE_PACKS_RELOCATIONS)
# 4 KB less: code and constants share a segment, as they do by default on ARM.
check_linker_flag(CXX -Wl,-z,noseparate-code PETIOLE_JOINS_SEGMENTS)

# petiole_program(name SOURCES file… USES target…)
function(petiole_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;USES" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  petiole_settings(${name})
  petiole_precompile(${name} petiole_headers)
  target_link_libraries(${name} PRIVATE ${ARG_USES})
  if(PETIOLE_STATIC)
    # The map is what tests/bench/size reads.
    target_link_options(${name} PRIVATE -static-libstdc++ -static-libgcc -Wl,--as-needed
                                        -Wl,-Map=${CMAKE_BINARY_DIR}/${name}.map)
    if(PETIOLE_PACKS_RELOCATIONS)
      target_link_options(${name} PRIVATE -Wl,-z,pack-relative-relocs)
    endif()
    if(PETIOLE_JOINS_SEGMENTS)
      target_link_options(${name} PRIVATE -Wl,-z,noseparate-code)
    endif()
  endif()
endfunction()

# Builds all tests that have threads, or all fuzz targets: what tests/run needs of a build.
add_custom_target(petiole_thread_tests)
add_custom_target(petiole_fuzz_targets)

# petiole_test(name SOURCES file… USES target… [LABELS label…]): a doctest program, run by ctest.
# Labels: unit (the default), scenario, threads (also run under the thread sanitizer; given to all
# tests of the rooms that have threads), no_asan.
function(petiole_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;USES;LABELS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  petiole_settings(${name})
  target_compile_options(${name} PRIVATE -O0)  # A test's own code need not be fast, its build should.
  petiole_precompile(${name} petiole_test_main)
  target_link_libraries(${name} PRIVATE petiole_test_main ${ARG_USES})
  add_test(NAME ${name} COMMAND ${name})
  if(NOT ARG_LABELS)
    set(ARG_LABELS unit)
  endif()
  if(CMAKE_CURRENT_SOURCE_DIR MATCHES "/tests/(platform|storage)$")
    list(APPEND ARG_LABELS threads)
  endif()
  if("threads" IN_LIST ARG_LABELS)
    add_dependencies(petiole_thread_tests ${name})
  endif()
  set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT 300)
endfunction()

# petiole_soak(name [SEEDS count] COMMAND program argument…): a test that ran short, for long. Label
# `soak`, which tests/run leaves out unless it is asked for.
function(petiole_soak name)
  cmake_parse_arguments(ARG "" "SEEDS" "COMMAND" ${ARGN})
  add_test(NAME ${name} COMMAND ${ARG_COMMAND})
  set_tests_properties(${name} PROPERTIES LABELS soak TIMEOUT 7200)
  if(ARG_SEEDS)
    set_tests_properties(${name} PROPERTIES ENVIRONMENT PETIOLE_SEEDS=${ARG_SEEDS})
  endif()
endfunction()

# petiole_fuzz(name [RUNS n] SOURCES file… USES target…): a libFuzzer target; ctest runs it some
# seconds, from the seeds in tests/data/fuzz/<name>. What it finds goes into the build tree. Without
# PETIOLE_FUZZ it is a unit test that replays the seeds.
function(petiole_fuzz name)
  cmake_parse_arguments(ARG "" "RUNS" "SOURCES;USES" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  petiole_settings(${name})
  target_link_libraries(${name} PRIVATE ${ARG_USES})
  set(seeds ${PROJECT_SOURCE_DIR}/tests/data/fuzz/${name})
  if(NOT PETIOLE_FUZZ)
    target_compile_options(${name} PRIVATE -O0)
    target_link_libraries(${name} PRIVATE petiole_replay)
    add_test(NAME ${name} COMMAND ${name} ${seeds})
    set_tests_properties(${name} PROPERTIES LABELS unit TIMEOUT 120)
    return()
  endif()
  target_compile_options(${name} PRIVATE -fsanitize=fuzzer)
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  add_dependencies(petiole_fuzz_targets ${name})
  set(found ${CMAKE_CURRENT_BINARY_DIR}/corpus/${name})
  file(MAKE_DIRECTORY ${found})
  if(NOT IS_DIRECTORY ${seeds})
    set(seeds "")
  endif()
  # A seed and a number of runs: the short run is the same for one and the same code, on a fast and
  # on a slow machine. The long one looks further.
  if(NOT ARG_RUNS)
    set(ARG_RUNS 40000)
  endif()
  add_test(NAME ${name} COMMAND ${name} ${found} ${seeds} -seed=1 -runs=${ARG_RUNS} -timeout=10
                                        -rss_limit_mb=1024 -verbosity=0 -print_final_stats=1)
  set_tests_properties(${name} PROPERTIES LABELS fuzz TIMEOUT 120)
  petiole_soak(${name}_soak COMMAND ${name} ${found} ${seeds} -max_total_time=600 -timeout=10
                                    -rss_limit_mb=1024 -verbosity=0 -print_final_stats=1)
endfunction()

# petiole_bench(name SOURCES file… USES target…): prints one line a case; ctest runs it small.
function(petiole_bench name)
  cmake_parse_arguments(ARG "" "" "SOURCES;USES" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  petiole_settings(${name})
  petiole_precompile(${name} petiole_headers)
  target_link_libraries(${name} PRIVATE ${ARG_USES})
  add_test(NAME ${name} COMMAND ${name} --small)
  set_tests_properties(${name} PROPERTIES LABELS bench TIMEOUT 120 RUN_SERIAL ON)
endfunction()
