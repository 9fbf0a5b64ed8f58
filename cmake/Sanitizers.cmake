# petiole_sanitize(target): the sanitizers that PETIOLE_SANITIZE names; with PETIOLE_FUZZ also the
# instrumentation that lets libFuzzer see which code an input reached.
function(petiole_sanitize target)
  if(PETIOLE_FUZZ)
    target_compile_options(${target} PRIVATE -fsanitize=fuzzer-no-link)
  endif()
  if(PETIOLE_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${PETIOLE_SANITIZE}
                                             -fno-omit-frame-pointer -fno-sanitize-recover=all)
    # Asio has fences around handlers, which this sanitizer does not see; its mutexes it does.
    target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-tsan>)
    target_link_options(${target} PUBLIC -fsanitize=${PETIOLE_SANITIZE})
  endif()
endfunction()
