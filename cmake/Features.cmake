# The feature flags of the product. Each chooses source files; see design.md section 7.
option(PETIOLE_TLS "TLS on client, leaf and monitoring connections (wolfSSL)" ON)
option(PETIOLE_WEBSOCKET "WebSocket listener and leaf links over WebSocket (Beast)" ON)
option(PETIOLE_STORE "The store-and-forward mirror (SQLite)" ON)
option(PETIOLE_JETSTREAM "JetStream on the leaf (needs PETIOLE_STORE)" ON)
option(PETIOLE_ROUTES "Routes: clusters with petioles and nats-servers" ON)
option(PETIOLE_GATEWAYS "Gateways: super-clusters" ON)
option(PETIOLE_MONITOR "HTTP endpoints, metrics, status page" ON)

option(PETIOLE_TESTS "Build the tests and benchmarks" ON)
option(PETIOLE_FUZZ "Build the fuzz targets (clang, libFuzzer)" OFF)
option(PETIOLE_STATIC "Link SQLite, wolfSSL and libstdc++ statically" OFF)
option(PETIOLE_PCH "Precompile the standard headers in tests and Debug builds; ccache then needs sloppiness pch_defines,time_macros" OFF)
set(PETIOLE_SANITIZE "" CACHE STRING "Sanitizers, as for -fsanitize=: address,undefined or thread")

if(PETIOLE_JETSTREAM AND NOT PETIOLE_STORE)
  message(STATUS "PETIOLE_JETSTREAM needs PETIOLE_STORE: JetStream is left out")
  set(PETIOLE_JETSTREAM OFF)
endif()
