// Stands in for libstdc++'s handler of uncaught exceptions in a self-contained binary.
//
// The library's own prints the exception's type, for which it brings a demangler of 60 KB. Nothing
// here throws past main; if something did, the core dump says more.
#include <cstdlib>

namespace __gnu_cxx {  // NOLINT: the library's name, on purpose.

void __verbose_terminate_handler();
void __verbose_terminate_handler() { std::abort(); }

}  // namespace __gnu_cxx
