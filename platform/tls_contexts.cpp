#include "platform/tls_contexts.h"

#include <sys/stat.h>

#include <algorithm>
#include <utility>

namespace petiole {
namespace {

void add_file(std::string& stamp, const std::string& file) {
  if (file.empty()) return;
  struct stat about {};
  if (::stat(file.c_str(), &about) != 0) {
    stamp += "-\n";
    return;
  }
  for (const auto number :
       {static_cast<long long>(about.st_ino), static_cast<long long>(about.st_size),
        static_cast<long long>(about.st_mtim.tv_sec),
        static_cast<long long>(about.st_mtim.tv_nsec)}) {
    stamp += std::to_string(number) + ' ';
  }
  stamp += '\n';
}

// Changes when a file does.
std::string stamp_of(const TlsOptions& options) {
  std::string stamp;
  add_file(stamp, options.cert_file);
  add_file(stamp, options.key_file);
  add_file(stamp, options.ca_file);
  for (const TlsKeyPair& pair : options.more_certs) {
    add_file(stamp, pair.cert_file);
    add_file(stamp, pair.key_file);
  }
  return stamp;
}

// What decides whether two connections may share: everything but the name and the time-out.
std::string key_of(const TlsOptions& options) {
  std::string key = options.cert_file + '\n' + options.key_file + '\n' + options.ca_file + '\n';
  for (const TlsKeyPair& pair : options.more_certs) {
    key += pair.cert_file + '\n' + pair.key_file + '\n';
  }
  for (const std::string& suite : options.cipher_suites) key += suite + ',';
  for (const std::string& pin : options.pinned_certs) key += pin + ',';
  key += options.server ? 's' : 'c';
  key += options.verify ? 'v' : '-';
  key += options.verify_optional ? 'o' : '-';
  key += options.insecure ? 'i' : '-';
  return key + std::to_string(static_cast<int>(options.version_min));
}

}  // namespace

TlsContextResult TlsContexts::get(const TlsOptions& options) {
  const std::string key = key_of(options);
  std::string stamp = stamp_of(options);
  const auto found = std::find_if(loaded_.begin(), loaded_.end(),
                                  [&](const Loaded& each) { return each.key == key; });
  if (found != loaded_.end()) {
    if (found->stamp == stamp || found->refused == stamp) return {found->context, {}};
    return renew(*found, options, std::move(stamp));
  }
  TlsContextResult result = make_tls_context(options, calendar_);
  if (!result.context) return result;
  if (loaded_.size() == kContextsMax) loaded_.erase(loaded_.begin());
  loaded_.push_back({key, std::move(stamp), {}, result.context});
  return result;
}

TlsContextResult TlsContexts::renew(Loaded& loaded, const TlsOptions& options, std::string stamp) {
  TlsContextResult result = make_tls_context(options, calendar_);
  if (result.context) {
    loaded.context = result.context;
    loaded.stamp = std::move(stamp);
    loaded.refused.clear();
    if (report_)
      report_("tls: the certificate files have changed and are in use: " +
              (options.cert_file.empty() ? options.ca_file : options.cert_file));
  } else {
    loaded.refused = std::move(stamp);
    if (report_) report_(result.error + "; the certificates that were loaded before stay in use");
  }
  return {loaded.context, {}};
}

}  // namespace petiole
