// What `petiole status` is told on its command line, and by the configuration of whom it asks.
#include <algorithm>
#include <utility>

#include "agent/command/status.h"
#include "agent/config/features.h"
#include "agent/config/load.h"
#include "agent/config/units.h"
#include "platform/certificate_file.h"

namespace petiole {
namespace {

struct Draft {
  StatusOptions& options;
  const ConfigSources& sources;
  std::string ca_file{};
  bool insecure = false;
  bool url = false;
};

bool any_address(const std::string& host) { return host == "0.0.0.0" || host == "::"; }

// Who holds the key of one of its own certificates is the server that we mean.
std::string trust_own(const TlsOptions& own, TlsOptions& tls) {
  std::vector<std::string> files{own.cert_file};
  for (const TlsKeyPair& pair : own.more_certs) files.push_back(pair.cert_file);
  std::erase(files, "");
  for (const std::string& file : files) {
    const std::optional<std::string> key = certificate_key(file);
    if (!key) return "no certificate can be read from " + file;
    tls.pinned_certs.push_back(*key);
  }
  tls.insecure = true;  // Neither its name nor its authority says more.
  return files.empty() ? "https without a certificate" : "";
}

std::string read_configuration(Draft& draft, const std::string& file) {
  const Result<std::string> text = draft.sources.read_file(file);
  if (!text.ok()) return file + ": " + std::string(text.status().text());
  const LoadedConfig loaded = read_config(*text, file, draft.sources);
  if (!loaded.ok()) return to_text(loaded.errors.front());
  const MonitorConfig& monitor = loaded.config.monitor;
  if (!monitor.enabled) return file + ": it has no \"http\" and no \"https\", where status asks";
  StatusOptions& options = draft.options;
  if (!any_address(monitor.host)) options.host = monitor.host;
  options.port = monitor.port;
  options.path = monitor.base_path;
  if (!monitor.secure || !kHasTls) return {};
  const std::string wrong = trust_own(loaded.config.tls.options, options.tls.emplace());
  return wrong.empty() ? "" : file + ": " + wrong;
}

std::string take_port(StatusOptions& options, const std::string& value) {
  const auto port = parse_port(value);
  if (!port || *port == 0) return "needs a port from 1 to 65535";
  options.port = *port;
  return {};
}

std::string take_http_port(Draft& draft, const std::string& value) {
  draft.options.tls.reset();
  return take_port(draft.options, value);
}

std::string take_https_port(Draft& draft, const std::string& value) {
  if (!draft.options.tls) draft.options.tls.emplace();
  return take_port(draft.options, value);
}

std::string take_ca(Draft& draft, const std::string& value) {
  draft.ca_file = value;
  return value.empty() ? "needs a file" : "";
}

std::string take_scheme(std::string& text, StatusOptions& options) {
  if (text.starts_with("http://")) {
    text.erase(0, 7);
    options.tls.reset();
  } else if (text.starts_with("https://")) {
    text.erase(0, 8);
    if (!options.tls) options.tls.emplace();
  }
  return text.find("://") == std::string::npos ? "" : "the URL must be http:// or https://";
}

std::string take_url(Draft& draft, std::string text) {
  constexpr const char* kForm = "the URL must be http://host:port or https://host:port";
  StatusOptions& options = draft.options;
  if (std::exchange(draft.url, true)) return "takes one URL";
  if (!take_scheme(text, options).empty()) return kForm;
  const std::size_t slash = text.find('/');
  if (slash != std::string::npos) {
    options.path = text.substr(slash);
    text.resize(slash);
    while (options.path.ends_with('/')) options.path.pop_back();
  }
  const auto target = parse_host_port(text);
  if (target && target->port != 0 && !target->host.empty()) {
    options.host = target->host;
    options.port = target->port;
    return {};
  }
  if (text.empty() || text.find(':') != std::string::npos) return kForm;
  options.host = text;
  return {};
}

struct ValueFlag {
  std::string_view name, other_name;
  std::string (*take)(Draft&, const std::string&);
};

constexpr ValueFlag kConfiguration{"-c", "-config", read_configuration};
constexpr ValueFlag kValueFlags[] = {
    kConfiguration,
    {"-m", "-http_port", take_http_port},
    {"-ms", "-https_port", take_https_port},
    {"-tlsca", "", take_ca},
};

const ValueFlag* find_flag(std::string_view name) {
  const auto found = std::find_if(
      std::begin(kValueFlags), std::end(kValueFlags),
      [name](const ValueFlag& each) { return each.name == name || each.other_name == name; });
  return found == std::end(kValueFlags) ? nullptr : found;
}

struct Word {
  const ValueFlag* flag = nullptr;  // Null: `name` is a switch or the URL.
  std::string name, value;
};

std::string split(std::span<const std::string> arguments, std::vector<Word>& words) {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    Word word{.name = arguments[i], .value = {}};
    if (word.name.starts_with("--")) word.name.erase(0, 1);
    const std::size_t equal = word.name.starts_with('-') ? word.name.find('=') : word.name.npos;
    word.flag = find_flag(std::string_view(word.name).substr(0, equal));
    if (word.flag != nullptr && equal != word.name.npos) {
      word.value = word.name.substr(equal + 1);
    } else if (word.flag != nullptr) {
      if (i + 1 == arguments.size()) return arguments[i] + " needs a value";
      word.value = arguments[++i];
    }
    words.push_back(std::move(word));
  }
  return {};
}

std::string take(const Word& word, Draft& draft) {
  if (word.flag != nullptr) {
    const std::string wrong = word.flag->take(draft, word.value);
    return wrong.empty() || word.flag->take == read_configuration
               ? wrong
               : std::string(word.flag->name).append(" ").append(wrong);
  }
  if (!word.name.starts_with('-')) return take_url(draft, word.name);
  if (word.name == "-json") return draft.options.json = true, "";
  if (word.name == "-watch") return draft.options.watch = true, "";
  if (word.name == "-insecure") return draft.insecure = true, "";
  return "unknown flag " + word.name +
         "; allowed here: --json, --watch, -c file, -m port, -ms port, --tlsca file, --insecure, "
         "URL";
}

// How the server is known over https. What is said here wins over what the file knows.
std::string finish(Draft& draft) {
  StatusOptions& options = draft.options;
  if (options.port == 0) return "the configuration takes any free port: give the one that it has";
  if (!options.tls) {
    const bool asked = draft.insecure || !draft.ca_file.empty();
    return asked ? "--tlsca and --insecure are for https" : "";
  }
  if (!kHasTls) return "https is not supported by this build";
  if (draft.insecure || !draft.ca_file.empty()) options.tls.emplace();
  options.tls->insecure |= draft.insecure;
  options.tls->ca_file = draft.ca_file;
  if (!options.tls->insecure) options.tls->server_name = options.host;
  return {};
}

}  // namespace

std::string parse_status_arguments(std::span<const std::string> arguments,
                                   const ConfigSources& sources, StatusOptions& options) {
  std::vector<Word> words;
  if (std::string wrong = split(arguments, words); !wrong.empty()) return wrong;
  // First, so that the others win, wherever they stand.
  std::stable_partition(words.begin(), words.end(), [](const Word& each) {
    return each.flag != nullptr && each.flag->take == read_configuration;
  });
  Draft draft{options, sources};
  for (const Word& word : words) {
    if (std::string wrong = take(word, draft); !wrong.empty()) return wrong;
  }
  return finish(draft);
}

}  // namespace petiole
