// Which account may import what from which: pure functions over configuration, used when it is read
// and whenever an account changes. nats-server accounts.go, checkStreamExportApproved,
// checkServiceExportApproved, check…ForCycles.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/config/access.h"
#include "agent/routing/stream_import.h"
#include "platform/calendar.h"

namespace petiole {

// The export of `exporter` that covers `subject`; null: there is none.
const ExportConfig* find_export(const AccountConfig& exporter, ExportConfig::Kind kind,
                                std::string_view subject);

// Whether `importer` may have `import` of `exporter` by `offer`.
bool is_approved(const AccountConfig& exporter, const ExportConfig& offer,
                 std::string_view importer, const ImportConfig& import, Moment now);

// The local subject that `import` asks for, its prefix worked in.
std::string local_subject(const ImportConfig& import);

// An account by its name; null: there is none.
using AccountLookup = std::function<const AccountConfig*(std::string_view name)>;

// What is wrong with an import; empty: nothing. An exporter that does not exist is an error only
// with `must_exist`: at run time it may still come.
std::string check_import(const AccountConfig& importer, const ImportConfig& import,
                         const AccountLookup& lookup, bool must_exist, ImportPath& path,
                         Moment now = WallTime{});

// What is wrong with an export alone; empty: nothing.
std::string check_export(const AccountConfig& exporter, const ExportConfig& offer);

}  // namespace petiole
