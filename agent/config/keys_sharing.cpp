// accounts { exports, imports }: what accounts share. nats-server opts.go,
// parseExportStreamOrService and parseImportStreamOrService.
#include <charconv>

#include "agent/config/keys.h"
#include "agent/subject/account_functions.h"

namespace petiole {
namespace {

using E = const ConfigEntry&;
using Kind = ExportConfig::Kind;

// An export or an import under construction: which rows were there, for what does not go together.
struct ExportDraft {
  ExportConfig config;
  bool stream = false, service = false;
  const ConfigEntry* of_services = nullptr;  // A row that has a meaning for services only.
};

struct ImportDraft {
  ImportConfig config;
  bool stream = false, service = false;
  const ConfigEntry* of_streams = nullptr;
  const ConfigEntry* of_services = nullptr;
};

void read_response(Reader& r, E entry, ExportDraft& draft) {
  constexpr ResponseType kTypes[] = {ResponseType::kSingleton, ResponseType::kSingleton,
                                     ResponseType::kStream, ResponseType::kChunked,
                                     ResponseType::kChunked};
  draft.of_services = &entry;
  const int word = r.one_of(entry, {"singleton", "single", "stream", "chunked", "chunk"});
  if (word >= 0) draft.config.response = kTypes[word];
}

void read_sampling(Reader& r, E entry, ExportConfig& config) {
  std::string text;
  r.text(entry, text);
  if (text == "headers" || text == "Headers" || text == "HEADERS") {
    config.latency_sampling = -1;
    return;
  }
  if (text.ends_with('%')) text.pop_back();
  int percent = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, percent);
  if (error != std::errc() || stop != end || percent < 1 || percent > 100) {
    return r.error(entry.value.place,
                   "\"sampling\" must be from 1% to 100%, or \"headers\" where requests decide");
  }
  config.latency_sampling = percent;
}

constexpr Key<ExportConfig> kLatencyKeys[] = {
    {"sampling", read_sampling},
    {"subject", [](Reader& r, E e, ExportConfig& c) { r.text(e, c.latency_subject); }},
};

void read_latency(Reader& r, E entry, ExportDraft& draft) {
  draft.of_services = &entry;
  draft.config.latency_sampling = 100;
  if (!entry.value.is(ConfigValue::Kind::kMap)) return r.text(entry, draft.config.latency_subject);
  read_entries(r, entry.value, std::span<const Key<ExportConfig>>(kLatencyKeys), draft.config);
  if (draft.config.latency_subject.empty()) {
    r.error(entry.place, "Latency subject required, but missing");
  }
}

constexpr Key<ExportDraft> kExportKeys[] = {
    {"stream",
     [](Reader& r, E e, ExportDraft& d) {
       d.stream = true;
       r.text(e, d.config.subject);
     }},
    {"service",
     [](Reader& r, E e, ExportDraft& d) {
       d.service = true;
       d.config.kind = Kind::kService;
       r.text(e, d.config.subject);
     }},
    {"accounts",
     [](Reader& r, E e, ExportDraft& d) {
       r.texts(e, d.config.accounts);
       d.config.is_private = !d.config.accounts.empty();
     }},
    {"response_type|response", read_response},
    {"response_threshold|threshold|response_max_time|response_time",
     [](Reader& r, E e, ExportDraft& d) {
       d.of_services = &e;
       r.duration(e, d.config.response_threshold, 1ms);
     }},
    {"latency", read_latency},
    {"account_token_position",
     [](Reader& r, E e, ExportDraft& d) { r.number(e, d.config.token_position, 0, 255); }},
    {"allow_trace",
     [](Reader& r, E e, ExportDraft& d) {
       d.of_services = &e;
       r.boolean(e, d.config.allow_trace);
     }},
};

constexpr Key<ImportConfig> kSourceKeys[] = {
    {"account", [](Reader& r, E e, ImportConfig& c) { r.text(e, c.account); }},
    {"subject", [](Reader& r, E e, ImportConfig& c) { r.text(e, c.subject); }},
};

void read_source(Reader& r, E entry, ImportConfig& config) {
  read_block(r, entry, std::span<const Key<ImportConfig>>(kSourceKeys), config);
  if (config.account.empty() || config.subject.empty()) {
    r.error(entry.place, "Expect an account name and a subject");
  }
}

constexpr Key<ImportDraft> kImportKeys[] = {
    {"stream",
     [](Reader& r, E e, ImportDraft& d) {
       d.stream = true;
       read_source(r, e, d.config);
     }},
    {"service",
     [](Reader& r, E e, ImportDraft& d) {
       d.service = true;
       d.config.kind = Kind::kService;
       read_source(r, e, d.config);
     }},
    {"to", [](Reader& r, E e, ImportDraft& d) { r.text(e, d.config.to); }},
    {"prefix",
     [](Reader& r, E e, ImportDraft& d) {
       d.of_streams = &e;
       r.text(e, d.config.prefix);
     }},
    {"share",
     [](Reader& r, E e, ImportDraft& d) {
       d.of_services = &e;
       r.boolean(e, d.config.share);
     }},
    {"allow_trace",
     [](Reader& r, E e, ImportDraft& d) {
       d.of_streams = &e;
       r.boolean(e, d.config.allow_trace);
     }},
};

// One of both, and nothing that belongs to the other.
template <class Draft>
bool is_one(Reader& r, const ConfigValue& map, const Draft& draft) {
  if (draft.stream == draft.service) {
    r.error(map.place, "give either \"stream\" or \"service\"");
    return false;
  }
  return true;
}

void refuse(Reader& r, const ConfigEntry* entry, const char* what) {
  if (entry != nullptr) {
    r.error(entry->place, "Detected " + entry->key + " directive on a " + what);
  }
}

// Of functions of accounts, which are worked out here, once.
void report(Reader& r, const ConfigValue& map, const char* what, const std::string& subject,
            const std::string& wrong) {
  if (wrong.empty()) return;
  r.error(map.place, std::string("Error adding ") + what + " \"" + subject + "\": " + wrong);
}

std::string fill_in_import(ImportConfig& import, const std::string& importer) {
  return fill_in_accounts({&import.subject, &import.prefix, &import.to},
                          {.account = importer, .exporter = import.account});
}

std::string place_of(const Reader& r, const ConfigValue& map) {
  return r.tree().place_text(map.place);
}

}  // namespace

void read_exports(Reader& r, const ConfigEntry& entry, AccountConfig& account) {
  account.exports.clear();
  r.maps(entry, [&](const ConfigValue& map) {
    ExportDraft draft;
    read_entries(r, map, std::span<const Key<ExportDraft>>(kExportKeys), draft);
    if (!is_one(r, map, draft)) return;
    if (draft.stream) refuse(r, draft.of_services, "non-service");
    const std::string subject = draft.config.subject;
    report(r, map, draft.stream ? "stream export" : "service export", subject,
           fill_in_accounts(draft.config.subject, {.account = account.name}));
    draft.config.place = place_of(r, map);
    account.exports.push_back(std::move(draft.config));
  });
}

void read_imports(Reader& r, const ConfigEntry& entry, AccountConfig& account) {
  account.imports.clear();
  r.maps(entry, [&](const ConfigValue& map) {
    ImportDraft draft;
    read_entries(r, map, std::span<const Key<ImportDraft>>(kImportKeys), draft);
    if (!is_one(r, map, draft)) return;
    refuse(r, draft.stream ? draft.of_services : draft.of_streams,
           draft.stream ? "non-service" : "non-stream");
    const std::string subject = draft.config.subject;
    report(r, map, draft.stream ? "stream import" : "service import", subject,
           fill_in_import(draft.config, account.name));
    draft.config.place = place_of(r, map);
    account.imports.push_back(std::move(draft.config));
  });
}

}  // namespace petiole
