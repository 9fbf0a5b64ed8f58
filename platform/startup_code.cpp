#include "platform/startup_code.h"

#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

namespace petiole {

namespace {

// Code that is not written to is the file's, so nothing can be lost.
int release_code(dl_phdr_info* info, std::size_t, void*) {
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)& part = info->dlpi_phdr[i];
    if (part.p_type != PT_LOAD || (part.p_flags & PF_X) == 0 || (part.p_flags & PF_W) != 0)
      continue;
    const std::uintptr_t begin = (info->dlpi_addr + part.p_vaddr) & ~(page - 1);
    const std::uintptr_t end = info->dlpi_addr + part.p_vaddr + part.p_memsz;
    (void)::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
  }
  return 0;
}

}  // namespace

void release_startup_code() { (void)::dl_iterate_phdr(release_code, nullptr); }

}  // namespace petiole
