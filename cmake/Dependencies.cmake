# The libraries that the product stands on. Each is wrapped in one target.
find_package(Threads REQUIRED)
# Headers alone are used. Boost's own package file lies in a folder of the machine that builds, where
# a build for a board does not look.
find_path(BOOST_INCLUDE_DIR boost/beast/version.hpp HINTS ${Boost_ROOT} $ENV{Boost_ROOT}
          PATH_SUFFIXES include REQUIRED)
file(STRINGS ${BOOST_INCLUDE_DIR}/boost/version.hpp boost_version REGEX "define BOOST_VERSION ")
string(REGEX MATCH "[0-9]+$" boost_version "${boost_version}")
if(NOT boost_version GREATER_EQUAL 108100)
  message(FATAL_ERROR "Boost in ${BOOST_INCLUDE_DIR} is version ${boost_version}; 108100 or later is needed")
endif()

find_path(ASIO_INCLUDE_DIR asio.hpp REQUIRED)
add_library(petiole_asio INTERFACE)
target_include_directories(petiole_asio SYSTEM INTERFACE ${ASIO_INCLUDE_DIR})
# Asio finds aligned_alloc only where a standard header came before it: two files would then allocate
# and free in different ways.
target_compile_definitions(petiole_asio INTERFACE ASIO_STANDALONE ASIO_NO_DEPRECATED
                                                  ASIO_DISABLE_STD_ALIGNED_ALLOC)
target_link_libraries(petiole_asio INTERFACE Threads::Threads)

add_library(petiole_boost INTERFACE)
target_include_directories(petiole_boost SYSTEM INTERFACE ${BOOST_INCLUDE_DIR})

# A C library for a self-contained binary. No exception passes through C code, so the tables for that
# are left out: 350 KB of the binary. What it asks of libm gets other names (platform/lean_math.cpp):
# without that library an idle process has 300 KB less in memory.
set(petiole_math $<IF:$<BOOL:${PETIOLE_STATIC}>,petiole_lean_math,m>)
set(petiole_math_wolfssl log=petiole_log pow=petiole_pow)
set(petiole_math_sodium)
set(petiole_math_sqlite3)
foreach(name acos acosh asin asinh atan atan2 atanh cos cosh exp fmod log pow sin sinh sqrt tan tanh
             trunc)
  list(APPEND petiole_math_sqlite3 ${name}=petiole_no_${name})
endforeach()
function(petiole_lean variable name)
  set(lean ${CMAKE_BINARY_DIR}/lib${name}_lean.a)
  list(TRANSFORM petiole_math_${name} PREPEND --redefine-sym= OUTPUT_VARIABLE renamed)
  execute_process(COMMAND ${CMAKE_OBJCOPY} --remove-section=.eh_frame
                          --remove-section=.rel.eh_frame --remove-section=.rela.eh_frame
                          ${renamed} ${${variable}} ${lean} COMMAND_ERROR_IS_FATAL ANY)
  set(${variable} ${lean} PARENT_SCOPE)
endfunction()

# The archive where the binary is to be self-contained, the shared library elsewhere. With OPTIONAL it may
# be missing.
function(petiole_find_library variable name)
  cmake_parse_arguments(ARG "OPTIONAL" "" "" ${ARGN})
  set(required REQUIRED)
  if(ARG_OPTIONAL)
    set(required)
  endif()
  if(PETIOLE_STATIC)
    find_library(${variable} NAMES lib${name}.a ${required})
  else()
    find_library(${variable} NAMES ${name} ${required})
  endif()
  if(PETIOLE_STATIC AND ${variable})
    petiole_lean(${variable} ${name})
  endif()
  set(${variable} ${${variable}} PARENT_SCOPE)
endfunction()

# petiole_links(target file): a target of its own, so that the archive stands before what it asks for
# wherever else that is linked.
function(petiole_links target file)
  add_library(${target}_file UNKNOWN IMPORTED GLOBAL)
  set_target_properties(${target}_file PROPERTIES IMPORTED_LOCATION ${file}
                                                  INTERFACE_LINK_LIBRARIES "${petiole_math}")
  target_link_libraries(${target} INTERFACE ${target}_file)
endfunction()

if(PETIOLE_TLS)
  find_path(WOLFSSL_INCLUDE_DIR wolfssl/ssl.h REQUIRED)
  petiole_find_library(WOLFSSL_LIBRARY wolfssl)
  add_library(petiole_wolfssl INTERFACE)
  target_include_directories(petiole_wolfssl SYSTEM INTERFACE ${WOLFSSL_INCLUDE_DIR})
  petiole_links(petiole_wolfssl ${WOLFSSL_LIBRARY})

  # Where wolfSSL does AES in plain C, as Debian's, libsodium does it by the processor's instructions; it
  # has that for x86-64 (platform/crypto_aes.h). A build without it is whole.
  set(PETIOLE_AES_DEVICE OFF)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$")
    find_path(SODIUM_INCLUDE_DIR sodium.h)
    petiole_find_library(SODIUM_LIBRARY sodium OPTIONAL)
    file(STRINGS ${WOLFSSL_INCLUDE_DIR}/wolfssl/options.h has REGEX "^#define (WOLF_CRYPTO_CB|WOLFSSL_AESNI)$")
    if(SODIUM_INCLUDE_DIR AND SODIUM_LIBRARY AND has STREQUAL "#define WOLF_CRYPTO_CB")
      set(PETIOLE_AES_DEVICE ON)
      add_library(petiole_sodium INTERFACE)
      target_include_directories(petiole_sodium SYSTEM INTERFACE ${SODIUM_INCLUDE_DIR})
      petiole_links(petiole_sodium ${SODIUM_LIBRARY})
    endif()
  endif()
  message(STATUS "AES of TLS by libsodium: ${PETIOLE_AES_DEVICE}")
endif()

if(PETIOLE_STORE)
  find_path(SQLITE_INCLUDE_DIR sqlite3.h REQUIRED)
  petiole_find_library(SQLITE_LIBRARY sqlite3)
  add_library(petiole_sqlite INTERFACE)
  target_include_directories(petiole_sqlite SYSTEM INTERFACE ${SQLITE_INCLUDE_DIR})
  petiole_links(petiole_sqlite ${SQLITE_LIBRARY})
  target_link_libraries(petiole_sqlite INTERFACE ${CMAKE_DL_LIBS})

  # Where the archive keeps SQLite's extensions in members of their own, storage/lean_sqlite.cpp can
  # take their place: 320 KB.
  set(PETIOLE_LEAN_SQLITE OFF)
  if(PETIOLE_STATIC)
    execute_process(COMMAND ${CMAKE_AR} t ${SQLITE_LIBRARY} OUTPUT_VARIABLE members)
    if(members MATCHES "fts3\\.o" AND members MATCHES "fts5\\.o" AND members MATCHES "rtree\\.o")
      set(PETIOLE_LEAN_SQLITE ON)
    endif()
  endif()
endif()

if(PETIOLE_TESTS)
  find_path(DOCTEST_INCLUDE_DIR doctest/doctest.h REQUIRED)
  add_library(petiole_doctest INTERFACE)
  target_include_directories(petiole_doctest SYSTEM INTERFACE ${DOCTEST_INCLUDE_DIR})
endif()
